// Policies and sets: scopes, annotations, ids, several sources, errors with their place, bounds, decisions.
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

TEST(Scopes, MatchWhatTheySay) {
  struct Row {
    const char* scope;
    const char* outcome;
  };
  const Row rows[] = {
      {"principal, action, resource", "true"},
      {"principal, action, resource,", "true"},
      {"principal == User::\"alice\", action, resource", "true"},
      {"principal == (User::\"alice\"), action, resource", "true"},
      {"principal == User::\"bob\", action, resource", "false"},
      {"principal in Org::\"acme\", action, resource", "true"},
      {"principal in User::\"alice\", action, resource", "true"},
      {"principal in Team::\"blue\", action, resource", "false"},
      {"principal is User, action, resource", "true"},
      {"principal is Team, action, resource", "false"},
      {"principal is User in Team::\"red\", action, resource", "true"},
      {"principal is User in Team::\"blue\", action, resource", "false"},
      {"principal, action == Action::\"view\", resource", "true"},
      {"principal, action == Action::\"edit\", resource", "false"},
      {"principal, action in Action::\"read\", resource", "true"},
      {"principal, action in [Action::\"edit\", Action::\"read\"], resource", "true"},
      {"principal, action in [Action::\"edit\", (Action::\"view\"),], resource", "true"},
      {"principal, action in [], resource", "false"},
      {"principal, action, resource == File::\"readme\"", "true"},
      {"principal, action, resource in Folder::\"work\"", "true"},
      {"principal, action, resource is File in Folder::\"work\"", "true"},
      {"principal, action, resource is Folder", "false"},
      // not the language
      {"principal, action", "load"},
      {"action, principal, resource", "load"},
      {"principal, action, resource, context", "load"},
      {"principal, action, resource == ?principal", "load"},
      {"principal, action == ?action, resource", "load"},
      {"principal, action is Action, resource", "load"},
      {"principal: User, action, resource", "load"},
      {"principal = User::\"alice\", action, resource", "load"},
      {"principal != User::\"alice\", action, resource", "load"},
      {"principal == User, action, resource", "load"},
      {"principal == \"alice\", action, resource", "load"},
      {"principal in [User::\"a\"], action, resource", "load"},
      {"principal in Team::\"a\" is User, action, resource", "load"},
      {"principal is User == User::\"alice\", action, resource", "load"},
      {"principal in Team::\"a\" || true, action, resource", "load"},
      {"principal, action == User::\"alice\", resource", "load"},
      {"principal, action in [Action::\"a\", User::\"b\"], resource", "load"},
      {"principal, action == [Action::\"a\"], resource", "load"},
      {"", "load"},
  };
  World world = family();
  for (const Row& row : rows) {
    std::string got = world.scope(row.scope);
    EXPECT_TRUE(got.starts_with(row.outcome)) << row.scope << "\n  " << got;
  }
}

TEST(Scopes, OfAnActionInANamespaceAreActions) {
  World world;
  world.action = EntityUid("Acme::Action", "view");
  EXPECT_EQ(world.scope("principal, action == Acme::Action::\"view\", resource"), "true");
}

TEST(Conditions, AllHoldInOrderAndStopAtTheFirstThatDoesNot) {
  struct Row {
    const char* conditions;
    const char* outcome;
  };
  const Row rows[] = {
      {"when { true } unless { false }", "allow"},
      {"when { true } unless { true }", "deny"},
      {"unless { false } when { false }", "deny"},
      {"when { false } when { context.missing }", "deny"},
      {"unless { true } when { context.missing }", "deny"},
      {"when { true } when { context.missing }", "error"},
      {"unless { 1 }", "error"},
      {"unless { context.missing }", "error"},
      {"when { true && false && context.missing }", "deny"},
      {"when { true, }", "load"},
      {"when {}", "load"},
      {"when true", "load"},
      {"if { true }", "load"},
      {"when { true } otherwise { true }", "load"},
  };
  for (const Row& row : rows) {
    auto set = PolicySet::parse({{"p", std::string("permit(principal, action, resource) ") + row.conditions + ";"}});
    std::string got = "load";
    if (set) {
      World world;
      Response response = authorize(*set, {world.principal, world.action, world.resource, {}}, world.entities);
      got = !response.errors.empty() ? "error" : response.decision == Decision::kAllow ? "allow" : "deny";
    }
    EXPECT_EQ(got, row.outcome) << row.conditions;
  }
}

TEST(Decisions, FollowPermitsAndForbids) {
  auto set = PolicySet::parse({{"p", R"(
    permit(principal, action, resource);
    permit(principal, action, resource) when { context.a };
    forbid(principal, action, resource) when { context.b };
    forbid(principal, action, resource) when { context.c };
    forbid(principal, action == Action::"other", resource);
  )"}});
  ASSERT_TRUE(set);
  struct Row {
    bool a, b, c;
    Decision decision;
    std::vector<std::string> determining;
  };
  const Row rows[] = {
      {false, false, false, Decision::kAllow, {"policy0"}},
      {true, false, false, Decision::kAllow, {"policy0", "policy1"}},
      {true, true, false, Decision::kDeny, {"policy2"}},
      {false, true, true, Decision::kDeny, {"policy2", "policy3"}},
  };
  Response response;
  for (const Row& row : rows) {
    ValueArena arena;
    Request request{{"User", "u"},
                    {"Action", "x"},
                    {"File", "f"},
                    arena.record({{"a", Value::boolean(row.a)}, {"b", Value::boolean(row.b)}, {"c", Value::boolean(row.c)}})};
    authorize(*set, request, Entities(), response);
    EXPECT_EQ(response.decision, row.decision);
    std::vector<std::string> ids;
    for (const Policy* policy : response.determining) ids.push_back(policy->id());
    EXPECT_EQ(ids, row.determining);
    EXPECT_TRUE(response.errors.empty());
  }
}

TEST(Decisions, ReportPoliciesThatFailAndSkipThem) {
  auto set = PolicySet::parse(
      {{"a.cedar", "permit(principal, action, resource);\nforbid(principal, action, resource)\n  when { context.gone == 1 };"}});
  ASSERT_TRUE(set);
  Response response = authorize(*set, {{"User", "u"}, {"Action", "x"}, {"File", "f"}, {}}, {});
  EXPECT_EQ(response.decision, Decision::kAllow);
  ASSERT_EQ(response.errors.size(), 1u);
  EXPECT_EQ(response.errors[0].policy->id(), "policy1");
  EXPECT_EQ(response.errors[0].message, "a.cedar:3:18: the record has no attribute `gone`");
}

TEST(Decisions, OfNoPoliciesAreDeny) {
  Response response = authorize(PolicySet(), {{"User", "u"}, {"Action", "x"}, {"File", "f"}, {}}, {});
  EXPECT_EQ(response.decision, Decision::kDeny);
  EXPECT_TRUE(response.determining.empty());
}

TEST(PolicySets, NameTheirPoliciesByPositionOverAllSources) {
  auto set = PolicySet::parse({{"a", "permit(principal, action, resource); permit(principal, action, resource == ?resource);"},
                               {"b", "@id(\"x\") forbid(principal, action, resource);"}});
  ASSERT_TRUE(set) << set.error().text();
  ASSERT_EQ(set->policies().size(), 3u);
  EXPECT_EQ(set->policies()[0].id(), "policy0");
  EXPECT_TRUE(set->policies()[1].is_template());
  EXPECT_EQ(set->policies()[2].id(), "policy2");
  EXPECT_EQ(set->policies()[2].source_name(), "b");
  EXPECT_EQ(set->policies()[2].effect(), Effect::kForbid);
  EXPECT_EQ(set->find("policy2"), &set->policies()[2]);
  EXPECT_EQ(set->find("x"), nullptr);
}

TEST(PolicySets, TakeIdsFromAnnotationsWhenAsked) {
  LoadOptions options{.id_from_annotation = true};
  auto set = PolicySet::parse({{"a", "@id(\"x\") permit(principal, action, resource); permit(principal, action, resource);"}}, options);
  ASSERT_TRUE(set);
  EXPECT_EQ(set->policies()[0].id(), "x");
  EXPECT_EQ(set->policies()[1].id(), "policy1");
  auto twice = PolicySet::parse(
      {{"a", "@id(\"x\") permit(principal, action, resource);"}, {"b", "\n@id(\"x\") permit(principal, action, resource);"}}, options);
  ASSERT_FALSE(twice);
  EXPECT_TRUE(twice.error().message.starts_with("b:2:1: another policy has the id `x`")) << twice.error().message;
}

TEST(PolicySets, KeepAnnotationsAndText) {
  auto set =
      PolicySet::parse({{"a", "  @reason(\"no \\\"way\\\"\") @shadow @if(\"\")\npermit(principal, action, resource)\nwhen { true }; "}});
  ASSERT_TRUE(set) << set.error().text();
  const Policy& policy = set->policies()[0];
  EXPECT_EQ(policy.annotation("reason"), "no \"way\"");
  EXPECT_EQ(policy.annotation("shadow"), "");
  EXPECT_EQ(policy.annotation("other"), std::nullopt);
  ASSERT_EQ(policy.annotations().size(), 3u);
  EXPECT_FALSE(policy.annotations()[1].has_value);
  EXPECT_TRUE(policy.annotations()[2].has_value);
  EXPECT_EQ(policy.annotations()[1].column, 25u);
  EXPECT_EQ(policy.text(), "@reason(\"no \\\"way\\\"\") @shadow @if(\"\")\npermit(principal, action, resource)\nwhen { true };");
  for (const char* bad : {"@a @a permit(principal, action, resource);", "@a() permit(principal, action, resource);",
                          "@ permit(principal, action, resource);", "@a(1) permit(principal, action, resource);", "@a(\"x\""}) {
    EXPECT_FALSE(PolicySet::parse({{"a", bad}})) << bad;
  }
}

TEST(PolicySets, LeaveTemplatesInactive) {
  World world = family();
  auto set = PolicySet::parse({{"a", "permit(principal == ?principal, action, resource in ?resource);"}});
  ASSERT_TRUE(set) << set.error().text();
  EXPECT_EQ(authorize(*set, {world.principal, world.action, world.resource, {}}, world.entities).decision, Decision::kDeny);
}

TEST(PolicySets, OutliveTheirSourcesAndCopies) {
  const Policy* policy = nullptr;
  PolicySet kept;
  {
    std::string text =
        "@id(\"a long id that is surely on the heap\") permit(principal, action == Action::\"a long action name, on the heap\", resource);";
    auto set = PolicySet::parse({{"a", text}}, {.id_from_annotation = true});
    ASSERT_TRUE(set);
    kept = *set;
    policy = &set->policies()[0];
  }
  EXPECT_EQ(policy->id(), "a long id that is surely on the heap");
  EXPECT_EQ(authorize(kept, {{"U", "u"}, {"Action", "a long action name, on the heap"}, {"R", "r"}, {}}, {}).decision, Decision::kAllow);
}

TEST(Errors, SayWhereAndWhat) {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"permit(principal, action, resource)", "f:1:36: expected `when`, `unless` or `;`, found the end of the text"},
      {"\n\n  allow(principal, action, resource);", "f:3:3: expected `permit` or `forbid`, found `allow`"},
      {"permit(principal, action);", "f:1:25: the scope ends too early: after `action` there must be `resource`"},
      {"permit(principal, action, resource) when { context.a.b = 3 };", "f:1:56: `=` is no operator"},
      {"permit(principal, action, resource) when { 1 + };", "f:1:48: expected an expression, found `}`"},
      {"permit(principal, action, resource) when { \"abc };", "f:1:44: this string is not closed"},
      {"permit(principal, action, resource) when { \"a\\qc\" == 1 };", "f:1:46: unknown escape"},
      {"permit(principal, action, resource) when { foo == 1 };", "f:1:44: `foo` is no variable"},
      {"permit(principal, action, resource) when { context.f(1) };", "f:1:52: there is no method `f`"},
      {"permit(principal, action, resource) when { true }; # comment", "f:1:52: the character `#` begins nothing here"},
      {"permit(principal, action, resource) when { a::b(1) };", "f:1:44: there is no function `a::b`"},
  };
  for (const Row& row : rows) {
    auto set = PolicySet::parse({{"f", row.text}});
    ASSERT_FALSE(set) << row.text;
    EXPECT_TRUE(set.error().message.starts_with(row.message)) << row.text << "\n  " << set.error().message;
  }
}

TEST(Errors, OfAllPoliciesAreReportedTogether) {
  std::vector<Diagnostic> all;
  auto set =
      PolicySet::parse({{"a", "permit(principal, action);\npermit(principal, action, resource);\nforbid(x);"}, {"b", "oops"}}, {}, &all);
  ASSERT_FALSE(set);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].line, 1u);
  EXPECT_EQ(all[1].line, 3u);
  EXPECT_EQ(all[2].source, "b");
  EXPECT_NE(set.error().message.find("(and 2 more)"), std::string::npos);
  EXPECT_EQ(all[1].text(),
            "a:3:8: expected `principal`, found `x` (the scope is (principal, action, resource), in this order)\n  forbid(x);\n         ^");
}

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string policy_with(const std::string& condition) { return "permit(principal, action, resource) when { " + condition + " };"; }

TEST(Bounds, RefuseNestingThatIsTooDeep) {
  constexpr std::size_t kDeep = 100'000;
  const std::pair<std::string, std::string> brackets[] = {
      {"(", ")"},      {"[", "]"}, {"{a:", "}"}, {"ip(", ")"}, {"if true then true else ", ""}, {"[1].contains(", ")"},
      {"1 == (", ")"}, {"!(", ")"}};
  for (const auto& [open, close] : brackets) {
    auto set = PolicySet::parse({{"f", policy_with(repeated(open, kDeep) + "1" + repeated(close, kDeep))}});
    ASSERT_FALSE(set) << open;
    EXPECT_NE(set.error().message.find("nested deeper"), std::string::npos) << set.error().message;
    EXPECT_FALSE(PolicySet::parse({{"f", policy_with(repeated(open, kDeep))}})) << open;
  }
  EXPECT_TRUE(PolicySet::parse({{"f", policy_with(repeated("(", 300) + "true" + repeated(")", 300))}}));
}

TEST(Bounds, LetChainsBeLong) {
  constexpr std::size_t kLong = 100'000;
  World world;
  EXPECT_EQ(world.evaluate("true" + repeated(" && true", kLong)), "true");
  EXPECT_EQ(world.evaluate("false" + repeated(" || false", kLong)), "false");
  EXPECT_EQ(world.evaluate("0" + repeated(" + 1", kLong) + " == 100000"), "true");
  EXPECT_TRUE(world.evaluate("context" + repeated(".a", kLong)).starts_with("error"));
  EXPECT_EQ(world.evaluate("context has a" + repeated(".a", kLong)), "false");
  EXPECT_EQ(world.evaluate("[0" + repeated(", 1", kLong) + "].contains(1)"), "true");
  EXPECT_EQ(world.evaluate("context.a" + repeated(".contains(1)", kLong)).substr(0, 5), "error");
  EXPECT_EQ(world.evaluate("[context has a" + repeated(", context has a", kLong) + "].contains(false)"), "true");
}

TEST(Bounds, RefuseSourcesThatAreTooLarge) {
  auto set = PolicySet::parse({{"f", std::string(1001, ' ')}}, {.max_source_bytes = 1000});
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kTooLarge);
  auto many = PolicySet::parse({{"f", repeated("permit(principal, action, resource);", 11)}}, {.max_policies = 10});
  ASSERT_FALSE(many);
  EXPECT_NE(many.error().message.find("more than 10 policies"), std::string::npos) << many.error().message;
}

TEST(Bounds, RefuseWhatIsNoText) {
  EXPECT_NE(PolicySet::parse({{"f", "// \xff\n"}}).error().message.find("f:1:4: the text is not valid UTF-8"), std::string::npos);
  EXPECT_NE(PolicySet::parse({{"f", std::string_view("permit\0", 7).data() + std::string(1, '\0')}}).error().message.find("NUL"),
            std::string::npos);
  EXPECT_NE(PolicySet::parse({{"f", "\xef\xbb\xbfpermit(principal, action, resource);"}}).error().message.find("byte order mark"),
            std::string::npos);
  EXPECT_TRUE(PolicySet::parse({{"f", "\u00a0\u2003// é\r\npermit(principal, action, resource);"}}));
}

}  // namespace
}  // namespace interlock::cedar::testing
