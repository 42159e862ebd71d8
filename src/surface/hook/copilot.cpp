// Copilot CLI 1.0 and VS Code's agent mode, which run each other's hook files and therefore are one contract.
//
// Copilot CLI: https://docs.github.com/en/copilot/reference/hooks-reference, and payloads as captured. Hooks under names of its own get
// {sessionId, toolName, toolArgs} and, save for one event, no name of the event: it is told by its members. Under VS Code's names they get
// {hook_event_name, session_id, tool_name, tool_input} with Claude Code's names for tools. Before a tool any exit but 0 denies; a prompt
// cannot be stopped.
// VS Code: https://code.visualstudio.com/docs/agents/reference/hooks-reference; the tools from src/extension/tools/common/toolNames.ts of
// microsoft/vscode-copilot-chat. Exit code 2 blocks; a result is not rewritten.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 29> kEvents = {{{"SessionStart", Kind::kSessionStart},
                                                 {"SessionEnd", Kind::kSessionEnd},
                                                 {"UserPromptSubmit", Kind::kPrompt},
                                                 {"PreToolUse", Kind::kBeforeTool},
                                                 {"PostToolUse", Kind::kAfterTool},
                                                 {"PostToolUseFailure", Kind::kAfterTool, true},
                                                 {"PermissionRequest", Kind::kPermission},
                                                 {"SubagentStart", Kind::kSubagentStart},
                                                 {"SubagentStop", Kind::kSubagentEnd},
                                                 {"Stop", Kind::kSessionEnd},
                                                 {"PreCompact", Kind::kOther},
                                                 {"ErrorOccurred", Kind::kOther},
                                                 {"Notification", Kind::kOther},
                                                 {"UserPromptTransformed", Kind::kOther},
                                                 {"sessionStart", Kind::kSessionStart},
                                                 {"sessionEnd", Kind::kSessionEnd},
                                                 {"userPromptSubmitted", Kind::kPrompt},
                                                 {"preToolUse", Kind::kBeforeTool},
                                                 {"postToolUse", Kind::kAfterTool},
                                                 {"postToolUseFailure", Kind::kAfterTool, true},
                                                 {"permissionRequest", Kind::kPermission},
                                                 {"subagentStart", Kind::kSubagentStart},
                                                 {"subagentStop", Kind::kSubagentEnd},
                                                 {"agentStop", Kind::kOther},
                                                 {"preCompact", Kind::kOther},
                                                 {"errorOccurred", Kind::kOther},
                                                 {"notification", Kind::kOther},
                                                 {"userPromptTransformed", Kind::kOther},
                                                 {"stop", Kind::kOther}}};

constexpr std::string_view kPath = "path|filePath|file_path|uri";

constexpr std::array<Tool, 75> kTools = {{// Copilot CLI's own
                                          {"bash", Does::kShell, "command"},
                                          {"read_bash"},
                                          {"stop_bash"},
                                          {"list_bash"},
                                          {"view", Does::kRead, kPath},
                                          {"create", Does::kWrite, kPath},
                                          {"edit", Does::kWrite, kPath},
                                          {"str_replace_editor", Does::kWrite, kPath},
                                          {"grep", Does::kList, "path"},
                                          {"rg", Does::kList, "path"},
                                          {"glob", Does::kList, "path"},
                                          {"web_fetch", Does::kFetch, "url"},
                                          {"web_search", Does::kSearch, "query"},
                                          {"task", Does::kAgent},
                                          {"read_agent"},
                                          {"list_agents"},
                                          {"ask_user"},
                                          {"update_todo"},
                                          {"report_intent"},
                                          {"fetch_copilot_cli_documentation"},
                                          {"skill"},
                                          {"exit_plan_mode"},
                                          // its names for them under VS Code's names of events
                                          {"Bash", Does::kShell, "command"},
                                          {"Read", Does::kRead, kPath},
                                          {"Write", Does::kWrite, kPath},
                                          {"Edit", Does::kWrite, kPath},
                                          {"Grep", Does::kList, "path"},
                                          {"Glob", Does::kList, "path"},
                                          {"WebFetch", Does::kFetch, "url"},
                                          {"WebSearch", Does::kSearch, "query"},
                                          {"Agent", Does::kAgent},
                                          {"Task", Does::kAgent},
                                          {"AskUserQuestion"},
                                          {"TodoWrite"},
                                          // VS Code's
                                          {"run_in_terminal", Does::kShell, "command"},
                                          {"runTerminalCommand", Does::kShell, "command"},
                                          {"get_terminal_output"},
                                          {"terminal_selection"},
                                          {"terminal_last_command"},
                                          {"kill_terminal"},
                                          {"read_file", Does::kRead, kPath},
                                          {"readFile", Does::kRead, kPath},
                                          {"view_image", Does::kRead, kPath},
                                          {"create_file", Does::kWrite, kPath},
                                          {"createFile", Does::kWrite, kPath},
                                          {"replace_string_in_file", Does::kWrite, kPath},
                                          {"insert_edit_into_file", Does::kWrite, kPath},
                                          {"edit_notebook_file", Does::kWrite, kPath},
                                          {"create_directory", Does::kWrite, "dirPath|path"},
                                          {"multi_replace_string_in_file", Does::kWriteMany, "replacements"},
                                          {"edit_files", Does::kWriteMany, "files"},
                                          {"editFiles", Does::kWriteMany, "files"},
                                          {"apply_patch", Does::kPatch, "input|patch|command"},
                                          {"list_dir", Does::kList, "path"},
                                          {"file_search", Does::kList, "path"},
                                          {"grep_search", Does::kList, "path"},
                                          {"semantic_search", Does::kList, "path"},
                                          {"test_search", Does::kList, "path"},
                                          {"search_workspace_symbols", Does::kList, "path"},
                                          {"list_code_usages", Does::kList, "path"},
                                          {"read_project_structure", Does::kList, "path"},
                                          {"get_changed_files", Does::kList, "repositoryPath"},
                                          {"get_errors", Does::kList, "path"},
                                          {"fetch_webpage", Does::kFetchMany, "urls|url"},
                                          {"open_simple_browser", Does::kFetch, "url"},
                                          {"github_repo", Does::kSearch, "query"},
                                          {"runSubagent", Does::kAgent},
                                          {"search_subagent", Does::kAgent},
                                          {"execution_subagent", Does::kAgent},
                                          {"manage_todo_list"},
                                          {"tool_search"},
                                          {"get_vscode_api"},
                                          {"test_failure"},
                                          {"vscode_askQuestions"},
                                          {"think"}}};

// Copilot CLI's payloads under its own names of events have no name in them.
std::string name_by_members(const Reader& in) {
  if (in.has("toolName")) {
    if (in.has("toolResult")) return "postToolUse";
    return in.has("error") ? "postToolUseFailure" : "preToolUse";
  }
  if (in.has("agentName") || in.has("agentId")) return in.has("response") || in.has("stopReason") ? "subagentStop" : "subagentStart";
  if (in.has("transformedPrompt")) return "userPromptTransformed";
  if (in.has("prompt")) return "userPromptSubmitted";
  if (in.has("errorContext")) return "errorOccurred";
  if (in.has("stopReason")) return "agentStop";
  if (in.has("trigger")) return "preCompact";
  if (in.has("source")) return "sessionStart";
  return in.has("reason") ? "sessionEnd" : std::string();
}

// VS Code's names for events begin with a capital: their answers stand one level deeper.
bool is_nested(const Event& event) { return !event.name.empty() && event.name.front() >= 'A' && event.name.front() <= 'Z'; }

class CopilotShaped final : public Contract {
 public:
  explicit CopilotShaped(std::string_view host) : host_(host) {}

  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    auto name = in.optional({"hook_event_name", "hookEventName", "hookName"}, kIdBytes);
    if (name.empty()) name = name_by_members(in);
    if (name.empty()) in.complain("nothing in it says which event it is");
    name_event(in, kEvents, std::move(name), out);
    out.session = in.required({"sessionId", "session_id"}, kIdBytes);
    out.cwd = in.optional({"cwd"}, kPathBytes);
    out.call = in.optional({"tool_use_id", "toolUseId", "toolCallId"}, kIdBytes);
    out.subagent = in.optional({"agent_id", "agentId", "agentName"}, kIdBytes);
    if (out.kind == Kind::kPrompt) out.prompt = in.optional({"prompt"}, json::Limits{}.size_bytes);
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool || out.kind == Kind::kPermission) {
      out.tool = in.required({"toolName", "tool_name"}, kToolNameBytes);
      out.input = patch_or_input(in, payload);
      split_mcp_name(out);
    }
    if (out.kind == Kind::kAfterTool) out.output = in.optional_value({"toolResult", "tool_result", "tool_response", "error"});
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of(host_, kTools, event); }
  bool can_ask(const Event&) const override { return true; }
  bool can_modify(const Event& event) const override { return event.kind == Kind::kBeforeTool; }
  bool can_replace_output(const Event& event) const override { return event.output.is_object() && text_in(event.output).has_value(); }
  McpNames mcp_names() const override { return host_ == "vscode" ? McpNames{"mcp_", "_"} : McpNames{"", "-"}; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (event.kind == Kind::kAfterTool) return print_after(event, answer);
    if (answer.kind == A::kDeny) {
      // Copilot CLI shows the model what stands in the JSON, VS Code what stands on stderr; 2 denies on both.
      auto out = refuse(answer.text());
      if (event.kind == Kind::kBeforeTool) out.out = decision(event, "deny", answer.text(), {}).out;
      if (event.kind == Kind::kPermission) out.out = print_json({{"behavior", "deny"}, {"message", answer.text()}}).out;
      return out;
    }
    if (event.kind != Kind::kBeforeTool) return {};
    if (answer.kind == A::kAsk) return decision(event, "ask", answer.text(), {});
    if (answer.kind == A::kAllow && answer.input) return decision(event, "allow", answer.reason, answer.input);
    // Nothing said: the host's own rules hold beside the gate's.
    return {};
  }

 private:
  // Arguments come as an object or as its text; those of apply_patch also as the patch itself.
  static json::value patch_or_input(Reader& in, const json::object& payload) {
    for (const auto* name : {"toolArgs", "tool_input", "toolInput"}) {
      const auto text = json::string_at(payload, name);
      if (text && text->starts_with("*** Begin Patch")) return json::object{{"input", *text}};
    }
    return in.input({"toolArgs", "tool_input", "toolInput"});
  }
  static std::optional<std::string_view> text_in(const json::value& output) {
    auto text = json::string_at(output.get_object(), "textResultForLlm");
    return text ? text : json::string_at(output.get_object(), "text_result_for_llm");
  }
  static Printed decision(const Event& event, std::string_view what, std::string_view reason, const std::optional<json::value>& input) {
    json::object out{{"permissionDecision", what}, {"permissionDecisionReason", reason}};
    if (is_nested(event)) {
      auto nested = out;
      nested["hookEventName"] = event.name;
      if (input) nested["updatedInput"] = *input;
      out["hookSpecificOutput"] = std::move(nested);
    }
    if (input) out["modifiedArgs"] = *input;
    return print_json(out);
  }
  static Printed print_after(const Event& event, const Answer& answer) {
    using A = Answer::Kind;
    if (answer.kind == A::kReplaceOutput && answer.output && answer.output->is_object()) {
      const auto text = text_in(*answer.output).value_or("");
      return print_json({{"modifiedResult", json::object{{"resultType", "success"}, {"textResultForLlm", text}}}});
    }
    if (answer.kind != A::kReplaceOutput && answer.kind != A::kBlockOutput) return {};
    if (is_nested(event)) return print_json({{"decision", "block"}, {"reason", answer.text()}});
    return print_json({{"modifiedResult", json::object{{"resultType", "success"}, {"textResultForLlm", answer.text()}}}});
  }

  std::string_view host_;
};

}  // namespace

const Contract& copilot_contract() {
  static const CopilotShaped contract("copilot");
  return contract;
}
const Contract& vscode_contract() {
  static const CopilotShaped contract("vscode");
  return contract;
}

}  // namespace interlock::hook
