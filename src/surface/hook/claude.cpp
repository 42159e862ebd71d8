// Claude Code and Codex, whose hooks have one shape. Claude Code 2.1: https://code.claude.com/docs/en/hooks, and payloads as captured
// (../shared/agent-lab). Codex 0.169: the same events; its output schema is closed (no `ask`, no bare `allow`, `updatedInput` only with
// `allow`, results are not rewritten). Both block on exit code 2, and let through on any other and on output that they cannot read.
#include <array>

#include "shell/commands.hpp"
#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 24> kEvents = {{{"SessionStart", Kind::kSessionStart},
                                                 {"SessionEnd", Kind::kSessionEnd},
                                                 {"UserPromptSubmit", Kind::kPrompt},
                                                 {"PreToolUse", Kind::kBeforeTool},
                                                 {"PostToolUse", Kind::kAfterTool},
                                                 {"PostToolUseFailure", Kind::kAfterTool, true},
                                                 {"SubagentStart", Kind::kSubagentStart},
                                                 {"SubagentStop", Kind::kSubagentEnd},
                                                 {"PermissionRequest", Kind::kPermission},
                                                 {"Stop", Kind::kOther},
                                                 {"StopFailure", Kind::kOther},
                                                 {"Notification", Kind::kOther},
                                                 {"PreCompact", Kind::kOther},
                                                 {"PostCompact", Kind::kOther},
                                                 {"ConfigChange", Kind::kOther},
                                                 {"InstructionsLoaded", Kind::kOther},
                                                 {"TaskCompleted", Kind::kOther},
                                                 {"TaskCreated", Kind::kOther},
                                                 {"TeammateIdle", Kind::kOther},
                                                 {"CwdChanged", Kind::kOther},
                                                 {"FileChanged", Kind::kOther},
                                                 {"WorktreeCreate", Kind::kOther},
                                                 {"WorktreeRemove", Kind::kOther},
                                                 {"Setup", Kind::kOther}}};

constexpr std::array<Tool, 33> kClaudeTools = {{{"Bash", Does::kShell, "command"},
                                                {"BashOutput"},
                                                {"KillShell"},
                                                {"KillBash"},
                                                {"TaskOutput"},
                                                {"TaskStop"},
                                                {"Read", Does::kRead, "file_path"},
                                                {"NotebookRead", Does::kRead, "notebook_path"},
                                                {"Write", Does::kWrite, "file_path"},
                                                {"Edit", Does::kWrite, "file_path"},
                                                {"MultiEdit", Does::kWrite, "file_path"},
                                                {"NotebookEdit", Does::kWrite, "notebook_path"},
                                                {"Glob", Does::kList, "path"},
                                                {"Grep", Does::kList, "path"},
                                                {"LS", Does::kList, "path"},
                                                {"WebFetch", Does::kFetch, "url"},
                                                {"WebSearch", Does::kSearch, "query"},
                                                {"Task", Does::kAgent},
                                                {"Agent", Does::kAgent},
                                                {"TodoWrite"},
                                                {"TodoRead"},
                                                {"TaskCreate"},
                                                {"TaskUpdate"},
                                                {"TaskGet"},
                                                {"TaskList"},
                                                {"ExitPlanMode"},
                                                {"EnterPlanMode"},
                                                {"AskUserQuestion"},
                                                {"ToolSearch"},
                                                {"Skill"},
                                                {"SlashCommand"},
                                                {"ListMcpResourcesTool"},
                                                {"StructuredOutput"}}};

constexpr std::array<Tool, 10> kCodexTools = {{{"Bash", Does::kShell, "command"},
                                               {"shell", Does::kShell, "command"},
                                               {"apply_patch", Does::kPatch, "command|input|patch"},
                                               {"Edit", Does::kPatch, "command|input|patch"},
                                               {"Write", Does::kPatch, "command|input|patch"},
                                               {"view_image", Does::kRead, "path"},
                                               {"web_search", Does::kSearch, "query"},
                                               {"spawn_agent", Does::kAgent},
                                               {"update_plan"},
                                               {"request_user_input"}}};

// `apply_patch <<'PATCH' ...` on a shell line: Codex takes it for its own tool. The patch, where the line is that and nothing else.
std::optional<std::string> patch_on_line(const Event& event) {
  if (event.tool != "Bash" || !event.input.is_object()) return std::nullopt;
  const auto line = json::string_at(event.input.get_object(), "command");
  if (!line || !line->contains("apply_patch")) return std::nullopt;
  const auto script = shell::parse(*line);
  if (!script) return std::nullopt;
  auto found = shell::commands_of(*script);
  if (found.commands.size() != 1 || !found.unknowable.empty()) return std::nullopt;
  auto& run = found.commands[0];
  if (run.argv.empty() || run.argv[0].text != "apply_patch" || !run.unknowable.empty() || !run.redirections.empty() ||
      !run.environment.empty())
    return std::nullopt;
  if (run.argv.size() == 2 && !run.input) return run.argv[1].text;
  return run.argv.size() == 1 && run.input ? run.input->text : std::nullopt;
}

class ClaudeShaped final : public Contract {
 public:
  ClaudeShaped(std::string_view host, std::span<const Tool> tools, bool codex) : host_(host), tools_(tools), codex_(codex) {}

  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"hook_event_name"}, kIdBytes), out);
    out.session = in.required({"session_id"}, kIdBytes);
    out.cwd = in.optional({"cwd"}, kPathBytes);
    out.subagent = in.optional({"agent_id", "agent_type"}, kIdBytes);
    out.call = in.optional({"tool_use_id"}, kIdBytes);
    if (out.kind == Kind::kPrompt) out.prompt = in.optional({"prompt"}, json::Limits{}.size_bytes);
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool || out.kind == Kind::kPermission) {
      out.tool = in.required({"tool_name"}, kToolNameBytes);
      out.input = in.input({"tool_input"});
      split_mcp_name(out);
    }
    if (out.kind == Kind::kAfterTool) out.output = in.optional_value({"tool_response", "tool_output", "error"});
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override {
    if (codex_) {
      if (auto patch = patch_on_line(event)) {
        auto patching = event;
        patching.tool = "apply_patch";
        patching.input = json::object{{"command", std::move(*patch)}};
        return acts_of(host_, tools_, patching);
      }
    }
    return acts_of(host_, tools_, event);
  }
  bool can_ask(const Event&) const override { return !codex_; }
  bool can_modify(const Event& event) const override { return event.kind == Kind::kBeforeTool; }
  bool can_replace_output(const Event&) const override { return !codex_; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (answer.kind == A::kDeny) return refuse(answer.text());
    if (event.kind == Kind::kAfterTool) {
      if (answer.kind == A::kReplaceOutput && answer.output && !codex_) {
        return print_json({{"hookSpecificOutput", json::object{{"hookEventName", event.name}, {"updatedToolOutput", *answer.output}}}});
      }
      if (answer.kind == A::kReplaceOutput || answer.kind == A::kBlockOutput)
        return print_json({{"decision", "block"}, {"reason", answer.text()}});
      return {};
    }
    if (event.kind != Kind::kBeforeTool) return {};
    json::object said{{"hookEventName", event.name}};
    if (answer.kind == A::kAsk) {
      said["permissionDecision"] = "ask";
      said["permissionDecisionReason"] = answer.text();
    } else if (answer.kind == A::kAllow && answer.input) {
      said["permissionDecision"] = "allow";
      said["permissionDecisionReason"] = answer.reason.empty() ? std::string("policy lets it through, changed") : answer.reason;
      said["updatedInput"] = *answer.input;
    } else {
      // Nothing said: the host's own rules hold beside the gate's.
      return {};
    }
    return print_json({{"hookSpecificOutput", std::move(said)}});
  }

 private:
  std::string_view host_;
  std::span<const Tool> tools_;
  bool codex_;
};

}  // namespace

const Contract& claude_contract() {
  static const ClaudeShaped contract("claude", kClaudeTools, false);
  return contract;
}
const Contract& codex_contract() {
  static const ClaudeShaped contract("codex", kCodexTools, true);
  return contract;
}

}  // namespace interlock::hook
