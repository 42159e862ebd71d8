#include "task/record.hpp"

namespace interlock::task {
namespace {

constexpr std::int64_t kVersion = 1;

Result<StartedBy> started_by_from(std::string_view name) {
  for (const auto by : {StartedBy::kSession, StartedBy::kAgent, StartedBy::kOwner}) {
    if (started_by_name(by) == name) return by;
  }
  return fail(ErrorCode::kInvalid, "a task was started by somebody unknown");
}

Result<TaskState> state_from(std::string_view name) {
  for (const auto state : {TaskState::kOpen, TaskState::kEnding, TaskState::kEnded}) {
    if (task_state_name(state) == name) return state;
  }
  return fail(ErrorCode::kInvalid, "a task is in an unknown state");
}

}  // namespace

std::string_view started_by_name(StartedBy by) {
  switch (by) {
    case StartedBy::kSession: return "session";
    case StartedBy::kAgent: return "agent";
    case StartedBy::kOwner: return "owner";
  }
  return "session";
}

std::string_view task_state_name(TaskState state) {
  switch (state) {
    case TaskState::kOpen: return "open";
    case TaskState::kEnding: return "ending";
    case TaskState::kEnded: return "ended";
  }
  return "ended";
}

std::string record_text(const TaskRecord& record) {
  json::object o{{"version", kVersion},
                 {"id", record.id},
                 {"started_by", started_by_name(record.started_by)},
                 {"by", record.by},
                 {"subject", record.subject},
                 {"owner", record.owner},
                 {"purpose", record.purpose},
                 {"parent", record.parent},
                 {"session", record.session},
                 {"gate", record.gate},
                 {"band_ceiling", static_cast<int>(record.band_ceiling)},
                 {"started_ms", record.started_ms},
                 {"expires_ms", record.expires_ms},
                 {"heartbeat_ms", record.heartbeat_ms},
                 {"acts_are_heartbeats", record.acts_are_heartbeats},
                 {"state", task_state_name(record.state)},
                 {"end_reason", record.end_reason},
                 {"ended_by", record.ended_by},
                 {"killed", record.killed},
                 {"ended_ms", record.ended_ms},
                 {"ending_gate", record.ending_gate}};
  json::array scope;
  for (const auto& text : record.scope) scope.emplace_back(text);
  o["scope"] = std::move(scope);
  if (record.budget.calls) o["calls"] = *record.budget.calls;
  if (record.budget.spend_micros) o["spend_micros"] = *record.budget.spend_micros;
  return json::write(o);
}

Result<TaskRecord> record_from(std::string_view text) {
  auto document = json::parse(text);
  if (!document) return fail(std::move(document.error()));
  const auto* o = document->if_object();
  if (o == nullptr || json::int_at(*o, "version") != kVersion)
    return fail(ErrorCode::kUnsupported, "a task in the store was written by another version of the gate",
                "use one version on a state folder");
  TaskRecord record;
  const auto string = [&](std::string_view key) { return std::string(json::string_at(*o, key).value_or("")); };
  const auto number = [&](std::string_view key) { return json::int_at(*o, key).value_or(0); };
  auto by = started_by_from(string("started_by"));
  auto state = state_from(string("state"));
  if (!by) return fail(std::move(by.error()));
  if (!state) return fail(std::move(state.error()));
  record.started_by = *by;
  record.state = *state;
  record.id = string("id");
  record.by = string("by");
  record.subject = string("subject");
  record.owner = string("owner");
  record.purpose = string("purpose");
  record.parent = string("parent");
  record.session = string("session");
  record.gate = string("gate");
  record.started_ms = number("started_ms");
  record.expires_ms = number("expires_ms");
  record.heartbeat_ms = number("heartbeat_ms");
  record.acts_are_heartbeats = json::bool_at(*o, "acts_are_heartbeats", true);
  record.end_reason = string("end_reason");
  record.ended_by = string("ended_by");
  record.killed = json::bool_at(*o, "killed");
  record.ended_ms = number("ended_ms");
  record.ending_gate = string("ending_gate");
  record.budget.calls = json::int_at(*o, "calls");
  record.budget.spend_micros = json::int_at(*o, "spend_micros");
  const auto ceiling = json::int_at(*o, "band_ceiling").value_or(-1);
  const auto* scope = json::array_at(*o, "scope");
  if (record.id.empty() || ceiling < 0 || ceiling > static_cast<int>(model::Band::kCritical) || scope == nullptr)
    return fail(ErrorCode::kInvalid, "a task in the store is damaged");
  record.band_ceiling = static_cast<model::Band>(ceiling);
  for (const auto& part : *scope) {
    // A part that is lost would widen the scope, or lift it.
    if (!part.is_string()) return fail(ErrorCode::kInvalid, "the scope of a task in the store is damaged");
    record.scope.emplace_back(json::view(part.get_string()));
  }
  return record;
}

}  // namespace interlock::task
