// A lease as text: what stands in the store and what `lease list` shows. No secret is part of it.
#include "credential/lease_book.hpp"

namespace interlock::credential {
namespace {

constexpr std::int64_t kVersion = 1;

std::optional<LeaseState> state_from(std::string_view name) {
  for (const auto state : {LeaseState::kPlanned, LeaseState::kLive, LeaseState::kRevoking, LeaseState::kRevoked, LeaseState::kExpired}) {
    if (lease_state_name(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace

std::string_view lease_state_name(LeaseState state) {
  switch (state) {
    case LeaseState::kPlanned: return "planned";
    case LeaseState::kLive: return "live";
    case LeaseState::kRevoking: return "revoking";
    case LeaseState::kRevoked: return "revoked";
    case LeaseState::kExpired: return "expired";
  }
  return "revoking";
}

std::string_view lease_change_name(LeaseChange change) {
  switch (change) {
    case LeaseChange::kMinted: return "minted";
    case LeaseChange::kUsed: return "used";
    case LeaseChange::kRenewed: return "renewed";
    case LeaseChange::kRevoked: return "revoked";
    case LeaseChange::kExpired: return "expired";
    case LeaseChange::kFailed: return "failed";
    case LeaseChange::kAlarm: return "alarm";
  }
  return "failed";
}

json::object to_json(const LeaseRecord& record) {
  json::object o{{"id", record.id},
                 {"credential", record.credential},
                 {"broker", record.broker},
                 {"task", record.task},
                 {"subject", record.subject},
                 {"act", record.act},
                 {"gate", record.gate},
                 {"band", static_cast<int>(record.band)},
                 {"grant", record.grant},
                 {"handle", record.handle},
                 {"shared", record.shared},
                 {"minted", record.minted},
                 {"state", lease_state_name(record.state)},
                 {"planned_ms", record.planned_ms},
                 {"expires_ms", record.expires_ms},
                 {"uses", record.uses}};
  if (record.ending_ms != 0) o["ending_ms"] = record.ending_ms;
  if (record.ended_ms != 0) o["ended_ms"] = record.ended_ms;
  if (!record.end_reason.empty()) o["end_reason"] = record.end_reason;
  if (record.attempts != 0) o["attempts"] = record.attempts;
  if (record.next_try_ms != 0) o["next_try_ms"] = record.next_try_ms;
  if (!record.trouble.empty()) o["trouble"] = record.trouble;
  return o;
}

std::string lease_text(const LeaseRecord& record) {
  auto o = to_json(record);
  o["version"] = kVersion;
  return json::write(o);
}

Result<LeaseRecord> lease_from(std::string_view text) {
  auto document = json::parse(text);
  if (!document) return fail(std::move(document.error()));
  const auto* o = document->if_object();
  if (o == nullptr || json::int_at(*o, "version") != kVersion)
    return fail(ErrorCode::kUnsupported, "a lease in the store was written by another version of the gate",
                "use one version on a state folder");
  const auto string = [&](std::string_view key) { return std::string(json::string_at(*o, key).value_or("")); };
  const auto number = [&](std::string_view key) { return json::int_at(*o, key).value_or(0); };
  const auto state = state_from(string("state"));
  const auto band = json::int_at(*o, "band").value_or(-1);
  LeaseRecord record;
  record.id = string("id");
  if (!state || record.id.empty() || band < 0 || band > static_cast<int>(model::Band::kCritical))
    return fail(ErrorCode::kInvalid, "a lease in the store is damaged", "restore the state folder from a copy");
  record.state = *state;
  record.band = static_cast<model::Band>(band);
  record.credential = string("credential");
  record.broker = string("broker");
  record.task = string("task");
  record.subject = string("subject");
  record.act = string("act");
  record.gate = string("gate");
  record.grant = string("grant");
  if (const auto* handle = json::object_at(*o, "handle")) record.handle = *handle;
  record.shared = json::bool_at(*o, "shared");
  record.minted = json::bool_at(*o, "minted");
  record.planned_ms = number("planned_ms");
  record.expires_ms = number("expires_ms");
  record.ending_ms = number("ending_ms");
  record.ended_ms = number("ended_ms");
  record.uses = number("uses");
  record.end_reason = string("end_reason");
  record.attempts = static_cast<int>(number("attempts"));
  record.next_try_ms = number("next_try_ms");
  record.trouble = string("trouble");
  return record;
}

}  // namespace interlock::credential
