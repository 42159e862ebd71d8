// The book of tasks (DESIGN §6): starts them, finds the one an act belongs to, bounds and counts acts, ends each task once.
//
// Implicit tasks hang from one session of one gate. Explicit ones stand in the store, are shared by all gates of a state folder and
// outlive them. A child is bound by everything its ancestors are bound by, so it can only narrow; it ends with them.
//
// Ends are exact: the end of an explicit task is written into the store by compare-and-set before its receipt, so it has one
// author; what a gate that died left half done, another finishes at its tick, and asks the ledger before it writes. Budgets hold
// across gates: calls are claimed from the store in blocks before they are used, and what a dead gate had claimed is lost.
//
// When a task that an owner started ends, the sessions that acted under it fall back to nothing: they stay stopped until the agent
// connects again, or the owner starts another.
//
// One loop thread. Time is passed in, so that tests are exact. Admitting an act writes nothing unless a block of calls is used up.
// Pointers that are returned hold until the next call that is not const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"
#include "store/store.hpp"
#include "task/order.hpp"
#include "task/presence.hpp"
#include "task/record.hpp"

namespace interlock::task {

inline constexpr std::size_t kDepth = 16;  // a task and its ancestors

struct TaskOptions {
  std::int64_t lifetime_ms = 8 * 3'600'000;           // of implicit tasks, and of others that say nothing
  std::int64_t lifetime_max_ms = 30 * 86'400'000LL;   // of any task, extensions included
  model::Band band_ceiling = model::Band::kCritical;  // of any task
  bool implicit = true;                               // false: an agent acts under a task that was started, or not at all
  std::size_t tasks = 20'000;                         // open at once, of all subjects
  std::size_t tasks_per_subject = 5'000;              // so that one subject cannot lock out the others
  std::int64_t keep_ended_ms = 7 * 86'400'000LL;      // ended explicit tasks stay listed this long
};

struct TaskParts {
  store::Store* store = nullptr;  // on disk when a write returns
  store::Store* quick = nullptr;  // a second opening of the same store, Durability::kProcess; may be the same
  Presence* presence = nullptr;
};

enum class TaskChange : std::uint8_t { kOpened, kExtended, kEnded };

struct TaskEvent {
  TaskChange change = TaskChange::kOpened;
  const TaskRecord& task;
  std::int64_t calls = 0;
  std::string_view by = {};      // kExtended: who
  const Grant* grant = nullptr;  // kExtended
  UnixMs at_ms = 0;
};

// Set by the gate. None may call back into the book.
struct TaskHooks {
  // Writes the receipt. An end whose receipt cannot be written is tried again at each tick.
  std::function<Status(const TaskEvent&)> record;
  // Those of the tasks whose end the ledger has a receipt of. Asked for what a gate that died left half done.
  std::function<Result<std::set<std::string>>(const std::vector<std::string>& tasks)> recorded_ends;
  // A task has ended, here or by another gate: nothing is admitted under it any more. Perhaps more than once, and before its receipt.
  std::function<void(const TaskRecord&)> on_end;
};

// Why a task ends.
struct Ending {
  std::string_view by;  // who; empty: nobody, it came to its end
  std::string_view reason;
  bool killed = false;
};

// A row of the list for people.
struct TaskView {
  TaskRecord record;
  std::int64_t calls = 0;  // admitted, by all gates as far as is known here
  std::int64_t calls_last_minute = 0;
  std::int64_t spent_micros = 0;
  UnixMs last_beat_ms = 0;
  std::vector<std::string> sessions;  // marks of the sessions that acted under it here
  std::vector<std::string> children;  // open ones
};
json::object to_json(const TaskView& view);

class TaskBook {
 public:
  static Result<std::unique_ptr<TaskBook>> open(TaskParts parts, TaskOptions options, UnixMs now_ms);
  ~TaskBook();
  TaskBook(const TaskBook&) = delete;
  TaskBook& operator=(const TaskBook&) = delete;
  void set_hooks(TaskHooks hooks);

  // Starts an explicit task; on disk when this returns. kInvalid, kNotFound (the parent), kDenied (wider than its parent or the
  // configuration allows, the subject was stopped), kUnavailable (too many tasks, or no store).
  Result<TaskView> start(const TaskOrder& order, UnixMs now_ms);

  // The task of an act: the one named; else the one that an owner started for the subject; else the session's implicit one, opened
  // where there is none. Counts the act in it and its ancestors. The task is as policy sees it: its ceiling, expiry are the
  // least of its chain. Nothing is counted where it is refused: kNotFound, kExpired, kDenied (another's task, ended, above the
  // ceiling, out of budget, several to choose from), kUnavailable.
  struct Act {
    const model::Subject& subject;
    std::string_view session;
    std::string_view task;  // empty: none was named
    model::Band band = model::Band::kObserve;
    bool any_band = false;  // the ceiling does not count: the act asks for more
  };
  Result<const model::Task*> enter(const Act& act, UnixMs now_ms);
  // The explicit task that an act of `subject` would belong to; empty: none, it would be its session's implicit one.
  Result<std::string> explicit_task_of(const model::Subject& subject, std::string_view named, UnixMs now_ms);
  // The same, without counting: may an act that was admitted be performed now? kExpired, kDenied.
  Status may_go_on(std::string_view task, UnixMs now_ms) const;
  // Takes `micros` from the budgets of the task and its ancestors. kDenied: that much is not left; then nothing is taken.
  bool has_spend_budget(std::string_view task) const;  // it or one of its ancestors
  Status spend(std::string_view task, std::int64_t micros, UnixMs now_ms);

  // What restricts acts of `task`, from the task to its root.
  struct Scope {
    const std::string& task;
    const std::vector<std::string>& texts;
    const std::string& key;  // names the texts: equal keys, equal texts
  };
  void each_scope(std::string_view task, const std::function<bool(const Scope&)>& visit) const;  // false stops

  Status beat(std::string_view task, UnixMs now_ms);
  // On disk when this returns. kDenied: beyond its parent or the configuration.
  Result<TaskView> extend(std::string_view task, const Grant& grant, std::string_view by, UnixMs now_ms);
  // Ends a task and its children. kNotFound: no such open task.
  Status end(std::string_view task, const Ending& ending, UnixMs now_ms);
  // The client's connection or process is gone. Forgets a stop, too: session keys are never used twice.
  void end_session(std::string_view subject, std::string_view session, UnixMs now_ms);
  // Ends every open task that `which` says yes to, with children. How many.
  std::size_t end_where(const std::function<bool(const TaskRecord&)>& which, const Ending& ending, UnixMs now_ms);
  // The gate stops: its implicit tasks end, explicit ones go on.
  void close(std::string_view reason, UnixMs now_ms);

  // Expiry, heartbeats, what other gates changed, what dead ones left. Call it every half second or so.
  void tick(UnixMs now_ms);
  // Takes over at once what another process changed in the store.
  void refresh(UnixMs now_ms);

  std::optional<model::Task> view(std::string_view task, UnixMs now_ms) const;  // as policy sees an open one
  bool is_within(std::string_view task, std::string_view ancestor) const;       // or the same; of open ones
  // Open here or shared; an explicit one that ended, as long as it is kept.
  std::optional<TaskView> find(std::string_view task, UnixMs now_ms) const;
  std::vector<TaskView> list(UnixMs now_ms, bool with_ended = false) const;  // oldest first
  std::size_t started_by(std::string_view agent) const;                      // open ones that this agent started
  std::size_t size() const;                                                  // open ones

 private:
  TaskBook() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::task
