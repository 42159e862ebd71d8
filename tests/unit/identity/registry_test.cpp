// The registry: whose agent it is, what it may do at most, what was seen, and what is odd.
#include "identity/registry.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/sighting.hpp"

namespace interlock::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr UnixMs kNow = 1'700'000'000'000;

model::Subject agent(std::string id, std::string workload = "", std::string owner = "") {
  model::Subject out;
  out.id = std::move(id);
  out.workload = std::move(workload);
  out.owner = std::move(owner);
  out.assurance = model::Assurance::kDpop;
  return out;
}

RegistryOptions rules() {
  RegistryOptions out;
  out.agents = {{.id = "ci/*", .owner = "ci-team", .purpose = "builds", .highest_band = model::Band::kRoutine},
                {.id = "ci/deploy", .owner = "ana", .purpose = "deploys", .highest_band = model::Band::kSensitive},
                {.id = "pool", .owner = "bob", .shared = true}};
  out.owners = {{.name = "ana", .left_ms = {}}, {.name = "ci-team", .left_ms = {}}, {.name = "bob", .left_ms = kNow + 1'000}};
  return out;
}

std::vector<std::string> kinds(const Registry& registry, std::string_view id, UnixMs now_ms) {
  std::vector<std::string> out;
  auto findings = registry.findings(now_ms);
  EXPECT_TRUE(findings);
  for (const auto& one : *findings) {
    EXPECT_FALSE(one.message.empty());
    EXPECT_FALSE(one.next.empty());
    if (one.agent == id) out.push_back(one.kind);
  }
  return out;
}

TEST(Registry, TheLongestRuleSaysWhoOwnsAnAgent) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  ASSERT_TRUE(registry);
  auto deploy = agent("ci/deploy");
  ASSERT_TRUE((*registry)->admit(deploy, kNow));
  EXPECT_EQ(deploy.owner, "ana");
  EXPECT_EQ(*json::string_at(deploy.attributes, "purpose"), "deploys");
  EXPECT_TRUE(json::bool_at(deploy.attributes, "registered"));
  auto build = agent("ci/build", "", "somebody");
  ASSERT_TRUE((*registry)->admit(build, kNow));
  EXPECT_EQ(build.owner, "ci-team");
  auto stranger = agent("other", "", "eve");
  ASSERT_TRUE((*registry)->admit(stranger, kNow));
  EXPECT_EQ(stranger.owner, "eve");
  EXPECT_FALSE(json::bool_at(stranger.attributes, "registered", true));
  EXPECT_EQ((*registry)->highest_band("ci/deploy"), model::Band::kSensitive);
  EXPECT_EQ((*registry)->highest_band("ci/x"), model::Band::kRoutine);
  EXPECT_EQ((*registry)->highest_band("other"), model::Band::kCritical);
}

TEST(Registry, OnlyRegisteredAgentsActWhereThatIsSaid) {
  auto store = store::open_memory_store();
  auto options = rules();
  options.only_registered = true;
  auto registry = Registry::open(*store, options);
  auto stranger = agent("other");
  const auto refused = (*registry)->admit(stranger, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_FALSE(refused.error().hint.empty());
  auto known = agent("ci/a");
  EXPECT_TRUE((*registry)->admit(known, kNow));
}

TEST(Registry, AgentsOfAnOwnerWhoLeftStopAtThatMoment) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  auto pool = agent("pool");
  EXPECT_TRUE((*registry)->admit(pool, kNow + 999));
  EXPECT_FALSE((*registry)->admit(pool, kNow + 1'000));
  auto for_bob = agent("ci/a");
  for_bob.chain = {{"bob", "https://id.example", true}};
  EXPECT_FALSE((*registry)->admit(for_bob, kNow + 1'000));
  auto lenient = rules();
  lenient.refuse_left_owners = false;
  ASSERT_TRUE((*registry)->set_rules(lenient));
  EXPECT_TRUE((*registry)->admit(pool, kNow + 1'000));
  EXPECT_THAT(kinds(**registry, "pool", kNow + 1'000), ElementsAre("owner-left"));
}

TEST(Registry, BadRulesChangeNothing) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  const std::vector<AgentRule> bad[] = {
      {{.id = "", .owner = "a"}},
      {{.id = "x", .owner = ""}},
      {{.id = "x*y", .owner = "a"}},
      {{.id = "x", .owner = "a"}, {.id = "x", .owner = "b"}},
      {{.id = "x*", .owner = "a"}, {.id = "x*", .owner = "b"}},
  };
  for (const auto& agents : bad) {
    RegistryOptions options;
    options.agents = agents;
    const auto status = (*registry)->set_rules(options);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, ErrorCode::kInvalid);
  }
  EXPECT_EQ((*registry)->highest_band("ci/x"), model::Band::kRoutine);
}

TEST(Registry, SightingsAreWrittenOnceAMinuteAndOnNews) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  auto one = agent("ci/a", "w1");
  const auto writes = [&] { return *store->latest("agents"); };
  ASSERT_TRUE((*registry)->admit(one, kNow));
  const auto first = writes();
  for (int i = 1; i < 60; ++i) ASSERT_TRUE((*registry)->admit(one, kNow + i * 1'000));
  EXPECT_EQ(writes(), first);
  ASSERT_TRUE((*registry)->admit(one, kNow + 60'000));
  EXPECT_EQ(writes(), first + 1);
  auto other = agent("ci/a", "w2");
  ASSERT_TRUE((*registry)->admit(other, kNow + 60'001));
  EXPECT_EQ(writes(), first + 2);
}

TEST(Registry, SightingsOutliveARestartAndAreSharedByTheGatesOfAStore) {
  auto store = store::open_memory_store();
  auto first = Registry::open(*store, rules());
  auto one = agent("ci/a", "w1");
  ASSERT_TRUE((*first)->admit(one, kNow));
  auto second = Registry::open(*store, rules());
  auto two = agent("ci/a", "w2");
  ASSERT_TRUE((*second)->admit(two, kNow + 5'000));
  ASSERT_TRUE((*first)->admit(one, kNow + 70'000));
  first->reset();
  second->reset();
  auto third = Registry::open(*store, rules());
  const auto view = (*third)->find("ci/a");
  ASSERT_TRUE(view && *view);
  EXPECT_EQ((*view)->first_seen_ms, kNow);
  EXPECT_EQ((*view)->last_seen_ms, kNow + 70'000);
  EXPECT_THAT((*view)->workloads, ElementsAre("w1", "w2"));
  EXPECT_THAT(kinds(**third, "ci/a", kNow), ElementsAre("shared-identity"));
}

TEST(Registry, AReplacedKeyIsNoSharedIdentityAndInterleavedOnesAre) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  const auto use = [&](const char* id, const char* workload, UnixMs at_ms) {
    auto subject = agent(id, workload);
    ASSERT_TRUE((*registry)->admit(subject, at_ms));
  };
  for (const char* id : {"ci/rotates", "ci/shared", "pool"}) {
    use(id, "k1", kNow);
    use(id, "k1", kNow + 100);
    use(id, "k2", kNow + 200);
    use(id, "k2", kNow + 300);
  }
  EXPECT_THAT(kinds(**registry, "ci/shared", kNow), ElementsAre());
  use("ci/shared", "k1", kNow + 400);
  use("pool", "k1", kNow + 400);
  EXPECT_THAT(kinds(**registry, "ci/rotates", kNow), ElementsAre());
  EXPECT_THAT(kinds(**registry, "ci/shared", kNow), ElementsAre("shared-identity"));
  EXPECT_THAT(kinds(**registry, "pool", kNow), ElementsAre());
}

TEST(Registry, WorkloadsOfAnAgentAreBounded) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  for (std::size_t i = 0; i < kRememberedWorkloads * 3; ++i) {
    auto subject = agent("ci/a", "w" + std::to_string(i));
    ASSERT_TRUE((*registry)->admit(subject, kNow + static_cast<UnixMs>(i)));
  }
  const auto view = (*registry)->find("ci/a");
  EXPECT_EQ((*view)->workloads.size(), kRememberedWorkloads);
  EXPECT_EQ((*view)->workloads.front(), "w" + std::to_string(kRememberedWorkloads * 3 - 1));
}

TEST(Registry, AgentsAreBoundedAndThoseUnseenForLongestGoFirst) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  auto named = agent("ci/deploy");
  ASSERT_TRUE((*registry)->admit(named, kNow));
  for (std::size_t i = 0; i <= kRememberedAgents; ++i) {
    auto subject = agent("ci/" + std::to_string(i));
    ASSERT_TRUE((*registry)->admit(subject, kNow + 1 + static_cast<UnixMs>(i)));
  }
  std::size_t count = 0;
  std::string after;
  for (;;) {
    const auto page = *store->scan("agents", "", 10'000, after);
    count += page.size();
    if (page.empty()) break;
    after = page.back().key;
  }
  EXPECT_LE(count, kRememberedAgents);
  EXPECT_FALSE(*(*registry)->find("ci/0"));
  EXPECT_TRUE(*(*registry)->find("ci/" + std::to_string(kRememberedAgents)));
  EXPECT_EQ((**(*registry)->find("ci/deploy")).last_seen_ms, kNow) << "what the rules name is kept";
}

TEST(Registry, FindingsSayWhatIsOdd) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, rules());
  auto nobody = agent("nobody");
  auto unknown = agent("unknown", "", "eve");
  auto borrowed = agent("human/ana", "", "ana");
  borrowed.inherited = true;
  for (auto* one : {&nobody, &unknown, &borrowed}) ASSERT_TRUE((*registry)->admit(*one, kNow));
  EXPECT_THAT(kinds(**registry, "nobody", kNow), UnorderedElementsAre("no-owner", "unregistered"));
  EXPECT_THAT(kinds(**registry, "unknown", kNow), UnorderedElementsAre("owner-unknown", "unregistered"));
  EXPECT_THAT(kinds(**registry, "human/ana", kNow), UnorderedElementsAre("inherited", "unregistered"));
  EXPECT_THAT(kinds(**registry, "ci/deploy", kNow), ElementsAre("never-seen"));
  EXPECT_THAT(kinds(**registry, "ci/*", kNow), ElementsAre("never-seen"));
  EXPECT_THAT(kinds(**registry, "pool", kNow + 2'000), UnorderedElementsAre("never-seen", "owner-left"));
  auto build = agent("ci/build");
  ASSERT_TRUE((*registry)->admit(build, kNow));
  EXPECT_THAT(kinds(**registry, "ci/*", kNow), ElementsAre());
  const auto list = (*registry)->list();
  ASSERT_TRUE(list);
  std::vector<std::string> ids;
  for (const auto& one : *list) ids.push_back(one.id);
  EXPECT_THAT(ids, ElementsAre("ci/build", "ci/deploy", "human/ana", "nobody", "pool", "unknown"));
}

TEST(Registry, LongIdsStayApart) {
  auto store = store::open_memory_store();
  auto registry = Registry::open(*store, {});
  const std::string long_id = "spiffe://example.org/" + std::string(2'000, 'a');
  for (const char* end : {"x", "y"}) {
    auto subject = agent(long_id + end, end);
    ASSERT_TRUE((*registry)->admit(subject, kNow));
  }
  EXPECT_TRUE((*registry)->trouble().empty()) << (*registry)->trouble();
  auto reopened = Registry::open(*store, {});
  EXPECT_EQ((*reopened)->list()->size(), 2U);
  EXPECT_THAT((**(*reopened)->find(long_id + "x")).workloads, ElementsAre("x"));
}

// A store whose disk is full.
class FullStore final : public store::Store {
 public:
  explicit FullStore(store::Store& below) : below_(below) {}
  bool full = false;
  int asked = 0;
  Result<std::optional<store::Entry>> get(std::string_view b, std::string_view k) override { return below_.get(b, k); }
  Result<store::Revision> put(std::string_view b, std::string_view k, std::string_view v) override { return below_.put(b, k, v); }
  Result<store::Revision> compare_and_set(std::string_view b, std::string_view k, std::string_view v, store::Revision e) override {
    ++asked;
    if (full) return fail(ErrorCode::kIo, "the disk is full");
    return below_.compare_and_set(b, k, v, e);
  }
  Status remove(std::string_view b, std::string_view k) override { return below_.remove(b, k); }
  Status compare_and_remove(std::string_view b, std::string_view k, store::Revision e) override {
    return below_.compare_and_remove(b, k, e);
  }
  Result<std::vector<store::KeyedEntry>> scan(std::string_view b, std::string_view p, std::size_t l, std::string_view a) override {
    return below_.scan(b, p, l, a);
  }
  Result<store::Revision> latest(std::string_view b) override { return below_.latest(b); }

 private:
  store::Store& below_;
};

TEST(Registry, AStoreInTroubleStopsNoActIsToldAndIsNotAskedAtEachAct) {
  auto memory = store::open_memory_store();
  FullStore store(*memory);
  auto registry = Registry::open(store, rules());
  store.full = true;
  auto one = agent("ci/a");
  for (int i = 0; i < 50; ++i) ASSERT_TRUE((*registry)->admit(one, kNow + i));
  EXPECT_EQ(store.asked, 1);
  EXPECT_THAT((*registry)->trouble(), HasSubstr("disk is full"));
  EXPECT_EQ((**(*registry)->find("ci/a")).last_seen_ms, kNow + 49);
  store.full = false;
  ASSERT_TRUE((*registry)->admit(one, kNow + 60'000));
  EXPECT_TRUE((*registry)->trouble().empty());
}

TEST(Sightings, ReadBackAsTheyWereWritten) {
  Sighting seen;
  seen.id = "a \"quoted\" id";
  auto subject = agent(seen.id, "w1", "ana");
  seen.note(subject, kNow);
  subject.workload = "w2";
  seen.note(subject, kNow + 1);
  const auto back = read_sighting(to_text(seen));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_text(*back), to_text(seen));
  for (const auto* bad : {"", "[]", "{}", "{\"id\":1}", "{"}) EXPECT_FALSE(read_sighting(bad)) << bad;
}

}  // namespace
}  // namespace interlock::identity
