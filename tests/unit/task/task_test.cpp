// The book of tasks: one task a session, counted, bounded, ended once and for a stated reason.
#include "task/task.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <deque>

namespace interlock::task {
namespace {

constexpr UnixMs kStart = 1'700'000'000'000;

model::Subject subject_named(std::string id) {
  model::Subject subject;
  subject.id = std::move(id);
  subject.owner = "alice";
  return subject;
}

struct Seen {
  TaskChange change;
  std::string task, subject, session, reason;
};

struct Recorder {
  std::vector<Seen> events;
  std::function<void(const TaskEvent&)> sink() {
    return [this](const TaskEvent& e) {
      events.push_back({e.change, e.task.id, std::string(e.subject), std::string(e.session), std::string(e.reason)});
    };
  }
};

TEST(TaskBook, OpensOneTaskForASubjectAndSession) {
  Recorder recorder;
  TaskBook book({}, recorder.sink());
  const auto agent = subject_named("agent");
  const auto first = book.open_implicit(agent, "s1", kStart);
  ASSERT_TRUE(first);
  const std::string id = (*first)->id;
  EXPECT_EQ((*book.open_implicit(agent, "s1", kStart + 5))->id, id);
  EXPECT_NE((*book.open_implicit(agent, "s2", kStart + 5))->id, id);
  EXPECT_NE((*book.open_implicit(subject_named("other"), "s1", kStart + 5))->id, id);
  EXPECT_EQ(book.size(), 3u);
  ASSERT_EQ(recorder.events.size(), 3u);
  EXPECT_EQ(recorder.events[0].task, id);
  EXPECT_EQ(recorder.events[0].change, TaskChange::kOpened);
}

TEST(TaskBook, SubjectAndSessionNamesDoNotRunTogether) {
  TaskBook book;
  EXPECT_NE((*book.open_implicit(subject_named("ab"), "c", kStart))->id, (*book.open_implicit(subject_named("a"), "bc", kStart))->id);
}

TEST(TaskBook, CountsWhatItAdmitsAndOnlyThat) {
  TaskOptions options;
  options.band_ceiling = model::Band::kRoutine;
  TaskBook book(options);
  const std::string id = (*book.open_implicit(subject_named("a"), "s", kStart))->id;
  EXPECT_EQ((*book.admit(id, kStart))->calls, 1);
  EXPECT_EQ((*book.admit(id, kStart, model::Band::kRoutine))->calls, 2);
  const auto above = book.admit(id, kStart, model::Band::kSensitive);
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().code, ErrorCode::kDenied);
  EXPECT_EQ(book.find(id, kStart)->calls, 2);
}

TEST(TaskBook, TheLastMinuteSlides) {
  TaskBook book;
  const std::string id = (*book.open_implicit(subject_named("a"), "s", kStart))->id;
  ASSERT_TRUE(book.admit(id, kStart));
  ASSERT_TRUE(book.admit(id, kStart + 30'000));
  EXPECT_EQ((*book.admit(id, kStart + 59'000))->calls_last_minute, 3);
  EXPECT_EQ((*book.admit(id, kStart + 60'000))->calls_last_minute, 3);  // the first is out, this one is in
  EXPECT_EQ(book.find(id, kStart + 89'999)->calls_last_minute, 3);
  EXPECT_EQ(book.find(id, kStart + 90'000)->calls_last_minute, 2);
  EXPECT_EQ(book.find(id, kStart + 200'000)->calls_last_minute, 0);
  EXPECT_EQ((*book.admit(id, kStart + 3'600'000))->calls_last_minute, 1);
}

TEST(TaskBook, TheLastMinuteAgreesWithASimpleModel) {
  rc::check([] {
    TaskBook book;
    const std::string id = (*book.open_implicit(subject_named("a"), "s", kStart))->id;
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40'000));
    std::deque<UnixMs> model;
    UnixMs now = kStart;
    std::int64_t total = 0;
    for (int step : steps) {
      now += step;
      const auto task = book.admit(id, now);
      RC_ASSERT(task.has_value());
      model.push_back(now);
      while (now / 1000 - model.front() / 1000 >= 60) model.pop_front();
      RC_ASSERT((*task)->calls_last_minute == static_cast<std::int64_t>(model.size()));
      RC_ASSERT((*task)->calls == ++total);
    }
  });
}

TEST(TaskBook, AClockThatGoesBackForgetsNoCalls) {
  TaskBook book;
  const std::string id = (*book.open_implicit(subject_named("a"), "s", kStart))->id;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(book.admit(id, kStart + 10'000));
  EXPECT_EQ((*book.admit(id, kStart - 50'000))->calls_last_minute, 11);
}

TEST(TaskBook, AnExpiredTaskAdmitsNothingAndItsSessionGetsANewOne) {
  Recorder recorder;
  TaskOptions options;
  options.lifetime_ms = 1000;
  TaskBook book(options, recorder.sink());
  const auto agent = subject_named("a");
  const std::string id = (*book.open_implicit(agent, "s", kStart))->id;
  ASSERT_TRUE(book.admit(id, kStart + 999));
  const auto late = book.admit(id, kStart + 1000);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kExpired);
  EXPECT_EQ(book.admit(id, kStart + 1001).error().code, ErrorCode::kExpired);
  const auto next = book.open_implicit(agent, "s", kStart + 2000);
  ASSERT_TRUE(next);
  EXPECT_NE((*next)->id, id);
  EXPECT_EQ((*next)->calls, 0);
  ASSERT_EQ(recorder.events.size(), 3u);
  EXPECT_EQ(recorder.events[1].reason, "expired");
}

TEST(TaskBook, AnIdThatIsAViewOfTheTaskItselfIsSafeToPass) {
  TaskOptions options;
  options.lifetime_ms = 1;
  TaskBook book(options);
  const auto task = book.open_implicit(subject_named("a"), "s", kStart);
  const auto late = book.admit((*task)->id, kStart + 1);
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message.find("task_"), std::string::npos);
}

TEST(TaskBook, AStoppedTaskStaysStoppedUntilItsSessionEnds) {
  Recorder recorder;
  TaskBook book({}, recorder.sink());
  const auto agent = subject_named("a");
  const std::string id = (*book.open_implicit(agent, "s", kStart))->id;
  EXPECT_TRUE(book.end(id, "stopped by alice", kStart + 1));
  EXPECT_FALSE(book.end(id, "again", kStart + 2));
  const auto act = book.admit(id, kStart + 3);
  ASSERT_FALSE(act);
  EXPECT_EQ(act.error().code, ErrorCode::kDenied);
  EXPECT_NE(act.error().message.find("stopped by alice"), std::string::npos);
  const auto again = book.open_implicit(agent, "s", kStart + 4);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kDenied);
  book.end_session("a", "s", kStart + 5);
  EXPECT_TRUE(book.open_implicit(agent, "s", kStart + 6));
  EXPECT_EQ(recorder.events.size(), 3u);  // opened, ended once, opened
}

TEST(TaskBook, TheEndOfASessionEndsItsTaskOnly) {
  TaskBook book;
  const auto agent = subject_named("a");
  const std::string one = (*book.open_implicit(agent, "1", kStart))->id;
  const std::string two = (*book.open_implicit(agent, "2", kStart))->id;
  book.end_session("a", "1", kStart + 1);
  book.end_session("a", "never seen", kStart + 1);
  EXPECT_FALSE(book.admit(one, kStart + 2));
  EXPECT_TRUE(book.admit(two, kStart + 2));
}

TEST(TaskBook, BoundsAreKeptForAllAndForEachSubject) {
  TaskOptions options;
  options.tasks = 3;
  options.tasks_per_subject = 2;
  options.lifetime_ms = 1000;
  TaskBook book(options);
  ASSERT_TRUE(book.open_implicit(subject_named("a"), "1", kStart));
  ASSERT_TRUE(book.open_implicit(subject_named("a"), "2", kStart));
  EXPECT_EQ(book.open_implicit(subject_named("a"), "3", kStart).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(book.open_implicit(subject_named("b"), "1", kStart + 500));
  EXPECT_EQ(book.open_implicit(subject_named("c"), "1", kStart + 500).error().code, ErrorCode::kUnavailable);
  // What has expired makes room.
  EXPECT_TRUE(book.open_implicit(subject_named("c"), "1", kStart + 1000));
  EXPECT_EQ(book.size(), 2u);
}

TEST(TaskBook, ExpiryAndTheKillSwitchEndEachTaskOnce) {
  Recorder recorder;
  TaskOptions options;
  options.lifetime_ms = 1000;
  TaskBook book(options, recorder.sink());
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(book.open_implicit(subject_named("a"), std::to_string(i), kStart + i * 100));
  EXPECT_EQ(book.expire_due(kStart + 1100), 2u);
  book.end_all("kill switch", kStart + 1100);
  EXPECT_EQ(book.expire_due(kStart + 100'000), 0u);
  EXPECT_EQ(book.size(), 0u);
  std::size_t ended = 0;
  for (const auto& event : recorder.events) ended += event.change == TaskChange::kEnded ? 1 : 0;
  EXPECT_EQ(ended, 5u);
}

TEST(TaskBook, TheListIsOldestFirst) {
  TaskBook book;
  ASSERT_TRUE(book.open_implicit(subject_named("b"), "1", kStart));
  ASSERT_TRUE(book.open_implicit(subject_named("a"), "1", kStart + 1));
  const auto list = book.list(kStart + 2);
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0].subject, "b");
  EXPECT_EQ(list[1].session, "1");
}

}  // namespace
}  // namespace interlock::task
