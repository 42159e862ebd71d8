// How tasks end: intent, receipt, record, in this order, so that whoever finds one half done knows what is left to do.
#include <algorithm>

#include "task/book_state.hpp"

namespace interlock::task {
namespace {

// Ended tasks and stopped sessions that are remembered, so that a late act is told why.
constexpr std::size_t kRemembered = 4096;
constexpr std::string_view kExpired = "expired";

}  // namespace

void TaskBook::State::remember_end(const TaskRecord& record) {
  if (ended_order.size() >= kRemembered) {
    ended.erase(ended_order.front());
    ended_order.pop_front();
  }
  if (!ended.emplace(record.id, std::pair(record.end_reason == kExpired, record.end_reason)).second) return;
  ended_order.push_back(record.id);
}

void TaskBook::State::remember_stop(SessionKey key, std::string_view reason) {
  if (!stopped.emplace(key, std::string(reason)).second) return;
  stopped_order.push_back(std::move(key));
  if (stopped_order.size() > kRemembered) {
    stopped.erase(stopped_order.front());
    stopped_order.pop_front();
  }
}

void TaskBook::State::stop_sessions(const OpenTask& task) {
  if (task.record.started_by != StartedBy::kOwner) return;
  for (const auto& session : task.sessions) remember_stop({task.record.subject, session}, task.record.end_reason);
}

void TaskBook::State::forget_stop(std::string_view subject, std::string_view session) {
  const auto it = stopped.find(SessionView{subject, session});
  if (it == stopped.end()) return;
  stopped.erase(it);
  std::erase_if(stopped_order, [&](const SessionKey& key) { return key.subject == subject && key.session == session; });
}

std::vector<std::string> TaskBook::State::with_children(const std::vector<OpenTask*>& roots) const {
  std::vector<OpenTask*> all;
  const auto take = [&](const auto& self, OpenTask* task) -> void {
    for (auto* child : task->children) self(self, child);
    if (std::find(all.begin(), all.end(), task) == all.end()) all.push_back(task);
  };
  if (roots.size() == 1) {
    take(take, roots.front());
  } else {
    // Each once: what stands below another root comes with it.
    const std::set<const OpenTask*> wanted(roots.begin(), roots.end());
    for (auto* root : roots) {
      const auto* above = root->parent;
      while (above != nullptr && !wanted.contains(above)) above = above->parent;
      if (above != nullptr) continue;
      if (root->children.empty()) all.push_back(root);
      else take(take, root);
    }
  }
  std::vector<std::string> ids;
  ids.reserve(all.size());
  for (const auto* task : all) ids.push_back(task->record.id);
  return ids;
}

bool TaskBook::State::store_intent(OpenTask& task, store::Store& through, UnixMs now_ms) {
  for (int i = 0; i < 2; ++i) {
    auto written = through.compare_and_set(kOpenBucket, task.record.id, record_text(task.record), task.revision);
    if (written) {
      task.revision = *written;
      task.intent_stored = true;
      moved(*written);
      return true;
    }
    if (written.error().code != ErrorCode::kConflict) break;
    auto entry = through.get(kOpenBucket, task.record.id);
    if (!entry) break;
    if (!*entry) return false;  // another gate ended it: the next reading tells
    auto now = record_from((*entry)->value);
    if (!now) break;
    task.revision = (*entry)->revision;
    if (now->state != TaskState::kOpen) {
      task.record = std::move(*now);
      task.intent_stored = true;
      return false;
    }
    // Another gate changed it meanwhile. What was to end for its time alone may have been given more.
    if (task.record.end_reason == kExpired && now->expires_ms > now_ms) {
      task.record = std::move(*now);
      recompute(task);
      return false;
    }
    const auto ending = std::move(task.record);
    task.record = std::move(*now);
    task.record.state = ending.state;
    task.record.end_reason = ending.end_reason;
    task.record.ended_by = ending.ended_by;
    task.record.killed = ending.killed;
    task.record.ended_ms = ending.ended_ms;
    task.record.ending_gate = ending.ending_gate;
  }
  unfinished.insert(task.record.id);
  return false;
}

// The receipt, and the record's way to the ended ones. `look_first`: a gate that died may have written the receipt.
void TaskBook::State::finish(OpenTask& task, UnixMs now_ms, bool look_first) {
  const auto later = [&] { unfinished.insert(task.record.id); };
  bool recorded = false;
  if (look_first && hooks.recorded_ends) {
    const auto known = hooks.recorded_ends({task.record.id});
    if (!known) return later();
    recorded = !known->empty();
  }
  if (!recorded && hooks.record) {
    const TaskEvent event{
        .change = TaskChange::kEnded, .task = task.record, .calls = task.calls + task.calls_elsewhere, .at_ms = task.record.ended_ms};
    if (!hooks.record(event)) return later();
  }
  if (task.is_implicit()) {
    if (!parts.quick->remove(kSessionBucket, task.record.gate + "/" + task.record.id)) return later();
  } else {
    auto record = task.record;
    record.state = TaskState::kEnded;
    if (!parts.quick->put(kEndedBucket, record.id, record_text(record))) return later();
    if (!parts.quick->remove(kOpenBucket, record.id)) return later();
    if (const auto latest = parts.quick->latest(kOpenBucket)) moved(*latest);
    budgets.forget(record.id, *parts.quick);
  }
  (void)now_ms;
  remember_end(task.record);
  drop(task);
}

std::size_t TaskBook::State::end_all(const std::vector<std::string>& ids, const Ending& ending, UnixMs now_ms) {
  std::vector<OpenTask*> ending_now;
  std::size_t shared = 0;
  for (const auto& id : ids) {
    auto* task = find(id);
    if (task == nullptr || !task->is_open()) continue;
    by_expiry.erase({task->view.expires_ms, id});
    task->record.state = TaskState::kEnding;
    task->record.end_reason = ending.reason;
    task->record.ended_by = ending.by;
    task->record.killed = ending.killed;
    task->record.ended_ms = now_ms;
    task->record.ending_gate = parts.presence->own();
    ending_now.push_back(task);
    stop_sessions(*task);
    if (!task->is_implicit()) ++shared;
  }
  // From here on nothing is admitted. The last intent waits for the disk, and takes the others along.
  std::vector<std::string> ready;
  for (auto* task : ending_now) {
    if (task->is_implicit()) {
      ready.push_back(task->record.id);
      continue;
    }
    auto& through = --shared == 0 ? *parts.store : *parts.quick;
    if (store_intent(*task, through, now_ms)) ready.push_back(task->record.id);
  }
  if (hooks.on_end) {
    for (const auto* task : ending_now) hooks.on_end(task->record);
  }
  for (const auto& id : ready) {
    if (auto* task = find(id)) finish(*task, now_ms, false);
  }
  return ending_now.size();
}

void TaskBook::State::expire_due(UnixMs now_ms) {
  std::vector<OpenTask*> due;
  for (const auto& [at_ms, id] : by_expiry) {
    if (at_ms > now_ms) break;
    due.push_back(find(id));
  }
  if (!due.empty()) end_all(with_children(due), {.by = {}, .reason = kExpired}, now_ms);
}

// Other gates' beats count: they are read before a task is given up.
bool TaskBook::State::heartbeat_missed(OpenTask& task, UnixMs now_ms) {
  if (task.last_beat_ms + task.record.heartbeat_ms > now_ms) return false;
  read_uses();
  return task.last_beat_ms + task.record.heartbeat_ms <= now_ms;
}

void TaskBook::State::check_heartbeats(UnixMs now_ms) {
  std::vector<OpenTask*> missed;
  while (!by_heartbeat.empty() && by_heartbeat.begin()->first <= now_ms) {
    const auto id = by_heartbeat.begin()->second;
    by_heartbeat.erase(by_heartbeat.begin());
    auto* task = find(id);
    if (task == nullptr || !task->is_open()) continue;
    if (heartbeat_missed(*task, now_ms)) missed.push_back(task);
    else by_heartbeat.emplace(task->last_beat_ms + task->record.heartbeat_ms, id);
  }
  if (!missed.empty()) end_all(with_children(missed), {.by = {}, .reason = "no heartbeat"}, now_ms);
}

Status TaskBook::end(std::string_view id, const Ending& ending, UnixMs now_ms) {
  auto& s = *state_;
  auto* task = s.find(id);
  if (task == nullptr) {
    if (auto fresh = s.reread(now_ms); !fresh) return fresh;
    task = s.find(id);
  }
  if (task == nullptr || !task->is_open())
    return fail(ErrorCode::kNotFound, "no open task has the id " + std::string(id.substr(0, kNameBytes)), "see `interlock task list`");
  if (task->is_implicit()) s.remember_stop({task->record.subject, task->record.session}, ending.reason);
  s.end_all(s.with_children({task}), ending, now_ms);
  const auto* left = s.find(id);
  if (left != nullptr && !left->is_implicit() && !left->intent_stored)
    return fail(ErrorCode::kIo, "the end of task " + left->record.id + " holds in this gate alone: it could not be stored",
                "mend the state folder");
  return {};
}

void TaskBook::end_session(std::string_view subject, std::string_view session, UnixMs now_ms) {
  auto& s = *state_;
  s.forget_stop(subject, session);
  if (const auto it = s.sessions.find(SessionView{subject, session}); it != s.sessions.end())
    s.end_all({it->second->record.id}, {.by = {}, .reason = "session ended"}, now_ms);
}

std::size_t TaskBook::end_where(const std::function<bool(const TaskRecord&)>& which, const Ending& ending, UnixMs now_ms) {
  auto& s = *state_;
  std::vector<OpenTask*> roots;
  for (const auto& [id, task] : s.tasks) {
    if (task->is_open() && which(task->record)) roots.push_back(task.get());
  }
  return s.end_all(s.with_children(roots), ending, now_ms);
}

void TaskBook::close(std::string_view reason, UnixMs now_ms) {
  end_where([](const TaskRecord& record) { return record.started_by == StartedBy::kSession; }, {.by = {}, .reason = reason}, now_ms);
  state_->write_uses(now_ms);
}

}  // namespace interlock::task
