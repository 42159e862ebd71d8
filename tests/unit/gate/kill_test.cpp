// The kill switch at the gate: what is cut, what is ended, what begins no more, and what the record says.
#include "world.hpp"

namespace interlock::gate {
namespace {

using model::VerdictKind;

constexpr const char* kAllowAll = "permit (principal, action, resource);";

KillReport killed(World& world, KillOrder order) {
  order.by = "ann";
  auto report = world.gate->kill(order);
  EXPECT_TRUE(report) << (report ? "" : report.error().text());
  return report ? *report : KillReport();
}

TEST(Kill, LetsNothingOfTheAgentBeginUntilItIsLifted) {
  World world({.policy = kAllowAll});
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
  EXPECT_EQ(killed(world, {.target = "agent", .reason = "it deletes things"}).tasks, 1u);
  const auto seen = world.ask("look");
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kTask);
  EXPECT_NE(seen->act->verdict.reason.find("it deletes things"), std::string::npos) << seen->act->verdict.reason;
  EXPECT_EQ(world.ask("look", {}, std::nullopt, "other")->kind(), VerdictKind::kAllow);
  EXPECT_FALSE(world.gate->start_task_as(World::caller_of("agent"), {}));
  ASSERT_TRUE(world.gate->unkill("agent", "ann", "mended"));
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
  EXPECT_FALSE(world.gate->unkill("agent", "ann", ""));
  std::vector<std::string> verdicts;
  for (const auto& receipt : world.receipts("kill")) verdicts.push_back(text_at(receipt, "verdict"));
  EXPECT_EQ(verdicts, (std::vector<std::string>{"killed", "lifted"}));
}

TEST(Kill, ReachesWhoActsOnTheAgentsBehalf) {
  World world({.policy = kAllowAll});
  auto sub = World::caller_of("sub-agent");
  sub.subject.chain = {{.id = "ann", .issuer = "idp", .human = true}, {.id = "agent", .issuer = "idp", .human = false}};
  const auto running = world.ask_as(sub, "look");
  ASSERT_EQ(running->kind(), VerdictKind::kAllow);
  EXPECT_EQ(killed(world, {.target = "agent"}).cut, 1u);
  EXPECT_EQ(running->cuts, 1);
  EXPECT_EQ(world.ask_as(sub, "look")->kind(), VerdictKind::kDeny);
  sub.subject.chain.pop_back();
  EXPECT_EQ(world.ask_as(sub, "look")->kind(), VerdictKind::kAllow);
}

TEST(Kill, CutsWhatIsUnderWayAndReleasesNoAnswerOfIt) {
  World world({.policy = kAllowAll});
  const auto seen = world.ask("look");
  const auto other = world.ask("look", {}, std::nullopt, "other");
  EXPECT_EQ(killed(world, {.target = "agent"}).cut, 1u);
  EXPECT_EQ(seen->cuts, 1);
  EXPECT_EQ(other->cuts, 0);
  EXPECT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_FALSE(world.gate->may_perform(seen->act));
  EXPECT_FALSE(world.observe(*seen, "ok", "{}")) << "the server's answer comes too late";
  EXPECT_TRUE(world.observe(*other, "ok", "{}"));
  const auto results = world.receipts("result");
  ASSERT_EQ(results.size(), 2u) << "one result an act";
  EXPECT_EQ(text_at(results[0], "verdict"), "killed");
  EXPECT_EQ(text_at(results[1], "verdict"), "ok");
}

TEST(Kill, KeepsBackAnAnswerWhoseRecordIsOnItsWayToTheDisk) {
  World world({.policy = kAllowAll});
  const auto seen = world.ask("note");
  std::optional<Status> released;
  world.gate->observe(seen->act, {.kind = "ok", .result_text = "{}", .note = {}}, [&](Status status) { released = std::move(status); });
  ASSERT_FALSE(released) << "band 1 waits for the disk";
  EXPECT_EQ(killed(world, {.target = "agent"}).cut, 1u);
  EXPECT_EQ(seen->cuts, 1);
  ASSERT_TRUE(world.work.run_until([&] { return released.has_value(); }));
  EXPECT_FALSE(*released);
  EXPECT_EQ(world.receipts("result").size(), 1u);
}

TEST(Kill, ComesBetweenAVerdictAndItsWayOut) {
  World world({.policy = kAllowAll});
  const auto seen = world.ask("ship");
  ASSERT_EQ(seen->verdicts, 0) << "band 2 waits for the disk";
  killed(world, {.target = "agent"});
  ASSERT_TRUE(world.work.run_until([&] { return seen->verdicts > 0; }));
  EXPECT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->cuts, 0) << "it is told by its verdict";
}

TEST(Kill, EndsWhatWaitsForAHuman) {
  World world;
  const auto seen = world.ask("ship");
  ASSERT_TRUE(seen->held);
  EXPECT_EQ(killed(world, {.target = "agent"}).held, 1u);
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_FALSE(world.human(*seen, true)) << "no yes counts any more";
  EXPECT_TRUE(world.approvals->pending().empty());
}

TEST(Kill, OfATaskEndsItWithItsChildrenAndLeavesOthersBe) {
  World world({.policy = kAllowAll});
  auto view = world.gate->start_task({.by = "ann", .subject = "agent"});
  ASSERT_TRUE(view);
  auto child = world.gate->start_task_as(World::caller_of("agent"), {});
  ASSERT_TRUE(child);
  const auto in_child = world.ask("look", {}, std::nullopt, "agent", child->record.id);
  const auto other = world.ask("look", {}, std::nullopt, "other");
  const auto report = killed(world, {.reach = KillOrder::Reach::kTask, .target = view->record.id});
  EXPECT_EQ(report.tasks, 2u);
  EXPECT_EQ(report.cut, 1u);
  EXPECT_EQ(in_child->cuts, 1);
  EXPECT_EQ(other->cuts, 0);
  EXPECT_FALSE(world.gate->kill({.reach = KillOrder::Reach::kTask, .target = view->record.id, .by = "ann", .reason = ""}));
  EXPECT_TRUE(world.gate->kills().empty()) << "the agent is not under kill";
}

TEST(Kill, OfAllStopsEverybodyAndEndsEveryTask) {
  World world({.policy = kAllowAll});
  std::vector<std::shared_ptr<World::Seen>> all;
  for (const std::string name : {"a", "b", "c"}) all.push_back(world.ask("look", {}, std::nullopt, name));
  const auto report = killed(world, {.reach = KillOrder::Reach::kAll});
  EXPECT_EQ(report.tasks, 3u);
  EXPECT_EQ(report.cut, 3u);
  EXPECT_EQ(world.tasks->size(), 0u);
  EXPECT_EQ(world.ask("look", {}, std::nullopt, "new")->kind(), VerdictKind::kDeny);
  ASSERT_TRUE(world.gate->unkill(task::kEverybody, "ann", ""));
  EXPECT_EQ(world.ask("look", {}, std::nullopt, "new")->kind(), VerdictKind::kAllow);
}

TEST(Kill, OfAnotherGateIsTakenOverAtTheNextTick) {
  World world({.policy = kAllowAll});
  const auto seen = world.ask("look");
  auto elsewhere = *task::KillList::open(*world.store);
  ASSERT_TRUE(elsewhere->add({.agent = "agent", .by = "bob", .reason = "", .at_ms = 1}));
  world.gate->tick();
  EXPECT_EQ(seen->cuts, 1);
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kDeny);
  ASSERT_TRUE(elsewhere->lift("agent"));
  world.gate->tick();
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
}

TEST(Kill, NeedsATarget) {
  World world;
  EXPECT_FALSE(world.gate->kill({.target = "", .by = "ann", .reason = ""}));
  EXPECT_FALSE(world.gate->kill({.target = "*", .by = "ann", .reason = ""})) << "all is asked for as such";
  EXPECT_FALSE(world.gate->kill({.reach = KillOrder::Reach::kTask, .target = "task_none", .by = "ann", .reason = ""}));
}

// ---- time, bands, and agents' own tasks --------------------------------------------------------------------------------------

TEST(Gate, PerformsNothingOfATaskThatEndedAfterTheVerdict) {
  World world({.policy = kAllowAll});
  const auto seen = world.ask("look");
  ASSERT_TRUE(world.gate->end_task(seen->act->task, "ann", ""));
  EXPECT_FALSE(world.gate->may_perform(seen->act));
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kTask);
  EXPECT_EQ(text_at(world.receipts("result")[0], "verdict"), "cancelled");
}

TEST(Gate, KeepsAnAgentToItsRegisteredBand) {
  World world({.policy = kAllowAll, .highest_band = [](const model::Subject& subject) {
                 return subject.id == "agent" ? model::Band::kObserve : model::Band::kCritical;
               }});
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
  const auto seen = world.ask("note");
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kIdentity);
  EXPECT_EQ(world.ask("note", {}, std::nullopt, "other")->kind(), VerdictKind::kAllow);
}

TEST(Gate, LetsAnAgentSeeAndEndWhatIsItsOwnAlone) {
  World world({.policy = kAllowAll});
  const auto me = World::caller_of("agent");
  auto own = world.gate->start_task_as(me, {.owner = "somebody else", .purpose = "tidy up"});
  ASSERT_TRUE(own) << own.error().text();
  EXPECT_EQ(own->record.owner, "ann") << "its own word makes nobody answerable";
  EXPECT_EQ(own->record.subject, "agent");
  EXPECT_FALSE(world.gate->start_task_as(me, {.subject = "other"})) << "no root for another agent";
  auto for_sub = world.gate->start_task_as(me, {.subject = "sub", .parent = own->record.id});
  ASSERT_TRUE(for_sub) << for_sub.error().text();
  const auto stranger = World::caller_of("stranger");
  EXPECT_FALSE(world.gate->find_task_as(stranger, own->record.id));
  EXPECT_FALSE(world.gate->end_task_as(stranger, own->record.id, ""));
  EXPECT_FALSE(world.gate->start_task_as(stranger, {.parent = own->record.id}));
  EXPECT_EQ(world.gate->list_tasks_as(me).size(), 2u);
  EXPECT_EQ(world.gate->list_tasks_as(World::caller_of("sub")).size(), 1u);
  EXPECT_TRUE(world.gate->beat_task_as(me, own->record.id));
  EXPECT_EQ(world.ask("look", {}, std::nullopt, "sub", for_sub->record.id)->kind(), VerdictKind::kAllow);
  EXPECT_TRUE(world.gate->end_task_as(me, own->record.id, "done"));
  EXPECT_EQ(world.gate->list_tasks_as(me).size(), 0u);
  auto binding = world.gate->start_task({.by = "ann", .subject = "agent"});
  ASSERT_TRUE(binding);
  EXPECT_FALSE(world.gate->end_task_as(me, binding->record.id, "")) << "it would be rid of what binds it";
}

TEST(Gate, RecordsATasksLife) {
  World world({.policy = kAllowAll});
  auto view = world.gate->start_task({.by = "ann", .subject = "agent", .owner = "ann", .purpose = "tidy up", .scope = {kAllowAll}});
  ASSERT_TRUE(view);
  ASSERT_TRUE(world.gate->extend_task(view->record.id, {.expires_ms = view->record.expires_ms + 1'000}, "ann"));
  ASSERT_TRUE(world.gate->end_task(view->record.id, "ann", "enough"));
  const auto receipts = world.receipts("task");
  ASSERT_EQ(receipts.size(), 3u);
  EXPECT_EQ(text_at(receipts[0], "verdict"), "opened");
  EXPECT_EQ(text_at(receipts[0].at("detail").as_object(), "purpose"), "tidy up");
  EXPECT_EQ(json::write(receipts[0].at("detail").at("scope")), json::write(json::array{kAllowAll}));
  EXPECT_EQ(text_at(receipts[1], "verdict"), "extended");
  EXPECT_EQ(text_at(receipts[2], "verdict"), "ended");
  EXPECT_EQ(text_at(receipts[2].at("detail").as_object(), "reason"), "stopped by ann: enough");
}

}  // namespace
}  // namespace interlock::gate
