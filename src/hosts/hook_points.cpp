#include "hosts/hook_points.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace interlock::hosts {
namespace {

// https://code.claude.com/docs/en/hooks: seconds.
constexpr HookPoint kClaude[] = {{"SessionStart"},      {"UserPromptSubmit"},         {"PreToolUse", true}, {"PermissionRequest", true},
                                 {"PostToolUse", true}, {"PostToolUseFailure", true}, {"SubagentStart"},    {"SubagentStop"},
                                 {"SessionEnd"}};
// https://developers.openai.com/codex/hooks, and the event names in the program itself: seconds. 0.169 clamps SessionEnd to 3, with a
// warning.
constexpr HookPoint kCodex[] = {{"SessionStart"},      {"UserPromptSubmit"}, {"PreToolUse", true}, {"PermissionRequest", true},
                                {"PostToolUse", true}, {"SubagentStart"},    {"SubagentStop"},     {"SessionEnd", false, 3}};
// docs/hooks/reference.md of @google/gemini-cli: milliseconds. BeforeAgent brings the prompt.
constexpr HookPoint kGemini[] = {{"SessionStart"}, {"BeforeAgent"}, {"BeforeTool", true}, {"AfterTool", true}, {"SessionEnd"}};
// https://docs.github.com/en/copilot/reference/hooks-reference: timeoutSec.
constexpr HookPoint kCopilot[] = {{"sessionStart"},       {"userPromptSubmitted"}, {"preToolUse"},   {"permissionRequest"}, {"postToolUse"},
                                  {"postToolUseFailure"}, {"subagentStart"},       {"subagentStop"}, {"sessionEnd"}};
// https://cursor.com/docs/hooks: seconds. preToolUse and postToolUse see every tool; of an MCP tool only beforeMCPExecution has the server.
constexpr HookPoint kCursor[] = {{"sessionStart"},       {"beforeSubmitPrompt"}, {"preToolUse"},   {"beforeMCPExecution"}, {"postToolUse"},
                                 {"postToolUseFailure"}, {"subagentStart"},      {"subagentStop"}, {"sessionEnd"}};
// HookConfigFileName of @cline/core; an executable each, without a timeout that could be set.
constexpr HookPoint kCline[] = {{"TaskStart"},        {"TaskResume"}, {"TaskCancel"}, {"TaskComplete"},
                                {"UserPromptSubmit"}, {"PreToolUse"}, {"PostToolUse"}};
// @opencode-ai/plugin's Hooks; one module for all of them.
constexpr HookPoint kOpencode[] = {{"event"}, {"chat.message"}, {"tool.execute.before"}, {"tool.execute.after"}};
// https://docs.windsurf.com/windsurf/cascade/hooks: no timeout is written of.
constexpr HookPoint kWindsurf[] = {{"pre_user_prompt"}, {"pre_read_code"},    {"pre_write_code"},
                                   {"pre_run_command"}, {"pre_mcp_tool_use"}, {"post_read_code"},
                                   {"post_write_code"}, {"post_run_command"}, {"post_mcp_tool_use"}};
// https://code.visualstudio.com/docs/agents/reference/hooks-reference: seconds. Stop is the session's end there.
constexpr HookPoint kVscode[] = {{"SessionStart"},  {"UserPromptSubmit"}, {"PreToolUse"}, {"PostToolUse"},
                                 {"SubagentStart"}, {"SubagentStop"},     {"Stop"}};

constexpr HookShape kShapes[] = {
    {.form = HookForm::kGroups, .timeout_key = "timeout", .timeout = kHookSeconds, .typed = true, .on_failure = true},
    {.form = HookForm::kGroups, .timeout_key = "timeout", .timeout = kHookSeconds, .typed = true},
    {.form = HookForm::kGroups, .timeout_key = "timeout", .timeout = kHookSeconds * 1000, .typed = true},
    {.command_key = "bash", .timeout_key = "timeoutSec", .timeout = kHookSeconds, .typed = true, .versioned = true},
    {.timeout_key = "timeout", .timeout = kHookSeconds, .fail_closed = true, .versioned = true},
    {.form = HookForm::kFolder},
    {.form = HookForm::kPlugin},
    {},
    {.timeout_key = "timeout", .timeout = kHookSeconds, .typed = true},
};

// Whatever ends the command other than by an answer (it is gone, it was killed, it crashed) has to block too, and hosts do that on exit 2
// alone; Codex, where something stands on stderr besides. Nothing but what shells have in themselves, in words that fish reads as POSIX
// shells do: a pipe's status is its last command's.
constexpr std::string_view kOtherwise = " || echo interlock: blocked >&2 | exit 2";

// The words of a shell's first command, taken apart; nullopt where expansions are in it.
std::optional<std::vector<std::string>> words_of(std::string_view command) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (c == '\'' || c == '"') {
      open = true;
      const auto end = command.find(c, i + 1);
      if (end == std::string_view::npos) return std::nullopt;
      word.append(command.substr(i + 1, end - i - 1));
      i = end;
    } else if (c == '\\') {
      if (++i >= command.size()) return std::nullopt;
      word += command[i];
      open = true;
    } else if (c == ' ' || c == '\t') {
      if (open || !word.empty()) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else if (std::string_view("|&;\n").contains(c)) {
      break;
    } else if (std::string_view("<>()$`").contains(c)) {
      return std::nullopt;
    } else {
      word += c;
    }
  }
  if (open || !word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace

const HookShape& hook_shape_of(const Host& host) { return kShapes[static_cast<std::size_t>(host.id)]; }

std::span<const HookPoint> hook_points_of(const Host& host) {
  switch (host.id) {
    case HostId::kClaude: return kClaude;
    case HostId::kCodex: return kCodex;
    case HostId::kGemini: return kGemini;
    case HostId::kCopilot: return kCopilot;
    case HostId::kCursor: return kCursor;
    case HostId::kCline: return kCline;
    case HostId::kOpencode: return kOpencode;
    case HostId::kWindsurf: return kWindsurf;
    case HostId::kVscode: return kVscode;
  }
  return {};
}

std::string shell_word(std::string_view word) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("/._-+:@%").contains(c);
  };
  if (!word.empty() && std::ranges::all_of(word, plain)) return std::string(word);
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string hook_command(const Host& host, std::string_view program, std::string_view arguments) {
  std::string out = shell_word(program) + " hook " + std::string(host.name);
  if (!arguments.empty()) out.append(" ").append(arguments);
  return out.append(kOtherwise);
}

bool is_hook_command(const Host& host, std::string_view command) {
  const auto words = words_of(command);
  if (!words || words->size() < 3) return false;
  const std::string_view program = words->front();
  return program.substr(program.find_last_of('/') + 1) == "interlock" && (*words)[1] == "hook" && (*words)[2] == host.name;
}

}  // namespace interlock::hosts
