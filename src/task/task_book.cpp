#include "task/task_book.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "task/book_state.hpp"
#include "task/scope.hpp"

namespace interlock::task {
namespace {

constexpr std::size_t kSessionsKept = 256;

std::string scope_key_of(const std::vector<std::string>& texts) {
  if (texts.empty()) return {};
  std::string all;
  for (const auto& text : texts) all += std::to_string(text.size()) + ":" + text;
  return to_hex(sha256(all));
}

std::string band_text(model::Band band) { return std::to_string(static_cast<int>(band)); }

std::unexpected<Error> wider(std::string what, const std::string& parent) {
  return fail(ErrorCode::kDenied, std::move(what) + " than its parent " + parent + " has",
              "a child task can only narrow: ask for less, or for more of the parent");
}

}  // namespace

// ---- the tasks in memory ----------------------------------------------------------------------------------------------------

OpenTask* TaskBook::State::find(std::string_view id) {
  const auto it = tasks.find(id);
  return it == tasks.end() ? nullptr : it->second.get();
}

OpenTask& TaskBook::State::add(TaskRecord record, store::Revision revision) {
  auto task = std::make_unique<OpenTask>();
  auto& added = *task;
  added.record = std::move(record);
  added.revision = revision;
  added.last_beat_ms = added.record.started_ms;
  added.intent_stored = added.record.state == TaskState::kEnding;
  added.view.id = added.record.id;
  added.view.purpose = added.record.purpose;
  added.view.started_ms = added.record.started_ms;
  tasks.emplace(added.record.id, std::move(task));
  ++per_subject[added.record.subject];
  if (added.is_implicit()) sessions.emplace(SessionKey{added.record.subject, added.record.session}, &added);
  return added;
}

// Hangs the task below its parent and where it is found from; the parent must be there.
void TaskBook::State::link(OpenTask& task) {
  task.parent = task.record.parent.empty() ? nullptr : find(task.record.parent);
  if (task.parent != nullptr) task.parent->children.push_back(&task);
  recompute(task);
  if (task.record.heartbeat_ms != 0) by_heartbeat.emplace(task.last_beat_ms + task.record.heartbeat_ms, task.record.id);
  if (task.record.started_by != StartedBy::kOwner) return;
  for (const auto* above = task.parent; above != nullptr; above = above->parent) {
    if (above->record.started_by == StartedBy::kOwner && above->record.subject == task.record.subject) return;
  }
  started_for[task.record.subject].push_back(&task);
}

void TaskBook::State::recompute(OpenTask& task) {
  by_expiry.erase({task.view.expires_ms, task.record.id});
  task.scope_key = scope_key_of(task.record.scope);
  task.view.band_ceiling = task.record.band_ceiling;
  task.view.expires_ms = task.record.expires_ms;
  if (task.parent == nullptr && !task.record.parent.empty()) task.view.expires_ms = 0;  // what bound it is gone: nothing is admitted
  if (task.parent != nullptr) {
    task.view.band_ceiling = std::min(task.view.band_ceiling, task.parent->view.band_ceiling);
    task.view.expires_ms = std::min(task.view.expires_ms, task.parent->view.expires_ms);
  }
  if (task.is_open()) by_expiry.emplace(task.view.expires_ms, task.record.id);
  for (auto* child : task.children) recompute(*child);
}

void TaskBook::State::drop(OpenTask& task) {
  by_expiry.erase({task.view.expires_ms, task.record.id});
  std::erase_if(by_heartbeat, [&](const auto& due) { return due.second == task.record.id; });
  unfinished.erase(task.record.id);
  if (task.is_implicit()) {
    const auto it = sessions.find(SessionView{task.record.subject, task.record.session});
    if (it != sessions.end() && it->second == &task) sessions.erase(it);
  }
  if (const auto it = started_for.find(task.record.subject); it != started_for.end()) {
    std::erase(it->second, &task);
    if (it->second.empty()) started_for.erase(it);
  }
  if (const auto it = per_subject.find(task.record.subject); it != per_subject.end() && --it->second == 0) per_subject.erase(it);
  if (task.parent != nullptr) std::erase(task.parent->children, &task);
  for (auto* child : task.children) {
    child->parent = nullptr;
    if (!child->is_open()) continue;
    orphans.insert(child->record.id);
    recompute(*child);
  }
  tasks.erase(tasks.find(task.record.id));
}

// ---- opening ----------------------------------------------------------------------------------------------------------------

Result<std::unique_ptr<TaskBook>> TaskBook::open(TaskParts parts, TaskOptions options, UnixMs now_ms) {
  std::unique_ptr<TaskBook> book(new TaskBook());
  book->state_ = std::make_unique<State>(parts, options);
  if (auto loaded = book->state_->load(now_ms); !loaded) return fail(std::move(loaded.error()));
  return book;
}

TaskBook::~TaskBook() = default;

void TaskBook::set_hooks(TaskHooks hooks) { state_->hooks = std::move(hooks); }

Status TaskBook::State::room_for(std::string_view subject, UnixMs now_ms) {
  if (tasks.size() >= options.tasks) expire_due(now_ms);
  if (tasks.size() >= options.tasks) {
    return fail(ErrorCode::kUnavailable, "too many tasks are open (" + std::to_string(tasks.size()) + ")",
                "end sessions and tasks that are not used, or raise the bound");
  }
  const auto own = per_subject.find(subject);
  if (own != per_subject.end() && own->second >= options.tasks_per_subject) {
    return fail(ErrorCode::kUnavailable,
                "subject \"" + std::string(subject) + "\" has too many open tasks (" + std::to_string(own->second) + ")",
                "end sessions and tasks that are not used, or raise the bound");
  }
  return {};
}

Result<TaskView> TaskBook::start(const TaskOrder& order, UnixMs now_ms) {
  auto& s = *state_;
  if (auto fresh = s.reread(now_ms); !fresh) return fail(std::move(fresh.error()));
  TaskRecord record;
  OpenTask* parent = nullptr;
  if (!order.parent.empty()) {
    parent = s.find(order.parent);
    if (parent == nullptr || parent->is_implicit()) return s.gone(order.parent);
    if (auto open = s.still_open(*parent, now_ms); !open) return fail(std::move(open.error()));
    std::size_t depth = 1;
    for (const auto* at = parent; at != nullptr; at = at->parent) ++depth;
    if (depth > kDepth) return fail(ErrorCode::kTooLarge, "a task has at most " + std::to_string(kDepth - 1) + " ancestors");
  }
  record.subject = order.subject.empty() && parent != nullptr ? parent->record.subject : order.subject;
  record.owner = order.owner.empty() && parent != nullptr ? parent->record.owner : order.owner;
  if (record.subject.empty()) return fail(ErrorCode::kInvalid, "no agent is named that may act under the task", "name its subject id");
  if (auto room = s.room_for(record.subject, now_ms); !room) return fail(std::move(room.error()));
  const auto highest = parent != nullptr ? parent->view.band_ceiling : s.options.band_ceiling;
  record.band_ceiling = order.band_ceiling.value_or(highest);
  if (record.band_ceiling > highest) {
    if (parent != nullptr) return wider("a higher ceiling (band " + band_text(record.band_ceiling) + ")", parent->record.id);
    return fail(ErrorCode::kDenied, "no task may have a ceiling above band " + band_text(highest),
                "see task.band_ceiling in interlock.yaml");
  }
  const auto lifetime_ms = order.lifetime_ms.value_or(s.options.lifetime_ms);
  if (lifetime_ms <= 0 || lifetime_ms > s.options.lifetime_max_ms) {
    return fail(ErrorCode::kDenied, "a task lasts at most " + std::to_string(s.options.lifetime_max_ms / 1000) + " seconds",
                "ask for less time");
  }
  record.expires_ms = now_ms + lifetime_ms;
  if (parent != nullptr && record.expires_ms > parent->view.expires_ms) {
    if (order.lifetime_ms) return wider("more time", parent->record.id);
    record.expires_ms = parent->view.expires_ms;
  }
  record.budget = order.budget;
  for (const auto* above = parent; above != nullptr; above = above->parent) {
    const auto& limit = above->record.budget;
    if (limit.calls && record.budget.calls.value_or(0) > *limit.calls) return wider("more calls", above->record.id);
    if (limit.spend_micros && record.budget.spend_micros.value_or(0) > *limit.spend_micros) return wider("more to spend", above->record.id);
  }
  record.id = new_id("task", now_ms);
  record.started_by = order.started_by;
  record.by = order.by;
  record.purpose = order.purpose;
  record.parent = order.parent;
  record.scope = order.scope;
  record.started_ms = now_ms;
  record.heartbeat_ms = order.heartbeat_ms;
  record.acts_are_heartbeats = order.acts_are_heartbeats;
  if (record.budget != Budget{}) {
    if (auto opened = s.budgets.open(record.id); !opened) return fail(std::move(opened.error()));
  }
  auto written = s.parts.store->compare_and_set(kOpenBucket, record.id, record_text(record), store::kAbsent);
  if (!written) return fail(std::move(written.error()));
  s.moved(*written);
  auto& task = s.add(std::move(record), *written);
  s.link(task);
  if (s.hooks.record) {
    auto recorded = s.hooks.record({.change = TaskChange::kOpened, .task = task.record, .at_ms = now_ms});
    if (!recorded) {
      s.end_all({task.record.id}, {.by = {}, .reason = "its start could not be recorded"}, now_ms);
      return fail(std::move(recorded.error()));
    }
  }
  return s.view_of(task, now_ms);
}

Result<OpenTask*> TaskBook::State::implicit(const Act& act, UnixMs now_ms) {
  const SessionView key{act.subject.id, act.session};
  if (const auto it = sessions.find(key); it != sessions.end()) {
    auto* task = it->second;
    if (!task->is_open()) return gone(task->record.id);
    if (task->view.expires_ms > now_ms) return task;
    end_all({task->record.id}, {.by = {}, .reason = "expired"}, now_ms);
    if (sessions.contains(key)) return gone(sessions.find(key)->second->record.id);  // its end cannot be recorded yet
  }
  if (const auto it = stopped.find(key); it != stopped.end()) {
    return fail(ErrorCode::kDenied, "the task of this session was ended: " + it->second, "connect again once its owner allows it");
  }
  if (!options.implicit) {
    return fail(ErrorCode::kDenied, "no task is open for agent \"" + act.subject.id + "\", and none opens by itself here",
                "its owner starts one: interlock task start --agent " + act.subject.id);
  }
  if (auto room = room_for(act.subject.id, now_ms); !room) return fail(std::move(room.error()));
  TaskRecord record;
  record.id = new_id("task", now_ms);
  record.subject = act.subject.id;
  record.by = act.subject.id;
  record.owner = act.subject.owner;
  record.purpose = "implicit";
  record.session = std::string(act.session);
  record.gate = parts.presence->own();
  record.band_ceiling = options.band_ceiling;
  record.started_ms = now_ms;
  record.expires_ms = now_ms + options.lifetime_ms;
  // Known to the next gate before it is known to the ledger, so that no end goes missing.
  auto written = parts.quick->put(kSessionBucket, record.gate + "/" + record.id, record_text(record));
  if (!written) return fail(std::move(written.error()));
  auto& task = add(std::move(record), *written);
  link(task);
  if (hooks.record) (void)hooks.record({.change = TaskChange::kOpened, .task = task.record, .at_ms = now_ms});
  return &task;
}

// ---- acts -------------------------------------------------------------------------------------------------------------------

std::unexpected<Error> TaskBook::State::gone(std::string_view id) const {
  std::string name(id.substr(0, kNameBytes));
  if (const auto it = tasks.find(id); it != tasks.end() && it->second->record.state != TaskState::kOpen)
    return fail(ErrorCode::kDenied, "task " + name + " was ended: " + it->second->record.end_reason,
                "begin a new task once its owner allows it");
  if (const auto past = ended.find(id); past != ended.end()) {
    if (past->second.first) return fail(ErrorCode::kExpired, "task " + name + " has expired", "begin a new task");
    return fail(ErrorCode::kDenied, "task " + name + " was ended: " + past->second.second, "begin a new task once its owner allows it");
  }
  return fail(ErrorCode::kNotFound, "task " + name + " does not exist, or has ended", "begin a new task");
}

// Ends what is overdue of the chain. An expired one says so.
Status TaskBook::State::still_open(OpenTask& task, UnixMs now_ms) {
  if (!task.is_open()) return gone(task.record.id);
  if (task.view.expires_ms <= now_ms) {
    std::string message = "task " + task.record.id + " expired at " + rfc3339(task.view.expires_ms);
    expire_due(now_ms);
    return fail(ErrorCode::kExpired, std::move(message), "begin a new task");
  }
  for (auto* at = &task; at != nullptr; at = at->parent) {
    if (!at->is_open()) return gone(at->record.id);
    if (at->record.heartbeat_ms == 0 || !heartbeat_missed(*at, now_ms)) continue;
    const std::string id = at->record.id;
    end_all(with_children({at}), {.by = {}, .reason = "no heartbeat"}, now_ms);
    return gone(id);
  }
  return {};
}

Result<OpenTask*> TaskBook::State::named(const Act& act, UnixMs now_ms) {
  auto* task = find(act.task);
  if (task == nullptr && act.task.size() <= kNameBytes && !ended.contains(act.task)) {
    // Another gate may have started it a moment ago.
    if (auto fresh = reread(now_ms); !fresh) return fail(std::move(fresh.error()));
    task = find(act.task);
  }
  if (task == nullptr) return gone(act.task);
  if (task->is_implicit() || task->record.subject != act.subject.id) {
    // Whose it is, is nobody's business.
    return fail(ErrorCode::kDenied, "task " + task->record.id + " is not one that agent \"" + act.subject.id + "\" may act under",
                "name a task that was started for this agent, or none");
  }
  if (const auto it = started_for.find(act.subject.id); it != started_for.end()) {
    const auto& roots = it->second;
    if (std::none_of(roots.begin(), roots.end(), [&](const OpenTask* root) { return task->is_within(*root); })) {
      return fail(ErrorCode::kDenied,
                  "an owner started task " + roots.front()->record.id + " for this agent, and task " + task->record.id + " is not below it",
                  "act under the owner's task, or a child of it");
    }
  }
  return task;
}

Result<OpenTask*> TaskBook::State::explicit_place(const Act& act, UnixMs now_ms) {
  if (trouble) return fail(*trouble);
  if (!act.task.empty()) return named(act, now_ms);
  const auto it = started_for.find(act.subject.id);
  if (it == started_for.end()) return nullptr;
  if (it->second.size() == 1) return it->second.front();
  std::string ids;
  for (const auto* task : it->second) ids += (ids.empty() ? "" : ", ") + task->record.id;
  return fail(ErrorCode::kDenied, "several tasks are open for agent \"" + act.subject.id + "\", and the act names none",
              "name one of: " + ids);
}

Result<OpenTask*> TaskBook::State::place_of(const Act& act, UnixMs now_ms) {
  auto place = explicit_place(act, now_ms);
  if (!place || *place != nullptr) return place;
  return implicit(act, now_ms);
}

Result<std::string> TaskBook::explicit_task_of(const model::Subject& subject, std::string_view named, UnixMs now_ms) {
  auto place = state_->explicit_place({.subject = subject, .session = {}, .task = named}, now_ms);
  if (!place) return fail(std::move(place.error()));
  return *place == nullptr ? std::string() : (*place)->record.id;
}

Status TaskBook::State::take_calls(OpenTask& task) {
  for (auto* at = &task; at != nullptr; at = at->parent) {
    if (!at->record.budget.calls || at->calls_left > 0) continue;
    auto claimed = budgets.claim_calls(at->record.id, *at->record.budget.calls);
    if (!claimed) return fail(std::move(claimed.error()));
    at->calls_left += *claimed;
  }
  for (auto* at = &task; at != nullptr; at = at->parent) {
    if (at->record.budget.calls) --at->calls_left;
  }
  return {};
}

Result<const model::Task*> TaskBook::enter(const Act& act, UnixMs now_ms) {
  auto& s = *state_;
  auto place = s.place_of(act, now_ms);
  if (!place) return fail(std::move(place.error()));
  OpenTask& task = **place;
  if (auto open = s.still_open(task, now_ms); !open) return fail(std::move(open.error()));
  if (act.band > task.view.band_ceiling && !act.any_band) {
    return fail(ErrorCode::kDenied,
                "the act is of band " + band_text(act.band) + ", and the ceiling of task " + task.record.id + " is band " +
                    band_text(task.view.band_ceiling),
                "a task with a higher ceiling is needed");
  }
  if (auto taken = s.take_calls(task); !taken) return fail(std::move(taken.error()));
  for (auto* at = &task; at != nullptr; at = at->parent) {
    ++at->calls;
    at->minute.add(now_ms);
    if (at->record.acts_are_heartbeats) at->last_beat_ms = std::max(at->last_beat_ms, now_ms);
  }
  if (!task.is_implicit()) {
    s.uses_changed = true;
    if (task.sessions.size() < kSessionsKept && std::find(task.sessions.begin(), task.sessions.end(), act.session) == task.sessions.end())
      task.sessions.emplace_back(act.session);
  }
  task.view.calls = task.calls + task.calls_elsewhere;
  task.view.calls_last_minute = task.minute.at(now_ms);
  return &task.view;
}

Status TaskBook::may_go_on(std::string_view id, UnixMs now_ms) const {
  const auto it = state_->tasks.find(id);
  if (it == state_->tasks.end()) return state_->gone(id);
  const auto& task = *it->second;
  for (const auto* at = &task; at != nullptr; at = at->parent) {
    if (!at->is_open()) return state_->gone(at->record.id);
  }
  if (task.view.expires_ms <= now_ms) return fail(ErrorCode::kExpired, "task " + std::string(id) + " has expired", "begin a new task");
  return {};
}

bool TaskBook::has_spend_budget(std::string_view id) const {
  for (const auto* at = state_->find(id); at != nullptr; at = at->parent) {
    if (at->record.budget.spend_micros) return true;
  }
  return false;
}

Status TaskBook::spend(std::string_view id, std::int64_t micros, UnixMs now_ms) {
  auto& s = *state_;
  if (micros <= 0) return {};
  if (auto open = may_go_on(id, now_ms); !open) return open;
  std::vector<OpenTask*> taken;
  for (auto* at = s.find(id); at != nullptr; at = at->parent) {
    if (!at->record.budget.spend_micros) continue;
    auto took = s.budgets.take_spend(at->record.id, *at->record.budget.spend_micros, micros);
    if (took) {
      taken.push_back(at);
      continue;
    }
    for (auto* back : taken) (void)s.budgets.take_spend(back->record.id, *back->record.budget.spend_micros, -micros);
    return took;
  }
  return {};
}

void TaskBook::each_scope(std::string_view id, const std::function<bool(const Scope&)>& visit) const {
  for (const auto* at = state_->find(id); at != nullptr; at = at->parent) {
    if (!at->record.scope.empty() && !visit({at->record.id, at->record.scope, at->scope_key})) return;
  }
}

Status TaskBook::beat(std::string_view id, UnixMs now_ms) {
  auto* task = state_->find(id);
  if (task == nullptr) return state_->gone(id);
  if (auto open = state_->still_open(*task, now_ms); !open) return open;
  for (auto* at = task; at != nullptr; at = at->parent) at->last_beat_ms = std::max(at->last_beat_ms, now_ms);
  state_->uses_changed = true;
  return {};
}

// ---- changing ---------------------------------------------------------------------------------------------------------------

Result<TaskView> TaskBook::extend(std::string_view id, const Grant& grant, std::string_view by, UnixMs now_ms) {
  auto& s = *state_;
  if (auto fresh = s.reread(now_ms); !fresh) return fail(std::move(fresh.error()));
  auto* task = s.find(id);
  if (task == nullptr) return s.gone(id);
  if (task->is_implicit()) return fail(ErrorCode::kDenied, "the task of a session is not extended", "start a task: interlock task start");
  if (auto open = s.still_open(*task, now_ms); !open) return fail(std::move(open.error()));
  const auto* parent = task->parent;
  TaskRecord changed = task->record;
  if (grant.band_ceiling && *grant.band_ceiling > changed.band_ceiling) {
    if (parent != nullptr && *grant.band_ceiling > parent->view.band_ceiling) return wider("a higher ceiling", parent->record.id);
    if (*grant.band_ceiling > s.options.band_ceiling)
      return fail(ErrorCode::kDenied, "no task may have a ceiling above band " + band_text(s.options.band_ceiling),
                  "see task.band_ceiling in interlock.yaml");
    changed.band_ceiling = *grant.band_ceiling;
  }
  if (grant.expires_ms) {
    if (*grant.expires_ms < changed.expires_ms)
      return fail(ErrorCode::kInvalid, "the task lasts longer already, until " + rfc3339(changed.expires_ms),
                  "to end it earlier: interlock task end");
    if (parent != nullptr && *grant.expires_ms > parent->view.expires_ms) return wider("more time", parent->record.id);
    if (*grant.expires_ms > changed.started_ms + s.options.lifetime_max_ms) {
      return fail(ErrorCode::kDenied,
                  "a task lasts at most " + std::to_string(s.options.lifetime_max_ms / 1000) + " seconds, extensions included",
                  "start another one");
    }
    changed.expires_ms = *grant.expires_ms;
  }
  const auto grow = [&](std::optional<std::int64_t>& budget, std::int64_t by_that, std::optional<std::int64_t> Budget::* which) -> bool {
    if (!budget || by_that == 0) return true;
    std::int64_t sum = 0;
    if (by_that < 0 || __builtin_add_overflow(*budget, by_that, &sum)) return false;
    for (const auto* above = parent; above != nullptr; above = above->parent) {
      if (above->record.budget.*which && sum > *(above->record.budget.*which)) return false;
    }
    budget = sum;
    return true;
  };
  if (!grow(changed.budget.calls, grant.more_calls, &Budget::calls)) return wider("more calls", changed.parent);
  if (!grow(changed.budget.spend_micros, grant.more_spend_micros, &Budget::spend_micros)) return wider("more to spend", changed.parent);
  // A task without a scope is not restricted by one: a permit would restrict it.
  if (!grant.scope.empty() && !changed.scope.empty()) {
    std::size_t bytes = grant.scope.size();
    for (const auto& text : changed.scope) bytes += text.size();
    if (changed.scope.size() >= kScopeTexts || bytes > kScopeBytes)
      return fail(ErrorCode::kTooLarge, "the scope of task " + changed.id + " is too long with that", "start another task");
    changed.scope.push_back(grant.scope);
  }
  auto written = s.parts.store->compare_and_set(kOpenBucket, changed.id, record_text(changed), task->revision);
  if (!written) return fail(std::move(written.error()));
  s.moved(*written);
  task->record = std::move(changed);
  task->revision = *written;
  s.recompute(*task);
  if (s.hooks.record)
    (void)s.hooks.record(
        {.change = TaskChange::kExtended, .task = task->record, .calls = task->calls, .by = by, .grant = &grant, .at_ms = now_ms});
  return s.view_of(*task, now_ms);
}

}  // namespace interlock::task
