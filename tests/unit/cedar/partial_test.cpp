// Requests of which parts are unknown: what is certain, what is left, and that it answers as the whole does.
#include "cedar/partial.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "cedar/policy_json.hpp"
#include "cedar/query.hpp"
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

PolicySet load(const std::string& text) {
  auto set = PolicySet::parse({{"p", text}});
  EXPECT_TRUE(set) << text << "\n" << set.error().text();
  return set ? *set : PolicySet();
}

std::string shown(const std::optional<Decision>& decision) {
  return !decision ? "depends" : *decision == Decision::kAllow ? "allow" : "deny";
}

// "allow", "deny" or "depends", and the condition that is left of one policy: "gone" without the policy.
struct Left {
  std::string decision;
  std::string policy;
};

Left left_of(World& world, const std::string& policy, const PartialRequest& request) {
  auto response = authorize_partially(load(policy), request, world.entities);
  if (!response) return {"error", response.error().text()};
  std::string text = policies_to_text(response->residuals);
  return {shown(response->decision), text.empty() ? "gone" : text};
}

const std::string kAny = "permit (principal, action, resource)";

TEST(Partial, ConditionsOfAnUnknownResource) {
  World world = family();
  struct Row {
    std::string condition;
    std::string decision;
    std::string left;  // of the condition; "" for a policy without one, "gone" for none
  };
  const Row rows[] = {
      {"principal.age > 18", "allow", ""},
      {"principal.age > 40", "deny", "gone"},
      {"resource.owner == principal", "depends", "resource.owner == User::\"alice\""},
      {"principal.age > 18 && resource.size < principal.age * 2", "depends", "resource.size < 60"},
      {"principal.age > 40 && resource.open", "deny", "gone"},
      {"principal.age > 40 || resource == File::\"a\"", "depends", "resource == File::\"a\""},
      // What stands first might fail, and so it stays; the policy holds for no resource all the same.
      {"resource.open && principal.age > 40", "deny", "resource.open && false"},
      {"resource == File::\"a\" && principal.age > 40", "deny", "gone"},
      {"resource.open || principal.age > 18", "depends", "resource.open || true"},
      {"resource in Folder::\"work\" || principal.age > 18", "allow", ""},
      // On the way to `b` there may be something that has no attributes.
      {"resource has a.b && principal.age > 40", "deny", "resource has a.b && false"},
      {"resource has a && principal.age > 40", "deny", "gone"},
      // A chain asks for a bool, alone or not.
      {"(principal.age > 18 && resource.n) == 3", "depends", "(true && resource.n) == 3"},
      // What surely fails stays as it is.
      {"principal.nothing == resource.x", "deny", "principal.nothing == resource.x"},
      {"resource.open && principal.nothing", "deny", "resource.open && principal.nothing"},
      {"if principal.age > 18 then resource.a else resource.b", "depends", "resource.a"},
      {"if resource.a then principal.age > 18 else principal.age > 40", "depends", "if resource.a then true else false"},
      // A type that is known decides.
      {"resource is File", "allow", ""},
      {"resource is Folder", "deny", "gone"},
      {"!(resource is Folder)", "allow", ""},
      {"resource is File in Folder::\"work\"", "depends", "resource in Folder::\"work\""},
      {"resource == Folder::\"work\"", "deny", "gone"},
      {"resource == 1", "deny", "gone"},
      {"(if principal.age > 18 then 1 else resource.n) == 1", "allow", ""},
      {"datetime(\"2024-01-01\") < resource.at", "depends", "datetime(\"2024-01-01\") < resource.at"},
  };
  for (const Row& row : rows) {
    const Left left =
        left_of(world, kAny + " when { " + row.condition + " };", {world.principal, world.action, UnknownEntity{"File"}, world.context});
    EXPECT_EQ(left.decision, row.decision) << row.condition;
    const std::string wanted = row.left == "gone" ? "gone" : kAny + (row.left.empty() ? "" : "\nwhen { " + row.left + " }") + ";\n";
    EXPECT_EQ(left.policy, wanted) << row.condition;
  }
}

TEST(Partial, PartsOfAContext) {
  World world = family();
  ValueArena& a = world.arena;
  const Value context = a.record({{"known", Value::integer(3)},
                                  {"unknown", unknown_value()},
                                  {"args", a.record({{"path", a.string("/work")}, {"body", unknown_value()}})}});
  struct Row {
    std::string condition;
    std::string decision;
  };
  const Row rows[] = {
      {"context.known == 3", "allow"},
      {"context.known == 4", "deny"},
      {"context has unknown", "allow"},
      {"context has other", "deny"},
      {"context has unknown.deep", "depends"},
      {"context has args.path", "allow"},
      {"context has args.body", "allow"},
      {"context has args.body.x", "depends"},
      {"context.unknown == 3", "depends"},
      {"context.args.path like \"/work*\"", "allow"},
      {"context.args.body like \"*\"", "depends"},
      {"context.args == {path: \"/work\"}", "depends"},
      {"context.other == 3", "deny"},
      {"context.known == 4 && context.unknown", "deny"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(left_of(world, kAny + " when { " + row.condition + " };", {world.principal, world.action, world.resource, context}).decision,
              row.decision)
        << row.condition;
  }
  EXPECT_EQ(left_of(world, kAny + " when { context has x };", {world.principal, world.action, world.resource, unknown_value()}).decision,
            "depends");
}

TEST(Partial, AnUnknownContextMayHoldWhatCannotBeLookedAt) {
  World world = family();
  PolicySet set = load(kAny + " when { context == {} && principal.age > 40 };");
  auto response = authorize_partially(set, {world.principal, world.action, world.resource, unknown_value()}, world.entities);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->decision, Decision::kDeny);
  auto context = json::parse(R"({"a": null})");
  ASSERT_TRUE(context);
  const Request whole{world.principal, world.action, world.resource, Value::json(*context)};
  EXPECT_EQ(authorize(set, whole, world.entities).errors.size(), 1u);
  EXPECT_EQ(authorize(response->residuals, whole, world.entities).errors.size(), 1u);
}

TEST(Partial, ScopesAndForbids) {
  World world = family();
  struct Row {
    std::string policies;
    std::string decision;
  };
  const Row rows[] = {
      {"", "deny"},
      {"permit (principal == User::\"alice\", action, resource);", "allow"},
      {"permit (principal == User::\"bob\", action, resource);", "deny"},
      {"permit (principal, action, resource == File::\"a\");", "depends"},
      {"permit (principal, action, resource == Folder::\"a\");", "deny"},
      {"permit (principal, action, resource is File);", "allow"},
      {"permit (principal, action, resource is Folder in Folder::\"a\");", "deny"},
      {"permit (principal, action, resource is File in Folder::\"a\");", "depends"},
      {kAny + "; forbid (principal, action, resource in Folder::\"a\");", "depends"},
      {kAny + "; forbid (principal in Team::\"red\", action, resource);", "deny"},
      {kAny + "; forbid (principal in Team::\"blue\", action, resource in Folder::\"a\");", "allow"},
      {kAny + "; forbid (principal, action, resource) when { principal.nothing };", "allow"},
      {kAny + "; forbid (principal, action, resource) unless { resource.open };", "depends"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(left_of(world, row.policies, {world.principal, world.action, UnknownEntity{"File"}, world.context}).decision, row.decision)
        << row.policies;
  }
}

TEST(Partial, LinksAreLeftAndTemplatesAreNot) {
  PolicySet set = load("permit (principal, action, resource == ?resource);");
  auto linked = set.link(std::vector<TemplateLink>{{"policy0", "for a", std::nullopt, EntityUid("File", "a")}});
  ASSERT_TRUE(linked);
  auto response = authorize_partially(*linked, {}, {});
  ASSERT_TRUE(response);
  ASSERT_EQ(response->residuals.policies().size(), 1u);
  EXPECT_EQ(response->residuals.policies()[0].id(), "for a");
}

TEST(Partial, NestingAtTheParsersBoundStillLoads) {
  std::optional<PolicySet> deepest;
  for (int levels = 400; levels > 0 && !deepest; --levels) {
    std::string nested = "context.a";
    for (int i = 0; i < levels; ++i) nested = "[" + nested + ", context.b && true]";
    if (auto set = PolicySet::parse({{"p", kAny + " when { " + nested + " == context.c };"}})) deepest = *set;
  }
  ASSERT_TRUE(deepest);
  auto response = authorize_partially(*deepest, {.context = unknown_value()}, {});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->residuals.policies().size(), 1u);
}

TEST(Partial, LongChainsTakeNoStack) {
  std::string chain = "context.a";
  for (int i = 0; i < 100'000; ++i) chain += " + 1";
  std::string path = "context";
  for (int i = 0; i < 100'000; ++i) path += ".a";
  PolicySet set = load(kAny + " when { " + chain + " == " + path + " };");
  auto response = authorize_partially(set, {.context = unknown_value()}, {});
  ASSERT_TRUE(response) << response.error().text();
  EXPECT_EQ(response->decision, std::nullopt);
}

// A world of few names, so that policies, entities and requests meet.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  int below(int n) { return static_cast<int>(random_() % static_cast<std::uint64_t>(n)); }
  bool chance(int percent) { return below(100) < percent; }
  template <typename T>
  const T& pick(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(below(static_cast<int>(from.size())))];
  }

  EntityUid thing() { return {pick(types_), pick(ids_)}; }
  EntityUid action() { return {"Action", pick(ids_)}; }

  Value value(ValueArena& arena, int depth) {
    switch (below(depth > 0 ? 8 : 6)) {
      case 0: return Value::boolean(chance(50));
      case 1: return Value::integer(below(3));
      case 2: return arena.string(pick(ids_));
      case 3: return arena.entity(thing());
      case 4: return *arena.extension("decimal", "1.5");
      case 5: return Value::datetime_ms(below(3));
      case 6: return arena.set({value(arena, depth - 1), value(arena, depth - 1)});
      default: return record(arena, depth - 1, 0);
    }
  }

  Value record(ValueArena& arena, int depth, int unknown_percent) {
    std::vector<Field> fields;
    for (const std::string& name : names_) {
      if (chance(35)) continue;
      if (chance(unknown_percent)) {
        fields.push_back({name, unknown_value()});
      } else if (name == "r" && depth > 0) {
        fields.push_back({name, record(arena, depth - 1, unknown_percent)});
      } else if (name == "f" || name == "g") {
        fields.push_back({name, chance(90) ? Value::boolean(chance(50)) : value(arena, depth)});
      } else if (name == "n") {
        fields.push_back({name, chance(90) ? Value::integer(below(3)) : value(arena, depth)});
      } else {
        fields.push_back({name, chance(60) ? arena.entity(thing()) : value(arena, depth)});
      }
    }
    return arena.record(fields);
  }

  Entities entities(ValueArena& arena) {
    EntitiesBuilder builder;
    std::vector<EntityUid> all;
    for (const std::string& type : types_) {
      for (const std::string& id : ids_) all.emplace_back(type, id);
    }
    for (const std::string& id : ids_) all.emplace_back("Action", id);
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (chance(25)) continue;
      const bool is_action = all[i].type() == "Action";
      std::vector<EntityUid> parents;
      for (std::size_t j = i + 1; j < all.size(); ++j) {
        if (is_action == (all[j].type() == "Action") && chance(20)) parents.push_back(all[j]);
      }
      builder.add(all[i], record(arena, 2, 0), parents, record(arena, 1, 0));
    }
    auto built = builder.build();
    RC_ASSERT(built.has_value());
    return *built;
  }

  std::string holder(int depth) {
    const int n = below(6);
    if (n < 3) return pick(variables_);
    if (n < 5 || depth <= 0) return pick(std::vector<std::string>{"context", "context.r", "context.e", "principal.e", "resource.r"});
    return "(if " + boolean(depth - 1) + " then " + holder(depth - 1) + " else " + holder(depth - 1) + ")";
  }

  std::string any(int depth) {
    if (depth <= 0 || chance(30)) {
      switch (below(7)) {
        case 0: return std::to_string(below(3));
        case 1: return "\"" + pick(ids_) + "\"";
        case 2: return thing().text();
        case 3: return "decimal(\"1.5\")";
        default: return holder(0) + "." + pick(names_);
      }
    }
    switch (below(9)) {
      case 0: return boolean(depth - 1);
      case 1: return "(" + any(depth - 1) + pick(std::vector<std::string>{" + ", " - ", " * "}) + any(depth - 1) + ")";
      case 2: return "[" + any(depth - 1) + ", " + any(depth - 1) + "]";
      case 3: return "{f: " + any(depth - 1) + ", e: " + any(depth - 1) + "}." + pick(names_);
      case 4: return "(if " + boolean(depth - 1) + " then " + any(depth - 1) + " else " + any(depth - 1) + ")";
      case 5: return holder(depth - 1) + ".getTag(\"" + pick(names_) + "\")";
      case 6: return "(-" + holder(depth - 1) + ".n)";
      case 7: return holder(depth);
      default: return holder(depth - 1) + "." + pick(names_);
    }
  }

  std::string boolean(int depth) {
    if (depth <= 0)
      return pick(std::vector<std::string>{"true", "false", holder(0) + ".f", "(" + holder(0) + " has " + pick(names_) + ")"});
    switch (below(17)) {
      case 0:
      case 1:
      case 2: return "(" + boolean(depth - 1) + " && " + boolean(depth - 1) + (chance(30) ? " && " + boolean(depth - 1) : "") + ")";
      case 3:
      case 4: return "(" + boolean(depth - 1) + " || " + boolean(depth - 1) + (chance(30) ? " || " + boolean(depth - 1) : "") + ")";
      case 5: return "!(" + boolean(depth - 1) + ")";
      case 6: return "(" + any(depth - 1) + pick(std::vector<std::string>{" == ", " != "}) + any(depth - 1) + ")";
      case 7: return "(" + any(depth - 1) + pick(std::vector<std::string>{" < ", " <= ", " > ", " >= "}) + any(depth - 1) + ")";
      case 8: return "(" + holder(depth - 1) + " in " + (chance(50) ? thing().text() : "[" + thing().text() + ", " + holder(0) + "]") + ")";
      case 9: return "(" + holder(depth - 1) + " is " + pick(types_) + ")";
      case 10: return "(" + holder(depth - 1) + " is " + pick(types_) + " in " + (chance(50) ? thing().text() : any(depth - 1)) + ")";
      case 11: return "(" + holder(depth - 1) + " has " + pick(names_) + ")";
      case 12: return "(" + holder(depth - 1) + " has r." + pick(names_) + ")";
      case 13: return holder(depth - 1) + ".hasTag(\"" + pick(names_) + "\")";
      case 14: return "(" + any(depth - 1) + " like \"*a*\")";
      case 15:
        return "[" + any(depth - 1) + ", " + any(depth - 1) + "]." + pick(std::vector<std::string>{"contains(", "containsAny("}) +
               any(depth - 1) + ")";
      default: return "(if " + boolean(depth - 1) + " then " + boolean(depth - 1) + " else " + boolean(depth - 1) + ")";
    }
  }

  std::string scope(const std::string& variable) {
    auto named = [&] { return variable == "action" ? action().text() : thing().text(); };
    switch (below(8)) {
      case 0: return variable + " == " + named();
      case 1: return variable + " in " + named();
      case 2: return variable == "action" ? "action in [" + named() + ", " + named() + "]" : variable + " is " + pick(types_);
      case 3: return variable == "action" ? variable : variable + " is " + pick(types_) + " in " + named();
      default: return variable;
    }
  }

  std::string policies() {
    std::string out;
    for (int i = 1 + below(5); i > 0; --i) {
      out += (chance(65) ? "permit (" : "forbid (") + scope("principal") + ", " + scope("action") + ", " + scope("resource") + ")";
      for (int j = below(4); j > 0; --j) out += (chance(70) ? " when { " : " unless { ") + boolean(3) + " }";
      out += ";\n";
    }
    return out;
  }

  // Known, unknown, or of a known type.
  PartialEntity partial(const EntityUid& known) {
    switch (below(3)) {
      case 0: return known;
      case 1: return UnknownEntity{};
      default: return UnknownEntity{known.type()};
    }
  }
  EntityUid complete(const PartialEntity& partial, bool is_action) {
    if (const auto* known = std::get_if<EntityUid>(&partial)) return *known;
    EntityUid made = is_action ? action() : thing();
    const std::string& type = std::get<UnknownEntity>(partial).type;
    return type.empty() ? made : EntityUid(type, made.id());
  }
  const std::vector<std::string>& names() const { return names_; }

 private:
  std::mt19937_64 random_;
  const std::vector<std::string> types_ = {"T", "U", "N::V"};
  const std::vector<std::string> ids_ = {"a", "b", "c"};
  const std::vector<std::string> names_ = {"f", "g", "n", "e", "r"};
  const std::vector<std::string> variables_ = {"principal", "action", "resource"};
};

// The context as a tree that the test keeps, so that it can be built with its unknown parts and completed.
struct Tree {
  bool is_unknown = false;
  std::optional<Value> value;
  std::vector<std::pair<std::string, Tree>> fields;
};

Tree tree(Generator& g, ValueArena& arena, int depth, int unknown_percent) {
  Tree made;
  for (const std::string& name : g.names()) {
    if (g.chance(30)) continue;
    Tree field;
    if (g.chance(unknown_percent)) {
      field.is_unknown = true;
    } else if (name == "r" && depth > 0) {
      field = tree(g, arena, depth - 1, unknown_percent);
    } else {
      field.value = name == "f" || name == "g" ? Value::boolean(g.chance(50)) : g.value(arena, 2);
    }
    made.fields.emplace_back(name, std::move(field));
  }
  return made;
}

Value build(Generator& g, ValueArena& arena, const Tree& from, bool complete) {
  if (from.is_unknown) return complete ? (g.chance(50) ? Value::boolean(g.chance(50)) : g.value(arena, 2)) : unknown_value();
  if (from.value) return *from.value;
  std::vector<Field> fields;
  for (const auto& [name, field] : from.fields) fields.push_back({name, build(g, arena, field, complete)});
  return arena.record(fields);
}

struct Answer {
  Decision decision = Decision::kDeny;
  std::vector<std::string> determining;
  std::vector<std::string> erring;
  friend bool operator==(const Answer&, const Answer&) = default;
};

Answer answer(const PolicySet& policies, const Request& request, const Entities& entities) {
  Response response = authorize(policies, request, entities);
  Answer made{response.decision, {}, {}};
  for (const Policy* each : response.determining) made.determining.push_back(each->id());
  for (const PolicyError& each : response.errors) made.erring.push_back(each.policy->id());
  return made;
}

RC_GTEST_PROP(Partial, ResidualsAnswerAsTheWholeForEachCompletion, (std::uint64_t seed)) {
  Generator g(seed);
  for (int round = 0; round < 40; ++round) {
    ValueArena arena;
    const std::string text = g.policies();
    auto policies = PolicySet::parse({{"p", text}});
    if (!policies) RC_FAIL(text + policies.error().text());
    const Entities entities = g.entities(arena);
    Tree context = tree(g, arena, 2, g.below(3) * 25);
    const bool unknown_context = g.chance(20);
    const PartialRequest partial{g.partial(g.thing()), g.partial(g.action()), g.partial(g.thing()),
                                 unknown_context ? unknown_value() : build(g, arena, context, false)};
    auto response = authorize_partially(*policies, partial, entities);
    RC_ASSERT(response.has_value());
    LoadOptions options;
    options.id_from_annotation = true;
    const std::string left = policies_to_text(response->residuals);
    auto reread = PolicySet::parse({{"residuals", left}}, options);
    if (!reread) RC_FAIL(left + reread.error().text());
    for (int i = 0; i < 12; ++i) {
      const Request whole{g.complete(partial.principal, false), g.complete(partial.action, true), g.complete(partial.resource, false),
                          unknown_context ? g.record(arena, 2, 0) : build(g, arena, context, true)};
      const Answer wanted = answer(*policies, whole, entities);
      const std::string story = text + "\nleft:\n" + left + "\n" + whole.principal.text() + " " + whole.action.text() + " " +
                                whole.resource.text() + " " + to_text(whole.context) + "\nof " + to_text(partial.context);
      if (!(answer(response->residuals, whole, entities) == wanted)) RC_FAIL("the residuals answer otherwise: " + story);
      if (!(answer(*reread, whole, entities) == wanted)) RC_FAIL("the residuals' text answers otherwise: " + story);
      if (response->decision && *response->decision != wanted.decision) RC_FAIL("the decision was not certain: " + story);
    }
  }
}

RC_GTEST_PROP(Query, IsWhatAskingForEachWouldFind, (std::uint64_t seed)) {
  Generator g(seed);
  for (int round = 0; round < 20; ++round) {
    ValueArena arena;
    const std::string text = g.policies();
    auto policies = PolicySet::parse({{"p", text}});
    if (!policies) RC_FAIL(text + policies.error().text());
    // Enough candidates of one type that residuals are worth while.
    EntitiesBuilder more(g.entities(arena));
    std::vector<EntityUid> all;
    for (int i = 0; i < 30; ++i) {
      for (const char* type : {"T", "Action"}) {
        all.emplace_back(type, "m" + std::to_string(i));
        more.add(all.back(), g.record(arena, 2, 0), {type == std::string("T") ? g.thing() : g.action()});
      }
    }
    auto entities = more.build();
    RC_PRE(entities.has_value());
    const Request request{g.thing(), g.action(), g.thing(), g.record(arena, 2, 0)};
    auto found = [&](const std::vector<EntityUid>& list, const EntityUid& uid) {
      return std::find(list.begin(), list.end(), uid) != list.end();
    };
    const auto principals = query_principals(*policies, request, *entities, "T");
    const auto actions = query_actions(*policies, request, *entities);
    const auto resources = query_resources(*policies, request, *entities);
    for (const EntityUid& each : all) {
      auto allowed = [&](EntityUid Request::* part) {
        Request asked = request;
        asked.*part = each;
        return authorize(*policies, asked, *entities).decision == Decision::kAllow;
      };
      const bool is_action = each.type() == "Action";
      if (!is_action) RC_ASSERT(found(principals, each) == allowed(&Request::principal));
      if (is_action) RC_ASSERT(found(actions, each) == allowed(&Request::action));
      RC_ASSERT(found(resources, each) == allowed(&Request::resource));
    }
  }
}

}  // namespace
}  // namespace interlock::cedar::testing
