// Implicit tasks: one a session, counted, bounded, ended once and for a stated reason.
#include <rapidcheck.h>

#include <deque>

#include "book_world.hpp"

namespace interlock::task {
namespace {

TEST(SessionTasks, AreOneForASubjectAndSession) {
  Site site;
  GateOf gate(site, "g");
  const auto first = gate.enter("agent", "s1", kStart);
  ASSERT_TRUE(first);
  EXPECT_EQ(*gate.enter("agent", "s1", kStart + 5), *first);
  EXPECT_NE(*gate.enter("agent", "s2", kStart + 5), *first);
  EXPECT_NE(*gate.enter("other", "s1", kStart + 5), *first);
  EXPECT_NE(*gate.enter("agents", "1", kStart + 5), *gate.enter("agent", "s1", kStart + 5)) << "names do not run together";
  EXPECT_EQ(gate.book->size(), 4u);
  ASSERT_EQ(site.ledger.size(), 4u);
  EXPECT_EQ(site.ledger[0].task, *first);
  EXPECT_EQ(site.ledger[0].change, TaskChange::kOpened);
}

TEST(SessionTasks, CountWhatTheyAdmitAndOnlyThat) {
  Site site;
  GateOf gate(site, "g", {.band_ceiling = model::Band::kRoutine});
  const auto id = *gate.enter("a", "s", kStart);
  ASSERT_TRUE(gate.enter("a", "s", kStart, {}, model::Band::kRoutine));
  const auto above = gate.enter("a", "s", kStart, {}, model::Band::kSensitive);
  ASSERT_FALSE(above);
  EXPECT_EQ(above.error().code, ErrorCode::kDenied);
  EXPECT_EQ(gate.book->find(id, kStart)->calls, 2);
}

TEST(SessionTasks, CountTheLastMinuteAsASimpleModelDoes) {
  rc::check([] {
    Site site;
    GateOf gate(site, "g");
    const auto agent = subject_named("a");
    const auto steps = *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 40'000));
    std::deque<UnixMs> model;
    UnixMs now = kStart;
    std::int64_t total = 0;
    for (int step : steps) {
      now += step;
      const auto task = gate.book->enter({.subject = agent, .session = "s", .task = {}}, now);
      if (!task) return;  // it has expired
      model.push_back(now);
      while (now / 1000 - model.front() / 1000 >= 60) model.pop_front();
      RC_ASSERT((*task)->calls_last_minute == static_cast<std::int64_t>(model.size()));
      RC_ASSERT((*task)->calls == ++total);
    }
  });
}

TEST(SessionTasks, ForgetNoCallsWhenTheClockGoesBack) {
  Site site;
  GateOf gate(site, "g");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(gate.enter("a", "s", kStart + 10'000));
  const auto id = *gate.enter("a", "s", kStart - 50'000);
  EXPECT_EQ(gate.book->find(id, kStart - 50'000)->calls_last_minute, 11);
}

TEST(SessionTasks, ExpireAndTheSessionGetsANewOne) {
  Site site;
  GateOf gate(site, "g", {.lifetime_ms = 1000});
  const auto id = *gate.enter("a", "s", kStart);
  EXPECT_EQ(*gate.enter("a", "s", kStart + 999), id);
  EXPECT_EQ(gate.book->may_go_on(id, kStart + 1000).error().code, ErrorCode::kExpired);
  const auto next = gate.enter("a", "s", kStart + 1000);
  ASSERT_TRUE(next);
  EXPECT_NE(*next, id);
  EXPECT_EQ(site.reason_of(id), "expired");
  EXPECT_EQ(gate.book->may_go_on(id, kStart + 1001).error().code, ErrorCode::kExpired);
}

TEST(SessionTasks, StayStoppedUntilTheSessionEnds) {
  Site site;
  GateOf gate(site, "g");
  const auto id = *gate.enter("a", "s", kStart);
  ASSERT_TRUE(gate.book->end(id, {.by = "alice", .reason = "stopped by alice"}, kStart + 1));
  EXPECT_FALSE(gate.book->end(id, {.by = "alice", .reason = "again"}, kStart + 2));
  const auto again = gate.enter("a", "s", kStart + 3);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kDenied);
  EXPECT_NE(again.error().message.find("stopped by alice"), std::string::npos);
  EXPECT_TRUE(gate.enter("a", "other", kStart + 3)) << "another session is another matter";
  gate.book->end_session("a", "s", kStart + 4);
  EXPECT_TRUE(gate.enter("a", "s", kStart + 5));
  EXPECT_EQ(site.ends_of(id), 1u);
}

TEST(SessionTasks, EndWithTheirSessionAndOnlyOnce) {
  Site site;
  GateOf gate(site, "g");
  const auto id = *gate.enter("a", "s", kStart);
  gate.book->end_session("a", "s", kStart + 1);
  gate.book->end_session("a", "s", kStart + 2);
  EXPECT_EQ(site.ends_of(id), 1u);
  EXPECT_EQ(site.reason_of(id), "session ended");
}

TEST(SessionTasks, AreBoundedInAllAndForASubject) {
  Site site;
  GateOf gate(site, "g", {.tasks = 3, .tasks_per_subject = 2});
  ASSERT_TRUE(gate.enter("a", "1", kStart));
  ASSERT_TRUE(gate.enter("a", "2", kStart));
  EXPECT_EQ(gate.enter("a", "3", kStart).error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(gate.enter("b", "1", kStart));
  EXPECT_EQ(gate.enter("c", "1", kStart).error().code, ErrorCode::kUnavailable);
  gate.book->end_session("a", "1", kStart);
  EXPECT_TRUE(gate.enter("c", "1", kStart));
}

TEST(SessionTasks, AreNotOpenedWhereTheConfigurationWantsTasksToBeStarted) {
  Site site;
  GateOf gate(site, "g", {.implicit = false});
  const auto refused = gate.enter("a", "s", kStart);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().hint.find("interlock task start"), std::string::npos);
  const auto id = gate.start(order_for("a"));
  EXPECT_EQ(*gate.enter("a", "s", kStart), id);
}

TEST(SessionTasks, OfAGateThatDiedAreEndedByTheNextAndOnce) {
  Site site;
  GateOf first(site, "g1");
  GateOf other(site, "g2");
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(*first.enter("a", std::to_string(i), kStart));
  const auto alive = *other.enter("b", "s", kStart);
  first.die();
  GateOf third(site, "g3", {}, kStart + 5'000);
  other.book->tick(kStart + 5'000);
  third.book->tick(kStart + 5'000);
  third.book->tick(kStart + 9'000);
  for (const auto& id : ids) {
    EXPECT_EQ(site.ends_of(id), 1u);
    EXPECT_EQ(site.reason_of(id), "the gate that ran it is gone");
  }
  EXPECT_EQ(site.ends_of(alive), 0u);
}

TEST(SessionTasks, WhoseEndCannotBeRecordedAdmitNothingAndEndLater) {
  Site site;
  GateOf gate(site, "g");
  const auto id = *gate.enter("a", "s", kStart);
  site.ledger_works = false;
  gate.book->end_session("a", "s", kStart + 1);
  EXPECT_FALSE(gate.enter("a", "s", kStart + 2));
  EXPECT_FALSE(gate.book->may_go_on(id, kStart + 2));
  site.ledger_works = true;
  gate.book->tick(kStart + 3);
  EXPECT_EQ(site.ends_of(id), 1u);
  EXPECT_TRUE(gate.enter("a", "s", kStart + 4));
}

}  // namespace
}  // namespace interlock::task
