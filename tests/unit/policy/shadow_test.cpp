// @shadow: evaluated, recorded where it would have changed the verdict, never enforced.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "requests.hpp"

namespace interlock::policy::test {
namespace {

using model::VerdictKind;
using testing::ElementsAre;
using testing::HasSubstr;

struct Row {
  std::string policies;
  bool approved;
  VerdictKind kind;
  std::vector<std::string> shadow;
};

const std::string kAll = "@id(\"all\") permit (principal, action, resource);\n";
const std::string kAsk = "@id(\"ask\") permit (principal, action, resource) when { context.approved };\n";
const std::string kNo = "@id(\"no\") forbid (principal, action, resource);\n";
const std::string kShadowNo = "@id(\"shadow-no\") @shadow forbid (principal, action, resource);\n";
const std::string kShadowAsk = "@shadow @id(\"shadow-ask\") forbid (principal, action, resource) unless { context.approved };\n";
const std::string kShadowAll = "@id(\"shadow-all\")\n@shadow\npermit (principal, action, resource);\n";
const std::string kShadowYes = "@id(\"shadow-yes\") @shadow permit (principal, action, resource) when { context.approved };\n";
const std::string kShadowFails = "@id(\"shadow-fails\") @shadow forbid (principal, action, resource) when { context.args.missing };\n";
const std::string kShadowOther = "@id(\"shadow-other\") @shadow forbid (principal, action in Action::\"delete\", resource);\n";

TEST(Shadow, IsNamedWhereItWouldHaveChangedTheVerdict) {
  const Row rows[] = {
      {kAll + kShadowNo, false, VerdictKind::kAllow, {"shadow-no"}},
      {kAll + kShadowAsk, false, VerdictKind::kAllow, {"shadow-ask"}},
      {kAll + kShadowAsk, true, VerdictKind::kAllow, {}},
      {kAll + kShadowAll, false, VerdictKind::kAllow, {}},
      {kAll + kShadowFails, false, VerdictKind::kAllow, {"shadow-fails"}},
      {kAll + kShadowOther, false, VerdictKind::kAllow, {}},
      {kShadowAll, false, VerdictKind::kDeny, {"shadow-all"}},
      {kShadowYes, false, VerdictKind::kDeny, {"shadow-yes"}},
      {kShadowYes, true, VerdictKind::kDeny, {"shadow-yes"}},
      {kShadowNo, false, VerdictKind::kDeny, {}},
      {kAsk + kShadowNo, false, VerdictKind::kStepUp, {"shadow-no"}},
      {kAsk + kShadowAsk, false, VerdictKind::kStepUp, {}},
      {kAsk + kShadowAll, false, VerdictKind::kStepUp, {"shadow-all"}},
      {kAll + kNo + kShadowAll, false, VerdictKind::kDeny, {}},
      {kAll + kShadowNo + kShadowAsk + kShadowOther, false, VerdictKind::kAllow, {"shadow-no", "shadow-ask"}},
  };
  for (const Row& row : rows) {
    const auto engine = load_text(row.policies);
    ASSERT_TRUE(engine) << engine.error().text();
    Case given = write_of("/work/a");
    given.approved = row.approved;
    const auto verdict = (*engine)->decide(given.input());
    EXPECT_EQ(verdict.kind, row.kind) << row.policies;
    EXPECT_EQ(verdict.shadow, row.shadow) << row.policies << (row.approved ? "approved" : "");
  }
}

TEST(Shadow, CountsOverAllResources) {
  const auto engine = load_text(
      R"(@id("work") permit (principal, action, resource in Folder::"/work"); @id("tmp") @shadow permit (principal, action, resource in Folder::"/tmp");)");
  Case given = write_of("/work/a");
  given.classification.further_resources.push_back({{"File", "/tmp/b"}, Case::folders_above("/tmp/b")});
  EXPECT_THAT((*engine)->decide(given.input()).shadow, ElementsAre("tmp"));
  given.classification.further_resources.push_back({{"File", "/etc/c"}, Case::folders_above("/etc/c")});
  EXPECT_TRUE((*engine)->decide(given.input()).shadow.empty());  // denied all the same
}

TEST(Shadow, LeavesPlacesAndIdsOfTheOthersAsTheyAre) {
  const auto engine = load_text(
      "@shadow permit (principal, action, resource);\n\n  permit (principal, action, resource); @shadow\nforbid (principal, action, "
      "resource);\n  forbid (principal, action, resource) when { context.args.missing };");
  ASSERT_TRUE(engine) << engine.error().text();
  EXPECT_THAT((*engine)->policy_ids(), ElementsAre("own.cedar:1", "own.cedar:2", "own.cedar:3", "own.cedar:4"));
  const auto verdict = (*engine)->decide(write_of("/work/a").input());
  EXPECT_THAT(verdict.policies, ElementsAre("own.cedar:4"));
  EXPECT_THAT(verdict.reason, HasSubstr("policies/own.cedar:5:"));
}

}  // namespace
}  // namespace interlock::policy::test
