#include "credential/lease_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lease_parts.hpp"

namespace interlock::credential {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Got = std::optional<Result<std::shared_ptr<const Lease>>>;

class Leases : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<LeaseBook> book = world.open("gate-1");
  model::Classification act = reading("a");

  LeaseOrder order(model::Band band = model::Band::kRoutine, std::string credential = "pg", std::string task = "task-1") {
    return {.credential = std::move(credential),
            .act = "act-1",
            .task = std::move(task),
            .subject = "agent",
            .classification = &act,
            .band = band,
            .task_expires_ms = world.clock.now_ms() + 3'600'000};
  }
  std::shared_ptr<Got> ask(const LeaseOrder& what) {
    auto got = std::make_shared<Got>();
    book->acquire(what, [got](Result<std::shared_ptr<const Lease>> answer) {
      ASSERT_FALSE(got->has_value()) << "answered twice";
      *got = std::move(answer);
    });
    return got;
  }
  std::shared_ptr<const Lease> have(const LeaseOrder& what) {
    const auto got = ask(what);
    world.later.run();
    EXPECT_TRUE(got->has_value() && (**got).has_value());
    return got->has_value() && (**got).has_value() ? ***got : nullptr;
  }
  ErrorCode refused(const LeaseOrder& what) {
    const auto got = ask(what);
    world.later.run();
    if (!got->has_value() || (**got).has_value()) return ErrorCode::kInternal;
    EXPECT_FALSE((**got).error().message.empty());
    return (**got).error().code;
  }
  LeaseState state_of(const std::string& id) { return book->find(id).value_or(LeaseRecord{}).state; }
};

TEST_F(Leases, TheIntentIsOnDiskBeforeTheMintAndTheLeaseIsLiveAfter) {
  world.broker->is_silent = true;
  const auto got = ask(order());
  ASSERT_EQ(book->list(false).size(), 1U);
  EXPECT_EQ(book->list(false)[0].state, LeaseState::kPlanned);
  EXPECT_EQ(world.rows("leases", "open/").size(), 1U);
  world.broker->on_the_way.front()();
  ASSERT_TRUE(got->has_value() && (**got).has_value());
  const auto lease = ***got;
  EXPECT_EQ(lease->record().state, LeaseState::kLive);
  EXPECT_EQ(lease->field("token"), "canary-" + lease->record().id);
  EXPECT_THAT(lease->field_names(), ElementsAre("token"));
  EXPECT_EQ(lease->field("password"), "");
  EXPECT_THAT(world.events, ElementsAre("minted pg", "used pg"));
}

TEST_F(Leases, NoSecretIsEverWrittenInTheOpen) {
  const auto lease = have(order());
  book->end_task("task-1", "done");
  world.later.run();
  for (const auto& bucket : {"leases", "lease-secrets"}) {
    for (const auto& entry : world.rows(bucket, "")) {
      EXPECT_THAT(entry.value, ::testing::Not(HasSubstr("canary-")));
      EXPECT_THAT(entry.value, ::testing::Not(HasSubstr("undo-")));
    }
  }
  for (const auto& text : world.texts) EXPECT_THAT(text, ::testing::Not(::testing::AnyOf(HasSubstr("canary-"), HasSubstr("undo-"))));
}

TEST_F(Leases, RoutineActsOfATaskShareOneAndSensitiveOnesGetTheirOwn) {
  struct Case {
    model::Band band;
    std::string credential;
    bool shared;
  };
  for (const auto& one :
       {Case{model::Band::kObserve, "pg", true}, Case{model::Band::kRoutine, "pg", true}, Case{model::Band::kSensitive, "pg", false},
        Case{model::Band::kCritical, "pg", false}, Case{model::Band::kRoutine, "call", false}}) {
    const auto first = have(order(one.band, one.credential));
    const auto second = have(order(one.band, one.credential));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first == second, one.shared) << static_cast<int>(one.band) << one.credential;
  }
}

TEST_F(Leases, AnotherTaskOrAnotherGrantGetsAnotherLease) {
  const auto first = have(order());
  EXPECT_NE(first, have(order(model::Band::kRoutine, "pg", "task-2")));
  act.resource.id = "b";
  EXPECT_NE(first, have(order()));
  EXPECT_EQ(world.real.mints, 3);
}

TEST_F(Leases, ConcurrentOrdersOfTheSameMintOnce) {
  world.broker->is_silent = true;
  std::vector<std::shared_ptr<Got>> all;
  for (int i = 0; i < 20; ++i) all.push_back(ask(order()));
  ASSERT_EQ(world.broker->on_the_way.size(), 1U);
  world.broker->on_the_way.front()();
  for (const auto& got : all) {
    ASSERT_TRUE(got->has_value() && (**got).has_value());
    EXPECT_EQ(***got, **all.front());
  }
  EXPECT_EQ((**all.front())->get()->record().uses, 20);
  EXPECT_EQ(world.real.mints, 1);
}

TEST_F(Leases, AnOwnLeaseIsRevokedWhenItsActIsOverAndASharedOneStays) {
  const auto own = have(order(model::Band::kSensitive));
  const auto shared = have(order());
  book->release(own, "act-1");
  book->release(shared, "act-1");
  EXPECT_FALSE(own->alive());
  EXPECT_EQ(own->field("token"), "");
  world.later.run();
  EXPECT_EQ(state_of(own->record().id), LeaseState::kRevoked);
  EXPECT_EQ(state_of(shared->record().id), LeaseState::kLive);
  EXPECT_THAT(world.real.revoked_with, ElementsAre("undo-" + own->record().id));
  EXPECT_THAT(world.real.alive, ElementsAre(shared->record().id));
}

TEST_F(Leases, TheEndOfATaskRevokesAllOfItAndNothingElseAndNoneIsHandedOutAfter) {
  const auto shared = have(order());
  const auto own = have(order(model::Band::kCritical));
  const auto other = have(order(model::Band::kRoutine, "pg", "task-2"));
  bool done = false;
  book->end_task("task-1", "completed", [&] { done = true; });
  EXPECT_FALSE(shared->alive());
  EXPECT_FALSE(own->alive());
  EXPECT_FALSE(done);
  world.later.run();
  EXPECT_TRUE(done);
  EXPECT_THAT(world.real.alive, ElementsAre(other->record().id));
  EXPECT_EQ(refused(order()), ErrorCode::kExpired);
  EXPECT_EQ(world.real.mints, 3);
  EXPECT_THAT(book->find(own->record().id)->end_reason, HasSubstr("completed"));
}

TEST_F(Leases, TheEndOfATaskWithoutLeasesIsDoneAtOnce) {
  bool done = false;
  book->end_task("task-9", "completed", [&] { done = true; });
  EXPECT_TRUE(done);
}

TEST_F(Leases, ATaskThatEndsWhileItsLeaseIsMintedLeavesNoCredential) {
  world.broker->is_silent = true;
  const auto got = ask(order());
  book->end_task("task-1", "stopped");
  ASSERT_TRUE(got->has_value() && !(**got).has_value());
  EXPECT_EQ((**got).error().code, ErrorCode::kExpired);
  world.later.run();
  ASSERT_EQ(book->size(), 1U) << "the mint may yet take place";
  world.broker->on_the_way.front()();
  EXPECT_THAT(world.real.alive, IsEmpty());
  world.later.run();
  EXPECT_EQ(book->size(), 0U);
}

TEST_F(Leases, AMintThatIsAnsweredTooLateIsRevokedThen) {
  world.broker->is_silent = true;
  const auto got = ask(order());
  world.later.pass_ms(world.options.mint_timeout_ms);
  ASSERT_TRUE(got->has_value() && !(**got).has_value());
  EXPECT_EQ((**got).error().code, ErrorCode::kTimeout);
  world.later.run();
  for (int i = 0; i < 100; ++i) {
    world.later.pass_ms(500);
    book->tick();
    world.later.run();
  }
  EXPECT_EQ(book->size(), 1U);
  world.broker->on_the_way.front()();
  EXPECT_EQ(world.real.mints, 1);
  world.later.run();
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(book->size(), 0U);
  EXPECT_THAT(world.events, Contains("revoked pg"));
}

TEST_F(Leases, ARevocationThatWasSentBeforeTheMintArrivedDoesNotCountForIt) {
  world.broker->is_silent = true;
  (void)ask(order());
  book->end_task("task-1", "stopped");  // revoked with nothing there; the answer is on its way
  world.broker->on_the_way.front()();
  EXPECT_EQ(world.real.revocations, 2);
  world.later.run();
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(book->size(), 0U);
}

TEST_F(Leases, WhatTheRealSystemDeniesIsOverAndWhatItDidNotAnswerIsRevoked) {
  world.broker->mint_error = Error{ErrorCode::kDenied, "no such role", {}};
  EXPECT_EQ(refused(order()), ErrorCode::kDenied);
  EXPECT_EQ(book->size(), 0U);
  EXPECT_EQ(world.real.revocations, 0);
  EXPECT_THAT(world.events, ElementsAre("failed pg"));

  world.broker->mint_error = Error{ErrorCode::kUnavailable, "the connection broke", {}};
  world.broker->makes_before_error = true;
  EXPECT_EQ(refused(order()), ErrorCode::kUnavailable);
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(book->size(), 1U) << "the order may still be on its way";
  world.later.pass_ms(world.options.mint_timeout_ms);
  book->tick();
  world.later.run();
  EXPECT_EQ(book->size(), 0U);
}

TEST_F(Leases, WhatCannotBePlannedIsNotMinted) {
  world.broker->plan_refusal = Error{ErrorCode::kDenied, "the act names no table", {}};
  EXPECT_EQ(refused(order()), ErrorCode::kDenied);
  EXPECT_EQ(refused(order(model::Band::kRoutine, "nobody")), ErrorCode::kNotFound);
  EXPECT_EQ(book->list(true).size(), 0U);
}

TEST_F(Leases, WhatCannotBeRecordedIsNotHandedOut) {
  world.is_ledger_full = true;
  EXPECT_EQ(refused(order()), ErrorCode::kIo);
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(book->size(), 1U) << "its revocation has no receipt yet";
  world.is_ledger_full = false;
  world.later.pass_ms(1'000);
  book->tick();
  world.later.run();
  EXPECT_EQ(book->size(), 0U);
  EXPECT_THAT(world.events, ElementsAre("revoked pg"));
}

TEST_F(Leases, ASharedLeaseThatEndsSoonIsReplacedUnlessItsTaskEndsWithIt) {
  const auto first = have(order());
  world.later.pass_ms(590'000);
  const auto second = have(order());
  EXPECT_NE(first, second);
  auto ending = order(model::Band::kRoutine, "pg", "task-2");
  ending.task_expires_ms = world.clock.now_ms() + 5'000;
  const auto short_one = have(ending);
  EXPECT_EQ(short_one->record().expires_ms, ending.task_expires_ms);
  EXPECT_EQ(have(ending), short_one);
}

TEST_F(Leases, ALeaseThatReachesItsEndIsRevokedAndOneThatCannotBeRevokedIsExpired) {
  const auto revocable = have(order());
  world.later.pass_ms(600'000);
  book->tick();
  EXPECT_FALSE(revocable->alive());
  world.later.run();
  EXPECT_EQ(state_of(revocable->record().id), LeaseState::kRevoked);
  EXPECT_THAT(world.real.alive, IsEmpty());

  world.broker->can_be_revoked = false;
  const auto lasting = have(order(model::Band::kSensitive));
  book->release(lasting, "act-1");
  world.later.run();
  EXPECT_FALSE(lasting->alive());
  EXPECT_EQ(state_of(lasting->record().id), LeaseState::kRevoking) << "it is alive at its real system, and is shown so";
  world.later.pass_ms(600'000);
  book->tick();
  world.later.run();
  EXPECT_EQ(state_of(lasting->record().id), LeaseState::kExpired);
}

TEST_F(Leases, ARevocationIsTriedAgainWithBackoffAndRaisesOneAlarm) {
  const auto lease = have(order());
  world.broker->revoke_error = Error{ErrorCode::kUnavailable, "the database is away", {}};
  bool settled = false;
  book->end_task("task-1", "completed", [&] { settled = true; });
  world.later.run();
  EXPECT_TRUE(settled) << "it stands in the store as revoking";
  EXPECT_EQ(lease_from(world.store->get("leases", "open/" + lease->record().id)->value().value)->state, LeaseState::kRevoking);
  std::vector<int> tries;
  for (int i = 0; i < 300; ++i) {
    world.later.pass_ms(500);
    book->tick();
    world.later.run();
    tries.push_back(world.real.revocations);
  }
  EXPECT_GE(tries.back(), 8);
  EXPECT_LE(tries.back(), 14) << "150 s with doubling waits up to a minute";
  EXPECT_EQ(std::ranges::count(world.events, "alarm pg"), 1);
  ASSERT_EQ(book->alarms().size(), 1U);
  EXPECT_THAT(book->alarms()[0].trouble, HasSubstr("the database is away"));
  world.broker->revoke_error.reset();
  world.later.pass_ms(60'000);
  book->tick();
  world.later.run();
  EXPECT_THAT(book->alarms(), IsEmpty());
  EXPECT_THAT(world.real.alive, IsEmpty());
}

TEST_F(Leases, ABrokerThatNeverAnswersARevocationHasFailed) {
  const auto lease = have(order());
  world.broker->revoke_never_answers = true;
  book->end_task("task-1", "completed");
  world.later.pass_ms(world.options.mint_timeout_ms);
  EXPECT_EQ(book->find(lease->record().id)->attempts, 1);
  world.broker->revoke_never_answers = false;
  world.later.pass_ms(1'000);
  book->tick();
  world.later.run();
  EXPECT_EQ(book->size(), 0U);
}

TEST_F(Leases, BoundsHoldPerTaskAndInAll) {
  world.options.leases_per_task = 2;
  world.options.leases = 3;
  book = world.open("gate-1");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(have(order(model::Band::kSensitive)));
  EXPECT_EQ(refused(order(model::Band::kSensitive)), ErrorCode::kUnavailable);
  ASSERT_TRUE(have(order(model::Band::kSensitive, "pg", "task-2")));
  EXPECT_EQ(refused(order(model::Band::kSensitive, "pg", "task-3")), ErrorCode::kUnavailable);
}

TEST_F(Leases, EndedOnesAreKeptForAWhile) {
  const auto lease = have(order(model::Band::kSensitive));
  const auto id = lease->record().id;
  book->release(lease, "act-1");
  world.later.run();
  EXPECT_EQ(book->list(false).size(), 0U);
  EXPECT_EQ(book->list(true).size(), 1U);
  EXPECT_EQ(world.rows("lease-secrets", "").size(), 0U);
  world.clock.advance_ms(world.options.keep_ended_ms);
  book->tick();
  EXPECT_FALSE(book->find(id).has_value());
}

TEST_F(Leases, AGateThatStopsRevokesEverythingOrGivesUpInTime) {
  (void)have(order());
  (void)have(order(model::Band::kSensitive));
  bool done = false;
  book->close("the gate stops", 5'000, [&] { done = true; });
  world.later.run();
  EXPECT_TRUE(done);
  EXPECT_THAT(world.real.alive, IsEmpty());
  EXPECT_EQ(refused(order()), ErrorCode::kUnavailable);

  book = world.open("gate-2");
  (void)have(order());
  world.broker->revoke_never_answers = true;
  done = false;
  book->close("the gate stops", 5'000, [&] { done = true; });
  world.later.run();
  EXPECT_FALSE(done);
  world.later.pass_ms(5'000);
  EXPECT_TRUE(done);
}

TEST_F(Leases, SecretsInUseAreShownForRedactionUntilTheyAreRevoked) {
  const auto lease = have(order());
  std::vector<std::string> seen;
  const auto look = [&] {
    seen.clear();
    book->each_secret([&](auto credential, auto field, auto value) {
      seen.push_back(std::string(credential) + " " + std::string(field) + " " + std::string(value));
    });
  };
  look();
  EXPECT_THAT(seen, ElementsAre("pg token canary-" + lease->record().id));
  book->end_task("task-1", "completed");
  look();
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(Leases, RevokeByIdTellsWhatTheRealSystemSaid) {
  const auto lease = have(order());
  std::optional<Status> said;
  world.broker->revoke_error = Error{ErrorCode::kUnavailable, "away", {}};
  book->revoke(lease->record().id, "ada", "leaked", [&](Status status) { said = std::move(status); });
  world.later.run();
  ASSERT_TRUE(said.has_value());
  EXPECT_FALSE(said->has_value());
  world.broker->revoke_error.reset();
  book->revoke(lease->record().id, "ada", "again", [&](Status status) { said = std::move(status); });
  world.later.run();
  EXPECT_TRUE(said->has_value());
  EXPECT_EQ(book->find(lease->record().id)->end_reason, "revoked by ada: leaked");
  book->revoke(lease->record().id, "ada", "", [&](Status status) { said = std::move(status); });
  EXPECT_EQ(said->error().code, ErrorCode::kNotFound);
}

TEST_F(Leases, ALeaseKeepsTheBrokerItWasMintedBy) {
  const auto lease = have(order());
  book->set_credentials({});
  EXPECT_FALSE(book->knows("pg"));
  book->end_task("task-1", "completed");
  world.later.run();
  EXPECT_THAT(world.real.alive, IsEmpty());
}

TEST_F(Leases, RecordsSurviveTheirText) {
  LeaseRecord record{.id = "ls_1",
                     .credential = "pg",
                     .broker = "fake",
                     .task = "t",
                     .subject = "s",
                     .act = "a",
                     .gate = "g",
                     .band = model::Band::kCritical,
                     .grant = "x",
                     .handle = {{"role", "r"}},
                     .shared = true,
                     .minted = true,
                     .state = LeaseState::kRevoking,
                     .planned_ms = 1,
                     .expires_ms = 2,
                     .ending_ms = 3,
                     .ended_ms = 4,
                     .uses = 5,
                     .end_reason = "why",
                     .attempts = 6,
                     .next_try_ms = 7,
                     .trouble = "what"};
  const auto back = lease_from(lease_text(record));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(lease_text(*back), lease_text(record));
  for (const auto* bad :
       {"", "[]", "{}", R"({"version":2,"id":"x","state":"live","band":1})", R"({"version":1,"id":"","state":"live","band":1})",
        R"({"version":1,"id":"x","state":"alive","band":1})", R"({"version":1,"id":"x","state":"live","band":9})"}) {
    EXPECT_FALSE(lease_from(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace interlock::credential
