// Gemini CLI 0.61: docs/hooks of its package, and payloads as captured (../shared/agent-lab). It blocks on exit code 2; `tool_input` of an
// answer is merged into the call's; a "deny" behind a tool replaces its result with the reason.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 12> kEvents = {{{"SessionStart", Kind::kSessionStart},
                                                 {"SessionEnd", Kind::kSessionEnd},
                                                 {"BeforeAgent", Kind::kPrompt},
                                                 {"AfterAgent", Kind::kOther},
                                                 {"BeforeTool", Kind::kBeforeTool},
                                                 {"AfterTool", Kind::kAfterTool},
                                                 {"BeforeModel", Kind::kOther},
                                                 {"AfterModel", Kind::kOther},
                                                 {"BeforeToolSelection", Kind::kOther},
                                                 {"Notification", Kind::kOther},
                                                 {"PreCompress", Kind::kOther},
                                                 {"Stop", Kind::kOther}}};

constexpr std::array<Tool, 21> kTools = {{{"run_shell_command", Does::kShell, "command", "dir_path"},
                                          {"read_file", Does::kRead, "file_path"},
                                          {"write_file", Does::kWrite, "file_path"},
                                          {"replace", Does::kWrite, "file_path"},
                                          {"list_directory", Does::kList, "dir_path"},
                                          {"glob", Does::kList, "dir_path"},
                                          {"search_file_content", Does::kList, "dir_path"},
                                          {"grep_search", Does::kList, "dir_path"},
                                          {"read_many_files", Does::kReadMany, "include"},
                                          {"web_fetch", Does::kFetchText, "prompt"},
                                          {"google_web_search", Does::kSearch, "query"},
                                          {"delegate_to_agent", Does::kAgent},
                                          {"invoke_agent", Does::kAgent},
                                          {"codebase_investigator", Does::kAgent},
                                          {"write_todos"},
                                          {"ask_user"},
                                          {"get_internal_docs"},
                                          {"cli_help"},
                                          {"enter_plan_mode"},
                                          {"exit_plan_mode"},
                                          {"update_topic"}}};

class Gemini final : public Contract {
 public:
  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"hook_event_name"}, kIdBytes), out);
    out.session = in.required({"session_id"}, kIdBytes);
    out.cwd = in.optional({"cwd"}, kPathBytes);
    if (out.kind == Kind::kPrompt) out.prompt = in.optional({"prompt"}, json::Limits{}.size_bytes);
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool) {
      out.tool = in.required({"tool_name"}, kToolNameBytes);
      out.input = in.input({"tool_input"});
      if (const auto* mcp = in.optional_object("mcp_context")) {
        Reader context(*mcp);
        out.server = context.optional({"server_name"}, kToolNameBytes);
        out.target = context.optional({"tool_name"}, kToolNameBytes);
        if (auto status = context.status(); !status) return fail(std::move(status.error()));
        if (out.target.empty()) out.target = out.tool;
      }
    }
    if (out.kind == Kind::kAfterTool) out.output = in.optional_value({"tool_response"});
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of("gemini", kTools, event); }
  bool can_ask(const Event&) const override { return false; }
  bool can_modify(const Event& event) const override { return event.kind == Kind::kBeforeTool; }
  bool can_replace_output(const Event&) const override { return true; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (answer.kind == A::kDeny || answer.kind == A::kAsk) return refuse(answer.text());
    if (event.kind == Kind::kAfterTool) {
      if (answer.kind == A::kReplaceOutput && answer.output) {
        const auto text = answer.output->is_string() ? std::string(json::view(answer.output->get_string())) : json::write(*answer.output);
        return print_json({{"decision", "deny"}, {"reason", text}});
      }
      if (answer.kind == A::kBlockOutput) return print_json({{"decision", "deny"}, {"reason", answer.text()}});
      return {};
    }
    if (event.kind == Kind::kBeforeTool && answer.kind == A::kAllow && answer.input) {
      return print_json(
          {{"decision", "allow"}, {"hookSpecificOutput", json::object{{"hookEventName", event.name}, {"tool_input", *answer.input}}}});
    }
    return {};
  }
};

}  // namespace

const Contract& gemini_contract() {
  static const Gemini contract;
  return contract;
}

}  // namespace interlock::hook
