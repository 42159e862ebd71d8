// Policies as JSON: both ways, sets with templates and links, and what is refused.
#include "cedar/policy_json.hpp"

#include "cedar/schema.hpp"
#include "cedar/validate.hpp"
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

Result<PolicySet> parse(std::string_view text) { return PolicySet::parse({{"p", std::string(text)}}); }
Result<PolicySet> from_json(std::string_view text) { return policies_from_json({"p.json", std::string(text)}); }

// A policy that has `condition` written in JSON.
std::string with_condition(std::string_view condition) {
  return R"({"effect": "permit", "principal": {"op": "All"}, "action": {"op": "All"}, "resource": {"op": "All"},
    "conditions": [{"kind": "when", "body": )" +
         std::string(condition) + "}]}";
}

TEST(PolicyText, IsWrittenAsTheTreeIs) {
  // Each is in the form in which it is written.
  constexpr std::string_view kConditions[] = {
      "principal.a.b[\"c d\"].e == 1",
      "(if true then 1 else 2) + 3 == 4",
      "if principal has a then principal.a else false",
      "(a() || b()) && c()",
      "a() || b() && c()",
      "(a() && b()) && c()",
      "a() && (b() && c())",
      "!(1 == 2) && !principal.x",
      "!(!true) && -(5) == -5 && -(-(5)) == 5 && --5 == 1",
      "1 - (2 - 3) - 4 * (5 + 6) == -9223372036854775808",
      "(-5).x == (1 + 2).y",
      "(principal == resource) == (1 < 2)",
      "principal in [User::\"a\", User::\"b\\n\"]",
      "principal is N::User in Team::\"t\" && context is X",
      "principal has a.b.c && principal has \"a b\" && principal has \"if\"",
      "\"a*\\u{0}\" like \"*a\\**\\\"*\"",
      "{a: 1, \"b c\": {\"if\": 2}}.a == 1",
      "[[], [1], {}].contains(context.getTag(\"k\"))",
      "ip(\"1.2.3.4\").isInRange(ip(\"1.0.0.0/8\")) && [1].isEmpty()",
      "principal.hasTag(\"a\") && datetime(\"2024-01-01\").offset(duration(\"1h\")) < datetime(\"2024-01-02\")",
  };
  for (std::string_view written : kConditions) {
    std::string condition(written);
    for (std::string_view name : {"a()", "b()", "c()"}) {
      for (std::size_t at = condition.find(name); at != std::string::npos; at = condition.find(name))
        condition.replace(at, 3, "context." + std::string(1, name[0]));
    }
    std::string policy = "permit (principal, action, resource)\nwhen { " + condition + " };\n";
    auto set = parse(policy);
    ASSERT_TRUE(set) << set.error().text();
    std::string text = policies_to_text(*set);
    auto again = parse(text);
    ASSERT_TRUE(again) << text << again.error().text();
    EXPECT_EQ(policies_to_text(*again), text);
    auto json = policies_to_json(*set);
    ASSERT_TRUE(json) << json.error().text();
    EXPECT_EQ(*policies_to_json(*again), *json) << text;
    auto back = policies_from_json({"back", *json});
    ASSERT_TRUE(back) << back.error().text();
    EXPECT_EQ(*policies_to_json(*back), *json);
    bool has_other_spelling = condition.find("\\u{0}") != std::string::npos || condition.find("--") != std::string::npos;
    EXPECT_TRUE(has_other_spelling || text == policy) << text << policy;
  }
}

TEST(PolicyText, KeepsScopesAnnotationsAndIds) {
  constexpr std::string_view kText =
      "@id(\"first\")\n@doc\n@why(\"a\\\"b\")\nforbid (principal is User in Team::\"t\", action in [Action::\"a\", Action::\"b\"], "
      "resource == File::\"f\")\n"
      "unless { true }\nwhen { false };\n\n"
      "permit (principal == ?principal, action == Action::\"a\", resource in ?resource);\n";
  auto set = parse(kText);
  ASSERT_TRUE(set) << set.error().text();
  EXPECT_EQ(policies_to_text(*set), kText);
  LoadOptions named;
  named.id_from_annotation = true;
  auto with_ids = PolicySet::parse({{"p", "@id(\"x\") permit(principal, action, resource); permit(principal, action, resource);"}}, named);
  ASSERT_TRUE(with_ids);
  auto json = policies_to_json(*with_ids);
  ASSERT_TRUE(json);
  auto back = policies_from_json({"back", *json});
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_NE(back->find("x"), nullptr);
  EXPECT_NE(back->find("policy1"), nullptr);
}

TEST(PolicyJson, ReadsASetWithTemplatesAndLinks) {
  auto set = from_json(R"({
    "staticPolicies": {"no": {"effect": "forbid", "principal": {"op": "==", "entity": {"type": "User", "id": "eve"}}, "action": {"op": "All"},
                              "resource": {"op": "All"}, "conditions": []}},
    "templates": {"t": {"effect": "permit", "principal": {"op": "==", "slot": "?principal"}, "action": {"op": "in", "entities": [{"type": "Action", "id": "view"}]},
                        "resource": {"op": "is", "entity_type": "File", "in": {"slot": "?resource"}}, "conditions": [], "annotations": {"doc": "d", "flag": null}}},
    "templateLinks": [{"templateId": "t", "newId": "alice", "values": {"?principal": {"__entity": {"type": "User", "id": "alice"}}, "?resource": {"type": "Dir", "id": "d"}}},
                      {"templateId": "t", "newId": "eve", "values": {"?principal": {"type": "User", "id": "eve"}, "?resource": {"type": "Dir", "id": "d"}}}]})");
  ASSERT_TRUE(set) << set.error().text();
  EntitiesBuilder builder;
  builder.add({"File", "f"}, {}, {{"Dir", "d"}});
  Entities entities = *builder.build();
  Response alice = authorize(*set, {{"User", "alice"}, {"Action", "view"}, {"File", "f"}, {}}, entities);
  ASSERT_EQ(alice.determining.size(), 1u);
  EXPECT_EQ(alice.determining[0]->id(), "alice");
  EXPECT_EQ(alice.determining[0]->annotation("doc"), "d");
  EXPECT_EQ(authorize(*set, {{"User", "eve"}, {"Action", "view"}, {"File", "f"}, {}}, entities).decision, Decision::kDeny);
  EXPECT_EQ(authorize(*set, {{"User", "bob"}, {"Action", "view"}, {"File", "f"}, {}}, entities).decision, Decision::kDeny);
  auto json = policies_to_json(*set);
  ASSERT_TRUE(json);
  auto back = policies_from_json({"back", *json});
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(*policies_to_json(*back), *json);
}

TEST(PolicyJson, ReadsConstantsAndPathsOfHas) {
  struct Row {
    std::string_view condition;
    std::string_view text;
  };
  constexpr Row kRows[] = {
      {R"({"Value": {"a": [1, {"__entity": {"type": "U", "id": "x"}}], "b": {"__extn": {"fn": "ip", "arg": "1.2.3.4"}}}})",
       "{a: [1, U::\"x\"], b: ip(\"1.2.3.4\")}"},
      {R"({"has": {"left": {"Var": "context"}, "attr": ["a", "b"]}})", "context has a.b"},
      {R"({"has": {"left": {"Var": "context"}, "attr": ["a b", "c"]}})", "context has \"a b\" && context[\"a b\"] has c"},
      {R"({"like": {"left": {"Value": "x"}, "pattern": [{"Literal": "a"}, {"Literal": "*"}, "Wildcard"]}})", "\"x\" like \"a\\**\""},
      {R"({"lessThan": [{"decimal": [{"Value": "1.0"}]}, {"Var": "context"}]})", "decimal(\"1.0\").lessThan(context)"},
      {R"({"&&": {"left": {"&&": {"left": {"Value": true}, "right": {"Value": false}}}, "right": {"Value": true}}})",
       "true && false && true"},
      {R"({"neg": {"arg": {"Value": 5}}})", "-(5)"},
  };
  for (const Row& row : kRows) {
    auto set = from_json(with_condition(row.condition));
    ASSERT_TRUE(set) << row.condition << set.error().text();
    EXPECT_NE(policies_to_text(*set).find("when { " + std::string(row.text) + " }"), std::string::npos) << policies_to_text(*set);
  }
}

TEST(PolicyJson, RefusesWhatIsNoPolicyAndSaysWhat) {
  struct Row {
    std::string text;
    std::string_view message;
  };
  const Row rows[] = {
      {"[]", "must be an object"},
      {R"({"staticPolicies": {}})", "`templates` must be"},
      {R"({"staticPolicies": {}, "templates": {}, "templateLinks": [], "more": 1})", "`more` is not known"},
      {R"({"staticPolicies": {}, "templates": {}, "templateLinks": [{"templateId": "t", "newId": "l", "values": {}}]})", "no template `t`"},
      {R"({"effect": "allow"})", "`effect` must be permit or forbid"},
      {with_condition(R"({"Value": null})"), "Cedar does not have"},
      {with_condition(R"({"Value": 1.5})"), "Cedar does not have"},
      {with_condition(R"({"Slot": "?principal"})"), "slot is not allowed"},
      {with_condition(R"({"Var": "user"})"), "`Var` must be"},
      {with_condition(R"({"==": {"left": {"Value": 1}}})"), "must have a `left` and a `right`"},
      {with_condition(R"({"==": {"left": {"Value": 1}, "right": {"Value": 1}, "x": 1}})"), "`x` is not known"},
      {with_condition(R"({"==": {}, "!=": {}})"), "one operator"},
      {with_condition(R"({"%": {"left": {"Value": 1}, "right": {"Value": 1}}})"), "`%` is not known"},
      {with_condition(R"({"isIpv4": []})"), "needs a value"},
      {with_condition(R"({"like": {"left": {"Value": "x"}, "pattern": ["wild"]}})"), "a pattern is made of"},
      {with_condition(R"({"is": {"left": {"Var": "principal"}, "entity_type": "a b"}})"), "must be an entity type"},
  };
  for (const Row& row : rows) {
    auto set = from_json(row.text);
    ASSERT_FALSE(set) << row.text;
    EXPECT_NE(set.error().message.find(row.message), std::string::npos) << row.text << "\n" << set.error().message;
  }
  std::string deep = R"({"Value": true})";
  for (int i = 0; i < 3000; ++i) deep = R"({"!": {"arg": )" + deep + "}}";
  EXPECT_FALSE(from_json(with_condition(deep)));
}

TEST(PolicyJson, WillNotWriteWhatJsonCannotCarry) {
  std::string wide = "true";
  for (int i = 0; i < 100'000; ++i) wide += " && true";
  auto set = parse("permit(principal, action, resource) when { " + wide + " };");
  ASSERT_TRUE(set);
  auto json = policies_to_json(*set);
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(parse(policies_to_text(*set)));
}

TEST(Links, FillExactlyTheSlotsOfTheirTemplate) {
  auto set = parse(
      "permit(principal == ?principal, action, resource); permit(principal, action, resource == ?resource); forbid(principal, action, "
      "resource) when { false };");
  ASSERT_TRUE(set);
  EntityUid alice{"User", "alice"};
  struct Row {
    TemplateLink link;
    std::string_view fault;
  };
  const Row rows[] = {
      {{"policy0", "a", alice, std::nullopt}, ""},
      {{"policy0", "policy1", alice, std::nullopt}, "another policy"},
      {{"policy0", "a", std::nullopt, std::nullopt}, "leaves the slot ?principal"},
      {{"policy1", "a", alice, alice}, "fills the slot ?principal"},
      {{"policy2", "a", std::nullopt, std::nullopt}, "no template"},
      {{"other", "a", alice, std::nullopt}, "no template"},
  };
  for (const Row& row : rows) {
    auto linked = set->link({&row.link, 1});
    EXPECT_EQ(linked.has_value(), row.fault.empty()) << row.fault;
    if (!linked) {
      EXPECT_NE(linked.error().message.find(row.fault), std::string::npos) << linked.error().message;
      continue;
    }
    EXPECT_EQ(authorize(*linked, {alice, {"Action", "view"}, {"File", "f"}, {}}, Entities()).decision, Decision::kAllow);
    EXPECT_EQ(authorize(*set, {alice, {"Action", "view"}, {"File", "f"}, {}}, Entities()).decision, Decision::kDeny);
  }
}

TEST(Links, AreValidatedByWhatFillsThem) {
  auto schema = Schema::parse({"s", "entity User; entity File; action view appliesTo { principal: User, resource: File };"});
  ASSERT_TRUE(schema);
  auto set = parse("permit(principal == ?principal, action, resource);");
  ASSERT_TRUE(set);
  EXPECT_TRUE(validate(*set, *schema).passed());
  const TemplateLink good{"policy0", "good", EntityUid("User", "a"), std::nullopt};
  const TemplateLink unknown{"policy0", "unknown", EntityUid("Robot", "a"), std::nullopt};
  const TemplateLink wrong{"policy0", "wrong", EntityUid("File", "a"), std::nullopt};
  EXPECT_TRUE(validate(*set->link({&good, 1}), *schema).passed());
  EXPECT_EQ(validate(*set->link({&unknown, 1}), *schema).errors.size(), 2u);
  ValidationReport report = validate(*set->link({&wrong, 1}), *schema);
  ASSERT_EQ(report.errors.size(), 1u);
  EXPECT_EQ(report.errors[0].policy_id, "wrong");
  EXPECT_EQ(report.errors[0].kind, FindingKind::kInapplicable);
}

}  // namespace
}  // namespace interlock::cedar::testing
