// opencode 1.18, through the module that `init` writes (hosts/hook_files.cpp): it sends {"hook", "sessionID", "callID", "tool", "args",
// ...} and takes {}, {"args"} or {"output"}; an exit code other than 0 makes it throw with what stands on stderr, which stops the call. The
// tools from packages/opencode/src/tool of the project.
#include <array>

#include "surface/hook/reading.hpp"
#include "surface/hook/tools.hpp"

namespace interlock::hook {
namespace {

using Kind = Event::Kind;

constexpr std::array<KnownEvent, 5> kEvents = {{{"session.created", Kind::kSessionStart},
                                                {"session.deleted", Kind::kSessionEnd},
                                                {"chat.message", Kind::kPrompt},
                                                {"tool.execute.before", Kind::kBeforeTool},
                                                {"tool.execute.after", Kind::kAfterTool}}};

constexpr std::array<Tool, 23> kTools = {{{"bash", Does::kShell, "command", "workdir"},
                                          {"shell", Does::kShell, "command", "workdir"},
                                          {"read", Does::kRead, "filePath"},
                                          {"write", Does::kWrite, "filePath"},
                                          {"edit", Does::kWrite, "filePath"},
                                          {"multiedit", Does::kWrite, "filePath"},
                                          {"patch", Does::kPatch, "patchText"},
                                          {"apply_patch", Does::kPatch, "patchText"},
                                          {"list", Does::kList, "path"},
                                          {"glob", Does::kList, "path"},
                                          {"grep", Does::kList, "path"},
                                          {"lsp", Does::kRead, "filePath"},
                                          {"webfetch", Does::kFetch, "url"},
                                          {"websearch", Does::kSearch, "query"},
                                          {"codesearch", Does::kSearch, "query"},
                                          {"task", Does::kAgent},
                                          {"todowrite"},
                                          {"todoread"},
                                          {"question"},
                                          {"skill"},
                                          {"plan_enter"},
                                          {"plan_exit"},
                                          {"invalid"}}};

class Opencode final : public Contract {
 public:
  Result<Event> read(const json::object& payload) const override {
    Reader in(payload);
    Event out;
    name_event(in, kEvents, in.required({"hook"}, kIdBytes), out);
    out.session = in.required({"sessionID"}, kIdBytes);
    out.cwd = in.optional({"cwd"}, kPathBytes);
    if (out.kind == Kind::kPrompt) out.prompt = in.optional({"prompt"}, json::Limits{}.size_bytes);
    if (out.kind == Kind::kBeforeTool || out.kind == Kind::kAfterTool) {
      out.call = in.optional({"callID"}, kIdBytes);
      out.tool = in.required({"tool"}, kToolNameBytes);
      out.input = in.input({"args"});
    }
    if (out.kind == Kind::kAfterTool) out.output = in.optional_value({"output"});
    if (auto status = in.status(); !status) return fail(std::move(status.error()));
    return out;
  }
  Result<std::vector<ToolAct>> acts(const Event& event) const override { return acts_of("opencode", kTools, event); }
  bool can_ask(const Event&) const override { return false; }
  bool can_modify(const Event& event) const override { return event.kind == Kind::kBeforeTool; }
  bool can_replace_output(const Event&) const override { return true; }
  McpNames mcp_names() const override { return {"", "_"}; }

  Printed print(const Event& event, const Answer& answer) const override {
    using A = Answer::Kind;
    if (answer.kind == A::kDeny || answer.kind == A::kAsk) return refuse(answer.text());
    if (event.kind == Kind::kBeforeTool && answer.kind == A::kAllow && answer.input) return print_json({{"args", *answer.input}});
    if (event.kind == Kind::kAfterTool && answer.kind == A::kReplaceOutput && answer.output)
      return print_json({{"output", text_of(*answer.output)}});
    return print_json({});
  }

 private:
  // Of an MCP tool the output is a list of contents.
  static std::string text_of(const json::value& output) {
    if (output.is_string()) return std::string(json::view(output.get_string()));
    const auto* list = output.if_array();
    if (list == nullptr) return json::write(output);
    std::string out;
    for (const auto& one : *list) {
      const auto text = one.is_object() ? json::string_at(one.get_object(), "text") : std::nullopt;
      if (!out.empty()) out += '\n';
      out += text ? std::string(*text) : json::write(one);
    }
    return out;
  }
};

}  // namespace

const Contract& opencode_contract() {
  static const Opencode contract;
  return contract;
}

}  // namespace interlock::hook
