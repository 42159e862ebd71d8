// What the gate answers: one of five verdicts, with the layer that spoke, why, and what to do next.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace interlock::model {

// The five of CSA's AARM. kDefer is reserved for surfaces that can come back later.
enum class VerdictKind : std::uint8_t { kAllow, kDeny, kModify, kStepUp, kDefer };
std::string_view verdict_name(VerdictKind kind);  // "allow", "deny", "modify", "step_up", "defer"

// Which layer of the gate spoke. The text form goes to agents and receipts.
enum class Layer : std::uint8_t { kIdentity, kTask, kCatalogue, kPins, kSchema, kPolicy, kApproval, kLedger, kCredential, kGate, kServer };
std::string_view layer_name(Layer layer);  // "identity", "task", ...

struct Verdict {
  VerdictKind kind = VerdictKind::kDeny;
  Layer layer = Layer::kGate;
  std::vector<std::string> policies;     // ids of the determining policies
  std::string reason;                    // one sentence for the agent and its human
  std::string next;                      // what can be done next
  std::vector<std::string> errors;       // policies that failed to evaluate, "id: message"
  std::vector<std::string> shadow;       // policies marked @shadow that would have changed the verdict
  std::vector<std::string> credentials;  // that permits among `policies` name (@credential)
  std::vector<std::string> redact;       // JSON pointers below args whose values are blanked before it is performed (@redact): kModify
  std::string policy_revision;           // hash of the policy set that decided
  bool observed = false;                 // the preset is `observe`: kind is kAllow, `would` is what it would have been
  VerdictKind would = VerdictKind::kAllow;

  bool allows() const { return kind == VerdictKind::kAllow || kind == VerdictKind::kModify; }
};

}  // namespace interlock::model
