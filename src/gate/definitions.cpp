// Tool definitions against their pins: a changed one is quarantined, and the answer is remembered until a pin changes.
#include "gate/gate_state.hpp"

namespace interlock::gate {
namespace {

constexpr std::size_t kRememberedDefinitions = 20'000;

}  // namespace

std::uint64_t Gate::pin_epoch() { return state_->parts.pins->epoch(); }

std::optional<Refusal> Gate::check_definition(const std::string& server, const std::string& tool, const json::object& definition,
                                              const Digest& digest) {
  auto& state = *state_;
  const auto epoch = state.parts.pins->epoch();
  const auto key = server + '\0' + tool;
  if (const auto it = state.definitions.find(key);
      it != state.definitions.end() && it->second.epoch == epoch && it->second.digest == digest) {
    return it->second.refusal;
  }
  std::optional<Refusal> refusal;
  auto pin = state.parts.pins->check(server, tool, json::value(definition));
  const std::string command = " with: interlock pins trust --server " + server + " --tool " + tool;
  if (!pin) {
    refusal =
        Refusal{model::Layer::kPins, "the definition of tool " + tool + " cannot be checked: " + pin.error().message, pin.error().hint};
  } else {
    if (pin->status == approval::PinStatus::kChanged) {
      refusal =
          Refusal{model::Layer::kPins,
                  "the definition of tool " + tool + " on server " + server + " has changed since it was trusted (" + pin->summary + ")",
                  "a human must look at it and trust it" + command};
    } else if (pin->status == approval::PinStatus::kNew) {
      refusal = Refusal{model::Layer::kPins, "tool " + tool + " on server " + server + " has never been trusted",
                        "a human must look at it and trust it" + command};
    }
    if (pin->first || pin->status == approval::PinStatus::kChanged) {
      model::Receipt receipt;
      receipt.kind = model::ReceiptKind::kPin;
      receipt.act = new_id("pin", state.parts.clock->now_ms());
      receipt.at_ms = state.parts.clock->now_ms();
      receipt.surface = "mcp";
      receipt.server = server;
      receipt.action = server + "/" + tool;
      receipt.verdict = refusal ? "quarantined" : "pinned";
      receipt.layer = model::layer_name(model::Layer::kPins);
      receipt.detail["seen"] = pin->seen_hash;
      if (!pin->pinned_hash.empty()) receipt.detail["pinned"] = pin->pinned_hash;
      if (!pin->summary.empty()) receipt.detail["summary"] = pin->summary;
      if (auto recorded = record(std::move(receipt)); !recorded) {
        refusal = Refusal{model::Layer::kLedger, "the definition of tool " + tool + " cannot be recorded: " + recorded.error().message,
                          recorded.error().hint};
        return refusal;  // not remembered: the disk may have room again
      }
    }
  }
  if (state.definitions.size() >= kRememberedDefinitions) state.definitions.clear();
  state.definitions[key] = {digest, state.parts.pins->epoch(), refusal};
  return refusal;
}

}  // namespace interlock::gate
