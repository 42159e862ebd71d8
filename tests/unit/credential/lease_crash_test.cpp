// A gate that dies at each step, and the next one that finds what it left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lease_parts.hpp"

namespace interlock::credential {
namespace {

using ::testing::IsEmpty;

class GatesThatDie : public ::testing::Test {
 protected:
  World world;
  model::Classification act = reading("a");
  std::unique_ptr<LeaseBook> first = world.open("gate-1");
  std::shared_ptr<const Lease> lease;

  void order(LeaseBook& book) {
    book.acquire({.credential = "pg",
                  .act = "act-1",
                  .task = "task-1",
                  .subject = "agent",
                  .classification = &act,
                  .task_expires_ms = world.clock.now_ms() + 3'600'000},
                 [this](Result<std::shared_ptr<const Lease>> got) {
                   if (got) lease = *got;
                 });
  }
  void die() {
    first.reset();
    world.dead_gates.insert("gate-1");
  }
  // What is left after the next gate has had `for_ms`.
  void expect_nothing_left(std::int64_t for_ms) {
    auto second = world.open("gate-2");
    ASSERT_TRUE(second);
    for (std::int64_t passed = 0; passed <= for_ms; passed += 500) {
      second->tick();
      world.later.pass_ms(500);
    }
    EXPECT_THAT(world.real.alive, IsEmpty());
    EXPECT_EQ(second->size(), 0U);
    EXPECT_THAT(world.rows("leases", "open/"), IsEmpty());
    EXPECT_THAT(world.rows("lease-secrets", ""), IsEmpty());
  }
};

TEST_F(GatesThatDie, AfterTheIntentBeforeTheMint) {
  world.broker->is_silent = true;
  order(*first);
  die();
  expect_nothing_left(world.options.mint_timeout_ms);
  EXPECT_TRUE(world.real.ever.empty());
}

TEST_F(GatesThatDie, AfterTheIntentWithTheMintStillOnItsWayToTheRealSystem) {
  world.broker->is_silent = true;
  order(*first);
  die();
  auto second = world.open("gate-2");
  second->tick();
  world.later.run();
  EXPECT_EQ(second->size(), 1U) << "nothing found to revoke is no proof yet";
  world.broker->on_the_way.front()();  // it arrives now
  ASSERT_EQ(world.real.alive.size(), 1U);
  second.reset();
  world.dead_gates.insert("gate-2");
  world.broker->is_silent = false;
  auto third = world.open("gate-3");
  for (std::int64_t passed = 0; passed <= world.options.mint_timeout_ms; passed += 500) {
    third->tick();
    world.later.pass_ms(500);
  }
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(third->size(), 0U);
}

TEST_F(GatesThatDie, AfterTheMintBeforeItsAnswer) {
  world.broker->mint_error = Error{ErrorCode::kUnavailable, "cut", {}};
  world.broker->makes_before_error = true;
  order(*first);
  die();
  world.broker->mint_error.reset();
  ASSERT_EQ(world.real.alive.size(), 1U);
  expect_nothing_left(world.options.mint_timeout_ms);
}

TEST_F(GatesThatDie, WhileTheLeaseIsInUse) {
  order(*first);
  world.later.run();
  ASSERT_TRUE(lease);
  die();
  expect_nothing_left(0);
  EXPECT_THAT(world.real.revoked_with, ::testing::Contains("undo-" + lease->record().id)) << "the sealed secret of revocation was found";
}

TEST_F(GatesThatDie, WhileTheRevocationIsUnderWay) {
  order(*first);
  world.later.run();
  world.broker->revoke_never_answers = true;
  first->end_task("task-1", "completed");
  die();
  world.broker->revoke_never_answers = false;
  expect_nothing_left(0);
}

TEST_F(GatesThatDie, AfterAFailedRevocationTheBackoffGoesOn) {
  order(*first);
  world.later.run();
  world.broker->revoke_error = Error{ErrorCode::kUnavailable, "away", {}};
  first->end_task("task-1", "completed");
  world.later.run();
  for (int i = 0; i < 40; ++i) {
    world.later.pass_ms(500);
    first->tick();
    world.later.run();
  }
  const auto id = lease->record().id;
  const auto before = *first->find(id);
  EXPECT_GE(before.attempts, 5);
  die();
  auto second = world.open("gate-2");
  const auto tried = world.real.revocations;
  second->tick();
  world.later.run();
  EXPECT_EQ(world.real.revocations, tried) << "its next try is not due";
  EXPECT_EQ(second->find(id)->attempts, before.attempts);
  world.later.pass_ms(before.next_try_ms - world.clock.now_ms());
  second->tick();
  world.later.run();
  EXPECT_EQ(second->find(id)->attempts, before.attempts + 1);
  world.later.pass_ms(60'000);
  second->tick();
  world.later.run();
  EXPECT_EQ(second->alarms().size(), 1U);
  EXPECT_EQ(std::ranges::count(world.events, "alarm pg"), 1);
}

TEST_F(GatesThatDie, BetweenTheTwoWritesOfAnEnd) {
  order(*first);
  world.later.run();
  const auto id = lease->record().id;
  const auto open = world.store->get("leases", "open/" + id)->value();
  first->end_task("task-1", "completed");
  world.later.run();
  ASSERT_TRUE(world.store->put("leases", "open/" + id, open.value).has_value());
  die();
  expect_nothing_left(0);
  auto third = world.open("gate-3");
  EXPECT_EQ(third->list(true).size(), 1U);
}

TEST_F(GatesThatDie, AliveGatesKeepTheirLeasesAndOfTwoThatFindADeadOnesOnlyOneRevokes) {
  order(*first);
  world.later.run();
  auto second = world.open("gate-2");
  auto third = world.open("gate-3");
  second->tick();
  world.later.run();
  EXPECT_TRUE(lease->alive());
  EXPECT_EQ(world.real.revocations, 0);
  EXPECT_EQ(second->list(false).size(), 1U);
  die();
  second->tick();
  third->tick();
  world.later.run();
  EXPECT_EQ(world.real.revocations, 1);
}

TEST_F(GatesThatDie, AnEarlierProcessOfTheSameNameIsDead) {
  order(*first);
  world.later.run();
  first.reset();
  auto again = world.open("gate-1");
  again->tick();
  world.later.run();
  EXPECT_THAT(world.real.alive, IsEmpty());
}

TEST_F(GatesThatDie, ALeaseThatAnotherGateRevokesIsGoneHereWithTheNextTick) {
  order(*first);
  world.later.run();
  auto second = world.open("gate-2");
  std::optional<Status> said;
  second->revoke(lease->record().id, "ada", "leaked", [&](Status status) { said = std::move(status); });
  world.later.run();
  ASSERT_TRUE(said && said->has_value());
  EXPECT_THAT(world.real.alive, IsEmpty());
  first->tick();
  EXPECT_FALSE(lease->alive());
  EXPECT_EQ(lease->field("token"), "");
  order(*first);
  world.later.run();
  EXPECT_TRUE(lease->alive()) << "and another one is minted for the next act";
}

TEST_F(GatesThatDie, ACredentialThatIsNotConfiguredAnyMoreAlarmsUntilItIsAgain) {
  order(*first);
  world.later.run();
  die();
  auto second = world.open("gate-2");
  second->set_credentials({});
  for (int i = 0; i < 80; ++i) {
    second->tick();
    world.later.pass_ms(500);
  }
  ASSERT_EQ(second->alarms().size(), 1U);
  EXPECT_THAT(second->alarms()[0].trouble, ::testing::HasSubstr("not configured any more"));
  second->set_credentials({{.name = "pg", .broker = world.broker}});
  world.later.pass_ms(60'000);
  second->tick();
  world.later.run();
  EXPECT_THAT(world.real.alive, IsEmpty());
}

TEST_F(GatesThatDie, AGivenUpLeaseIsExpiredADayAfterItsEnd) {
  order(*first);
  world.later.run();
  world.broker->revoke_error = Error{ErrorCode::kUnavailable, "gone for good", {}};
  first->end_task("task-1", "completed");
  world.later.run();
  world.later.pass_ms(600'000 + 86'400'000);
  first->tick();
  world.later.run();
  EXPECT_EQ(first->find(lease->record().id)->state, LeaseState::kExpired);
  EXPECT_EQ(first->size(), 0U);
}

}  // namespace
}  // namespace interlock::credential
