#include "surface/hook/contracts.hpp"

namespace interlock::hook {
namespace {

// A host whose contract nobody has written: every event of it is blocked, with that reason.
class Unwritten final : public Contract {
 public:
  Result<Event> read(const json::object&) const override {
    return fail(ErrorCode::kUnsupported, "this gate does not know the hooks of this host yet",
                "`interlock init HOST --undo` takes them out; `interlock run` works with any agent");
  }
  Result<std::vector<ToolAct>> acts(const Event&) const override { return std::vector<ToolAct>{}; }
  bool can_ask(const Event&) const override { return false; }
  bool can_modify(const Event&) const override { return false; }
  bool can_replace_output(const Event&) const override { return false; }
  Printed print(const Event&, const Answer& answer) const override { return refuse(answer.text()); }
};

}  // namespace

const Contract& contract_of(hosts::HostId host) {
  static const Unwritten unwritten;
  switch (host) {
    case hosts::HostId::kClaude: return claude_contract();
    case hosts::HostId::kCodex: return codex_contract();
    case hosts::HostId::kGemini: return gemini_contract();
    default: return unwritten;
  }
}

}  // namespace interlock::hook
