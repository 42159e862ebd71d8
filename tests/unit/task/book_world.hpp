// A book of tasks on a store in memory, with what the tests of this room ask of it: a ledger that is a list, gates that are names.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "store/store.hpp"
#include "task/task_book.hpp"

namespace interlock::task {

inline constexpr UnixMs kStart = 1'700'000'000'000;

class Gates final : public Presence {
 public:
  Gates(std::string own, std::set<std::string>& alive) : own_(std::move(own)), alive_(alive) { alive_.insert(own_); }
  const std::string& own() const override { return own_; }
  bool is_alive(std::string_view gate) const override { return alive_.contains(std::string(gate)); }

 private:
  std::string own_;
  std::set<std::string>& alive_;
};

struct Seen {
  TaskChange change;
  std::string task, subject, reason, by;
};

// What several gates share: the store, the ledger, the world.
struct Site {
  std::unique_ptr<store::Store> store = store::open_memory_store();
  std::vector<Seen> ledger;
  std::set<std::string> alive;
  bool ledger_works = true;

  std::size_t ends_of(const std::string& task) const {
    return static_cast<std::size_t>(std::count_if(
        ledger.begin(), ledger.end(), [&](const Seen& seen) { return seen.change == TaskChange::kEnded && seen.task == task; }));
  }
  std::string reason_of(const std::string& task) const {
    for (const auto& seen : ledger) {
      if (seen.change == TaskChange::kEnded && seen.task == task) return seen.reason;
    }
    return {};
  }
};

inline model::Subject subject_named(std::string id) {
  model::Subject subject;
  subject.id = std::move(id);
  subject.owner = "alice";
  return subject;
}

// One gate's book.
struct GateOf {
  GateOf(Site& s, const std::string& name, TaskOptions options = {}, UnixMs now_ms = kStart)
      : site(s), presence(name, s.alive), book(*TaskBook::open({s.store.get(), s.store.get(), &presence}, options, now_ms)) {
    book->set_hooks({.record = [this](const TaskEvent& event) -> Status {
                       if (!site.ledger_works) return fail(ErrorCode::kIo, "the disk is full");
                       site.ledger.push_back(
                           {event.change, event.task.id, event.task.subject, event.task.end_reason, std::string(event.by)});
                       return {};
                     },
                     .recorded_ends = [this](const std::vector<std::string>& ids) -> Result<std::set<std::string>> {
                       std::set<std::string> out;
                       for (const auto& id : ids) {
                         if (site.ends_of(id) > 0) out.insert(id);
                       }
                       return out;
                     },
                     .on_end =
                         [this](const TaskRecord& record) {
                           if (record.killed) killed.push_back(record.id);
                         }});
  }
  // As kill -9 does: nothing is said to anybody.
  void die() {
    site.alive.erase(presence.own());
    book->set_hooks({});
    book.reset();
  }
  Result<std::string> enter(const std::string& subject, const std::string& session, UnixMs now_ms, const std::string& task = {},
                            model::Band band = model::Band::kObserve) {
    const auto who = subject_named(subject);
    auto entered = book->enter({.subject = who, .session = session, .task = task, .band = band}, now_ms);
    if (!entered) return fail(entered.error());
    return (*entered)->id;
  }
  std::string start(TaskOrder order, UnixMs now_ms = kStart) {
    auto started = book->start(order, now_ms);
    EXPECT_TRUE(started) << (started ? "" : started.error().text());
    return started ? started->record.id : std::string();
  }
  ErrorCode refused(const TaskOrder& order, UnixMs now_ms = kStart) {
    auto started = book->start(order, now_ms);
    EXPECT_FALSE(started);
    return started ? ErrorCode::kInternal : started.error().code;
  }

  Site& site;
  Gates presence;
  std::vector<std::string> killed;
  std::unique_ptr<TaskBook> book;
};

inline TaskOrder order_for(std::string subject) {
  TaskOrder order;
  order.subject = std::move(subject);
  order.by = "alice";
  return order;
}

}  // namespace interlock::task
