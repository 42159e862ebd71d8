#include "approval/record.hpp"

#include <array>

#include "base/hash.hpp"

namespace interlock::approval {
namespace {

constexpr int kFormat = 1;
constexpr std::size_t kIdCharacters = 6;

struct StateName {
  ApprovalState state;
  std::string_view name;
};
constexpr std::array<StateName, 7> kStates = {{{ApprovalState::kPending, "pending"},
                                               {ApprovalState::kApproved, "approved"},
                                               {ApprovalState::kConsumed, "consumed"},
                                               {ApprovalState::kDenied, "denied"},
                                               {ApprovalState::kExpired, "expired"},
                                               {ApprovalState::kWithdrawn, "withdrawn"},
                                               {ApprovalState::kLapsed, "lapsed"}}};

json::value mark_json(const ProcessMark& mark) { return json::object{{"pid", mark.pid}, {"start", mark.start_ticks}}; }

ProcessMark mark_from(const json::object& o, std::string_view key) {
  ProcessMark mark;
  if (const auto* inner = json::object_at(o, key)) {
    mark.pid = static_cast<int>(json::int_at(*inner, "pid").value_or(-1));
    if (const auto* start = json::find(*inner, "start")) {
      if (start->is_uint64()) mark.start_ticks = start->get_uint64();
      if (start->is_int64() && start->get_int64() > 0) mark.start_ticks = static_cast<std::uint64_t>(start->get_int64());
    }
  }
  return mark;
}

std::string text_or_empty(const json::object& o, std::string_view key) { return std::string(json::string_at(o, key).value_or("")); }

}  // namespace

std::string action_digest(const BoundAct& act) {
  json::object o;
  o["v"] = kFormat;
  o["subject"] = act.subject;
  o["task"] = act.task;
  o["server"] = act.server;
  o["operation"] = act.operation;
  o["target"] = act.target;
  o["action"] = act.action;
  o["resource"] = act.resource;
  o["arguments"] = act.arguments != nullptr ? *act.arguments : json::value();
  o["policy_revision"] = act.policy_revision;
  o["expires_ms"] = act.expires_ms;
  return to_hex(sha256(json::write_canonical(o)));
}

std::string_view state_name(ApprovalState state) {
  for (const auto& entry : kStates) {
    if (entry.state == state) return entry.name;
  }
  return "lapsed";
}

std::optional<ApprovalState> state_from_name(std::string_view name) {
  for (const auto& entry : kStates) {
    if (entry.name == name) return entry.state;
  }
  return std::nullopt;
}

bool is_open(ApprovalState state) { return state == ApprovalState::kPending || state == ApprovalState::kApproved; }

bool may_follow(ApprovalState from, ApprovalState to) {
  switch (to) {
    case ApprovalState::kPending: return false;
    case ApprovalState::kApproved:
    case ApprovalState::kDenied: return from == ApprovalState::kPending;
    case ApprovalState::kConsumed: return from == ApprovalState::kApproved;
    case ApprovalState::kExpired:
    case ApprovalState::kWithdrawn:
    case ApprovalState::kLapsed: return is_open(from);
  }
  return false;
}

std::string_view channel_name(Channel channel) {
  switch (channel) {
    case Channel::kNone: return "none";
    case Channel::kAdminSocket: return "admin_socket";
    case Channel::kElicitation: return "elicitation";
  }
  return "none";
}

json::object to_json(const Approval& approval) {
  const ApprovalRequest& r = approval.request;
  json::object o;
  o["v"] = kFormat;
  o["id"] = approval.id;
  o["state"] = state_name(approval.state);
  o["digest"] = r.digest;
  o["subject"] = r.subject;
  o["owner"] = r.owner;
  o["client"] = r.client;
  o["task"] = r.task;
  o["server"] = r.server;
  o["operation"] = r.operation;
  o["target"] = r.target;
  o["action"] = r.action;
  o["resource"] = r.resource;
  o["arguments"] = r.arguments;
  o["band"] = static_cast<int>(r.band);
  o["reason"] = r.reason;
  json::array policies;
  for (const auto& id : r.policies) policies.push_back(json::value(id));
  o["policies"] = std::move(policies);
  o["policy_revision"] = r.policy_revision;
  o["requested_at"] = rfc3339(approval.requested_ms);
  o["expires_at"] = rfc3339(r.expires_ms);
  o["requested_ms"] = approval.requested_ms;
  o["expires_ms"] = r.expires_ms;
  o["holder"] = mark_json(approval.holder);
  o["place"] = approval.place;
  o["client_process"] = mark_json(approval.client);
  if (approval.decided_ms != 0) {
    o["decided_at"] = rfc3339(approval.decided_ms);
    o["decided_ms"] = approval.decided_ms;
    o["channel"] = channel_name(approval.channel);
    o["approver"] = approval.approver;
    o["decision_reason"] = approval.decision_reason;
  }
  return o;
}

json::object to_json_for_approver(const Approval& approval) {
  auto out = to_json(approval);
  if (!approval.request.shown_arguments.is_null()) out["arguments"] = approval.request.shown_arguments;
  return out;
}

Result<Approval> approval_from_json(const json::value& document) {
  const auto* o = document.if_object();
  if (o == nullptr || json::int_at(*o, "v") != kFormat)
    return fail(ErrorCode::kInvalid, "the record of an approval is not of a known format");
  Approval approval;
  approval.id = text_or_empty(*o, "id");
  const auto state = state_from_name(text_or_empty(*o, "state"));
  const auto requested = json::int_at(*o, "requested_ms");
  const auto expires = json::int_at(*o, "expires_ms");
  if (normalize_id(approval.id) != approval.id || approval.id.empty() || !state || !requested || !expires) {
    return fail(ErrorCode::kInvalid, "the record of an approval is damaged");
  }
  approval.state = *state;
  approval.requested_ms = *requested;
  ApprovalRequest& r = approval.request;
  r.expires_ms = *expires;
  r.digest = text_or_empty(*o, "digest");
  r.subject = text_or_empty(*o, "subject");
  r.owner = text_or_empty(*o, "owner");
  r.client = text_or_empty(*o, "client");
  r.task = text_or_empty(*o, "task");
  r.server = text_or_empty(*o, "server");
  r.operation = text_or_empty(*o, "operation");
  r.target = text_or_empty(*o, "target");
  r.action = text_or_empty(*o, "action");
  r.resource = text_or_empty(*o, "resource");
  if (const auto* arguments = json::find(*o, "arguments")) r.arguments = *arguments;
  const auto band = json::int_at(*o, "band").value_or(3);
  r.band = band >= 0 && band <= 3 ? static_cast<model::Band>(band) : model::Band::kCritical;
  r.reason = text_or_empty(*o, "reason");
  if (const auto* policies = json::array_at(*o, "policies")) {
    for (const auto& id : *policies) {
      if (id.is_string()) r.policies.emplace_back(json::view(id.get_string()));
    }
  }
  r.policy_revision = text_or_empty(*o, "policy_revision");
  approval.holder = mark_from(*o, "holder");
  approval.place = text_or_empty(*o, "place");
  approval.client = mark_from(*o, "client_process");
  r.client_pid = approval.client.pid;
  approval.decided_ms = json::int_at(*o, "decided_ms").value_or(0);
  const auto channel = text_or_empty(*o, "channel");
  approval.channel = channel == "admin_socket" ? Channel::kAdminSocket : channel == "elicitation" ? Channel::kElicitation : Channel::kNone;
  approval.approver = text_or_empty(*o, "approver");
  approval.decision_reason = text_or_empty(*o, "decision_reason");
  return approval;
}

std::string normalize_id(std::string_view typed) {
  static constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  while (!typed.empty() && (typed.front() == ' ' || typed.front() == '\t')) typed.remove_prefix(1);
  while (!typed.empty() && (typed.back() == ' ' || typed.back() == '\t' || typed.back() == '\n')) typed.remove_suffix(1);
  if (typed.size() != kIdCharacters) return {};
  std::string out;
  for (char c : typed) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == 'o') c = '0';
    if (c == 'i' || c == 'l') c = '1';
    if (kAlphabet.find(c) == std::string_view::npos) return {};
    out += c;
  }
  return out;
}

}  // namespace interlock::approval
