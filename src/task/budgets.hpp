// What of a task's budget is used, across gates: numbers in the store that only grow, by compare-and-set. Private to the room.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "store/store.hpp"

namespace interlock::task {

class Budgets {
 public:
  explicit Budgets(store::Store& store) : store_(store) {}

  struct Used {
    std::int64_t calls = 0;  // claimed by gates, used or not
    std::int64_t spend_micros = 0;
  };
  // Before the task can be seen by anybody. What was not opened, or is forgotten, has nothing left: a gate that has not heard of a task's
  // end must not find a fresh budget.
  Status open(const std::string& task);
  Result<Used> used(const std::string& task) const;
  // A block of calls out of `budget`: an eighth of what is left, at least one, so that gates share and few writes are needed.
  // kDenied: none is left, or the task has ended.
  Result<std::int64_t> claim_calls(const std::string& task, std::int64_t budget);
  // kDenied: less is left, or the task has ended. A negative amount gives back.
  Status take_spend(const std::string& task, std::int64_t budget, std::int64_t micros);
  void forget(const std::string& task, store::Store& quick);

 private:
  template <typename Change>
  Status change(const std::string& task, const Change& change);
  store::Store& store_;
};

}  // namespace interlock::task
