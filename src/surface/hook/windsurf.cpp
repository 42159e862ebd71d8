// Windsurf's Cascade: https://docs.windsurf.com/windsurf/cascade/hooks. A hook before an action blocks it by exit code 2 with a reason on
// stderr; nothing can be asked there, changed, or said of a result. An action has no id: it is told by what it does.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 12> kEvents = {{{"pre_user_prompt", Kind::kPrompt},
                                                 {"pre_read_code", Kind::kBeforeTool},
                                                 {"pre_write_code", Kind::kBeforeTool},
                                                 {"pre_run_command", Kind::kBeforeTool},
                                                 {"pre_mcp_tool_use", Kind::kBeforeTool},
                                                 {"post_read_code", Kind::kAfterTool},
                                                 {"post_write_code", Kind::kAfterTool},
                                                 {"post_run_command", Kind::kAfterTool},
                                                 {"post_mcp_tool_use", Kind::kAfterTool},
                                                 {"post_cascade_response", Kind::kOther},
                                                 {"post_cascade_response_with_transcript", Kind::kOther},
                                                 {"post_setup_worktree", Kind::kOther}}};

// The action is the event's name without "pre_" and "post_".
constexpr std::array<Tool, 3> kTools = {{{"read_code", Does::kRead, "file_path"},  // a folder, too
                                         {"write_code", Does::kWrite, "file_path"},
                                         {"run_command", Does::kShell, "command_line", "cwd"}}};

class Windsurf final : public Contract {
 public:
  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"agent_action_name"}, kIdBytes), out);
    out.session = in.required({"trajectory_id"}, kIdBytes);
    const auto* info = out.kind == Kind::kOther ? nullptr : in.required_object("tool_info");
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    if (info == nullptr) return out;
    Reader about(*info);
    out.cwd = about.optional({"cwd"}, kPathBytes);
    if (out.kind == Kind::kPrompt) {
      out.prompt = about.optional({"user_prompt"}, json::Limits{}.size_bytes);
    } else {
      out.tool = out.name.substr(out.name.find('_') + 1);
      if (out.tool == "mcp_tool_use") {
        out.server = about.required({"mcp_server_name"}, kToolNameBytes);
        out.target = about.required({"mcp_tool_name"}, kToolNameBytes);
        out.input = about.has("mcp_tool_arguments") ? about.input({"mcp_tool_arguments"}) : json::value(json::object());
        out.call = out.server + '\n' + out.target + '\n' + json::write(out.input);
      } else {
        const auto* member = out.tool == "run_command" ? "command_line" : "file_path";
        const auto what = about.required({member}, json::Limits{}.size_bytes);
        out.input = *info;
        out.call = out.tool + '\n' + what;
      }
      if (out.kind == Kind::kAfterTool) out.output = about.optional_value({"mcp_result"});
    }
    if (auto status = about.status(); !status) return fail(std::move(status.error()));
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of("windsurf", kTools, event); }
  bool can_ask(const Event&) const override { return false; }
  bool can_modify(const Event&) const override { return false; }
  bool can_replace_output(const Event&) const override { return false; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (event.kind != Kind::kAfterTool && (answer.kind == A::kDeny || answer.kind == A::kAsk)) return refuse(answer.text());
    return {};
  }
};

}  // namespace

const Contract& windsurf_contract() {
  static const Windsurf contract;
  return contract;
}

}  // namespace interlock::hook
