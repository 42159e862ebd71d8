// One approval: what is asked, by whom, what came of it, and the digest that binds a yes to exactly one act (DESIGN §11.4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "approval/processes.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::approval {

// What a yes is for. DESIGN names subject, task, action, resource, arguments, policy revision and expiry; server, operation and
// target are bound too, so that no other configuration of names can carry the same yes elsewhere.
struct BoundAct {
  std::string_view subject;
  std::string_view task;
  std::string_view server;
  std::string_view operation;
  std::string_view target;
  std::string_view action;
  std::string_view resource;
  const json::value* arguments = nullptr;  // as the server will see them, in full
  std::string_view policy_revision;
  UnixMs expires_ms = 0;
};

// Hex SHA-256 over the canonical JSON (RFC 8785) of the above.
std::string action_digest(const BoundAct& act);

// pending → approved → consumed, or pending → denied | expired | withdrawn | lapsed, or approved → expired | withdrawn | lapsed.
enum class ApprovalState : std::uint8_t { kPending, kApproved, kConsumed, kDenied, kExpired, kWithdrawn, kLapsed };
std::string_view state_name(ApprovalState state);
std::optional<ApprovalState> state_from_name(std::string_view name);
bool is_open(ApprovalState state);  // pending or approved
bool may_follow(ApprovalState from, ApprovalState to);

// Where a decision came from.
enum class Channel : std::uint8_t {
  kNone,         // nobody decided: expiry, withdrawal, lapse
  kAdminSocket,  // a process of the owner, checked by peer credentials
  kElicitation,  // the agent's own client; counts as a yes only where the configuration says so
};
std::string_view channel_name(Channel channel);

struct ApprovalRequest {
  std::string digest;  // action_digest() of the act
  std::string subject;
  std::string owner;
  std::string client;  // self-reported
  std::string task;
  std::string server;
  std::string operation;
  std::string target;
  std::string action;
  std::string resource;         // Type::"id"
  json::value arguments;        // as the ledger may hold them: what is stored
  json::value shown_arguments;  // what the human judges by. In memory of the gate that holds the act alone; null: `arguments`
  model::Band band = model::Band::kSensitive;
  std::string reason;  // why a human is asked
  std::vector<std::string> policies;
  std::string policy_revision;
  UnixMs expires_ms = 0;
  int client_pid = -1;  // the process that asked, where the kernel told; it and its descendants cannot approve
};

struct Approval {
  std::string id;  // six characters of Crockford's base32, lower case: "k7m3xp"
  ApprovalRequest request;
  UnixMs requested_ms = 0;
  ApprovalState state = ApprovalState::kPending;
  ProcessMark holder;  // the gate that holds the act
  std::string place;   // ProcessTable::place() of the holder
  ProcessMark client;
  // Of the decision, or of the end without one.
  UnixMs decided_ms = 0;
  Channel channel = Channel::kNone;
  std::string approver;  // "alice (uid 1000, pid 4711 interlock)"
  std::string decision_reason;
};

// As it is stored.
json::object to_json(const Approval& approval);
// As the human sees it: with `shown_arguments` in place of `arguments`.
json::object to_json_for_approver(const Approval& approval);
Result<Approval> approval_from_json(const json::value& document);

// An id as a person may type it: case, surrounding blanks and the look-alikes o, i, l are forgiven. Empty where it cannot be one.
std::string normalize_id(std::string_view typed);

}  // namespace interlock::approval
