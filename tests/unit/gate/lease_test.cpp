// Credentials on an act's way: leased after its receipt, given back when it is over, ended with the task, never in the record.
#include <gmock/gmock.h>

#include "credential/lease_book.hpp"
#include "unit/credential/lease_parts.hpp"
#include "world.hpp"

namespace interlock::gate {
namespace {

using model::VerdictKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kAllowAll = "permit (principal, action, resource);";

class Leasing : public ::testing::Test {
 protected:
  Folder folder;
  ManualClock clock;
  credential::Later later{clock};
  credential::RealSystem real;
  std::shared_ptr<credential::FakeBroker> broker = std::make_shared<credential::FakeBroker>(real, later);
  std::unique_ptr<store::Store> store = store::open_memory_store();
  store::SealedStore sealed{*store, std::move(*store::MasterKey::open_file(folder.path() / "master.key"))};
  std::unique_ptr<credential::LeaseBook> book = open();

  std::unique_ptr<credential::LeaseBook> open() {
    credential::LeaseParts parts;
    parts.store = store.get();
    parts.sealed = &sealed;
    parts.clock = &clock;
    parts.gate = "gate_1";
    parts.is_alive = [](std::string_view) { return true; };
    parts.after = [this](std::int64_t delay_ms, std::function<void()> work) { later.after(delay_ms, std::move(work)); };
    auto made = *credential::LeaseBook::open(std::move(parts), {});
    made->set_credentials({{.name = "reader", .broker = broker}, {.name = "writer", .broker = broker}});
    return made;
  }
  ~Leasing() override { broker->on_the_way.clear(); }

  std::shared_ptr<World::Seen> have(World& world, const std::string& tool, json::object args = {}) {
    auto seen = world.ask(tool, std::move(args));
    EXPECT_TRUE(world.work.run_until([&] {
      later.run();
      world.work.post([] {});
      return seen->verdicts > 0;
    }));
    return seen;
  }
};

TEST_F(Leasing, AnAllowedActHasItsLeasesWithItsVerdictAndADeniedOneMintsNothing) {
  World world({.policy = kPolicy, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  const auto seen = have(world, "look");
  ASSERT_EQ(seen->kind(), VerdictKind::kAllow);
  ASSERT_EQ(seen->act->leases.size(), 1U);
  EXPECT_THAT(std::string(seen->act->leases[0]->field("token")), HasSubstr("canary-"));
  EXPECT_EQ(seen->act->leases[0]->record().act, seen->act->id);
  EXPECT_EQ(have(world, "note", {{"path", "/etc/x"}})->kind(), VerdictKind::kDeny);
  EXPECT_EQ(real.mints, 1);
}

TEST_F(Leasing, AnActThatWaitsForAHumanMintsOnlyAfterTheYes) {
  World world({.policy = kPolicy, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  const auto seen = world.ask("ship");
  ASSERT_TRUE(seen->held);
  later.run();
  EXPECT_EQ(real.mints, 0);
  ASSERT_TRUE(world.human(*seen, true));
  EXPECT_TRUE(world.work.run_until([&] {
    later.run();
    world.work.post([] {});
    return seen->verdicts > 0;
  }));
  EXPECT_EQ(seen->kind(), VerdictKind::kAllow);
  EXPECT_EQ(seen->act->leases.size(), 1U);
}

TEST_F(Leasing, ASharedLeaseStaysWithItsTaskAndASensitiveOnesOwnIsRevokedWithTheResult) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  const auto routine = have(world, "look");
  const auto sensitive = have(world, "ship");
  EXPECT_EQ(real.alive.size(), 2U);
  EXPECT_TRUE(world.observe(*routine, "ok", "{}"));
  EXPECT_TRUE(world.observe(*sensitive, "ok", "{}"));
  later.run();
  EXPECT_EQ(real.alive.size(), 1U);
  EXPECT_THAT(sensitive->act->leases, IsEmpty());
  const auto again = have(world, "look");
  EXPECT_EQ(real.mints, 2);
}

TEST_F(Leasing, TheEndOfTheTaskEndsWhatItWasLeasedHoweverItEnds) {
  struct Case {
    const char* name;
    std::function<void(World&, const std::string& task)> end;
  };
  const Case cases[] = {
      {"stop", [](World& world, const std::string& task) { EXPECT_TRUE(world.gate->end_task(task, "ann", "enough")); }},
      {"session", [](World& world, const std::string&) { world.gate->end_session(World::caller_of("agent"), "gone"); }},
      {"expiry",
       [](World& world, const std::string&) {
         world.clock.advance_ms(30 * 86'400'000LL);
         world.gate->tick();
       }},
      {"kill", [](World& world, const std::string&) { EXPECT_TRUE(world.gate->kill({.target = "agent", .by = "ann", .reason = "stop"})); }},
      {"gate stops", [](World& world, const std::string&) { world.tasks->close("the gate stopped", world.clock.now_ms()); }},
  };
  for (const auto& one : cases) {
    book = open();
    World world({.policy = kAllowAll, .leases = book.get()});
    world.credentials = {{.name = "reader"}};
    const auto shared = have(world, "look");
    const auto own = have(world, "ship");
    const auto held = shared->act->leases.at(0);
    ASSERT_EQ(real.alive.size(), 2U) << one.name;
    one.end(world, shared->act->task);
    EXPECT_FALSE(held->alive()) << one.name;
    later.run();
    EXPECT_THAT(real.alive, IsEmpty()) << one.name;
  }
}

TEST_F(Leasing, AnActThatIsCutWhileItsCredentialIsMintedIsToldSoAndLeavesNone) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  broker->is_silent = true;
  const auto seen = world.ask("look");
  EXPECT_EQ(seen->verdicts, 0);
  EXPECT_TRUE(world.gate->kill({.target = "agent", .by = "ann", .reason = "stop"}));
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kTask);
  broker->on_the_way.front()();
  later.run();
  EXPECT_THAT(real.alive, IsEmpty());
}

TEST_F(Leasing, AnActThatIsTakenBackGivesItsOwnLeaseBack) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  broker->is_silent = true;
  const auto seen = world.ask("ship");
  EXPECT_TRUE(world.work.run_until([&] {
    world.work.post([] {});
    return !broker->on_the_way.empty();
  }));
  world.gate->withdraw(seen->act, "gone");
  broker->on_the_way.front()();
  later.run();
  EXPECT_EQ(seen->verdicts, 0);
  EXPECT_THAT(real.alive, IsEmpty());
}

TEST_F(Leasing, AnActThatItsSurfaceForgotGivesItsOwnLeaseBack) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  auto seen = have(world, "ship");
  seen.reset();
  world.gate->tick();
  later.run();
  EXPECT_THAT(real.alive, IsEmpty());
}

TEST_F(Leasing, AMintThatFailsDeniesAndSaysWhatToDo) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  broker->mint_error = Error{ErrorCode::kDenied, "the role may not be made", "grant CREATEROLE"};
  const auto seen = have(world, "look");
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kCredential);
  EXPECT_THAT(seen->act->verdict.reason, HasSubstr("the role may not be made"));
  EXPECT_EQ(seen->act->verdict.next, "grant CREATEROLE");
  const auto results = world.receipts("result");
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(text_at(results[0], "layer"), "credential");

  world.credentials = {{.name = "nobody-configured-it"}};
  EXPECT_EQ(have(world, "look")->act->verdict.layer, model::Layer::kCredential);
}

TEST_F(Leasing, AGateWithoutABookRefusesWhatNeedsACredential) {
  World world({.policy = kAllowAll});
  world.credentials = {{.name = "reader"}};
  EXPECT_EQ(world.ask("look")->act->verdict.layer, model::Layer::kCredential);
  world.credentials = {{.name = "reader", .only_by_policy = true}};
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
}

TEST_F(Leasing, ANamedCredentialStandsInPlaceOfTheOthersAndMustBeOfUse) {
  World world({.policy = R"(permit (principal, action in Action::"read", resource);
                            @credential("writer") permit (principal, action in Action::"write", resource);
                            @credential("root") permit (principal, action in Action::"send", resource);)",
               .leases = book.get()});
  world.credentials = {{.name = "reader"}, {.name = "writer", .only_by_policy = true}};
  EXPECT_EQ(have(world, "look")->act->leases.at(0)->record().credential, "reader");
  const auto write = have(world, "write", {{"path", "/work/a"}});
  ASSERT_EQ(write->act->leases.size(), 1U);
  EXPECT_EQ(write->act->leases[0]->record().credential, "writer");
  const auto send = have(world, "ship");
  EXPECT_EQ(send->kind(), VerdictKind::kDeny);
  EXPECT_THAT(send->act->verdict.reason, HasSubstr("\"root\""));
  EXPECT_THAT(send->act->verdict.next, HasSubstr("credentials"));
}

TEST_F(Leasing, TheRecordTellsOfMintUseAndRevocationAndHoldsNoSecret) {
  World world({.policy = kAllowAll, .leases = book.get()});
  world.credentials = {{.name = "reader"}};
  const auto seen = have(world, "ship");
  const auto id = seen->act->leases[0]->record().id;
  EXPECT_TRUE(world.observe(*seen, "ok", "{}"));
  later.run();
  std::vector<std::string> verdicts;
  for (const auto& receipt : world.receipts("lease")) {
    verdicts.push_back(text_at(receipt, "verdict"));
    const auto text = json::write(receipt);
    EXPECT_THAT(text, ::testing::Not(::testing::AnyOf(HasSubstr("canary-"), HasSubstr("undo-"))));
    EXPECT_THAT(text, HasSubstr(id));
    EXPECT_THAT(text, HasSubstr(seen->act->id));
    EXPECT_EQ(text_at(receipt, "task"), seen->act->task);
  }
  EXPECT_THAT(verdicts, ElementsAre("minted", "used", "revoked"));
}

TEST_F(Leasing, AServersOwnLeaseOutlivesTheActThatStartedItAndEndsWithTheTask) {
  World world({.policy = kAllowAll, .leases = book.get()});
  int ended = 0;
  auto watcher = std::make_shared<int>();
  auto gone = std::make_shared<int>();
  auto seen = std::make_shared<World::Seen>();
  world.gate->start_server(World::caller_of("agent"), "shop", {{.name = "reader"}},
                           {.on_held = {}, .on_verdict = [seen](std::shared_ptr<Act> act) {
                              seen->act = std::move(act);
                              ++seen->verdicts;
                            }});
  later.run();
  ASSERT_EQ(seen->kind(), VerdictKind::kAllow);
  EXPECT_EQ(seen->act->classification.action, "interlock/start_server");
  const auto lease = seen->act->leases.at(0);
  EXPECT_EQ(lease->record().grant, "server");
  EXPECT_TRUE(world.observe(*seen, "ok", ""));
  EXPECT_TRUE(lease->alive());
  EXPECT_TRUE(world.gate->is_open(seen->act->task));
  world.gate->when_task_ends(seen->act->task, watcher, [&] { ++ended; });
  world.gate->when_task_ends(seen->act->task, gone, [&] { ended += 100; });
  gone.reset();
  EXPECT_TRUE(world.gate->end_task(seen->act->task, "ann", ""));
  EXPECT_FALSE(lease->alive());
  EXPECT_FALSE(world.gate->is_open(seen->act->task));
  EXPECT_EQ(ended, 1);
}

TEST_F(Leasing, AServerStartsWhateverTheScopeAndItsCallsAreHeldAgainstIt) {
  World world({.policy = kAllowAll, .leases = book.get()});
  task::TaskOrder order;
  order.subject = "agent";
  order.owner = "ann";
  order.band_ceiling = model::Band::kObserve;
  order.scope = {R"(permit (principal, action in Action::"read", resource);)"};
  ASSERT_TRUE(world.gate->start_task(order));
  std::optional<VerdictKind> started;
  world.gate->start_server(World::caller_of("agent"), "shop", {{.name = "reader"}},
                           {.on_held = {}, .on_verdict = [&](std::shared_ptr<Act> act) { started = act->verdict.kind; }});
  later.run();
  EXPECT_EQ(started, VerdictKind::kAllow);
  EXPECT_EQ(have(world, "look")->kind(), VerdictKind::kAllow);
  EXPECT_EQ(have(world, "write", {{"path", "/work/a"}})->kind(), VerdictKind::kDeny);
}

TEST_F(Leasing, ThePresetsLetAConfiguredServerStartOrWaitForAPolicyThatDoes) {
  for (const auto& [preset, kind] : {std::pair{"balanced", VerdictKind::kAllow}, std::pair{"strict", VerdictKind::kDeny}}) {
    book = open();
    World world({.leases = book.get()});
    auto rules = world.rules(kAllowAll);
    rules.policy = *policy::PolicyEngine::load(*policy::preset_sources(preset));
    world.gate->replace_rules(rules);
    std::optional<VerdictKind> started;
    world.gate->start_server(World::caller_of("agent"), "shop", {{.name = "reader"}},
                             {.on_held = {}, .on_verdict = [&](std::shared_ptr<Act> act) { started = act->verdict.kind; }});
    later.run();
    EXPECT_EQ(started, kind) << preset;
  }
}

}  // namespace
}  // namespace interlock::gate
