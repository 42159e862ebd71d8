// Explicit tasks: who acts under them, what children may have, how they end, and what other gates and the next start make of them.
#include "book_world.hpp"

namespace interlock::task {
namespace {

TEST(Tasks, OfAnOwnerBindTheAgentThatNamesNone) {
  Site site;
  GateOf gate(site, "g");
  const auto id = gate.start(order_for("a"));
  EXPECT_EQ(*gate.enter("a", "s", kStart), id);
  EXPECT_NE(*gate.enter("b", "s", kStart), id);
  const auto second = gate.start(order_for("a"));
  const auto which = gate.enter("a", "s", kStart);
  ASSERT_FALSE(which);
  EXPECT_NE(which.error().hint.find(id), std::string::npos);
  EXPECT_EQ(*gate.enter("a", "s", kStart, second), second);
}

TEST(Tasks, AreOfTheirOwnAgentAlone) {
  Site site;
  GateOf gate(site, "g");
  const auto id = gate.start(order_for("a"));
  EXPECT_EQ(gate.enter("b", "s", kStart, id).error().code, ErrorCode::kDenied);
  EXPECT_EQ(gate.enter("b", "s", kStart, "task_none").error().code, ErrorCode::kNotFound);
  const auto implicit = *gate.enter("b", "s", kStart);
  EXPECT_FALSE(gate.enter("b", "s", kStart, implicit)) << "a session's task is not named";
}

TEST(Tasks, OfAnOwnerAreNotEscapedByNamingAnother) {
  Site site;
  GateOf gate(site, "g");
  auto own = order_for("a");
  own.started_by = StartedBy::kAgent;
  const auto before = gate.start(own);
  EXPECT_EQ(*gate.enter("a", "s", kStart, before), before);
  const auto binding = gate.start(order_for("a"));
  EXPECT_EQ(gate.enter("a", "s", kStart, before).error().code, ErrorCode::kDenied);
  own.parent = binding;
  const auto child = gate.start(own);
  EXPECT_EQ(*gate.enter("a", "s", kStart, child), child);
  EXPECT_EQ(*gate.enter("a", "s", kStart), binding);
}

TEST(Tasks, LeaveTheirSessionsStoppedWhenTheyEnd) {
  Site site;
  GateOf gate(site, "g");
  const auto id = gate.start(order_for("a"));
  ASSERT_TRUE(gate.enter("a", "s", kStart));
  ASSERT_TRUE(gate.book->end(id, {.by = "alice", .reason = "stopped by alice"}, kStart));
  EXPECT_EQ(gate.enter("a", "s", kStart).error().code, ErrorCode::kDenied) << "no way round through an implicit task";
  const auto next = gate.start(order_for("a"));
  EXPECT_EQ(*gate.enter("a", "s", kStart), next);
}

TEST(Tasks, HaveChildrenThatOnlyNarrow) {
  Site site;
  GateOf gate(site, "g");
  auto order = order_for("a");
  order.band_ceiling = model::Band::kSensitive;
  order.lifetime_ms = 10'000;
  order.budget = {.calls = 10, .spend_micros = 5'000'000};
  const auto parent = gate.start(order);
  TaskOrder child;
  child.parent = parent;
  child.by = "a";
  const auto wider = [&](auto change) {
    auto asked = child;
    change(asked);
    return gate.refused(asked);
  };
  EXPECT_EQ(wider([](TaskOrder& o) { o.band_ceiling = model::Band::kCritical; }), ErrorCode::kDenied);
  EXPECT_EQ(wider([](TaskOrder& o) { o.lifetime_ms = 10'001; }), ErrorCode::kDenied);
  EXPECT_EQ(wider([](TaskOrder& o) { o.budget.calls = 11; }), ErrorCode::kDenied);
  EXPECT_EQ(wider([](TaskOrder& o) { o.budget.spend_micros = 5'000'001; }), ErrorCode::kDenied);
  EXPECT_EQ(wider([](TaskOrder& o) { o.parent = "task_none"; }), ErrorCode::kNotFound);
  const auto id = gate.start(child);
  const auto view = gate.book->find(id, kStart);
  EXPECT_EQ(view->record.subject, "a");
  EXPECT_EQ(view->record.expires_ms, kStart + 10'000);
  EXPECT_EQ(view->record.band_ceiling, model::Band::kSensitive);
  EXPECT_EQ(gate.enter("a", "s", kStart, id, model::Band::kCritical).error().code, ErrorCode::kDenied);
}

TEST(Tasks, CountAChildsCallsInEveryAncestor) {
  Site site;
  GateOf gate(site, "g");
  auto order = order_for("a");
  order.budget.calls = 10;
  const auto parent = gate.start(order);
  TaskOrder child;
  child.parent = parent;
  child.budget.calls = 4;
  const auto one = gate.start(child);
  const auto two = gate.start(child);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(gate.enter("a", "s", kStart, one));
  EXPECT_EQ(gate.enter("a", "s", kStart, one).error().code, ErrorCode::kDenied) << "its own budget";
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(gate.enter("a", "s", kStart, two));
  EXPECT_TRUE(gate.enter("a", "s", kStart, parent));
  EXPECT_TRUE(gate.enter("a", "s", kStart, parent));
  EXPECT_EQ(gate.enter("a", "s", kStart, parent).error().code, ErrorCode::kDenied) << "used up by the children";
  EXPECT_EQ(gate.book->find(parent, kStart)->calls, 10);
}

TEST(Tasks, SpendWhatIsThereAndNoMoreInTheWholeChain) {
  Site site;
  GateOf gate(site, "g");
  auto order = order_for("a");
  order.budget.spend_micros = 10;
  const auto parent = gate.start(order);
  TaskOrder child;
  child.parent = parent;
  child.budget.spend_micros = 8;
  const auto id = gate.start(child);
  EXPECT_TRUE(gate.book->spend(id, 6, kStart));
  EXPECT_FALSE(gate.book->spend(id, 3, kStart)) << "the child has 2";
  EXPECT_TRUE(gate.book->spend(parent, 3, kStart));
  EXPECT_FALSE(gate.book->spend(id, 2, kStart)) << "the parent has 1, and the child gets back what it gave";
  EXPECT_TRUE(gate.book->spend(id, 1, kStart));
  EXPECT_EQ(gate.book->find(id, kStart)->spent_micros, 7);
  EXPECT_EQ(gate.book->find(parent, kStart)->spent_micros, 10);
}

TEST(Tasks, EndWithTheirParentEachOnce) {
  Site site;
  GateOf gate(site, "g");
  const auto root = gate.start(order_for("a"));
  TaskOrder order;
  order.parent = root;
  const auto child = gate.start(order);
  order.parent = child;
  const auto grandchild = gate.start(order);
  ASSERT_TRUE(gate.book->end(root, {.by = "alice", .reason = "stopped"}, kStart));
  for (const auto& id : {root, child, grandchild}) EXPECT_EQ(site.ends_of(id), 1u);
  EXPECT_EQ(site.ledger.back().task, root) << "children first";
  EXPECT_EQ(gate.book->size(), 0u);
}

TEST(Tasks, AreNoDeeperThanTheBound) {
  Site site;
  GateOf gate(site, "g");
  auto order = order_for("a");
  for (std::size_t i = 0; i < kDepth; ++i) order.parent = gate.start(order);
  EXPECT_EQ(gate.refused(order), ErrorCode::kTooLarge);
}

TEST(Tasks, EndWhenNoHeartbeatCame) {
  Site site;
  GateOf gate(site, "g");
  auto order = order_for("a");
  order.heartbeat_ms = 5'000;
  order.acts_are_heartbeats = false;
  const auto strict = gate.start(order);
  ASSERT_TRUE(gate.book->beat(strict, kStart + 4'000));
  ASSERT_TRUE(gate.enter("a", "s", kStart + 8'000));
  EXPECT_FALSE(gate.enter("a", "s", kStart + 9'000)) << "acts are no sign of life here";
  EXPECT_EQ(site.reason_of(strict), "no heartbeat");
  order.acts_are_heartbeats = true;
  const auto lenient = gate.start(order, kStart + 10'000);
  ASSERT_TRUE(gate.enter("a", "s", kStart + 14'000));
  gate.book->tick(kStart + 18'000);
  EXPECT_EQ(site.ends_of(lenient), 0u);
  gate.book->tick(kStart + 19'000);
  EXPECT_EQ(site.reason_of(lenient), "no heartbeat");
}

TEST(Tasks, ThatAnotherGateHearsOfLiveOn) {
  Site site;
  GateOf one(site, "g1");
  GateOf two(site, "g2");
  auto order = order_for("a");
  order.heartbeat_ms = 5'000;
  const auto id = one.start(order);
  two.book->tick(kStart);
  ASSERT_TRUE(one.book->beat(id, kStart + 4'000));
  one.book->tick(kStart + 4'000);
  two.book->tick(kStart + 6'000);
  EXPECT_EQ(site.ends_of(id), 0u);
  two.book->tick(kStart + 9'000);
  EXPECT_EQ(site.ends_of(id), 1u);
}

TEST(Tasks, AreExtendedWithinTheirBounds) {
  Site site;
  GateOf gate(site, "g", {.lifetime_ms = 10'000, .lifetime_max_ms = 60'000, .band_ceiling = model::Band::kSensitive});
  auto order = order_for("a");
  order.band_ceiling = model::Band::kObserve;
  order.budget.calls = 1;
  order.scope = {"permit (principal, action, resource);"};
  const auto id = gate.start(order);
  ASSERT_TRUE(gate.enter("a", "s", kStart));
  ASSERT_FALSE(gate.enter("a", "s", kStart));
  Grant grant;
  grant.expires_ms = kStart + 30'000;
  grant.band_ceiling = model::Band::kRoutine;
  grant.more_calls = 2;
  grant.scope = "permit (principal, action, resource) when { true };";
  const auto view = gate.book->extend(id, grant, "alice", kStart + 1);
  ASSERT_TRUE(view) << view.error().text();
  EXPECT_EQ(view->record.scope.size(), 2u);
  ASSERT_TRUE(gate.enter("a", "s", kStart + 20'000, {}, model::Band::kRoutine));
  ASSERT_TRUE(gate.enter("a", "s", kStart + 20'000));
  ASSERT_FALSE(gate.enter("a", "s", kStart + 20'000));
  EXPECT_EQ(gate.book->extend(id, {.expires_ms = kStart + 60'001}, "alice", kStart).error().code, ErrorCode::kDenied);
  EXPECT_EQ(gate.book->extend(id, {.expires_ms = kStart + 1}, "alice", kStart).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(gate.book->extend(id, {.band_ceiling = model::Band::kCritical}, "alice", kStart).error().code, ErrorCode::kDenied);
  EXPECT_EQ(gate.book->extend(id, {.more_calls = INT64_MAX}, "alice", kStart).error().code, ErrorCode::kDenied);
  EXPECT_EQ(site.ledger.back().change, TaskChange::kExtended);
  EXPECT_EQ(site.ledger.back().by, "alice");
  TaskOrder child;
  child.parent = id;
  const auto below = gate.start(child, kStart + 20'000);
  EXPECT_EQ(gate.book->extend(below, {.expires_ms = kStart + 40'000}, "alice", kStart + 20'000).error().code, ErrorCode::kDenied);
}

TEST(Tasks, WithoutAScopeAreNotNarrowedByBeingGivenMore) {
  Site site;
  GateOf gate(site, "g");
  const auto id = gate.start(order_for("a"));
  const auto view = gate.book->extend(id, {.scope = "permit (principal, action, resource) when { false };"}, "alice", kStart);
  ASSERT_TRUE(view);
  EXPECT_TRUE(view->record.scope.empty());
}

TEST(Tasks, AreSharedByGatesAndOutliveThem) {
  Site site;
  GateOf one(site, "g1");
  auto order = order_for("a");
  order.budget.calls = 100;
  order.scope = {"permit (principal, action, resource);"};
  const auto id = one.start(order);
  GateOf two(site, "g2");
  EXPECT_EQ(*two.enter("a", "s", kStart), id);
  const auto later = one.start(order_for("b"));
  EXPECT_EQ(*two.enter("b", "s", kStart, later), later) << "one that was started a moment ago elsewhere";
  one.die();
  GateOf three(site, "g3");
  const auto view = three.book->find(id, kStart);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->record.scope, order.scope);
  EXPECT_EQ(*three.enter("a", "s", kStart), id);
  three.book->tick(kStart + 5'000);
  EXPECT_EQ(site.ends_of(id), 0u);
  ASSERT_TRUE(two.book->end(id, {.by = "alice", .reason = "stopped"}, kStart + 6'000));
  three.book->tick(kStart + 6'000);
  EXPECT_FALSE(three.enter("a", "s", kStart + 6'000, id));
  EXPECT_EQ(site.ends_of(id), 1u);
  EXPECT_EQ(three.book->find(id, kStart)->record.state, TaskState::kEnded) << "still listed";
}

TEST(Tasks, UseNoMoreThanTheirBudgetAcrossGatesThatDie) {
  Site site;
  auto order = order_for("a");
  order.budget.calls = 100;
  std::string id;
  int used = 0;
  for (int life = 0; life < 6; ++life) {
    GateOf gate(site, "g" + std::to_string(life));
    if (id.empty()) id = gate.start(order);
    for (int i = 0; i < 7; ++i) used += gate.enter("a", "s", kStart).has_value() ? 1 : 0;
    gate.die();
  }
  GateOf left(site, "left");
  GateOf right(site, "right");
  for (int i = 0; i < 200; ++i) used += (i % 2 == 0 ? left : right).enter("a", "s", kStart).has_value() ? 1 : 0;
  EXPECT_LE(used, 100);
  EXPECT_GE(used, 50) << "what dead gates had claimed is lost, and not more";
}

TEST(Tasks, HaveNoFreshBudgetForAGateThatHasNotHeardOfTheirEnd) {
  Site site;
  GateOf one(site, "g1");
  GateOf two(site, "g2");
  auto order = order_for("a");
  order.budget.calls = 1;
  const auto id = one.start(order);
  two.book->refresh(kStart);
  EXPECT_TRUE(one.enter("a", "s", kStart, id));
  ASSERT_TRUE(one.book->end(id, {.by = "alice", .reason = "stopped"}, kStart));
  EXPECT_FALSE(two.enter("a", "s", kStart, id));
}

TEST(Tasks, ThatTwoGatesEndAreRecordedOnce) {
  Site site;
  GateOf one(site, "g1", {.lifetime_ms = 1'000});
  GateOf two(site, "g2", {.lifetime_ms = 1'000});
  const auto id = one.start(order_for("a"));
  two.book->tick(kStart);
  one.book->tick(kStart + 1'000);
  two.book->tick(kStart + 1'000);
  EXPECT_EQ(site.ends_of(id), 1u);
}

TEST(Tasks, ExtendedElsewhereDoNotExpireHere) {
  Site site;
  GateOf one(site, "g1", {.lifetime_ms = 1'000});
  GateOf two(site, "g2", {.lifetime_ms = 1'000});
  const auto id = one.start(order_for("a"));
  two.book->refresh(kStart);
  ASSERT_TRUE(one.book->extend(id, {.expires_ms = kStart + 5'000}, "alice", kStart + 900));
  // The other has not looked yet, and an act comes.
  (void)two.enter("a", "s", kStart + 2'000);
  EXPECT_EQ(site.ends_of(id), 0u);
  EXPECT_TRUE(two.enter("a", "s", kStart + 2'000));
}

// Every step at which a gate can die on the way of an end: intent, receipt, record.
TEST(Tasks, WhoseEndWasLeftHalfDoneAreEndedOnceByTheNext) {
  for (int step = 0; step < 3; ++step) {
    Site site;
    GateOf gate(site, "g1");
    const auto id = gate.start(order_for("a"));
    auto entry = *site.store->get("tasks", id);
    auto record = *record_from(entry->value);
    record.state = TaskState::kEnding;
    record.end_reason = "stopped";
    record.ending_gate = "g1";
    record.ended_ms = kStart;
    const auto text = record_text(record);
    ASSERT_TRUE(site.store->compare_and_set("tasks", id, text, entry->revision));
    if (step >= 1) site.ledger.push_back({TaskChange::kEnded, id, "a", "stopped", ""});
    if (step >= 2) {
      ASSERT_TRUE(site.store->put("task-ends", id, text));
    }
    gate.die();
    GateOf next(site, "g2");
    EXPECT_FALSE(next.enter("a", "s", kStart, id)) << "nothing is admitted in between";
    next.book->tick(kStart + 10'000);
    GateOf third(site, "g3");
    third.book->tick(kStart + 20'000);
    EXPECT_EQ(site.ends_of(id), 1u) << step;
    EXPECT_FALSE(*site.store->get("tasks", id));
  }
}

TEST(Tasks, WhoseEndAnotherGateIsRecordingAreLeftToIt) {
  Site site;
  GateOf one(site, "g1");
  const auto id = one.start(order_for("a"));
  site.ledger_works = false;
  ASSERT_TRUE(one.book->end(id, {.by = "alice", .reason = "stopped"}, kStart));
  GateOf two(site, "g2");
  site.ledger_works = true;
  two.book->tick(kStart + 5'000);
  EXPECT_EQ(site.ends_of(id), 0u) << "its gate lives";
  one.book->tick(kStart + 6'000);
  two.book->tick(kStart + 8'000);
  EXPECT_EQ(site.ends_of(id), 1u);
}

TEST(Tasks, TellOfAKillInEveryGate) {
  Site site;
  GateOf one(site, "g1");
  GateOf two(site, "g2");
  const auto id = one.start(order_for("a"));
  two.book->tick(kStart);
  ASSERT_EQ(one.book->end_where([](const TaskRecord& record) { return record.subject == "a"; },
                                {.by = "alice", .reason = "killed", .killed = true}, kStart),
            1u);
  EXPECT_EQ(one.killed, std::vector{id});
  two.book->tick(kStart + 500);
  EXPECT_EQ(two.killed, std::vector{id});
}

TEST(Tasks, AreAllRefusedWhileTheStoreHoldsOneThatCannotBeRead) {
  Site site;
  GateOf gate(site, "g");
  ASSERT_TRUE(site.store->put("tasks", "task_x", R"({"version":99})"));
  gate.book->tick(kStart);
  EXPECT_EQ(gate.enter("a", "s", kStart).error().code, ErrorCode::kUnavailable) << "it might bind this agent";
  ASSERT_TRUE(site.store->remove("tasks", "task_x"));
  gate.book->tick(kStart);
  EXPECT_TRUE(gate.enter("a", "s", kStart));
}

TEST(Tasks, WithoutTheParentThatBoundThemAdmitNothing) {
  Site site;
  GateOf gate(site, "g1");
  const auto root = gate.start(order_for("a"));
  TaskOrder order;
  order.parent = root;
  order.started_by = StartedBy::kAgent;
  const auto child = gate.start(order);
  ASSERT_TRUE(site.store->remove("tasks", root));
  GateOf next(site, "g2");
  EXPECT_FALSE(next.enter("a", "s", kStart, child));
  next.book->tick(kStart);
  EXPECT_EQ(site.ends_of(child), 1u);
}

TEST(Tasks, AreForgottenSomeTimeAfterTheirEnd) {
  Site site;
  GateOf gate(site, "g", {.keep_ended_ms = 1'000});
  const auto id = gate.start(order_for("a"));
  ASSERT_TRUE(gate.book->end(id, {.by = "alice", .reason = "stopped"}, kStart));
  EXPECT_EQ(gate.book->list(kStart, true).size(), 1u);
  EXPECT_TRUE(gate.book->list(kStart).empty());
  gate.book->tick(kStart + 3'600'001);
  EXPECT_TRUE(gate.book->list(kStart, true).empty());
}

TEST(TaskRecords, AreReadAsTheyWereWritten) {
  TaskRecord record;
  record.id = "task_1";
  record.started_by = StartedBy::kOwner;
  record.subject = "a\"b";
  record.scope = {"permit (principal, action, resource);", "x"};
  record.budget = {.calls = 7, .spend_micros = std::nullopt};
  record.state = TaskState::kEnding;
  record.killed = true;
  record.heartbeat_ms = 5;
  const auto read = record_from(record_text(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(record_text(*read), record_text(record));
  EXPECT_EQ(read->budget, record.budget);
  for (const std::string broken : {"", "{}", R"({"version":1})", R"({"version":2,"id":"a"})", "[1]"})
    EXPECT_FALSE(record_from(broken)) << broken;
  auto without_scope = *json::parse(record_text(record));
  without_scope.get_object()["scope"] = json::array{1};
  EXPECT_FALSE(record_from(json::write(without_scope))) << "a part of a scope that is lost would widen it";
}

}  // namespace
}  // namespace interlock::task
