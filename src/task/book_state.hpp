// What the book of tasks keeps in memory, and the steps that its parts share. Private to the room.
//
// Buckets: "tasks" open explicit tasks, by id; "task-ends" ended ones; "session-tasks" implicit ones, by gate and id;
// "task-uses" by gate: {"tasks": {id: [calls, last beat]}}; "task-budgets" (budgets.hpp).
#pragma once

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "task/budgets.hpp"
#include "task/by_text.hpp"
#include "task/minute_count.hpp"
#include "task/task_book.hpp"

namespace interlock::task {

inline constexpr std::string_view kOpenBucket = "tasks";
inline constexpr std::string_view kEndedBucket = "task-ends";
inline constexpr std::string_view kSessionBucket = "session-tasks";
inline constexpr std::string_view kUsesBucket = "task-uses";
inline constexpr std::size_t kStorePage = 1'000;

using SessionView = std::pair<std::string_view, std::string_view>;
struct SessionKey {
  std::string subject;
  std::string session;
};
struct SessionHash {
  using is_transparent = void;
  static std::size_t mix(std::string_view a, std::string_view b) {
    const std::hash<std::string_view> hash;
    return hash(a) * 0x9E3779B97F4A7C15ull + hash(b);
  }
  std::size_t operator()(const SessionKey& key) const { return mix(key.subject, key.session); }
  std::size_t operator()(const SessionView& key) const { return mix(key.first, key.second); }
};
struct SessionEqual {
  using is_transparent = void;
  static SessionView view(const SessionKey& key) { return {key.subject, key.session}; }
  static SessionView view(const SessionView& key) { return key; }
  template <typename A, typename B>
  bool operator()(const A& a, const B& b) const {
    return view(a) == view(b);
  }
};
template <typename T>
using BySession = std::unordered_map<SessionKey, T, SessionHash, SessionEqual>;

struct OpenTask {
  TaskRecord record;
  store::Revision revision = store::kAbsent;  // of its record in "tasks"
  model::Task view;                           // as policy sees it: the least of the chain
  OpenTask* parent = nullptr;
  std::vector<OpenTask*> children;
  MinuteCount minute;
  std::int64_t calls = 0;            // here
  std::int64_t calls_elsewhere = 0;  // other gates, as last read
  std::int64_t calls_left = 0;       // claimed from the budget, not used
  UnixMs last_beat_ms = 0;
  std::string scope_key;
  std::vector<std::string> sessions;  // a bounded number of those that acted under it here
  bool intent_stored = false;         // kEnding: its end stands in the store

  bool is_implicit() const { return record.started_by == StartedBy::kSession; }
  bool is_open() const { return record.state == TaskState::kOpen; }
  bool is_within(const OpenTask& ancestor) const {  // or the same
    const auto* at = this;
    while (at != nullptr && at != &ancestor) at = at->parent;
    return at != nullptr;
  }
};

struct TaskBook::State {
  State(TaskParts p, TaskOptions o) : parts(p), options(o), budgets(*p.store) {}

  TaskParts parts;
  TaskOptions options;
  TaskHooks hooks;
  Budgets budgets;
  ByText<std::unique_ptr<OpenTask>> tasks;
  BySession<OpenTask*> sessions;
  ByText<std::vector<OpenTask*>> started_for;  // by subject: what an owner started for it, the outermost of each chain
  ByText<std::size_t> per_subject;
  std::set<std::pair<UnixMs, std::string>> by_expiry;
  std::set<std::pair<UnixMs, std::string>> by_heartbeat;  // when it must be looked at; a beat does not move it
  std::set<std::string> orphans;                          // open ones whose parent is gone
  std::optional<Error> trouble;                           // the store cannot be read: nobody knows which tasks bind whom
  std::set<std::string> unfinished;                       // ends whose receipt or record failed
  BySession<std::string> stopped;                         // session -> reason
  std::deque<SessionKey> stopped_order;
  ByText<std::pair<bool, std::string>> ended;  // id -> expired?, reason
  std::deque<std::string> ended_order;
  store::Revision seen = 0;  // of "tasks"
  bool uses_changed = false;
  UnixMs uses_written_ms = 0;
  UnixMs next_recovery_ms = 0;
  UnixMs next_forgetting_ms = 0;

  // task_book.cpp
  OpenTask* find(std::string_view id);
  OpenTask& add(TaskRecord record, store::Revision revision);
  void link(OpenTask& task);
  void recompute(OpenTask& task);  // its view and those of its children
  void drop(OpenTask& task);
  Result<OpenTask*> explicit_place(const Act& act, UnixMs now_ms);  // null: none, its session's implicit one
  Result<OpenTask*> place_of(const Act& act, UnixMs now_ms);
  Result<OpenTask*> named(const Act& act, UnixMs now_ms);
  Result<OpenTask*> implicit(const Act& act, UnixMs now_ms);
  Status room_for(std::string_view subject, UnixMs now_ms);
  Status still_open(OpenTask& task, UnixMs now_ms);
  Status take_calls(OpenTask& task);
  std::unexpected<Error> gone(std::string_view id) const;

  // book_views.cpp
  TaskView view_of(const OpenTask& task, UnixMs now_ms) const;

  // book_ends.cpp
  void remember_end(const TaskRecord& record);
  void remember_stop(SessionKey key, std::string_view reason);
  void stop_sessions(const OpenTask& task);
  void forget_stop(std::string_view subject, std::string_view session);
  std::vector<std::string> with_children(const std::vector<OpenTask*>& roots) const;  // ids, children first
  std::size_t end_all(const std::vector<std::string>& ids, const Ending& ending, UnixMs now_ms);
  bool store_intent(OpenTask& task, store::Store& through, UnixMs now_ms);  // false: another has its end, or the store failed
  void finish(OpenTask& task, UnixMs now_ms, bool look_first);
  void expire_due(UnixMs now_ms);
  void check_heartbeats(UnixMs now_ms);
  bool heartbeat_missed(OpenTask& task, UnixMs now_ms);

  // book_sharing.cpp
  Status load(UnixMs now_ms);
  Status reread(UnixMs now_ms);
  Status adopt(const store::KeyedEntry& entry, std::vector<OpenTask*>& fresh);
  void link_all(std::vector<OpenTask*> fresh);
  void ended_elsewhere(OpenTask& task);
  void read_uses();
  void write_uses(UnixMs now_ms);
  void recover(UnixMs now_ms);
  void finish_unfinished(UnixMs now_ms);
  void recover_sessions(UnixMs now_ms);
  void forget_old(UnixMs now_ms);
  void moved(store::Revision revision) {  // our own change needs no reading
    if (revision == seen + 1) seen = revision;
  }
};

}  // namespace interlock::task
