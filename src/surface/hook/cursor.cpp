// Cursor, the editor and its command line: https://cursor.com/docs/hooks. `init` writes `failClosed`, so an exit code other than 0 blocks,
// and so does an answer that is no JSON, none at all among them: a yes is `{}`, which leaves the host's own rules alone.
//
// An MCP tool is told of twice: before it as "MCP:NAME" without its server, which passes, and right after as beforeMCPExecution with the
// server, which is decided on. Results are rewritten of MCP tools alone.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::string_view kMcpPrefix = "MCP:";

constexpr std::array<KnownEvent, 15> kEvents = {{{"sessionStart", Kind::kSessionStart},
                                                 {"sessionEnd", Kind::kSessionEnd},
                                                 {"beforeSubmitPrompt", Kind::kPrompt},
                                                 {"preToolUse", Kind::kBeforeTool},
                                                 {"beforeMCPExecution", Kind::kBeforeTool},
                                                 {"postToolUse", Kind::kAfterTool},
                                                 {"postToolUseFailure", Kind::kAfterTool, true},
                                                 {"subagentStart", Kind::kSubagentStart},
                                                 {"subagentStop", Kind::kSubagentEnd},
                                                 {"afterShellExecution", Kind::kOther},
                                                 {"afterMCPExecution", Kind::kOther},
                                                 {"afterFileEdit", Kind::kOther},
                                                 {"afterAgentResponse", Kind::kOther},
                                                 {"preCompact", Kind::kOther},
                                                 {"stop", Kind::kOther}}};

constexpr std::string_view kPath = "file_path|path|target_file|filePath|target_notebook";

constexpr std::array<Tool, 28> kTools = {{{"Shell", Does::kShell, "command", "cwd"},
                                          {"Bash", Does::kShell, "command", "cwd"},
                                          {"Read", Does::kRead, kPath},
                                          {"Write", Does::kWrite, kPath},
                                          {"Edit", Does::kWrite, kPath},
                                          {"StrReplace", Does::kWrite, kPath},
                                          {"EditNotebook", Does::kWrite, kPath},
                                          {"ApplyPatch", Does::kPatch, "patch|input"},
                                          {"Delete", Does::kDelete, kPath},
                                          {"LS", Does::kList, "path|target_directory"},
                                          {"Glob", Does::kList, "path|target_directory"},
                                          {"Grep", Does::kList, "path"},
                                          {"SemanticSearch", Does::kList, "path"},
                                          {"ReadLints", Does::kList, "path"},
                                          {"WebFetch", Does::kFetch, "url"},
                                          {"Fetch", Does::kFetch, "url"},
                                          {"WebSearch", Does::kSearch, "query|search_term"},
                                          {"Task", Does::kAgent},
                                          {"Subagent", Does::kAgent},
                                          {"TodoWrite"},
                                          {"TodoRead"},
                                          {"UpdateTodos"},
                                          {"CreatePlan"},
                                          {"SwitchMode"},
                                          {"AskQuestion"},
                                          {"AskUserQuestion"},
                                          {"Await"},
                                          {"Think"}}};

class Cursor final : public Contract {
 public:
  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"hook_event_name"}, kIdBytes), out);
    out.session = in.required({"conversation_id", "session_id"}, kIdBytes);
    out.cwd = in.optional({"cwd"}, kPathBytes);
    if (out.cwd.empty()) out.cwd = in.first_of("workspace_roots");
    if (out.kind == Kind::kPrompt) out.prompt = in.optional({"prompt"}, json::Limits{}.size_bytes);
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool) {
      out.tool = in.required({"tool_name"}, kToolNameBytes);
      out.input = in.input({"tool_input"});
      out.server = in.optional({"mcp_server_name"}, kToolNameBytes);
      if (out.tool.starts_with(kMcpPrefix) || !out.server.empty() || out.name == "beforeMCPExecution") {
        // Not every event of a call has its id: it is told by name and arguments.
        if (out.tool.starts_with(kMcpPrefix)) out.tool.erase(0, kMcpPrefix.size());
        out.target = out.tool;
      } else {
        out.call = in.optional({"tool_use_id"}, kIdBytes);
      }
    }
    if (out.kind == Kind::kAfterTool) out.output = in.optional_value({"tool_output", "error_message", "error"});
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    if (out.name == "preToolUse" && !out.target.empty()) out.kind = Kind::kOther;
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of("cursor", kTools, event); }
  bool can_ask(const Event&) const override { return true; }
  bool can_modify(const Event& event) const override { return event.name == "preToolUse"; }
  bool can_replace_output(const Event& event) const override { return !event.target.empty(); }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (answer.kind == A::kDeny) return refuse(answer.text());
    if (event.kind == Kind::kAfterTool) {
      if (answer.kind == A::kReplaceOutput && answer.output) return print_json({{"updated_mcp_tool_output", result_of(*answer.output)}});
      if (answer.kind == A::kBlockOutput) return print_json({{"additional_context", answer.text()}});
    } else if (event.kind == Kind::kBeforeTool) {
      if (answer.kind == A::kAsk)
        return print_json({{"permission", "ask"}, {"user_message", answer.text()}, {"agent_message", answer.text()}});
      if (answer.kind == A::kAllow && answer.input) return print_json({{"permission", "allow"}, {"updated_input", *answer.input}});
    }
    return print_json({});
  }

 private:
  // A result comes as JSON text and goes as an object.
  static json::value result_of(const json::value& output) {
    if (output.is_object()) return output;
    const auto text = output.is_string() ? std::string(json::view(output.get_string())) : json::write(output);
    if (auto parsed = json::parse(text); parsed && parsed->is_object()) return std::move(*parsed);
    return json::object{{"content", json::array{json::object{{"type", "text"}, {"text", text}}}}};
  }
};

}  // namespace

const Contract& cursor_contract() {
  static const Cursor contract;
  return contract;
}

}  // namespace interlock::hook
