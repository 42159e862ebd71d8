// The book of open tasks (DESIGN §6): opens an implicit one at a session's first act, admits acts to it, counts them, ends it once.
//
// One loop thread. Time is passed in, so that tests are exact. Nothing is stored: a task of a gate that died is gone with it, and
// the receipts say how far it came. Pointers that are returned hold until the next call that opens or ends a task.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/action.hpp"

namespace interlock::task {

struct TaskOptions {
  std::int64_t lifetime_ms = 8 * 3'600'000;
  model::Band band_ceiling = model::Band::kCritical;
  std::size_t tasks = 20'000;             // open at once, of all subjects
  std::size_t tasks_per_subject = 5'000;  // so that one subject cannot lock out the others
};

enum class TaskChange : std::uint8_t { kOpened, kEnded };

// Told at once, from within the call that caused it. The callback must not call back into the book.
struct TaskEvent {
  TaskChange change = TaskChange::kOpened;
  const model::Task& task;
  std::string_view subject;
  std::string_view owner;
  std::string_view session;
  std::string_view reason;  // kEnded: "expired", "session ended", or what end() was given
  UnixMs at_ms = 0;
};

// A row of the list for people.
struct TaskView {
  model::Task task;
  std::string subject;
  std::string owner;
  std::string session;
};

class TaskBook {
 public:
  explicit TaskBook(TaskOptions options = {}, std::function<void(const TaskEvent&)> on_event = {});
  ~TaskBook();
  TaskBook(const TaskBook&) = delete;
  TaskBook& operator=(const TaskBook&) = delete;

  // The task of (subject, session): the open one, or a new one. A task that has expired is ended and a new one takes its place;
  // a session whose task was ended by end() gets no other until end_session() (a stopped agent stays stopped).
  // kUnavailable: too many tasks are open. kDenied: the session's task was stopped.
  Result<const model::Task*> open_implicit(const model::Subject& subject, std::string_view session, UnixMs now_ms);

  // Counts one act and returns the task with the counts that include it. kNotFound, kExpired (it ends then), kDenied: the task
  // was ended (the message says why), or `band` is above the task's ceiling; what is refused is not counted.
  Result<const model::Task*> admit(std::string_view task_id, UnixMs now_ms, model::Band band = model::Band::kObserve);

  // Ends a task for good: an owner's stop, the kill switch. False: no such open task.
  bool end(std::string_view task_id, std::string_view reason, UnixMs now_ms);
  // The client's connection or process is gone. Forgets a stop, too: session keys are never used twice.
  void end_session(std::string_view subject_id, std::string_view session, UnixMs now_ms);
  void end_all(std::string_view reason, UnixMs now_ms);
  // Ends what is overdue; call it every few seconds. Returns how many.
  std::size_t expire_due(UnixMs now_ms);

  // A copy, with calls_last_minute as of now.
  std::optional<model::Task> find(std::string_view task_id, UnixMs now_ms) const;
  std::vector<TaskView> list(UnixMs now_ms) const;  // oldest first
  std::size_t size() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::task
