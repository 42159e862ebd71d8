// What the book shares with other gates through the store, and what it finishes for those that died.
#include <algorithm>

#include "task/book_state.hpp"

namespace interlock::task {
namespace {

constexpr std::int64_t kUsesEveryMs = 1'000;  // counts and beats are written this often at most
constexpr std::int64_t kRecoveryEveryMs = 2'000;
constexpr std::int64_t kForgetEveryMs = 3'600'000;
constexpr std::size_t kForgetAtOnce = 1'000;
constexpr std::size_t kSessionsAtOnce = 256;  // tasks of dead gates that are ended in one go
constexpr std::size_t kDeadGates = 10'000;    // looked at in one go
constexpr std::string_view kGone = "the gate that ran it is gone";

struct Use {
  std::string task;
  std::int64_t calls = 0;
  UnixMs last_beat_ms = 0;
};

std::vector<Use> uses_from(std::string_view text) {
  std::vector<Use> out;
  const auto document = json::parse(text);
  const auto* o = document ? document->if_object() : nullptr;
  const auto* list = o == nullptr ? nullptr : json::object_at(*o, "tasks");
  if (list == nullptr) return out;
  for (const auto& member : *list) {
    const auto* pair = member.value().if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_int64() || !(*pair)[1].is_int64()) continue;
    out.push_back({std::string(member.key()), (*pair)[0].get_int64(), (*pair)[1].get_int64()});
  }
  return out;
}

}  // namespace

Status TaskBook::State::load(UnixMs now_ms) {
  seen = UINT64_MAX;
  if (auto read = reread(now_ms); !read) return read;
  read_uses();
  return {};
}

// Takes over what stands in the store, where that has changed. Parents may come after their children.
Status TaskBook::State::reread(UnixMs) {
  const auto give_up = [&](Error error) -> Status {
    trouble = Error{ErrorCode::kUnavailable, "the tasks in the store cannot be read: " + error.message, error.hint};
    return fail(*trouble);
  };
  const auto latest = parts.quick->latest(kOpenBucket);
  if (!latest) return give_up(latest.error());
  if (*latest == seen && !trouble) return {};
  std::vector<OpenTask*> fresh;
  std::set<std::string, std::less<>> present;
  std::string after;
  for (;;) {
    const auto page = parts.quick->scan(kOpenBucket, "", kStorePage, after);
    if (!page) return give_up(page.error());
    for (const auto& entry : *page) {
      present.insert(entry.key);
      if (auto adopted = adopt(entry, fresh); !adopted) return give_up(adopted.error());
    }
    if (page->size() < kStorePage) break;
    after = page->back().key;
  }
  link_all(std::move(fresh));
  std::vector<std::string> missing;
  for (const auto& [id, task] : tasks) {
    if (!task->is_implicit() && !present.contains(id)) missing.push_back(id);
  }
  for (const auto& id : missing) ended_elsewhere(*find(id));
  seen = *latest;
  trouble.reset();
  return {};
}

Status TaskBook::State::adopt(const store::KeyedEntry& entry, std::vector<OpenTask*>& fresh) {
  auto* task = find(entry.key);
  if (task != nullptr && task->revision == entry.revision) return {};
  auto record = record_from(entry.value);
  if (!record) return fail(std::move(record.error()));
  if (task == nullptr) {
    fresh.push_back(&add(std::move(*record), entry.revision));
    return {};
  }
  task->revision = entry.revision;
  const bool ends_now = record->state != TaskState::kOpen;
  if (!task->is_open() && !ends_now) return {};  // its end is to be stored yet
  const bool was_open = task->is_open();
  by_expiry.erase({task->view.expires_ms, task->record.id});
  task->record = std::move(*record);
  task->intent_stored = ends_now;
  recompute(*task);
  if (ends_now && was_open && hooks.on_end) hooks.on_end(task->record);
  return {};
}

void TaskBook::State::link_all(std::vector<OpenTask*> fresh) {
  std::set<std::string, std::less<>> waiting;
  for (const auto* task : fresh) waiting.insert(task->record.id);
  for (std::size_t pass = 0; pass <= kDepth && !fresh.empty(); ++pass) {
    std::erase_if(fresh, [&](OpenTask* task) {
      if (waiting.contains(task->record.parent)) return false;
      link(*task);
      if (task->is_open() && !task->record.parent.empty() && task->parent == nullptr) orphans.insert(task->record.id);
      waiting.erase(task->record.id);
      return true;
    });
  }
  for (auto* task : fresh) orphans.insert(task->record.id);  // a circle, which no gate writes
}

void TaskBook::State::ended_elsewhere(OpenTask& task) {
  if (const auto entry = parts.quick->get(kEndedBucket, task.record.id); entry && *entry) {
    if (auto record = record_from((*entry)->value)) task.record = std::move(*record);
  }
  if (task.is_open()) task.record.end_reason = "ended by another gate";
  if (hooks.on_end) hooks.on_end(task.record);
  stop_sessions(task);
  remember_end(task.record);
  drop(task);
}

// ---- counts and beats -------------------------------------------------------------------------------------------------------

void TaskBook::State::read_uses() {
  const auto entries = parts.quick->scan(kUsesBucket, "", kDeadGates);
  if (!entries) return;
  for (auto& [id, task] : tasks) task->calls_elsewhere = 0;
  for (const auto& entry : *entries) {
    if (entry.key == parts.presence->own()) continue;
    for (const auto& use : uses_from(entry.value)) {
      auto* task = find(use.task);
      if (task == nullptr) continue;
      task->calls_elsewhere += use.calls;
      task->last_beat_ms = std::max(task->last_beat_ms, use.last_beat_ms);
    }
  }
}

void TaskBook::State::write_uses(UnixMs now_ms) {
  if (!uses_changed) return;
  json::object list;
  for (const auto& [id, task] : tasks) {
    if (task->is_implicit() || (task->calls == 0 && task->last_beat_ms == task->record.started_ms)) continue;
    list[id] = json::array{task->calls, task->last_beat_ms};
  }
  if (!parts.quick->put(kUsesBucket, parts.presence->own(), json::write(json::object{{"tasks", std::move(list)}}))) return;
  uses_changed = false;
  uses_written_ms = now_ms;
}

// ---- what others left -------------------------------------------------------------------------------------------------------

void TaskBook::State::finish_unfinished(UnixMs now_ms) {
  for (const auto& id : std::set<std::string>(std::move(unfinished))) {
    unfinished.erase(id);
    auto* task = find(id);
    if (task == nullptr || task->is_open()) continue;
    if (!task->is_implicit()) {
      if (!task->intent_stored && !store_intent(*task, *parts.store, now_ms)) continue;
      if (task->record.ending_gate != parts.presence->own()) continue;  // another's, which recover() looks after
    }
    finish(*task, now_ms, true);
  }
}

void TaskBook::State::recover(UnixMs now_ms) {
  std::vector<std::string> left;
  for (const auto& [id, task] : tasks) {
    if (task->is_implicit() || task->is_open() || !task->intent_stored) continue;
    if (task->record.ending_gate != parts.presence->own() && !parts.presence->is_alive(task->record.ending_gate)) left.push_back(id);
  }
  for (const auto& id : left) {
    auto* task = find(id);
    if (task == nullptr) continue;
    auto mine = task->record;
    mine.ending_gate = parts.presence->own();
    // Who wins writes the receipt, unless the dead one had.
    auto claimed = parts.store->compare_and_set(kOpenBucket, id, record_text(mine), task->revision);
    if (!claimed) continue;
    moved(*claimed);
    task->record = std::move(mine);
    task->revision = *claimed;
    finish(*task, now_ms, true);
  }
  recover_sessions(now_ms);
  const auto entries = parts.quick->scan(kUsesBucket, "", kDeadGates);
  if (!entries) return;
  for (const auto& entry : *entries) {
    if (parts.presence->is_alive(entry.key)) continue;
    const auto uses = uses_from(entry.value);
    if (std::none_of(uses.begin(), uses.end(), [&](const Use& use) { return find(use.task) != nullptr; }))
      (void)parts.quick->compare_and_remove(kUsesBucket, entry.key, entry.revision);
  }
}

void TaskBook::State::recover_sessions(UnixMs now_ms) {
  std::string after;
  std::vector<std::pair<std::string, TaskRecord>> claimed;  // key, record
  for (std::size_t gates = 0; gates < kDeadGates && claimed.size() < kSessionsAtOnce; ++gates) {
    const auto first = parts.quick->scan(kSessionBucket, "", 1, after);
    if (!first || first->empty()) break;
    const std::string gate = first->front().key.substr(0, first->front().key.find('/'));
    after = gate + "0";  // the character after '/': past all rows of this gate
    if (parts.presence->is_alive(gate)) continue;
    const auto rows = parts.quick->scan(kSessionBucket, gate + "/", kSessionsAtOnce - claimed.size());
    if (!rows) break;
    for (const auto& row : *rows) {
      auto record = record_from(row.value);
      if (!record) {
        (void)parts.quick->compare_and_remove(kSessionBucket, row.key, row.revision);
        continue;
      }
      auto& ending_gate = record->ending_gate;
      if (!ending_gate.empty() && ending_gate != parts.presence->own() && parts.presence->is_alive(ending_gate)) continue;
      ending_gate = parts.presence->own();
      record->state = TaskState::kEnding;
      record->end_reason = kGone;
      if (record->ended_ms == 0) record->ended_ms = now_ms;
      // Who wins writes the receipt, unless the dead one had.
      if (!parts.quick->compare_and_set(kSessionBucket, row.key, record_text(*record), row.revision)) continue;
      claimed.emplace_back(row.key, std::move(*record));
    }
  }
  if (claimed.empty()) return;
  std::vector<std::string> ids;
  for (const auto& [key, record] : claimed) ids.push_back(record.id);
  const auto known = hooks.recorded_ends ? hooks.recorded_ends(ids) : Result<std::set<std::string>>();
  if (!known) return;
  for (const auto& [key, record] : claimed) {
    if (!known->contains(record.id) && hooks.record &&
        !hooks.record({.change = TaskChange::kEnded, .task = record, .at_ms = record.ended_ms}))
      continue;
    (void)parts.quick->remove(kSessionBucket, key);
    remember_end(record);
  }
  if (claimed.size() == kSessionsAtOnce) next_recovery_ms = now_ms;  // there may be more
}

void TaskBook::State::forget_old(UnixMs now_ms) {
  const auto oldest = parts.quick->scan(kEndedBucket, "", kForgetAtOnce);  // ids sort by when tasks were started
  if (!oldest) return;
  for (const auto& entry : *oldest) {
    const auto record = record_from(entry.value);
    if (!record || record->ended_ms < now_ms - options.keep_ended_ms) (void)parts.quick->remove(kEndedBucket, entry.key);
  }
}

void TaskBook::refresh(UnixMs now_ms) { (void)state_->reread(now_ms); }

void TaskBook::tick(UnixMs now_ms) {
  auto& s = *state_;
  (void)s.reread(now_ms);
  if (!s.orphans.empty()) {
    const auto orphans = std::exchange(s.orphans, {});
    std::vector<OpenTask*> open;
    for (const auto& id : orphans) {
      if (auto* task = s.find(id)) open.push_back(task);
    }
    s.end_all(s.with_children(open), {.by = {}, .reason = "its parent has ended"}, now_ms);
  }
  s.expire_due(now_ms);
  s.check_heartbeats(now_ms);
  if (!s.unfinished.empty()) s.finish_unfinished(now_ms);
  if (now_ms - s.uses_written_ms >= kUsesEveryMs) s.write_uses(now_ms);
  if (now_ms >= s.next_recovery_ms) {
    s.next_recovery_ms = now_ms + kRecoveryEveryMs;
    s.recover(now_ms);
  }
  if (now_ms >= s.next_forgetting_ms) {
    s.next_forgetting_ms = now_ms + kForgetEveryMs;
    s.forget_old(now_ms);
  }
}

}  // namespace interlock::task
