// Scopes of tasks at the gate: the short form against a model of it, children that only narrow, and what a refusal says.
#include <rapidcheck.h>

#include "task/scope.hpp"
#include "world.hpp"

namespace interlock::gate {
namespace {

using model::VerdictKind;

constexpr const char* kAllowAll = "permit (principal, action, resource);";

std::string started(World& world, json::object body, const std::string& subject = "agent") {
  auto order = task::read_task_order(body, world.clock.now_ms());
  EXPECT_TRUE(order) << (order ? "" : order.error().text());
  order->subject = subject;
  order->by = "ann";
  auto view = world.gate->start_task(std::move(*order));
  EXPECT_TRUE(view) << (view ? "" : view.error().text());
  return view ? view->record.id : std::string();
}

// ---- the acts and the dimensions that the tests draw from ---------------------------------------------------------------------

struct Deed {
  std::string tool;
  json::object args;
  std::vector<std::string> effects;
  int band;
  std::vector<std::string> places;  // every entry of a scope that holds its resource
};

const std::vector<Deed>& deeds() {
  static const std::vector<Deed> all = {
      {"look", {}, {"read"}, 0, {}},
      {"note", {{"path", "/work/a"}}, {"write"}, 1, {}},
      {"read", {{"path", "/work/docs/a.txt"}}, {"read"}, 1, {"/work", "/work/docs", "/work/docs/a.txt"}},
      {"read", {{"path", "/work/docs/../../etc/passwd"}}, {"read"}, 1, {"/etc", "/etc/passwd"}},
      {"read", {{"path", "/work/docsx"}}, {"read"}, 1, {"/work", "/work/docsx"}},
      {"read", {{"path", "/work/st*r \"q\" \\"}}, {"read"}, 1, {"/work"}},
      {"write", {{"path", "/work/docs/a.txt"}}, {"write"}, 1, {"/work", "/work/docs", "/work/docs/a.txt"}},
      {"get", {{"url", "https://docs.example.com/a"}}, {"read"}, 1, {"docs.example.com", "example.com"}},
      {"get", {{"url", "https://example.com.evil.org/"}}, {"read"}, 1, {"evil.org"}},
      {"post", {{"url", "https://example.com/"}}, {"write", "send"}, 2, {"example.com"}},
      {"repo", {{"owner", "acme"}, {"name", "app"}}, {"read"}, 0, {"Repo::\"app\"", "Owner::\"acme\""}},
      {"repo", {{"owner", "ac\"me\\"}, {"name", "a*"}}, {"read"}, 0, {"Repo::\"a*\"", "Owner::\"ac\\\"me\\\\\""}},
  };
  return all;
}

const std::vector<std::string> kEffects = {"read", "write", "send", "delete"};
const std::vector<std::string> kPaths = {"/work", "/work/docs", "/work/docs/", "/work/docs/a.txt", "/etc", "/tmp"};
const std::vector<std::string> kHosts = {"example.com", "docs.example.com", "evil.org"};
const std::vector<std::string> kResources = {"Repo::\"app\"", "Repo::\"a*\"", "Owner::\"acme\"", "Owner::\"ac\\\"me\\\\\"",
                                             "Repo::\"nothing\""};
const std::vector<std::string> kTools = {"shop/read", "shop/re*", "shop", "shop/*", "shop/note", "other", "other/read"};

std::vector<std::string> some_of(const std::vector<std::string>& all) {
  std::vector<std::string> out;
  for (const auto& one : all) {
    if (*rc::gen::inRange(0, 3) == 0) out.push_back(one);
  }
  return out;
}

// A random short form: each dimension is absent more often than not.
json::object any_form() {
  json::object form;
  const auto list = [&](std::string_view member, const std::vector<std::string>& all) {
    if (*rc::gen::inRange(0, 5) > 1) return;
    json::array entries;
    for (const auto& one : some_of(all)) entries.emplace_back(one);
    form[member] = std::move(entries);
  };
  list("effects", kEffects);
  list("paths", kPaths);
  list("hosts", kHosts);
  list("resources", kResources);
  list("tools", kTools);
  if (*rc::gen::inRange(0, 4) == 0) form["band_ceiling"] = *rc::gen::inRange(0, 4);
  return form;
}

std::vector<std::string> entries(const json::object& form, std::string_view member) {
  std::vector<std::string> out;
  if (const auto* list = json::array_at(form, member)) {
    for (const auto& one : *list) out.emplace_back(json::view(one.get_string()));
  }
  return out;
}

// What the form means, said once more without Cedar.
bool model_allows(const json::object& form, const Deed& deed) {
  const auto has = [](const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
  };
  if (form.contains("effects")) {
    const auto allowed = entries(form, "effects");
    for (const auto& effect : deed.effects) {
      if (!has(allowed, effect)) return false;
    }
  }
  if (form.contains("paths") || form.contains("hosts") || form.contains("resources")) {
    bool inside = false;
    for (auto place : entries(form, "paths")) {
      if (place.size() > 1 && place.ends_with('/')) place.pop_back();
      inside = inside || has(deed.places, place);
    }
    for (const auto* member : {"hosts", "resources"}) {
      for (const auto& place : entries(form, member)) inside = inside || has(deed.places, place);
    }
    if (!inside) return false;
  }
  if (form.contains("tools")) {
    bool named = false;
    for (const auto& tool : entries(form, "tools")) {
      named =
          named || tool == "shop" || tool == "shop/*" || tool == "shop/" + deed.tool || (tool == "shop/re*" && deed.tool.starts_with("re"));
    }
    if (!named) return false;
  }
  if (const auto ceiling = json::int_at(form, "band_ceiling"); ceiling && deed.band > *ceiling) return false;
  return true;
}

bool allowed(World& world, const Deed& deed, const std::string& task) {
  return world.ask_and_wait(deed.tool, deed.args, std::nullopt, "agent", task)->kind() == VerdictKind::kAllow;
}

// ---- properties -------------------------------------------------------------------------------------------------------------

TEST(Scopes, MeanWhatTheirShortFormSays) {
  World world({.policy = kAllowAll});
  rc::check([&] {
    const auto form = any_form();
    const auto task = started(world, {{"scope", form}});
    RC_ASSERT(!task.empty());
    for (const auto& deed : deeds()) {
      if (allowed(world, deed, task) != model_allows(form, deed))
        RC_FAIL("scope " + json::write(form) + " and " + deed.tool + json::write(deed.args));
    }
    RC_ASSERT(world.gate->end_task(task, "ann", "").has_value());
  });
}

TEST(Scopes, OfAChildPermitNothingThatTheParentsDoesNot) {
  World world({.policy = kAllowAll});
  rc::check([&] {
    const auto parent_form = any_form();
    const auto parent = started(world, {{"scope", parent_form}});
    std::vector<std::string> chain = {parent};
    const auto depth = *rc::gen::inRange(1, 4);
    for (int i = 0; i < depth; ++i) {
      auto order = task::read_task_order({{"scope", any_form()}, {"parent", chain.back()}}, world.clock.now_ms());
      RC_ASSERT(order.has_value());
      // A ceiling above the parent's is refused at the start; the rest narrows by being held as well.
      const auto above = world.gate->find_task(chain.back())->record.band_ceiling;
      if (order->band_ceiling && *order->band_ceiling > above) order->band_ceiling = above;
      auto child = world.gate->start_task_as(World::caller_of("agent"), std::move(*order));
      RC_ASSERT(child.has_value());
      chain.push_back(child->record.id);
    }
    for (const auto& deed : deeds()) {
      bool below = true;
      for (const auto& task : chain) {
        const bool now = allowed(world, deed, task);
        RC_ASSERT(!now || below);
        below = now;
      }
    }
    RC_ASSERT(world.gate->end_task(parent, "ann", "").has_value());
  });
}

// ---- single cases -----------------------------------------------------------------------------------------------------------

TEST(Scopes, SayWhichTaskRefusesWhatItWouldNeedAndHowToAsk) {
  World world({.policy = kAllowAll});
  const auto task = started(world, {{"scope", json::object{{"effects", json::array{"read"}}}}});
  const auto seen = world.ask("note", {{"path", "/work/a"}});
  ASSERT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kTask);
  EXPECT_NE(seen->act->verdict.reason.find(task), std::string::npos) << seen->act->verdict.reason;
  EXPECT_NE(seen->act->verdict.reason.find("shop/note (write, band 1)"), std::string::npos) << seen->act->verdict.reason;
  EXPECT_NE(seen->act->verdict.next.find("/v1/tasks/" + task + "/requests"), std::string::npos);
  const auto attempts = world.receipts("attempt");
  ASSERT_EQ(attempts.size(), 1u);
  EXPECT_EQ(text_at(attempts[0], "layer"), "task");
  EXPECT_EQ(text_at(attempts[0], "task"), task);
}

TEST(Scopes, DoNotWidenWhatPolicyAllows) {
  World world;
  started(world, {{"cedar", kAllowAll}});
  EXPECT_EQ(world.ask("note", {{"path", "/etc/a"}})->act->verdict.layer, model::Layer::kPolicy);
}

TEST(Scopes, HoldInAGateThatOnlyObservesToo) {
  World world({.observe = true});
  started(world, {{"scope", json::object{{"effects", json::array{"read"}}}}});
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow);
  EXPECT_EQ(world.ask("note")->kind(), VerdictKind::kDeny);
}

TEST(Scopes, InCedarMayLeaveAnActToAHuman) {
  World world({.policy = kAllowAll});
  started(world, {{"cedar", "permit (principal, action, resource) when { context.approved };"}});
  const auto seen = world.ask("look");
  ASSERT_TRUE(seen->held);
  EXPECT_NE(seen->held->reason.find("scope of task"), std::string::npos);
  ASSERT_TRUE(world.human(*seen, true));
  ASSERT_TRUE(world.work.run_until([&] { return seen->verdicts > 0; }));
  EXPECT_EQ(seen->kind(), VerdictKind::kAllow);
}

TEST(Scopes, AskAHumanForBand3Once) {
  World world({.policy = kAllowAll});
  started(world, {{"cedar", kAllowAll}});
  const auto seen = world.ask("raze");
  ASSERT_TRUE(seen->held);
  EXPECT_EQ(seen->held->reason, "a critical act (band 3) needs a human's approval each time");
  ASSERT_TRUE(world.human(*seen, true));
  ASSERT_TRUE(world.work.run_until([&] { return seen->verdicts > 0; }));
  EXPECT_EQ(seen->kind(), VerdictKind::kAllow);
}

TEST(Scopes, AreHeldAgainWhenAHumanHasSaidYes) {
  World world({.policy = "permit (principal, action, resource) when { context.approved };"});
  const auto task = started(
      world, {{"scope", json::object{{"time", json::object{{"until", rfc3339(world.clock.now_ms() + 1'000)}}}}}, {"lifetime", "1h"}});
  const auto seen = world.ask("look");
  ASSERT_TRUE(seen->held);
  world.clock.advance_ms(2'000);
  ASSERT_TRUE(world.human(*seen, true));
  EXPECT_EQ(seen->kind(), VerdictKind::kDeny);
  EXPECT_EQ(seen->act->verdict.layer, model::Layer::kTask);
}

TEST(Scopes, ThatCannotBeUsedAreRefusedAtTheStart) {
  World world({.policy = kAllowAll});
  for (const std::string text : {"permit (principal, action", "permit (principal, action in Action::\"wirte\", resource);",
                                 "@nope permit (principal, action, resource);"}) {
    task::TaskOrder order;
    order.subject = "agent";
    order.scope = {text};
    const auto refused = world.gate->start_task(order);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  }
  EXPECT_TRUE(world.gate->list_tasks(true).empty());
}

TEST(Budgets, OfMoneyAreSpentByWhatTheCatalogueSaysSpends) {
  World world({.policy = kAllowAll});
  started(world, {{"spend", "10"}});
  const auto pay = [&](json::value amount) { return world.ask_and_wait("pay", {{"amount", std::move(amount)}}); };
  EXPECT_EQ(pay("7.5")->kind(), VerdictKind::kAllow);
  const auto too_much = pay(2.51);
  ASSERT_EQ(too_much->kind(), VerdictKind::kDeny);
  EXPECT_EQ(too_much->act->verdict.layer, model::Layer::kTask);
  EXPECT_NE(too_much->act->verdict.reason.find("2.5 of 10 left"), std::string::npos) << too_much->act->verdict.reason;
  for (const json::value& unreadable : {json::value("a lot"), json::value(-1), json::value(nullptr), json::value(json::array{1})})
    EXPECT_EQ(pay(unreadable)->kind(), VerdictKind::kDeny) << json::write(unreadable);
  EXPECT_EQ(pay(2)->kind(), VerdictKind::kAllow);
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow) << "what spends nothing needs no budget";
  EXPECT_EQ(world.ask("pay", {}, std::nullopt, "other")->kind(), VerdictKind::kAllow) << "who has no budget, has no bound";
}

TEST(Scopes, OfOneAgentBindNoOther) {
  World world({.policy = kAllowAll});
  started(world, {{"scope", json::object{{"effects", json::array()}}}});
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kDeny);
  EXPECT_EQ(world.ask("look", {}, std::nullopt, "other")->kind(), VerdictKind::kAllow);
}

// ---- asking for more --------------------------------------------------------------------------------------------------------

std::shared_ptr<World::Seen> ask_for(World& world, const std::string& task, task::Grant grant, const std::string& subject = "agent") {
  auto seen = std::make_shared<World::Seen>();
  auto act = world.gate->ask_for_more(World::caller_of(subject), task, std::move(grant),
                                      {.on_held = [seen](const Held& held) { seen->held = held; },
                                       .on_verdict =
                                           [seen](std::shared_ptr<Act> decided) {
                                             seen->act = std::move(decided);
                                             ++seen->verdicts;
                                           }});
  if (!seen->act) seen->act = std::move(act);
  return seen;
}

TEST(AskingForMore, IsAnActThatAHumanMayAllow) {
  World world(
      {.policy = std::string(kAllowAll) + R"(forbid (principal, action in Action::"admin", resource) unless { context.approved };)"});
  const auto task = started(world, {{"scope", json::object{{"effects", json::array{"read"}}, {"band_ceiling", 1}}}});
  ASSERT_EQ(world.ask("note")->kind(), VerdictKind::kDeny);
  const auto seen = ask_for(world, task, {.scope = R"(permit (principal, action in Action::"write", resource);)"});
  ASSERT_TRUE(seen->held) << "its own scope and ceiling do not stand in the way of asking";
  ASSERT_TRUE(world.human(*seen, true));
  ASSERT_TRUE(world.work.run_until([&] { return seen->verdicts > 0; }));
  EXPECT_EQ(seen->kind(), VerdictKind::kAllow) << seen->act->verdict.reason;
  EXPECT_EQ(world.ask("note")->kind(), VerdictKind::kAllow);
  EXPECT_EQ(world.ask("look")->kind(), VerdictKind::kAllow) << "what it had, it keeps";
  const auto attempts = world.receipts("attempt");
  EXPECT_EQ(text_at(attempts[1], "action"), "interlock/widen_task");
  EXPECT_EQ(text_at(attempts[1], "resource"), "Task::\"" + task + "\"");
  const auto changes = world.receipts("task");
  EXPECT_EQ(text_at(changes.back(), "verdict"), "extended");
}

TEST(AskingForMore, MayBeAllowedOrDeniedByPolicy) {
  World world({.policy = std::string(kAllowAll) +
                         R"(forbid (principal, action == Action::"interlock/widen_task", resource) when { context.args has until };)"});
  const auto task = started(world, {{"scope", json::object{{"effects", json::array{"read"}}}}, {"calls", 100}});
  const auto yes = ask_for(world, task, {.more_calls = 10});
  ASSERT_TRUE(world.work.run_until([&] { return yes->verdicts > 0; }));
  EXPECT_EQ(yes->kind(), VerdictKind::kAllow);
  EXPECT_EQ(*world.gate->find_task(task)->record.budget.calls, 110);
  const auto no = ask_for(world, task, {.expires_ms = world.clock.now_ms() + 86'400'000});
  EXPECT_EQ(no->kind(), VerdictKind::kDeny);
  EXPECT_EQ(no->act->verdict.layer, model::Layer::kPolicy);
}

TEST(AskingForMore, IsRefusedWhereItCannotBeGiven) {
  World world({.policy = kAllowAll});
  const auto task = started(world, {{"scope", json::object{{"effects", json::array{"read"}}}}});
  const auto broken = ask_for(world, task, {.scope = "permit (principal"});
  EXPECT_EQ(broken->kind(), VerdictKind::kDeny);
  EXPECT_EQ(broken->act->verdict.layer, model::Layer::kSchema);
  const auto other = ask_for(world, task, {.more_calls = 1}, "other");
  EXPECT_EQ(other->kind(), VerdictKind::kDeny);
  EXPECT_EQ(other->act->verdict.layer, model::Layer::kTask);
  const auto late = ask_for(world, task, {.expires_ms = world.clock.now_ms() + 400 * 86'400'000LL});
  ASSERT_TRUE(world.work.run_until([&] { return late->verdicts > 0; }));
  EXPECT_EQ(late->kind(), VerdictKind::kDeny) << "beyond the configured bound, whoever says yes";
}

TEST(AskingForMore, NeedsTheYesThatPolicyWantsWhileTheGateOnlyObserves) {
  World world({.policy = std::string(kAllowAll) + R"(forbid (principal, action in Action::"admin", resource) unless { context.approved };)",
               .observe = true});
  const auto task = started(world, {{"calls", 5}});
  EXPECT_TRUE(ask_for(world, task, {.more_calls = 10})->held);
}

TEST(AskingForMore, GivesNothingBeyondTheParent) {
  World world({.policy = kAllowAll});
  const auto parent = started(world, {{"scope", json::object{{"effects", json::array{"read"}}}}});
  auto child =
      world.gate->start_task_as(World::caller_of("agent"), {.scope = {"permit (principal, action == Action::\"shop/look\", resource);"}});
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_EQ(child->record.parent, parent);
  const auto seen = ask_for(world, child->record.id, {.scope = kAllowAll});
  ASSERT_TRUE(world.work.run_until([&] { return seen->verdicts > 0; }));
  ASSERT_EQ(seen->kind(), VerdictKind::kAllow);
  EXPECT_EQ(world.ask("repo", {{"name", "a"}, {"owner", "b"}}, std::nullopt, "agent", child->record.id)->kind(), VerdictKind::kAllow);
  const auto refused = world.ask("note", {}, std::nullopt, "agent", child->record.id);
  EXPECT_EQ(refused->kind(), VerdictKind::kDeny);
  EXPECT_NE(refused->act->verdict.reason.find(parent), std::string::npos) << "the one that would have to give";
}

}  // namespace
}  // namespace interlock::gate
