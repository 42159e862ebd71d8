// Traces tell what the evaluator computes.
#include <gtest/gtest.h>

#include "cedar/trace.hpp"

namespace interlock::cedar {
namespace {

std::string told(const char* policies, const char* context) {
  const auto set = PolicySet::parse({{"t.cedar", policies}});
  if (!set) return set.error().text();
  const auto entities =
      Entities::from_json(R"([{"uid": {"type": "User", "id": "ada"}, "attrs": {"level": 3}, "parents": [{"type": "Team", "id": "a"}]}])");
  ValueArena arena;
  const auto value = arena.cedar_json(*json::parse(context));
  const Request request{.principal = {"User", "ada"}, .action = {"Action", "view"}, .resource = {"Doc", "d"}, .context = *value};
  std::string out;
  for (const PolicyTrace& policy : trace(*set, request, *entities)) {
    static constexpr const char* kOutcomes[] = {"out of scope", "unsatisfied", "satisfied", "failed"};
    out += policy.policy->id() + " " + kOutcomes[static_cast<int>(policy.outcome)] + " " + std::to_string(policy.principal_matches) +
           std::to_string(policy.action_matches) + std::to_string(policy.resource_matches) + "\n";
    for (const ConditionTrace& condition : policy.conditions) {
      out += condition.unless ? "unless" : "when";
      out += condition.reached ? "\n" : " not reached\n";
      for (const TermTrace& term : condition.terms)
        out += std::string(2 + 2 * term.depth, ' ') + term.text + " = " + (term.failed ? "error " : "") + term.value + "\n";
    }
  }
  return out;
}

TEST(Trace, TellsScopesConditionsAndValues) {
  EXPECT_EQ(
      told("permit (principal in Team::\"a\", action, resource is Doc) when { principal.level > 2 && context.on };", R"({"on": true})"),
      "policy0 satisfied 111\nwhen\n  principal.level > 2 && context.on = true\n    principal.level > 2 = true\n      principal.level = "
      "3\n    context.on = true\n");
  EXPECT_EQ(told("forbid (principal == User::\"bob\", action == Action::\"view\", resource) when { true };", "{}"),
            "policy0 out of scope 011\nwhen not reached\n");
}

TEST(Trace, LeavesOutWhatAShortCircuitLeavesOut) {
  EXPECT_EQ(told("permit (principal, action, resource) when { context.on && context.nowhere } unless { true };", R"({"on": false})"),
            "policy0 unsatisfied 111\nwhen\n  context.on && context.nowhere = false\n    context.on = false\nunless not reached\n");
  EXPECT_EQ(told("permit (principal, action, resource) when { if context.on then 1 == 2 else context.nowhere };", R"({"on": true})"),
            "policy0 unsatisfied 111\nwhen\n  if context.on then 1 == 2 else context.nowhere = false\n    context.on = true\n    1 == 2 = "
            "false\n");
}

TEST(Trace, TellsWhereAnExpressionFails) {
  const std::string text = told("permit (principal, action, resource) when { context.a.b == [1] };", R"({"a": {}})");
  EXPECT_NE(text.find("policy0 failed 111"), std::string::npos) << text;
  EXPECT_NE(text.find("context.a.b = error t.cedar:1:"), std::string::npos) << text;
}

TEST(Trace, ValuesAreWrittenAsCedarWritesThem) {
  const std::string text =
      told("permit (principal, action, resource) when { context.s.contains(\"x\") || ip(\"10.0.0.1\").isInRange(ip(\"10.0.0.0/8\")) };",
           R"({"s": ["a", "b"]})");
  EXPECT_NE(text.find("context.s = [\"a\", \"b\"]"), std::string::npos) << text;
  EXPECT_NE(text.find(".isInRange(ip(\"10.0.0.0/8\")) = true"), std::string::npos) << text;
}

// The outcome that a trace tells is the one that authorize() finds.
TEST(Trace, AgreesWithTheDecision) {
  const char* kConditions[] = {"true",
                               "false",
                               "context.on",
                               "context.n + 1 > 2",
                               "context.nowhere",
                               "principal in Team::\"a\"",
                               "context.n",
                               "!context.on || context.n == 9223372036854775807",
                               "if context.on then context.n < 3 else context.nowhere",
                               "context has nowhere && context.nowhere",
                               "[context.n, 1].contains(1)",
                               "{a: context.n}.a == context.n",
                               "context.n * 2 == 4"};
  for (const char* condition : kConditions) {
    for (const char* context : {R"({"on": true, "n": 1})", R"({"on": false, "n": 9223372036854775807})"}) {
      const std::string text = std::string("permit (principal, action, resource) when { ") + condition + " };";
      const auto set = PolicySet::parse({{"t.cedar", text}});
      ASSERT_TRUE(set) << text;
      ValueArena arena;
      const auto entities =
          Entities::from_json(R"([{"uid": {"type": "User", "id": "ada"}, "attrs": {}, "parents": [{"type": "Team", "id": "a"}]}])");
      const Request request{.principal = {"User", "ada"},
                            .action = {"Action", "view"},
                            .resource = {"Doc", "d"},
                            .context = *arena.cedar_json(*json::parse(context))};
      const Response response = authorize(*set, request, *entities);
      const PolicyTrace traced = trace(*set, request, *entities).front();
      const auto wanted = !response.errors.empty()                ? PolicyTrace::Outcome::kFailed
                          : response.decision == Decision::kAllow ? PolicyTrace::Outcome::kSatisfied
                                                                  : PolicyTrace::Outcome::kUnsatisfied;
      EXPECT_EQ(static_cast<int>(traced.outcome), static_cast<int>(wanted)) << text << ' ' << context;
    }
  }
}

}  // namespace
}  // namespace interlock::cedar
