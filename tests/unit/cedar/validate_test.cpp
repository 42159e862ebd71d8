// Validation: each kind of finding, with its place, in both modes and by level.
#include "cedar/validate.hpp"

#include "cedar/schema.hpp"
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

using Mode = ValidationOptions::Mode;

const Schema& schema() {
  static const Schema made = [] {
    auto parsed = Schema::parse({"s", R"(
      entity Team;
      entity User in [Team] = { name: String, age?: Long, boss?: User, team: Team, joined: datetime } tags Long;
      entity Album;
      entity Photo in [Album] = { owner: User, labels: Set<String>, size: Long };
      entity Tier enum ["free", "paid"];
      action "all";
      action view in ["all"] appliesTo { principal: [User], resource: [Photo, Album], context: { source?: ipaddr, tier: Tier } };
      action edit in ["all"] appliesTo { principal: [User, Team], resource: [Photo], context: {} };
      action never;
    )"});
    EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().text());
    return *parsed;
  }();
  return made;
}

ValidationReport check(std::string_view policy, ValidationOptions options = {}) {
  auto set = PolicySet::parse({{"p", std::string(policy)}});
  EXPECT_TRUE(set) << policy << "\n" << (set ? "" : set.error().text());
  return set ? validate(*set, schema(), options) : ValidationReport{};
}

std::string told(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) out += finding.place.text() + "\n";
  return out;
}

ValidationReport check_condition(std::string_view condition, ValidationOptions options = {}) {
  return check("permit(principal, action == Action::\"view\", resource is Photo) when { " + std::string(condition) + " };", options);
}

TEST(Validation, TakesWhatCannotFail) {
  constexpr std::string_view kConditions[] = {
      "principal has age && principal.age > 3",
      "principal has boss.age && principal.boss.age == 1",
      "principal has boss && (principal.boss has age && principal.boss.age == 1)",
      "if principal has age then principal.age == 1 else true",
      "(principal has age || principal has age) && principal.age == 1",
      "principal.hasTag(\"k\") && principal.getTag(\"k\") == 3",
      "principal.hasTag(resource.owner.name) && principal.getTag(resource.owner.name) > 0",
      "context has source && context.source.isLoopback()",
      "principal.joined < datetime(\"2024-01-01\") && principal.joined.offset(duration(\"1h\")) > principal.joined",
      "resource.labels.contains(\"a\") && !resource.labels.isEmpty() && [\"x\"].containsAll(resource.labels)",
      "resource in principal.team || principal in principal.team",
      "context.tier == Tier::\"paid\"",
      "action in Action::\"all\" && action == Action::\"view\"",
      "{a: 1, b: {c: principal}}.b.c.name like \"*x\"",
      "principal is User && (resource is Album || resource.size == 1)",
      "false && principal.nothing",
      "principal.name == \"x\" || 1 + 2 * -3 <= resource.size",
  };
  for (std::string_view condition : kConditions) {
    for (Mode mode : {Mode::kStrict, Mode::kPermissive}) {
      ValidationReport report = check_condition(condition, {.mode = mode});
      EXPECT_TRUE(report.passed()) << condition << "\n" << told(report.errors);
    }
  }
}

TEST(Validation, FindsWhatCanFail) {
  struct Row {
    std::string_view condition;
    FindingKind kind;
    bool permissive;  // refused in permissive mode as well
  };
  constexpr Row kRows[] = {
      {"principal.age > 3", FindingKind::kUnsafeOptionalAttribute, true},
      {"principal has age || principal.age > 3", FindingKind::kUnsafeOptionalAttribute, true},
      {"(principal has age || true) && principal.age > 3", FindingKind::kUnsafeOptionalAttribute, true},
      {"!(principal has age) && principal.age > 3", FindingKind::kUnsafeOptionalAttribute, true},
      {"principal has age && resource.owner.age == 1", FindingKind::kUnsafeOptionalAttribute, true},
      {"principal.nmae == \"x\"", FindingKind::kUnknownAttribute, true},
      {"principal.getTag(\"k\") == 1", FindingKind::kUnsafeTag, true},
      {"principal.hasTag(\"k\") && principal.getTag(\"l\") == 1", FindingKind::kUnsafeTag, true},
      {"principal.name > 1", FindingKind::kUnexpectedType, true},
      {"principal.name", FindingKind::kUnexpectedType, true},
      {"1 == 1 && 2", FindingKind::kUnexpectedType, true},
      {"[1, \"a\"].contains(1)", FindingKind::kIncompatibleTypes, true},
      {"principal == resource.size", FindingKind::kIncompatibleTypes, false},
      {"[principal, resource].contains(principal)", FindingKind::kIncompatibleTypes, false},
      {"[].contains(1)", FindingKind::kEmptySet, false},
      {"ip(principal.name).isIpv4()", FindingKind::kNonLiteralExtension, false},
      {"ip(\"1.2.3\").isIpv4()", FindingKind::kInvalidExtensionArgument, true},
      {"decimal(\"1.2\", \"3\") == decimal(\"1.2\")", FindingKind::kWrongArgumentCount, true},
      {"principal == Usr::\"a\"", FindingKind::kUnknownEntityType, true},
      {"principal is Usr", FindingKind::kUnknownEntityType, true},
      {"action == Action::\"vew\"", FindingKind::kUnknownAction, true},
      {"context.tier == Tier::\"gold\"", FindingKind::kInvalidEnumEntity, true},
  };
  for (const Row& row : kRows) {
    ValidationReport report = check_condition(row.condition);
    ASSERT_FALSE(report.errors.empty()) << row.condition;
    EXPECT_EQ(report.errors[0].kind, row.kind) << row.condition << "\n" << told(report.errors);
    EXPECT_EQ(check_condition(row.condition, {.mode = Mode::kPermissive}).passed(), !row.permissive) << row.condition;
  }
}

TEST(Validation, ShowsThePlaceAndWhatWasMeant) {
  ValidationReport report = check("permit(principal, action, resource)\nwhen { principal.nmae == \"x\" };");
  ASSERT_FALSE(report.errors.empty());
  const Finding& finding = report.errors[0];
  EXPECT_EQ(finding.policy_id, "policy0");
  EXPECT_EQ(finding.place.line, 2u);
  EXPECT_EQ(finding.place.column, 18u);
  ValidationReport typo = check("permit(principal == Usre::\"a\", action, resource);");
  ASSERT_FALSE(typo.errors.empty());
  EXPECT_NE(told(typo.errors).find("did you mean `User`?"), std::string::npos) << told(typo.errors);
}

TEST(Validation, KnowsWhichScopesCanApply) {
  struct Row {
    std::string_view scope;
    bool applies;
  };
  constexpr Row kRows[] = {
      {"principal, action, resource", true},
      {"principal is Team, action, resource", true},
      {"principal is Team, action == Action::\"view\", resource", false},
      {"principal, action == Action::\"never\", resource", false},
      {"principal, action in Action::\"all\", resource is Album", true},
      {"principal, action == Action::\"edit\", resource is Album", false},
      {"principal in Team::\"t\", action == Action::\"view\", resource", true},
      {"principal == Team::\"t\", action == Action::\"view\", resource", false},
      {"principal is User in Team::\"t\", action, resource in Album::\"a\"", true},
      {"principal in Photo::\"p\", action, resource", false},
      {"principal == ?principal, action, resource in ?resource", true},
      {"principal is Album in ?principal, action, resource", false},
      {"principal, action in [], resource", false},
  };
  for (const Row& row : kRows) {
    std::string policy = "permit(" + std::string(row.scope) + ");";
    ValidationReport report = check(policy, {.mode = Mode::kPermissive});
    EXPECT_EQ(report.passed(), row.applies) << policy << told(report.errors);
    ValidationReport newer = check(policy, {.mode = Mode::kPermissive, .inapplicable_is_warning = true});
    EXPECT_TRUE(newer.passed()) << policy << told(newer.errors);
    EXPECT_EQ(newer.warnings.empty(), row.applies) << policy;
  }
  EXPECT_NE(told(check("permit(principal == Team::\"t\", action == Action::\"view\", resource);").errors).find("principal in"),
            std::string::npos);
}

TEST(Validation, WarnsOfWhatNeverApplies) {
  for (std::string_view condition :
       {"false", "principal is Team", "principal in Photo::\"p\"", "resource == principal.team", "principal has nothing"}) {
    ValidationReport report = check_condition(condition);
    ASSERT_EQ(report.warnings.size(), 1u) << condition << told(report.warnings);
    EXPECT_EQ(report.warnings[0].kind, FindingKind::kImpossiblePolicy) << condition;
  }
  EXPECT_TRUE(check_condition("principal.name == \"a\"").warnings.empty());
}

TEST(Validation, WarnsOfTextsThatLookLikeOthers) {
  struct Row {
    std::string_view condition;
    FindingKind kind;
  };
  const Row rows[] = {
      {"principal.name == \"s\u0441ope\"", FindingKind::kMixedScriptString},
      {"principal.name == \"a\u202Eb\"", FindingKind::kBidiString},
      {"principal == User::\"\u0430lice\"", FindingKind::kMixedScriptIdentifier},
      {"principal == User::\"a\u2066b\"", FindingKind::kBidiIdentifier},
      {"principal == User::\"a\u00ADb\"", FindingKind::kConfusableIdentifier},
      {"principal.name like \"\u0430bc*\"", FindingKind::kMixedScriptString},
  };
  for (const Row& row : rows) {
    ValidationReport report = check_condition(row.condition);
    ASSERT_EQ(report.warnings.size(), 1u) << row.condition << told(report.warnings);
    EXPECT_EQ(report.warnings[0].kind, row.kind) << row.condition;
    EXPECT_TRUE(report.passed()) << row.condition;
  }
  EXPECT_TRUE(check_condition("principal.name == \"\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8\" || principal.name == "
                              "\"\u041f\u0440\u0438\u0432\u0435\u0442, 12!\"")
                  .warnings.empty());
}

TEST(Validation, CountsHowFarAPolicyLooks) {
  struct Row {
    std::string_view condition;
    std::uint32_t level;  // the least that is enough
  };
  constexpr Row kRows[] = {
      {"context.tier == Tier::\"paid\"", 0},
      {"principal.name == \"x\"", 1},
      {"principal in Team::\"t\"", 1},
      {"principal has boss.boss.boss", 3},
      {"resource.owner.team == Team::\"t\"", 2},
      {"resource.owner.hasTag(\"k\")", 2},
      {"(if resource.size > 1 then resource.owner else principal).name == \"x\"", 2},
      {"{o: resource.owner}.o.name == \"x\"", 2},
      {"false && resource.owner.team.nothing", 0},
  };
  for (const Row& row : kRows) {
    EXPECT_TRUE(check_condition(row.condition, {.mode = Mode::kStrict, .level = row.level}).passed()) << row.condition;
    if (row.level == 0) continue;
    ValidationReport report = check_condition(row.condition, {.mode = Mode::kStrict, .level = row.level - 1});
    ASSERT_FALSE(report.passed()) << row.condition;
    EXPECT_EQ(report.errors[0].kind, FindingKind::kLevelExceeded);
  }
  EXPECT_FALSE(check_condition("User::\"a\".name == \"x\"", {.mode = Mode::kStrict, .level = 9}).passed());
}

TEST(Validation, IsBoundedOnWhatMultiplies) {
  // `x is T in E` looks at x twice, so this stands for two to the power of 60: without a bound it never ends.
  std::string deep = "principal";
  for (int i = 0; i < 60; ++i) deep = "(" + deep + " is User in Team::\"t\")";
  EXPECT_FALSE(check_condition(deep).passed());
  std::string chain = "context";
  for (int i = 0; i < 50'000; ++i) chain += ".a";
  ValidationReport report = check_condition(chain + " == 1");
  ASSERT_FALSE(report.passed());
  EXPECT_EQ(report.errors[0].kind, FindingKind::kTooComplex);
  std::string wide = "true";
  for (int i = 0; i < 50'000; ++i) wide += " && principal has age && principal.age > " + std::to_string(i);
  EXPECT_TRUE(check_condition(wide).passed());
}

}  // namespace
}  // namespace interlock::cedar::testing
