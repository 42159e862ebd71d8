// The book of held acts: a yes is for one act, once, in time, from someone who is not the agent, whatever happens to the store.
#include "approval/approvals.hpp"

#include <sys/wait.h>

#include <functional>
#include <set>

#include "parts.hpp"

namespace interlock::approval {
namespace {

constexpr int kAgent = 200;
constexpr int kHuman = 300;
constexpr int kServer = 400;

class Book : public testing::Test {
 protected:
  Book() : clock(kStart_ms) {
    table.add(1, 0, "systemd", 1, "/init.scope");
    table.add(100, 1, "terminal", 60);
    table.add(kAgent, 100, "agent", 70);
    table.add(kHuman, 100, "interlock", 80);
    table.add(kServer, static_cast<int>(::getpid()), "server", 75);
    options.service_uid = 1000;
    reopen();
  }

  void reopen() {
    book.reset();
    book = another();
  }
  std::unique_ptr<ApprovalBook> another() {
    auto opened = ApprovalBook::open(*store, clock, table, options, [this](const Approval& approval) {
      told.push_back(approval);
      if (on_told) on_told(approval);
    });
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? std::move(*opened) : nullptr;
  }

  Approval ask(std::string name = "alpha") {
    auto request = an_act(std::move(name));
    request.expires_ms = clock.now_ms() + kLifetime_ms;
    request.client_pid = kAgent;
    auto asked = book->request(request);
    EXPECT_TRUE(asked) << asked.error().text();
    return asked ? *asked : Approval();
  }
  static Approver human(int pid = kHuman, int uid = 1000) { return {Channel::kAdminSocket, pid, uid, "alice", {}}; }
  static Approver agents_client() { return {Channel::kElicitation, -1, -1, "agent 1.0", {}}; }
  ErrorCode refusal(const Result<Approval>& decided) { return decided ? ErrorCode::kInternal : decided.error().code; }
  ErrorCode refusal(const Status& status) { return status ? ErrorCode::kInternal : status.error().code; }
  ApprovalState stored(const std::string& id) {
    const auto entry = *store->get("approvals", id);
    return entry ? approval_from_json(*json::parse(entry->value))->state : ApprovalState::kPending;
  }

  std::unique_ptr<store::Store> store = store::open_memory_store();
  ManualClock clock;
  FakeProcessTable table;
  ApprovalOptions options;
  std::vector<Approval> told;
  std::function<void(const Approval&)> on_told;
  std::unique_ptr<ApprovalBook> book;
};

TEST_F(Book, HoldsAnActOnDiskUntilAHumanApprovesAndItIsUsedOnce) {
  const auto asked = ask();
  EXPECT_EQ(normalize_id(asked.id), asked.id);
  EXPECT_EQ(stored(asked.id), ApprovalState::kPending);
  EXPECT_EQ(book->pending().size(), 1U);
  const auto decided = book->decide(asked.id, true, human(), "fine", asked.request.digest);
  ASSERT_TRUE(decided) << decided.error().text();
  EXPECT_EQ(decided->state, ApprovalState::kApproved);
  EXPECT_EQ(decided->approver, "alice (uid 1000, pid 300 interlock)");
  EXPECT_EQ(decided->decision_reason, "fine");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].state, ApprovalState::kApproved);
  EXPECT_EQ(stored(asked.id), ApprovalState::kApproved);
  EXPECT_TRUE(book->pending().empty());
  EXPECT_TRUE(book->consume(asked.id, asked.request.digest));
  EXPECT_EQ(stored(asked.id), ApprovalState::kConsumed);
  EXPECT_EQ(refusal(book->consume(asked.id, asked.request.digest)), ErrorCode::kConflict);
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(), "")), ErrorCode::kConflict);
  EXPECT_EQ(told.size(), 1U);
}

TEST_F(Book, LetsTheHolderUseTheApprovalFromWithinTheCallback) {
  const auto asked = ask();
  Status used = fail(ErrorCode::kInternal, "not called");
  on_told = [&](const Approval& approval) { used = book->consume(approval.id, approval.request.digest); };
  const auto decided = book->decide(asked.id, true, human(), "");
  ASSERT_TRUE(decided);
  EXPECT_TRUE(used);
  EXPECT_EQ(decided->state, ApprovalState::kApproved);
  EXPECT_EQ(book->find(asked.id)->state, ApprovalState::kConsumed);
}

// How an act comes into each state, and what is answered there.
TEST_F(Book, AnswersInEachStateAsTheTableSays) {
  struct Row {
    const char* name;
    std::function<void(const std::string& id, const std::string& digest)> bring;
    ApprovalState state;
    ErrorCode decide;
    ErrorCode consume;
  };
  const Row rows[] = {
      {"denied", [&](auto& id, auto&) { EXPECT_TRUE(book->decide(id, false, human(), "no")); }, ApprovalState::kDenied,
       ErrorCode::kConflict, ErrorCode::kConflict},
      {"withdrawn", [&](auto& id, auto&) { book->withdraw(id, "cancelled"); }, ApprovalState::kWithdrawn, ErrorCode::kConflict,
       ErrorCode::kConflict},
      {"approved and withdrawn",
       [&](auto& id, auto&) {
         EXPECT_TRUE(book->decide(id, true, human(), ""));
         book->withdraw(id, "cancelled");
       },
       ApprovalState::kWithdrawn, ErrorCode::kConflict, ErrorCode::kConflict},
      {"expired",
       [&](auto&, auto&) {
         clock.advance_ms(kLifetime_ms);
         EXPECT_EQ(book->expire_due(), 1U);
       },
       ApprovalState::kExpired, ErrorCode::kExpired, ErrorCode::kExpired},
      {"approved and expired",
       [&](auto& id, auto&) {
         EXPECT_TRUE(book->decide(id, true, human(), ""));
         clock.advance_ms(kLifetime_ms);
         EXPECT_EQ(book->expire_due(), 1U);
       },
       ApprovalState::kExpired, ErrorCode::kExpired, ErrorCode::kExpired},
      {"consumed",
       [&](auto& id, auto& digest) {
         EXPECT_TRUE(book->decide(id, true, human(), ""));
         EXPECT_TRUE(book->consume(id, digest));
       },
       ApprovalState::kConsumed, ErrorCode::kConflict, ErrorCode::kConflict},
      {"lapsed", [&](auto&, auto&) { reopen(); }, ApprovalState::kLapsed, ErrorCode::kConflict, ErrorCode::kConflict},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.name);
    const auto asked = ask();
    row.bring(asked.id, asked.request.digest);
    EXPECT_EQ(book->find(asked.id)->state, row.state);
    EXPECT_EQ(stored(asked.id), row.state);
    EXPECT_EQ(refusal(book->decide(asked.id, true, human(), "")), row.decide);
    EXPECT_EQ(refusal(book->decide(asked.id, false, human(), "")), row.decide);
    EXPECT_EQ(refusal(book->consume(asked.id, asked.request.digest)), row.consume);
    book->withdraw(asked.id, "again");
    EXPECT_EQ(stored(asked.id), row.state);
    EXPECT_FALSE(book->next_expiry_ms());
  }
}

TEST_F(Book, RefusesToUseWhatNobodyApproved) {
  const auto asked = ask();
  EXPECT_EQ(refusal(book->consume(asked.id, asked.request.digest)), ErrorCode::kConflict);
  EXPECT_EQ(book->pending().size(), 1U);  // it still waits
  EXPECT_TRUE(book->decide(asked.id, true, human(), ""));
}

TEST_F(Book, DoesNotKnowOtherIds) {
  for (const char* id : {"", "zzzzzz", "short", "far too long to be one", "../../../", "k7m3x\n"}) {
    EXPECT_EQ(refusal(book->decide(id, true, human(), "")), ErrorCode::kNotFound) << id;
    EXPECT_EQ(refusal(book->consume(id, "")), ErrorCode::kNotFound) << id;
    EXPECT_FALSE(book->find(id)) << id;
    book->withdraw(id, "");
  }
}

TEST_F(Book, ForgivesHowAPersonTypesAnId) {
  const auto asked = ask();
  std::string typed = " ";
  for (char c : asked.id) typed += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '0' ? 'O' : c == '1' ? 'l' : c;
  EXPECT_TRUE(book->decide(typed + "\n", true, human(), ""));
}

TEST_F(Book, UsesAYesForTheDigestItWasGivenForAndNoOther) {
  const auto asked = ask();
  const auto other = ask("beta");
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(), "", other.request.digest)), ErrorCode::kDenied);
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(book->decide(asked.id, true, human(), "", asked.request.digest));
  EXPECT_EQ(refusal(book->consume(asked.id, other.request.digest)), ErrorCode::kDenied);
  // The act moved on after the yes: the yes is gone with it.
  EXPECT_EQ(refusal(book->consume(asked.id, asked.request.digest)), ErrorCode::kConflict);
  EXPECT_EQ(stored(asked.id), ApprovalState::kLapsed);
}

TEST_F(Book, ExpiresAtTheMillisecondAndNotBefore) {
  const auto first = ask();
  clock.advance_ms(1);
  const auto second = ask("beta");
  EXPECT_EQ(book->next_expiry_ms(), kStart_ms + kLifetime_ms);
  clock.advance_ms(kLifetime_ms - 2);
  EXPECT_EQ(book->expire_due(), 0U);
  clock.advance_ms(1);
  EXPECT_EQ(book->expire_due(), 1U);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].id, first.id);
  EXPECT_EQ(told[0].state, ApprovalState::kExpired);
  ASSERT_TRUE(book->decide(second.id, true, human(), ""));  // its last millisecond
  clock.advance_ms(1);
  EXPECT_EQ(refusal(book->consume(second.id, second.request.digest)), ErrorCode::kExpired);
  EXPECT_EQ(stored(second.id), ApprovalState::kExpired);
}

TEST_F(Book, EndsAnOverdueActWhenTheYesComesLate) {
  const auto asked = ask();
  clock.advance_ms(kLifetime_ms);
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(), "")), ErrorCode::kExpired);
  ASSERT_EQ(told.size(), 1U);  // the holder hears of it from there, not from a timer
  EXPECT_EQ(told[0].state, ApprovalState::kExpired);
  EXPECT_EQ(book->expire_due(), 0U);
}

TEST_F(Book, SurvivesCallbacksThatChangeTheBook) {
  ask("one");
  ask("two");
  std::size_t asked_again = 0;
  on_told = [&](const Approval&) {
    for (const auto& other : book->pending()) book->withdraw(other.id, "the session is over");
    if (asked_again++ == 0) ask("three");
  };
  clock.advance_ms(kLifetime_ms);
  EXPECT_EQ(book->expire_due(), 1U);
  EXPECT_EQ(book->pending().size(), 1U);
}

TEST_F(Book, ListsWhatWaitsOldestFirstAndHistoryNewestFirst) {
  std::vector<std::string> ids;
  for (int i = 0; i < 150; ++i) {
    if (i >= 100) options.pending_per_subject = 200;
    auto request = an_act(std::to_string(i));
    request.subject = i < 90 ? "a" : "b";
    request.expires_ms = clock.now_ms() + kLifetime_ms;
    ids.push_back(book->request(request)->id);
    clock.advance_ms(i % 3);
  }
  const auto waiting = book->pending();
  ASSERT_EQ(waiting.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(waiting[i].id, ids[i]);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), ids.size());
  const auto history = book->history(7);
  ASSERT_TRUE(history);
  ASSERT_EQ(history->size(), 7U);
  EXPECT_EQ(history->front().id, ids.back());
  for (std::size_t i = 1; i < 7; ++i) EXPECT_GE((*history)[i - 1].requested_ms, (*history)[i].requested_ms);
  EXPECT_EQ(book->history(0)->size(), 0U);
  EXPECT_EQ(book->history(SIZE_MAX)->size(), ids.size());
}

TEST_F(Book, BoundsWhatItHolds) {
  options.pending = 3;
  options.pending_per_subject = 2;
  options.argument_bytes = 1000;
  reopen();
  ask("one");
  const auto two = ask("two");
  auto third = an_act("three");
  third.expires_ms = clock.now_ms() + 1;
  EXPECT_EQ(refusal(book->request(third)), ErrorCode::kUnavailable);
  third.subject = "someone else";
  EXPECT_TRUE(book->request(third));
  EXPECT_EQ(refusal(book->request(third)), ErrorCode::kUnavailable);
  book->withdraw(two.id, "");
  third.arguments = json::object{{"text", std::string(1000, 'x')}};
  EXPECT_EQ(refusal(book->request(third)), ErrorCode::kTooLarge);
  third.arguments = {};
  third.shown_arguments = json::object{{"text", std::string(1000, 'x')}};
  EXPECT_EQ(refusal(book->request(third)), ErrorCode::kTooLarge) << "what is shown counts too";
  third.shown_arguments = {};
  third.resource = std::string(1'000'000, 'x');
  EXPECT_EQ(refusal(book->request(third)), ErrorCode::kTooLarge);
  third.resource = "File::\"x\"";
  EXPECT_TRUE(book->request(third));
}

TEST_F(Book, RefusesRequestsThatNobodyCouldDecide) {
  auto expired = an_act();
  expired.expires_ms = clock.now_ms();
  auto no_digest = an_act();
  no_digest.digest = "abc";
  auto nobody = an_act();
  nobody.subject.clear();
  for (const auto& request : {expired, no_digest, nobody}) EXPECT_EQ(refusal(book->request(request)), ErrorCode::kInvalid);
}

TEST_F(Book, TakesAYesOnlyFromTheGatesUserOrRoot) {
  const auto asked = ask();
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(kHuman, 1001), "")), ErrorCode::kDenied);
  EXPECT_EQ(refusal(book->decide(asked.id, false, human(kHuman, 1001), "")), ErrorCode::kDenied);
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(kHuman, -1), "")), ErrorCode::kDenied);
  EXPECT_EQ(refusal(book->decide(asked.id, true, human(-1), "")), ErrorCode::kDenied);
  EXPECT_EQ(refusal(book->decide(asked.id, true,
                                 Approver{.channel = Channel::kNone, .pid = kHuman, .uid = 1000, .name = {}, .passphrase = {}}, "")),
            ErrorCode::kDenied);
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(book->decide(asked.id, true, human(kHuman, 0), ""));
}

TEST_F(Book, TakesNoYesFromTheAgentTheGateOrItsServersNorFromTheirChildren) {
  table.add(201, kAgent, "bash", 90);
  table.add(202, 201, "interlock", 91);
  table.add(401, kServer, "interlock", 92);
  table.add(501, 1, "other", 93);
  table.add(502, 501, "interlock", 94);
  book->bar(kServer);
  book->bar(501);
  const auto asked = ask();
  for (int pid : {kAgent, 201, 202, static_cast<int>(::getpid()), kServer, 401, 501, 502, 99999}) {
    EXPECT_EQ(refusal(book->decide(asked.id, true, human(pid), "")), ErrorCode::kDenied) << pid;
    EXPECT_EQ(refusal(book->may_decide(asked, human(pid))), ErrorCode::kDenied) << pid;
    EXPECT_EQ(refusal(book->may_administer(human(pid))), ErrorCode::kDenied) << pid;
  }
  EXPECT_TRUE(told.empty());
  EXPECT_TRUE(book->may_administer(human()));
  EXPECT_TRUE(book->may_decide(asked, human()));
  EXPECT_TRUE(book->decide(asked.id, true, human(), ""));
}

TEST_F(Book, KeepsABarUntilEachThatSetItIsGone) {
  const auto asked = ask();
  book->bar(kHuman);
  book->bar(kHuman);
  book->unbar(kHuman);
  EXPECT_FALSE(book->may_decide(asked, human()));
  book->unbar(kHuman);
  EXPECT_TRUE(book->may_decide(asked, human()));
  book->unbar(kHuman);
  book->bar(98765);  // no such process
  book->bar(kHuman);
  table.add(kHuman, 100, "interlock", 500);  // the number is another process now
  EXPECT_TRUE(book->may_decide(asked, human()));
}

TEST_F(Book, CountsTheAgentsOwnChannelOnlyWhereTheConfigurationSaysSo) {
  const auto asked = ask();
  EXPECT_EQ(refusal(book->decide(asked.id, true, agents_client(), "")), ErrorCode::kDenied);
  EXPECT_EQ(book->pending().size(), 1U);
  EXPECT_TRUE(book->decide(asked.id, false, agents_client(), "declined"));  // a no counts always
  EXPECT_EQ(told.back().state, ApprovalState::kDenied);
  EXPECT_EQ(told.back().channel, Channel::kElicitation);
  options.elicitation_counts = true;
  reopen();
  const auto again = ask();
  EXPECT_EQ(refusal(book->may_administer(agents_client())), ErrorCode::kDenied);
  const auto decided = book->decide(again.id, true, agents_client(), "");
  ASSERT_TRUE(decided) << decided.error().text();
  EXPECT_EQ(decided->approver, "the agent's client (agent 1.0)");
}

TEST_F(Book, AsksForThePassphraseForAYesAndNotForANo) {
  options.passphrase = *PassphraseVerifier::parse(*hash_passphrase("correct horse"));
  options.elicitation_counts = true;
  reopen();
  const auto asked = ask();
  const auto without = book->decide(asked.id, true, human(), "");
  ASSERT_FALSE(without);
  EXPECT_EQ(without.error().message, kNeedsPassphrase);
  EXPECT_EQ(refusal(book->decide(asked.id, true, agents_client(), "")), ErrorCode::kDenied);
  auto approver = human();
  approver.passphrase = "wrong horse";
  EXPECT_EQ(refusal(book->decide(asked.id, true, approver, "")), ErrorCode::kDenied);
  approver.passphrase = "correct horse";
  auto agent = approver;
  agent.pid = kAgent;
  EXPECT_EQ(refusal(book->decide(asked.id, true, agent, "")), ErrorCode::kDenied);  // it does not help the agent
  EXPECT_TRUE(book->decide(asked.id, true, approver, ""));
  EXPECT_TRUE(book->decide(ask("beta").id, false, human(), ""));
}

TEST_F(Book, RefusesAnActWhoseRecordWasTouchedInTheStore) {
  const auto forge = [&](const std::string& id, ApprovalState state) {
    auto forged = *approval_from_json(*json::parse((**store->get("approvals", id)).value));
    forged.state = state;
    forged.approver = "a forger";
    ASSERT_TRUE(store->put("approvals", id, json::write(to_json(forged))));
  };
  const auto pending = ask("one");
  forge(pending.id, ApprovalState::kApproved);
  EXPECT_EQ(refusal(book->consume(pending.id, pending.request.digest)), ErrorCode::kConflict);  // written is not decided
  EXPECT_EQ(book->find(pending.id)->state, ApprovalState::kPending);
  EXPECT_EQ(refusal(book->decide(pending.id, true, human(), "")), ErrorCode::kConflict);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].state, ApprovalState::kLapsed);
  EXPECT_EQ(stored(pending.id), ApprovalState::kLapsed);  // the truth is put back
  EXPECT_EQ(refusal(book->consume(pending.id, pending.request.digest)), ErrorCode::kConflict);

  const auto approved = ask("two");
  ASSERT_TRUE(book->decide(approved.id, true, human(), ""));
  forge(approved.id, ApprovalState::kApproved);
  EXPECT_EQ(refusal(book->consume(approved.id, approved.request.digest)), ErrorCode::kConflict);
  EXPECT_EQ(stored(approved.id), ApprovalState::kLapsed);

  const auto removed = ask("three");
  ASSERT_TRUE(store->remove("approvals", removed.id));
  EXPECT_EQ(refusal(book->decide(removed.id, true, human(), "")), ErrorCode::kConflict);
  EXPECT_EQ(stored(removed.id), ApprovalState::kLapsed);
}

TEST_F(Book, LivesWithDamagedRecords) {
  ASSERT_TRUE(store->put("approvals", "aaaaaa", "not JSON"));
  ASSERT_TRUE(store->put("approvals", "bbbbbb", R"({"v":1,"id":"cccccc","state":"approved","requested_ms":1,"expires_ms":2})"));
  ASSERT_TRUE(store->put("approvals", "dddddd", R"({"v":2,"id":"dddddd"})"));
  reopen();
  for (const char* id : {"aaaaaa", "bbbbbb", "cccccc", "dddddd"}) {
    EXPECT_FALSE(book->find(id)) << id;
    EXPECT_EQ(refusal(book->decide(id, true, human(), "")), ErrorCode::kNotFound) << id;
  }
  EXPECT_EQ(book->history(10)->size(), 0U);
}

TEST_F(Book, LeavesTheActsOfLivingGatesAloneAndUsesThemNowhereElse) {
  const auto asked = ask();
  const auto second = another();
  EXPECT_EQ(stored(asked.id), ApprovalState::kPending);
  EXPECT_EQ(refusal(second->decide(asked.id, true, human(), "")), ErrorCode::kNotFound);
  ASSERT_TRUE(book->decide(asked.id, true, human(), ""));
  EXPECT_EQ(refusal(second->consume(asked.id, asked.request.digest)), ErrorCode::kNotFound);
  second->withdraw(asked.id, "not mine");
  EXPECT_TRUE(second->pending().empty());
  EXPECT_EQ(second->find(asked.id)->state, ApprovalState::kApproved);
  EXPECT_TRUE(book->consume(asked.id, asked.request.digest));
  EXPECT_EQ(refusal(second->consume(asked.id, asked.request.digest)), ErrorCode::kConflict);
}

TEST_F(Book, MarksWhatItHeldAsLapsedWhenItEndsAndCallsNothing) {
  const auto pending = ask("one");
  const auto approved = ask("two");
  ASSERT_TRUE(book->decide(approved.id, true, human(), ""));
  told.clear();
  book.reset();
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(stored(pending.id), ApprovalState::kLapsed);
  EXPECT_EQ(stored(approved.id), ApprovalState::kLapsed);
}

// A record as a gate in another process, or on another day, left it.
TEST_F(Book, TellsDeadHoldersFromLivingOnes) {
  struct Row {
    const char* name;
    ProcessMark holder;
    const char* place;
    UnixMs expires_ms;
    ApprovalState after;
  };
  const Row rows[] = {
      {"alive", {kServer, 75}, "boot-1/pid:[1]", kStart_ms + 1, ApprovalState::kPending},
      {"dead", {77777, 75}, "boot-1/pid:[1]", kStart_ms + 1, ApprovalState::kLapsed},
      {"the number is another process now", {kServer, 74}, "boot-1/pid:[1]", kStart_ms + 1, ApprovalState::kLapsed},
      {"before the machine started anew", {kServer, 75}, "boot-0/pid:[1]", kStart_ms + 1, ApprovalState::kLapsed},
      {"in a container of its own, may live", {77777, 75}, "boot-1/pid:[2]", kStart_ms + 1, ApprovalState::kPending},
      {"in a container of its own, too late", {77777, 75}, "boot-1/pid:[2]", kStart_ms, ApprovalState::kLapsed},
      {"nobody", {}, "boot-1/pid:[1]", kStart_ms + 1, ApprovalState::kLapsed},
  };
  std::string_view endings = "abcdefghjkmnpqrst";
  for (const auto& row : rows) {
    for (const auto state : {ApprovalState::kPending, ApprovalState::kApproved}) {
      SCOPED_TRACE(row.name);
      Approval approval;
      approval.id = std::string("00000") + endings.front();
      endings.remove_prefix(1);
      approval.request = an_act();
      approval.request.expires_ms = row.expires_ms;
      approval.requested_ms = kStart_ms - 1;
      approval.state = state;
      approval.holder = row.holder;
      approval.place = row.place;
      ASSERT_TRUE(store->put("approvals", approval.id, json::write(to_json(approval))));
      reopen();
      EXPECT_EQ(stored(approval.id), row.after == ApprovalState::kPending ? state : row.after);
      EXPECT_EQ(refusal(book->consume(approval.id, approval.request.digest)),
                row.after == ApprovalState::kPending ? ErrorCode::kNotFound : ErrorCode::kConflict);
    }
  }
}

TEST_F(Book, ForgetsWhatIsOld) {
  options.keep_ms = 1000;
  reopen();
  const auto asked = ask();
  clock.advance_ms(500);
  book->withdraw(asked.id, "");
  clock.advance_ms(999);
  reopen();
  EXPECT_TRUE(book->find(asked.id));
  clock.advance_ms(1);
  reopen();
  EXPECT_FALSE(book->find(asked.id));
  const auto later = ask();
  book->withdraw(later.id, "");
  clock.advance_ms(3'600'000);
  book->expire_due();  // a gate that runs for long forgets too
  EXPECT_FALSE(book->find(later.id));
}

TEST_F(Book, ApprovesNothingThatCannotBeWritten) {
  BreakableStore broken;
  auto opened = ApprovalBook::open(broken, clock, table, options, [&](const Approval& approval) { told.push_back(approval); });
  ASSERT_TRUE(opened);
  auto& held = **opened;
  broken.writes = false;
  EXPECT_EQ(refusal(held.request(an_act())), ErrorCode::kIo);
  EXPECT_TRUE(held.pending().empty());
  broken.writes = true;
  const auto asked = *held.request(an_act());
  broken.writes = false;
  EXPECT_EQ(refusal(held.decide(asked.id, true, human(), "")), ErrorCode::kIo);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(held.pending().size(), 1U);  // it still waits: the disk may have room again
  broken.writes = true;
  ASSERT_TRUE(held.decide(asked.id, true, human(), ""));
  broken.writes = false;
  EXPECT_EQ(refusal(held.consume(asked.id, asked.request.digest)), ErrorCode::kIo);
  broken.writes = true;
  EXPECT_FALSE(held.consume(asked.id, asked.request.digest));  // whether the first use was written is not known
  const auto other = *held.request(an_act());
  broken.writes = false;
  const auto denied = held.decide(other.id, false, human(), "no");  // a no needs no disk
  ASSERT_TRUE(denied);
  EXPECT_EQ(told.back().state, ApprovalState::kDenied);
  broken.reads = false;
  EXPECT_FALSE(ApprovalBook::open(broken, clock, table, options, {}));
}

// Processes of their own, on one SQLite store.
class Processes : public testing::Test {
 protected:
  // Runs `work` in a process of its own, which ends as if killed: no destructor runs.
  static void in_another_process(const std::function<bool()>& work) {
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(work() ? 0 : 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), 0);
  }
  TemporaryFolder folder;
  KernelProcessTable table;
  SystemClock clock;
};

TEST_F(Processes, MarkTheHeldActsOfAKilledGateAsLapsed) {
  in_another_process([&] {
    auto store = store_at(folder.file());
    auto book = ApprovalBook::open(*store, clock, table, {}, {});
    if (!book) return false;
    for (const char* name : {"one", "two"}) {
      auto request = an_act(name);
      request.expires_ms = clock.now_ms() + 3'600'000;
      if (!(*book)->request(request)) return false;
    }
    std::ignore = book->release();
    std::ignore = store.release();
    return true;
  });
  auto store = store_at(folder.file());
  EXPECT_EQ(store->scan("approvals", {}, 10)->size(), 2U);
  const auto book = *ApprovalBook::open(*store, clock, table, {}, {});
  const auto history = *book->history(10);
  ASSERT_EQ(history.size(), 2U);
  for (const auto& approval : history) {
    EXPECT_EQ(approval.state, ApprovalState::kLapsed);
    EXPECT_EQ(approval.decision_reason, "the gate that held the act ended");
    EXPECT_EQ(book->consume(approval.id, approval.request.digest).error().code, ErrorCode::kConflict);
  }
}

TEST_F(Processes, CannotUseAnApprovalThatAnotherHasUsedInTheStore) {
  auto store = store_at(folder.file());
  // The approver must not descend from the gate, which this test is: a table with a human.
  FakeProcessTable people;
  people.add(kHuman, 0);
  ApprovalOptions options;
  options.service_uid = 1000;
  auto book = *ApprovalBook::open(*store, clock, people, options, {});
  auto request = an_act();
  request.expires_ms = clock.now_ms() + 3'600'000;
  const auto asked = *book->request(request);
  ASSERT_TRUE(book->decide(asked.id, true, {Channel::kAdminSocket, kHuman, 1000, "alice", {}}, ""));
  in_another_process([&] {
    auto own = store_at(folder.file());
    const auto entry = *own->get("approvals", asked.id);
    if (!entry) return false;
    auto record = *approval_from_json(*json::parse(entry->value));
    record.state = ApprovalState::kConsumed;
    return own->compare_and_set("approvals", asked.id, json::write(to_json(record)), entry->revision).has_value();
  });
  EXPECT_EQ(book->consume(asked.id, asked.request.digest).error().code, ErrorCode::kConflict);
}

}  // namespace
}  // namespace interlock::approval
