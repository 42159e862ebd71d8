// The book as it is shown: rows for people, JSON for machines.
#include <algorithm>

#include "base/hash.hpp"
#include "base/money.hpp"
#include "task/book_state.hpp"

namespace interlock::task {
namespace {

constexpr std::size_t kMarkBytes = 12;  // of the hash that stands for a session: its id is a credential

}  // namespace

json::object to_json(const TaskView& view) {
  const auto& record = view.record;
  json::object o{{"id", record.id},
                 {"state", task_state_name(record.state)},
                 {"started_by", started_by_name(record.started_by)},
                 {"by", record.by},
                 {"subject", record.subject},
                 {"owner", record.owner},
                 {"purpose", record.purpose},
                 {"band_ceiling", static_cast<int>(record.band_ceiling)},
                 {"started", rfc3339(record.started_ms)},
                 {"expires", rfc3339(record.expires_ms)},
                 {"calls", view.calls},
                 {"calls_last_minute", view.calls_last_minute}};
  if (!record.parent.empty()) o["parent"] = record.parent;
  json::array scope;
  for (const auto& text : record.scope) scope.emplace_back(text);
  if (!scope.empty()) o["scope"] = std::move(scope);
  if (record.budget.calls) o["calls_budget"] = *record.budget.calls;
  if (record.budget.spend_micros) {
    o["spend_budget"] = money_text(*record.budget.spend_micros);
    o["spent"] = money_text(view.spent_micros);
  }
  if (record.heartbeat_ms != 0) {
    o["heartbeat_s"] = record.heartbeat_ms / 1000;
    o["last_heartbeat"] = rfc3339(view.last_beat_ms);
  }
  json::array sessions;
  for (const auto& mark : view.sessions) sessions.emplace_back(mark);
  if (!sessions.empty()) o["sessions"] = std::move(sessions);
  json::array children;
  for (const auto& child : view.children) children.emplace_back(child);
  if (!children.empty()) o["children"] = std::move(children);
  if (record.state != TaskState::kOpen) {
    o["end_reason"] = record.end_reason;
    if (!record.ended_by.empty()) o["ended_by"] = record.ended_by;
    o["ended"] = rfc3339(record.ended_ms);
  }
  return o;
}

TaskView TaskBook::State::view_of(const OpenTask& task, UnixMs now_ms) const {
  TaskView view;
  view.record = task.record;
  view.record.expires_ms = task.view.expires_ms;
  view.record.band_ceiling = task.view.band_ceiling;
  view.calls = task.calls + task.calls_elsewhere;
  view.calls_last_minute = task.minute.at(now_ms);
  view.last_beat_ms = task.last_beat_ms;
  if (task.record.budget.spend_micros) {
    if (const auto used = budgets.used(task.record.id)) view.spent_micros = used->spend_micros;
  }
  if (task.is_implicit()) view.sessions.push_back(to_hex(sha256(task.record.session)).substr(0, kMarkBytes));
  for (const auto& session : task.sessions) view.sessions.push_back(to_hex(sha256(session)).substr(0, kMarkBytes));
  for (const auto* child : task.children) view.children.push_back(child->record.id);
  return view;
}

std::optional<model::Task> TaskBook::view(std::string_view id, UnixMs now_ms) const {
  const auto* task = state_->find(id);
  if (task == nullptr) return std::nullopt;
  model::Task view = task->view;
  view.calls = task->calls + task->calls_elsewhere;
  view.calls_last_minute = task->minute.at(now_ms);
  return view;
}

bool TaskBook::is_within(std::string_view id, std::string_view ancestor) const {
  if (id == ancestor) return true;
  const auto* task = state_->find(id);
  const auto* above = state_->find(ancestor);
  return task != nullptr && above != nullptr && task->is_within(*above);
}

std::optional<TaskView> TaskBook::find(std::string_view id, UnixMs now_ms) const {
  if (const auto* task = state_->find(id)) return state_->view_of(*task, now_ms);
  if (id.empty() || id.size() > kNameBytes) return std::nullopt;
  const auto entry = state_->parts.quick->get(kEndedBucket, id);
  if (!entry || !*entry) return std::nullopt;
  auto record = record_from((*entry)->value);
  if (!record) return std::nullopt;
  TaskView view;
  view.record = std::move(*record);
  return view;
}

std::vector<TaskView> TaskBook::list(UnixMs now_ms, bool with_ended) const {
  std::vector<TaskView> out;
  for (const auto& [id, task] : state_->tasks) out.push_back(state_->view_of(*task, now_ms));
  std::string after;
  while (with_ended) {
    const auto page = state_->parts.quick->scan(kEndedBucket, "", kStorePage, after);
    if (!page) break;
    for (const auto& entry : *page) {
      auto record = record_from(entry.value);
      if (!record || state_->tasks.contains(record->id)) continue;
      out.emplace_back();
      out.back().record = std::move(*record);
    }
    if (page->size() < kStorePage) break;
    after = page->back().key;
  }
  std::sort(out.begin(), out.end(), [](const TaskView& a, const TaskView& b) {
    return std::tie(a.record.started_ms, a.record.id) < std::tie(b.record.started_ms, b.record.id);
  });
  return out;
}

std::size_t TaskBook::started_by(std::string_view agent) const {
  return static_cast<std::size_t>(std::count_if(state_->tasks.begin(), state_->tasks.end(), [&](const auto& entry) {
    const auto& record = entry.second->record;
    return record.started_by == StartedBy::kAgent && record.by == agent;
  }));
}

std::size_t TaskBook::size() const { return state_->tasks.size(); }

}  // namespace interlock::task
