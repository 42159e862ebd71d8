// Questions with known answers, through the real solver.
#include <gtest/gtest.h>

#include "analyze/analyze.hpp"

namespace interlock::analyze {
namespace {

const char* kSchema = R"(
entity Team in [Team];
entity User in [Team] { level: Long, nick?: String, boss?: User, home: { city: String, zip?: Long } } tags String;
entity Plan enum ["free", "paid"];
entity Doc in [Folder] { owner: User, readers: Set<Team>, labels: Set<String>, plan: Plan, size: Long };
entity Folder in [Folder];
action "any";
action "view", "edit" in ["any"] appliesTo { principal: User, resource: Doc, context: { approved: Bool, band: Long, from?: ipaddr, now: datetime, ttl: duration, price: decimal, words: Set<String> } };
action "list" in ["any"] appliesTo { principal: User, resource: Folder, context: { approved: Bool } };
)";

struct Case {
  const char* name;
  Question question;
  const char* first;
  const char* second;
  Answer wanted;
};

constexpr const char* kAll = "permit (principal, action, resource);";

// A condition that holds for each request, or does not.
const Case kCases[] = {
    {"nothing permits", Question::kAlwaysDenies, "", nullptr, Answer::kProved},
    {"a permit for all", Question::kAlwaysAllows, kAll, nullptr, Answer::kProved},
    {"a permit with a condition", Question::kAlwaysAllows, "permit (principal, action, resource) when { context.approved };", nullptr,
     Answer::kRefuted},
    {"a condition that contradicts itself", Question::kAlwaysDenies,
     "permit (principal, action, resource) when { principal.level > 3 && principal.level < 4 };", nullptr, Answer::kProved},
    {"a forbid outweighs", Question::kAlwaysDenies,
     "permit (principal, action, resource) when { context.approved }; forbid (principal, action, resource);", nullptr, Answer::kProved},
    // errors
    {"an addition may overflow", Question::kNeverErrors, "permit (principal, action, resource) when { principal.level + 1 > 0 };", nullptr,
     Answer::kRefuted},
    {"a guarded addition does not", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal.level < 10 && principal.level > -10 && principal.level + 1 > 0 };", nullptr,
     Answer::kProved},
    {"a negation may overflow", Question::kNeverErrors, "permit (principal, action, resource) when { -principal.level < 3 };", nullptr,
     Answer::kRefuted},
    {"a product may overflow", Question::kNeverErrors, "permit (principal, action, resource) when { principal.level * 2 == 4 };", nullptr,
     Answer::kRefuted},
    {"a small product does not", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal.level > 0 && principal.level < 100 && principal.level * 3 == 9 };", nullptr,
     Answer::kProved},
    {"an optional attribute may be missing", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal.nick == \"x\" };", nullptr, Answer::kRefuted},
    {"a tested one is there", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal has nick && principal.nick == \"x\" };", nullptr, Answer::kProved},
    {"a deep test", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal has boss.boss.nick && principal.boss.boss.nick like \"x*\" };", nullptr,
     Answer::kProved},
    {"a test of another user's attribute is none", Question::kNeverErrors,
     "permit (principal, action == Action::\"view\", resource) when { principal has nick && resource.owner.nick == \"x\" };", nullptr,
     Answer::kRefuted},
    {"an optional field of a record", Question::kNeverErrors, "permit (principal, action, resource) when { principal.home.zip == 1 };",
     nullptr, Answer::kRefuted},
    {"a wrong type fails", Question::kNeverErrors, "permit (principal, action, resource) when { principal.level < \"a\" };", nullptr,
     Answer::kRefuted},
    {"a wrong type behind false does not", Question::kNeverErrors,
     "permit (principal, action, resource) when { false && principal.level < \"a\" };", nullptr, Answer::kProved},
    {"an attribute of another kind of resource", Question::kNeverErrors, "permit (principal, action, resource) when { resource.size > 1 };",
     nullptr, Answer::kRefuted},
    {"the type is tested", Question::kNeverErrors, "permit (principal, action, resource is Doc) when { resource.size > 1 };", nullptr,
     Answer::kProved},
    {"a tag may be missing", Question::kNeverErrors, "permit (principal, action, resource) when { principal.getTag(\"a\") == \"b\" };",
     nullptr, Answer::kRefuted},
    {"a tested tag is there", Question::kNeverErrors,
     "permit (principal, action, resource) when { principal.hasTag(\"a\") && principal.getTag(\"a\") == \"b\" };", nullptr,
     Answer::kProved},
    {"a literal that is none", Question::kNeverErrors, "permit (principal, action, resource) when { ip(\"x\").isIpv4() };", nullptr,
     Answer::kRefuted},
    // hierarchy
    {"a user below a team is below what the team is below", Question::kAlwaysDenies,
     "permit (principal in Team::\"a\", action, resource) when { Team::\"a\" in Team::\"b\" } unless { principal in Team::\"b\" };",
     nullptr, Answer::kProved},
    {"a user below one team is not below another", Question::kAlwaysDenies,
     "permit (principal in Team::\"a\", action, resource) unless { principal in Team::\"b\" };", nullptr, Answer::kRefuted},
    {"no cycles", Question::kAlwaysDenies,
     "permit (principal, action, resource) when { Team::\"a\" in Team::\"b\" && Team::\"b\" in Team::\"a\" };", nullptr, Answer::kProved},
    {"a user is in no folder", Question::kAlwaysDenies, "permit (principal in Folder::\"a\", action, resource);", nullptr, Answer::kProved},
    {"the action's group", Question::kImplies, "permit (principal, action == Action::\"view\", resource);",
     "permit (principal, action in Action::\"any\", resource);", Answer::kProved},
    {"not the other way round", Question::kImplies, "permit (principal, action in Action::\"any\", resource);",
     "permit (principal, action == Action::\"view\", resource);", Answer::kRefuted},
    {"one of the readers", Question::kImplies,
     "permit (principal, action == Action::\"view\", resource) when { principal in resource.readers };",
     "permit (principal, action, resource is Doc) unless { resource.readers.isEmpty() };", Answer::kProved},
    {"a reader by name", Question::kAlwaysDenies,
     "permit (principal, action == Action::\"view\", resource) when { resource.readers.contains(Team::\"a\") && principal in Team::\"a\" } "
     "unless { principal in resource.readers };",
     nullptr, Answer::kProved},
    // strings and sets
    {"a prefix of a prefix", Question::kImplies, "permit (principal, action, resource) when { principal.home.city like \"/work/a*\" };",
     "permit (principal, action, resource) when { principal.home.city like \"/work/*\" };", Answer::kProved},
    {"not of another", Question::kImplies, "permit (principal, action, resource) when { principal.home.city like \"/work*\" };",
     "permit (principal, action, resource) when { principal.home.city like \"/work/*\" };", Answer::kRefuted},
    {"a literal star", Question::kAlwaysDenies,
     "permit (principal, action, resource) when { principal.home.city == \"ab\" && principal.home.city like \"a\\*\" };", nullptr,
     Answer::kProved},
    {"contains and containsAll", Question::kEquivalent,
     "permit (principal, action == Action::\"view\", resource) when { resource.labels.contains(\"a\") && resource.labels.contains(\"b\") "
     "};",
     "permit (principal, action == Action::\"view\", resource) when { resource.labels.containsAll([\"b\", \"a\", \"a\"]) };",
     Answer::kProved},
    {"containsAny is less", Question::kEquivalent,
     "permit (principal, action == Action::\"view\", resource) when { resource.labels.containsAny([\"a\", \"b\"]) };",
     "permit (principal, action == Action::\"view\", resource) when { resource.labels.containsAll([\"b\", \"a\"]) };", Answer::kRefuted},
    {"equal sets hold the same", Question::kAlwaysDenies,
     "permit (principal, action == Action::\"view\", resource) when { resource.labels == context.words && resource.labels.contains(\"a\") "
     "} unless { context.words.contains(\"a\") };",
     nullptr, Answer::kProved},
    {"an enum's entity that is none proves nothing", Question::kAlwaysDenies,
     "permit (principal, action, resource) unless { principal in Plan::\"gold\" || Plan::\"gold\" in principal };", nullptr,
     Answer::kRefuted},
    {"nor does one that a branch may name", Question::kAlwaysDenies,
     "permit (principal, action == Action::\"view\", resource) unless { (if context.approved then Plan::\"gold\" else resource.plan) in "
     "principal };",
     nullptr, Answer::kRefuted},
    {"nor one of a type that nobody declared", Question::kAlwaysDenies,
     "permit (principal, action, resource) unless { principal in Nothing::\"x\" };", nullptr, Answer::kRefuted},
    {"an enum has no other value", Question::kAlwaysAllows,
     "permit (principal, action in [Action::\"view\", Action::\"edit\"], resource) when { resource.plan == Plan::\"free\" || resource.plan "
     "== Plan::\"paid\" }; permit (principal, action == Action::\"list\", resource);",
     nullptr, Answer::kProved},
    // extension types
    {"a range in a range", Question::kImplies,
     "permit (principal, action == Action::\"view\", resource) when { context has from && context.from.isInRange(ip(\"10.1.0.0/16\")) };",
     "permit (principal, action, resource) when { context has from && context.from.isInRange(ip(\"10.0.0.0/8\")) };", Answer::kProved},
    {"loopback is no IPv6 of another kind", Question::kDisjoint,
     "permit (principal, action == Action::\"view\", resource) when { context has from && context.from.isLoopback() };",
     "permit (principal, action == Action::\"view\", resource) when { context has from && context.from.isMulticast() };", Answer::kProved},
    {"some address is multicast", Question::kAlwaysDenies,
     "permit (principal, action == Action::\"view\", resource) when { context has from && context.from.isMulticast() && "
     "context.from.isIpv6() };",
     nullptr, Answer::kRefuted},
    {"time of day is less than a day", Question::kAlwaysDenies,
     "permit (principal, action == Action::\"view\", resource) when { context.now > datetime(\"2026-01-01\") && context.now < "
     "datetime(\"2026-01-03\") } unless { context.now.toTime() < duration(\"1d\") };",
     nullptr, Answer::kProved},
    {"an offset may leave the range", Question::kNeverErrors,
     "permit (principal, action == Action::\"view\", resource) when { context.now.offset(context.ttl) > datetime(\"2026-01-01\") };",
     nullptr, Answer::kRefuted},
    {"decimals are ordered", Question::kDisjoint,
     "permit (principal, action == Action::\"view\", resource) when { context.price.lessThan(decimal(\"1.5\")) };",
     "permit (principal, action == Action::\"view\", resource) when { context.price.greaterThanOrEqual(decimal(\"1.50\")) };",
     Answer::kProved},
    // no answer
    {"a text that is no literal", Question::kNeverErrors, "permit (principal, action, resource) when { ip(principal.home.city).isIpv4() };",
     nullptr, Answer::kUnknown},
};

cedar::PolicySet policies(const char* text) {
  auto set = cedar::PolicySet::parse({{"test.cedar", text}});
  EXPECT_TRUE(set) << set.error().text();
  return set ? *set : cedar::PolicySet();
}

std::string told(const Analysis& analysis) {
  std::string out(answer_name(analysis.answer));
  for (const KindAnswer& kind : analysis.kinds) {
    out += "\n" + kind.action + " " + kind.resource_type + ": " + std::string(answer_name(kind.answer)) + " " + kind.why;
    if (kind.counterexample) {
      out += " " + kind.counterexample->principal.text() + " " + kind.counterexample->resource.text() + " " +
             json::write(kind.counterexample->context) + " " + json::write(kind.counterexample->entities);
      for (const std::string& what : kind.counterexample->what) out += "; " + what;
    }
  }
  return out;
}

TEST(Analyze, AnswersWhatIsKnown) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  ASSERT_TRUE(schema) << schema.error().text();
  for (const Case& one : kCases) {
    const cedar::PolicySet first = policies(one.first);
    const cedar::PolicySet second = policies(one.second == nullptr ? "" : one.second);
    const auto analysis = analyze(one.question, first, one.second == nullptr ? nullptr : &second, *schema);
    ASSERT_TRUE(analysis) << one.name << ": " << analysis.error().text();
    EXPECT_EQ(answer_name(analysis->answer), answer_name(one.wanted)) << one.name << ": " << told(*analysis);
    for (const KindAnswer& kind : analysis->kinds) EXPECT_NE(kind.answer, Answer::kUnconfirmed) << one.name << ": " << told(*analysis);
  }
}

TEST(Analyze, AFailedForbidCountsAsTheCallerSays) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  const cedar::PolicySet set = policies(
      "permit (principal, action, resource); forbid (principal, action, resource) when { principal.nick == \"x\" } unless { principal has "
      "nick };");
  const auto plain = analyze(Question::kAlwaysAllows, set, nullptr, *schema);
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->answer, Answer::kProved) << told(*plain);
  const auto gate = analyze(Question::kAlwaysAllows, set, nullptr, *schema, {.failed_forbid_denies = true});
  ASSERT_TRUE(gate);
  EXPECT_EQ(gate->answer, Answer::kRefuted) << told(*gate);
}

TEST(Analyze, WithTheRequestsEntitiesAloneALookupElsewhereFails) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  const cedar::PolicySet set = policies("permit (principal, action == Action::\"view\", resource) when { resource.owner.level > 1 };");
  EXPECT_EQ(analyze(Question::kNeverErrors, set, nullptr, *schema)->answer, Answer::kProved);
  EXPECT_EQ(analyze(Question::kNeverErrors, set, nullptr, *schema, {.entities = EntityScope::kRequest})->answer, Answer::kRefuted);
}

TEST(Analyze, AssumptionsNarrowTheQuestion) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  const cedar::PolicySet set = policies("permit (principal, action, resource) when { context.approved };");
  const cedar::PolicySet given = policies("permit (principal, action, resource) unless { context.approved };");
  EXPECT_EQ(analyze(Question::kAlwaysDenies, set, nullptr, *schema)->answer, Answer::kRefuted);
  EXPECT_EQ(analyze(Question::kAlwaysDenies, set, nullptr, *schema, {.given = &given})->answer, Answer::kProved);
}

TEST(Analyze, ASolverThatIsNotThereIsAnError) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  const auto analysis = analyze(Question::kAlwaysAllows, policies("permit (principal, action, resource) when { context.approved };"),
                                nullptr, *schema, {.solver = "/nowhere/cvc5"});
  ASSERT_FALSE(analysis);
  EXPECT_EQ(analysis.error().code, ErrorCode::kUnavailable);
}

TEST(Analyze, ASolverThatHangsIsStopped) {
  const auto schema = cedar::Schema::parse({"test.cedarschema", kSchema});
  // `tail -f /dev/null` stands for one that never answers: it refuses our options, so a script does.
  const auto analysis = analyze(Question::kAlwaysAllows, policies("permit (principal, action, resource) when { context.approved };"),
                                nullptr, *schema, {.solver = "/bin/cat", .time_limit_ms = 200});
  ASSERT_TRUE(analysis);
  EXPECT_EQ(analysis->answer, Answer::kUnknown);
}

}  // namespace
}  // namespace interlock::analyze
