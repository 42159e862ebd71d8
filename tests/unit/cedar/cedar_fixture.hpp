// What the Cedar tests share: one-line questions to the engine.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cedar/cedar.hpp"

namespace interlock::cedar::testing {

// How one policy with this condition behaves: "true", "false", or "error: ..." from evaluation, "load: ..." from parsing.
struct World {
  Entities entities;
  ValueArena arena;
  Value context = arena.record({});
  EntityUid principal{"User", "alice"};
  EntityUid action{"Action", "view"};
  EntityUid resource{"File", "readme"};

  std::string evaluate(const std::string& condition) {
    auto set = PolicySet::parse({{"test.cedar", "permit(principal, action, resource) when { " + condition + " };"}});
    if (!set) return "load: " + set.error().text();
    Response response = authorize(*set, {principal, action, resource, context}, entities);
    if (!response.errors.empty()) return "error: " + response.errors[0].message;
    return response.decision == Decision::kAllow ? "true" : "false";
  }

  // Whether the scope (what stands between the parentheses) matches.
  std::string scope(const std::string& text) {
    auto set = PolicySet::parse({{"test.cedar", "permit(" + text + ");"}});
    if (!set) return "load: " + set.error().text();
    return authorize(*set, {principal, action, resource, context}, entities).decision == Decision::kAllow ? "true" : "false";
  }
};

inline World family() {
  World world;
  EntitiesBuilder builder;
  ValueArena& a = world.arena;
  builder.add(
      {"User", "alice"},
      a.record({{"age", Value::integer(30)}, {"manager", a.entity("User", "bob")}, {"address", a.record({{"city", a.string("Oslo")}})}}),
      {{"Team", "red"}}, a.record({{"role", a.string("admin")}}));
  builder.add({"User", "bob"}, a.record({{"age", Value::integer(50)}}), {{"Team", "blue"}});
  builder.add({"Team", "red"}, {}, {{"Org", "acme"}});
  builder.add({"Team", "blue"}, {}, {{"Org", "acme"}});
  builder.add({"File", "readme"}, a.record({{"path", a.string("/work/readme.md")}}), {{"Folder", "work"}});
  builder.add({"Action", "view"}, {}, {{"Action", "read"}});
  auto built = builder.build();
  EXPECT_TRUE(built) << built.error().text();
  world.entities = *built;
  return world;
}

}  // namespace interlock::cedar::testing
