// Cline: the extension (https://docs.cline.bot/features/hooks/hook-reference: "PreToolUse", parameters as texts) and the command line 3.0
// (sdk/packages/core/src/hooks of cline/cline, and payloads as captured: "tool_call", the input as it is). Both read the answer on stdout
// and go on where there is none, so the script that `init` writes says no by itself after 25 s or when this fails; a no here is JSON too.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 20> kEvents = {{{"TaskStart", Kind::kSessionStart},
                                                 {"TaskResume", Kind::kSessionStart},
                                                 {"TaskCancel", Kind::kSessionEnd},
                                                 {"TaskComplete", Kind::kSessionEnd},
                                                 {"TaskError", Kind::kOther},
                                                 {"UserPromptSubmit", Kind::kPrompt},
                                                 {"PreToolUse", Kind::kBeforeTool},
                                                 {"PostToolUse", Kind::kAfterTool},
                                                 {"PreCompact", Kind::kOther},
                                                 {"Notification", Kind::kOther},
                                                 {"SessionShutdown", Kind::kSessionEnd},
                                                 {"agent_start", Kind::kSessionStart},
                                                 {"agent_resume", Kind::kSessionStart},
                                                 {"agent_abort", Kind::kSessionEnd},
                                                 {"agent_end", Kind::kSessionEnd},
                                                 {"agent_error", Kind::kOther},
                                                 {"prompt_submit", Kind::kPrompt},
                                                 {"tool_call", Kind::kBeforeTool},
                                                 {"tool_result", Kind::kAfterTool},
                                                 {"session_shutdown", Kind::kSessionEnd}}};

constexpr std::array<Tool, 32> kTools = {{// the extension's
                                          {"execute_command", Does::kShell, "command"},
                                          {"read_file", Does::kRead, "path|absolutePath"},
                                          {"write_to_file", Does::kWrite, "path|absolutePath"},
                                          {"replace_in_file", Does::kWrite, "path|absolutePath"},
                                          {"new_rule", Does::kWrite, "path|absolutePath"},
                                          {"list_files", Does::kList, "path"},
                                          {"search_files", Does::kList, "path"},
                                          {"list_code_definition_names", Does::kList, "path"},
                                          {"web_fetch", Does::kFetch, "url"},
                                          {"web_search", Does::kSearch, "query"},
                                          {"use_subagents", Does::kAgent},
                                          {"ask_followup_question"},
                                          {"attempt_completion"},
                                          {"new_task"},
                                          {"plan_mode_respond"},
                                          {"act_mode_respond"},
                                          {"focus_chain"},
                                          {"condense"},
                                          {"summarize_task"},
                                          {"report_bug"},
                                          {"load_mcp_documentation"},
                                          {"use_skill"},
                                          // the command line's
                                          {"run_commands", Does::kShells, "commands|command|cmd"},
                                          {"read_files", Does::kReadMany, "files|file_paths|paths|path|file_path|filePath"},
                                          {"editor", Does::kWrite, "path"},
                                          {"apply_patch", Does::kPatch, "input|patch"},
                                          {"search_codebase", Does::kList, "path"},
                                          {"fetch_web_content", Does::kFetchMany, "requests"},
                                          {"spawn_agent", Does::kAgent},
                                          {"skills"},
                                          {"ask_question"},
                                          {"submit_and_exit"}}};

// Of a tool whose input models also write as a bare text or list: the member that it stands for.
std::string_view bare_member_of(std::string_view tool) {
  if (tool == "run_commands") return "commands";
  if (tool == "read_files") return "files";
  return tool == "apply_patch" ? "input" : "queries";
}

class Cline final : public Contract {
 public:
  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"hookName"}, kIdBytes), out);
    out.session = in.required({"taskId"}, kIdBytes);
    if (const auto* context = in.optional_object("sessionContext")) {
      Reader session(*context);
      if (auto root = session.optional({"rootSessionId"}, kIdBytes); !root.empty()) out.session = std::move(root);
      if (auto status = session.status(); !status) return fail(std::move(status.error()));
    }
    out.cwd = in.first_of("workspaceRoots");
    if (in.has("parent_agent_id")) {
      out.subagent = in.required({"agent_id"}, kIdBytes);
      if (out.kind == Kind::kSessionStart) out.kind = Kind::kSubagentStart;
      if (out.kind == Kind::kSessionEnd) out.kind = Kind::kSubagentEnd;
    }
    if (out.kind == Kind::kPrompt) {
      if (const auto* prompt = in.required_object("userPromptSubmit"))
        out.prompt = std::string(json::string_at(*prompt, "prompt").value_or(""));
    }
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool) {
      const bool before = out.kind == Kind::kBeforeTool;
      const auto* call = in.optional_object(before ? "tool_call" : "tool_result");
      const auto status = call == nullptr ? read_extension(in, before ? "preToolUse" : "postToolUse", out) : read_call(*call, out);
      if (!status) return fail(status.error());
    }
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    return out;
  }

  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of("cline", kTools, event); }
  bool can_ask(const Event&) const override { return false; }
  bool can_modify(const Event& event) const override { return event.name == "tool_call"; }
  bool can_replace_output(const Event&) const override { return false; }
  McpNames mcp_names() const override { return {"", "__"}; }
  std::int64_t hold_ms() const override { return 23'000; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (answer.kind == A::kDeny || answer.kind == A::kAsk)
      return print_json({{"cancel", true}, {"errorMessage", "interlock: " + answer.text()}});
    json::object out{{"cancel", false}};
    if (event.kind == Kind::kBeforeTool && answer.kind == A::kAllow && answer.input) out["overrideInput"] = *answer.input;
    return print_json(out);
  }

 private:
  static Status read_call(const json::object& call, Event& out) {
    Reader in(call);
    out.call = in.optional({"id"}, kIdBytes);
    out.tool = in.required({"name"}, kToolNameBytes);
    out.input = in.required_value({"input"});
    if (!out.input.is_object()) out.input = json::object{{bare_member_of(out.tool), std::move(out.input)}};
    if (out.kind == Kind::kAfterTool) {
      out.output = in.optional_value({"output", "error"});
      out.failed = in.has("error");
    }
    return in.status();
  }

  // {"toolName", "parameters"}: every parameter is a text, lists and objects as their JSON.
  static Status read_extension(Reader& payload, std::string_view member, Event& out) {
    const auto* data = payload.required_object(member);
    if (data == nullptr) return payload.status();
    Reader in(*data);
    out.tool = in.required({"toolName"}, kToolNameBytes);
    auto input = in.input({"parameters"});
    if (input.is_object()) {
      for (auto& [_, value] : input.get_object()) {
        const auto* text = value.if_string();
        if (text == nullptr || text->empty() || (text->front() != '[' && text->front() != '{')) continue;
        if (auto parsed = json::parse(json::view(*text)); parsed && out.tool != "write_to_file") value = std::move(*parsed);
      }
      if (out.tool == "use_mcp_tool") {
        Reader call(input.get_object());
        out.server = call.required({"server_name"}, kToolNameBytes);
        out.target = call.required({"tool_name"}, kToolNameBytes);
        auto arguments = call.has("arguments") ? call.input({"arguments"}) : json::value(json::object());
        if (auto status = call.status(); !status) return status;
        input = std::move(arguments);
      }
    }
    out.input = std::move(input);
    if (out.kind == Kind::kAfterTool) {
      out.output = in.optional_value({"result"});
      out.failed = !in.flag("success", true);
    }
    return in.status();
  }
};

}  // namespace

const Contract& cline_contract() {
  static const Cline contract;
  return contract;
}

}  // namespace interlock::hook
