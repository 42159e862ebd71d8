// The index of scopes and the shorter ways to a decision: whatever a policy is filed under, all of them find the same.
#include <gtest/gtest.h>

#include <random>

#include "cedar/slice.hpp"
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

const std::vector<std::string> kPrincipals{"principal", "principal == User::\"0\"", "principal in Group::\"g\"", "principal is User",
                                           "principal is User in Group::\"g\""};
const std::vector<std::string> kActions{"action", "action == Action::\"0\"", "action in Action::\"all\"",
                                        "action in [Action::\"0\", Action::\"1\", Action::\"all\"]", "action in []"};
const std::vector<std::string> kResources{"resource", "resource == File::\"0\"", "resource in Folder::\"f\"", "resource is File",
                                          "resource is Folder in Folder::\"f\""};

Entities small_world() {
  auto entities = Entities::from_json(R"([
    {"uid": {"type": "User", "id": "0"}, "attrs": {}, "parents": [{"type": "Group", "id": "g"}]},
    {"uid": {"type": "Action", "id": "0"}, "attrs": {}, "parents": [{"type": "Action", "id": "all"}]},
    {"uid": {"type": "File", "id": "0"}, "attrs": {}, "parents": [{"type": "Folder", "id": "f"}]},
    {"uid": {"type": "Folder", "id": "sub"}, "attrs": {}, "parents": [{"type": "Folder", "id": "f"}]}
  ])");
  EXPECT_TRUE(entities.has_value());
  return *entities;
}

std::vector<Request> all_requests() {
  std::vector<Request> all;
  for (const EntityUid& principal : {EntityUid("User", "0"), EntityUid("User", "1"), EntityUid("Group", "g")}) {
    for (const EntityUid& action : {EntityUid("Action", "0"), EntityUid("Action", "1"), EntityUid("Action", "all")}) {
      for (const EntityUid& resource :
           {EntityUid("File", "0"), EntityUid("Folder", "sub"), EntityUid("Folder", "f"), EntityUid("User", "0")}) {
        all.push_back({principal, action, resource, {}});
      }
    }
  }
  return all;
}

// Each policy alone in its set, which leaves the index no choice, tells what the whole set must find.
TEST(ScopeIndex, FindsInALargeSetWhatEachPolicyMatchesAlone) {
  std::vector<std::string> texts;
  for (const auto& principal : kPrincipals) {
    for (const auto& action : kActions) {
      for (const auto& resource : kResources) texts.push_back("permit (" + principal + ", " + action + ", " + resource + ");\n");
    }
  }
  std::mt19937 order(7);
  std::shuffle(texts.begin(), texts.end(), order);
  std::string whole;
  std::vector<PolicySet> alone;
  for (const auto& text : texts) {
    whole += text;
    alone.push_back(*PolicySet::parse({{"one.cedar", text}}));
  }
  auto set = PolicySet::parse({{"all.cedar", whole}});
  ASSERT_TRUE(set.has_value());
  const Entities entities = small_world();
  std::size_t found = 0;
  for (const Request& request : all_requests()) {
    const Response response = authorize(*set, request, entities);
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < alone.size(); ++i) {
      if (authorize(alone[i], request, entities).decision == Decision::kAllow) expected.push_back("policy" + std::to_string(i));
    }
    std::vector<std::string> got;
    for (const Policy* policy : response.determining) got.push_back(policy->id());
    EXPECT_EQ(got, expected) << request.principal.text() << " " << request.action.text() << " " << request.resource.text();
    found += got.size();
  }
  EXPECT_GT(found, 500u);
}

TEST(Decide, AgreesWithTheWholeAnswerOneByOneAndTogether) {
  auto set = PolicySet::parse({{"set.cedar", R"(
    permit (principal in Group::"g", action in Action::"all", resource);
    permit (principal, action == Action::"1", resource is File) when { context.go };
    forbid (principal, action, resource in Folder::"f") unless { resource == File::"0" };
    forbid (principal, action, resource is User) when { context.missing };
  )"}});
  ASSERT_TRUE(set.has_value());
  const Entities entities = small_world();
  ValueArena arena;
  const Value context = arena.record({{"go", Value::boolean(true)}});
  std::size_t allowed = 0;
  for (const EntityUid& principal : {EntityUid("User", "0"), EntityUid("User", "1")}) {
    std::vector<Target> targets;
    std::vector<Decision> expected;
    for (Request& request : all_requests()) {
      targets.push_back({request.action, request.resource});
      request.principal = principal;
      request.context = context;
      expected.push_back(authorize(*set, request, entities).decision);
      EXPECT_EQ(decide(*set, request, entities), expected.back());
      allowed += expected.back() == Decision::kAllow ? 1 : 0;
    }
    EXPECT_EQ(decide_each(*set, principal, context, targets, entities), expected);
  }
  EXPECT_GT(allowed, 4u);
}

TEST(Decide, WithoutPoliciesDenies) {
  const Target target{{"Action", "0"}, {"File", "0"}};
  EXPECT_EQ(decide(PolicySet(), {{"User", "0"}, target.action, target.resource, {}}, Entities()), Decision::kDeny);
  EXPECT_EQ(decide_each(PolicySet(), {"User", "0"}, {}, std::span(&target, 1), Entities()), std::vector{Decision::kDeny});
}

// More ancestors than are scanned, given in any order.
TEST(Slice, AnEntityWithManyAncestorsIsInEachOfThem) {
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) ids.push_back("folder " + std::to_string(i));
  std::vector<NameView> ancestors;
  for (const auto& id : ids) ancestors.push_back({"Folder", id});
  for (const auto& id : ids) {
    auto set = PolicySet::parse(
        {{"set.cedar", "permit (principal, action, resource in Folder::\"" + id + "\") when { resource in Folder::\"" + id + "\" };"}});
    ASSERT_TRUE(set.has_value());
    Response response;
    authorize(*set, {{{"User", "0"}, {}, {}}, {{"Action", "0"}, {}, {}}, {{"File", "0"}, {}, ancestors}, {}}, response);
    EXPECT_EQ(response.decision, Decision::kAllow) << id;
    authorize(*set, {{{"User", "0"}, {}, {}}, {{"Action", "0"}, {}, {}}, {{"File", "0"}, {}, {}}, {}}, response);
    EXPECT_EQ(response.decision, Decision::kDeny) << id;
  }
}

}  // namespace
}  // namespace interlock::cedar::testing
