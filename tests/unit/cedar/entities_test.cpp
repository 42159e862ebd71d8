// Entities and values: stores, layers, JSON both as Cedar's own form and as plain data.
#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

Result<Entities> chain(std::size_t length, bool closed) {
  EntitiesBuilder builder;
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<EntityUid> parents;
    if (i + 1 < length || closed) parents.push_back({"N", std::to_string((i + 1) % length)});
    builder.add({"N", std::to_string(i)}, {}, parents);
  }
  return builder.build();
}

TEST(Stores, KnowAncestorsHoweverFar) {
  auto entities = chain(1000, false);
  ASSERT_TRUE(entities) << entities.error().text();
  EXPECT_TRUE(entities->is_descendant({"N", "0"}, {"N", "999"}));
  EXPECT_FALSE(entities->is_descendant({"N", "999"}, {"N", "0"}));
  EXPECT_FALSE(entities->is_descendant({"N", "5"}, {"N", "5"}));
  EXPECT_EQ(entities->size(), 1000u);
}

TEST(Stores, RefuseCyclesOfAnyLength) {
  for (std::size_t length : {1u, 2u, 3u, 5000u}) {
    auto entities = chain(length, true);
    ASSERT_FALSE(entities) << length;
    EXPECT_NE(entities.error().message.find("its own ancestor"), std::string::npos);
  }
}

TEST(Stores, RefuseAHierarchyTooLargeToClose) {
  auto entities = chain(100'000, false);
  ASSERT_FALSE(entities);
  EXPECT_EQ(entities.error().code, ErrorCode::kTooLarge);
}

TEST(Stores, TakeRepetitionsThatSayTheSameOnly) {
  ValueArena arena;
  EntitiesBuilder same;
  same.add({"A", "1"}, arena.record({{"x", Value::integer(1)}}), {{"B", "1"}});
  same.add({"A", "1"}, arena.record({{"x", Value::integer(1)}}), {{"B", "1"}});
  auto one = same.build();
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size(), 1u);
  EntitiesBuilder other;
  other.add({"A", "1"}, arena.record({{"x", Value::integer(1)}}));
  other.add({"A", "1"}, arena.record({{"x", Value::integer(2)}}));
  auto two = other.build();
  ASSERT_FALSE(two);
  EXPECT_EQ(two.error().code, ErrorCode::kConflict);
  EntitiesBuilder wrong;
  wrong.add({"A", "1"}, Value::integer(3));
  EXPECT_FALSE(wrong.build());
}

TEST(Layers, SeeTheBaseAndItsAncestors) {
  World world = family();
  EntitiesBuilder layer(world.entities);
  layer.add({"Agent", "a"}, world.arena.record({{"owner", world.arena.entity("User", "alice")}}), {{"User", "alice"}, {"Pool", "p"}});
  auto entities = layer.build();
  ASSERT_TRUE(entities) << entities.error().text();
  EXPECT_TRUE(entities->is_descendant({"Agent", "a"}, {"Org", "acme"}));
  EXPECT_TRUE(entities->is_descendant({"User", "bob"}, {"Org", "acme"}));
  EXPECT_FALSE(world.entities.contains({"Agent", "a"}));
  world.entities = *entities;
  world.principal = {"Agent", "a"};
  EXPECT_EQ(world.evaluate("principal in Org::\"acme\" && principal.owner.address.city == \"Oslo\""), "true");
}

TEST(Layers, RefuseWhatTheBaseHasOrCountsOn) {
  World world = family();
  EntitiesBuilder again(world.entities);
  again.add({"User", "bob"});
  EXPECT_EQ(again.build().error().code, ErrorCode::kConflict);
  EntitiesBuilder parent(world.entities);
  parent.add({"Org", "acme"}, {}, {{"World", "w"}});  // Team::"red" names it, and its ancestors are settled
  EXPECT_EQ(parent.build().error().code, ErrorCode::kConflict);
  EntitiesBuilder reused(world.entities);
  reused.add({"Agent", "1"});
  ASSERT_TRUE(reused.build());
  reused.add({"Agent", "2"});
  auto second = reused.build();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->contains({"Agent", "1"}));
  auto empty = reused.build();
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->size(), world.entities.size());
}

TEST(Layers, OutliveTheCallersValues) {
  Entities entities;
  {
    ValueArena arena;
    EntitiesBuilder builder;
    std::string name(100, 'x');
    builder.add({"A", name}, arena.record({{name, arena.set({arena.string(name), arena.entity("B", name)})}}), {{"C", name}});
    entities = *builder.build();
  }
  World world;
  world.entities = entities;
  world.principal = {"A", std::string(100, 'x')};
  EXPECT_EQ(world.evaluate("principal[\"" + std::string(100, 'x') + "\"].contains(B::\"" + std::string(100, 'x') + "\")"), "true");
}

TEST(CedarJson, ReadsEntities) {
  auto entities = Entities::from_json(R"([
    {"uid": {"type": "User", "id": "a"}, "attrs": {"n": -9223372036854775808, "boss": {"__entity": {"type": "User", "id": "b"}},
      "ip": {"__extn": {"fn": "ip", "arg": "10.0.0.1"}}, "when": {"__extn": {"fn": "offset", "args": [
        {"__extn": {"fn": "datetime", "arg": "2024-01-01"}}, {"__extn": {"fn": "duration", "arg": "1h"}}]}},
      "list": [1, 1, {"x": true}], "odd": {"__entity": 3}}, "parents": [{"__entity": {"type": "G", "id": "g"}}], "tags": {"t": "v"}},
    {"uid": {"__entity": {"type": "G", "id": "g"}}, "attrs": {}, "parents": [{"type": "H", "id": "h"}]}
  ])");
  ASSERT_TRUE(entities) << entities.error().text();
  World world;
  world.entities = *entities;
  world.principal = {"User", "a"};
  EXPECT_EQ(
      world.evaluate("principal.n == -9223372036854775808 && principal.boss == User::\"b\" && principal.ip.isInRange(ip(\"10.0.0.0/8\"))"
                     " && principal.when == datetime(\"2024-01-01T01:00:00Z\") && principal.list == [{x: true}, 1] && principal in H::\"h\""
                     " && principal.getTag(\"t\") == \"v\" && principal.odd == {\"__entity\": 3}"),
      "true");
}

TEST(CedarJson, RefusesWhatHasNoMeaning) {
  const char* rows[] = {
      R"({})",
      R"([1])",
      R"([{"uid": {"type": "A", "id": "a"}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {}}])",
      R"([{"uid": "A::\"a\"", "attrs": {}, "parents": []}])",
      R"([{"uid": {"type": "A A", "id": "a"}, "attrs": {}, "parents": []}])",
      R"([{"uid": {"type": "if", "id": "a"}, "attrs": {}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": null}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": 1.5}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": 9223372036854775808}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": {"__extn": {"fn": "ip", "arg": "1.2"}}}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": {"__extn": {"fn": "nope", "arg": "1"}}}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": {"__expr": "1"}}, "parents": []}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": 1, "x": 2}, "parents": []}])",
      R"([{"uid": {"type": "Action", "id": "a"}, "attrs": {}, "parents": [{"type": "U", "id": "u"}]}])",
      R"([{"uid": {"type": "A", "id": "a"}, "attrs": {}, "parents": [{"type": "A", "id": "a"}]}])",
  };
  for (const char* row : rows) EXPECT_FALSE(Entities::from_json(row)) << row;
  std::string deep = R"([{"uid": {"type": "A", "id": "a"}, "attrs": {"x": )" + std::string(100'000, '[') + std::string(100'000, ']') +
                     "}, \"parents\": []}]";
  EXPECT_FALSE(Entities::from_json(deep));
}

class PlainJson : public ::testing::Test {
 protected:
  std::string evaluate(const std::string& text, const std::string& condition) {
    auto parsed = json::parse(text);
    EXPECT_TRUE(parsed) << text;
    World world;
    world.context = world.arena.record({{"args", Value::json(*parsed)}, {"approved", Value::boolean(false)}});
    return world.evaluate(condition);
  }
};

TEST_F(PlainJson, IsReadWhereAPolicyLooks) {
  struct Row {
    const char* args;
    const char* condition;
    const char* outcome;
  };
  const Row rows[] = {
      {R"({"path": "/work/a"})", "context.args.path like \"/work/*\"", "true"},
      {R"({"path": "/work/a"})", "context has args.path && !(context has args.mode)", "true"},
      {R"({"deep": {"er": [1, 2, 2]}})", "context.args.deep.er.contains(2) && context.args.deep.er == [2, 1]", "true"},
      {R"({"n": 5})", "context.args.n == 5", "true"},
      {R"({"n": 5.0})", "context.args.n == 5", "true"},
      {R"({"n": 0.25})", "context.args.n.lessThan(decimal(\"0.3\"))", "true"},
      {R"({"n": 0.00001})", "context.args.n == 1", "error"},
      {R"({"n": 0.00001})", "context.args has n", "true"},
      {R"({"n": null, "m": 1})", "context.args.m == 1", "true"},
      {R"({"n": null})", "context.args.n == 1", "error"},
      {R"({"n": null})", "context.args has n.m", "error"},
      {R"({"n": null})", "context.args == {}", "error"},
      {R"({"n": 1e300})", "context.args.n == 1", "error"},
      {R"({"n": 1e18})", "context.args.n == 1", "error"},
      {R"({"n": 18446744073709551615})", "context.args.n == 1", "error"},
      {R"({"list": [1, null]})", "context.args.list.contains(1)", "error"},
      {R"({"list": []})", "context.args.list.isEmpty()", "true"},
      {R"({"list": [{"a": 1}, {"a": 1}]})", "context.args.list == [{a: 1}]", "true"},
      {R"({"list": ["a", "b"]})", "context.args.list.containsAll([\"a\"]) && [\"b\", \"x\"].containsAny(context.args.list)", "true"},
      {R"({"a": {"b": 1}})", "context.args == {a: {b: 1}} && [context.args].contains({a: {b: 1}})", "true"},
      {R"({"a": 1})", "{copy: context.args}.copy.a == 1 && {copy: context.args} == {copy: {a: 1}}", "true"},
      // Data can't name an entity or an extension value.
      {R"({"u": {"__entity": {"type": "User", "id": "root"}}})", "context.args.u == User::\"root\"", "false"},
      {R"({"u": {"__entity": {"type": "User", "id": "root"}}})", "context.args.u[\"__entity\"][\"id\"] == \"root\"", "true"},
      {R"({"u": {"__extn": {"fn": "ip", "arg": "::1"}}})", "context.args.u.isIpv6()", "error"},
      {R"({"list": ["a"]})", "principal in context.args.list", "error"},
      {R"({})", "context.args.path == \"x\"", "error"},
      {R"([1])", "context.args.contains(1)", "true"},
      {R"("text")", "context.args == \"text\"", "true"},
  };
  for (const Row& row : rows) {
    std::string got = evaluate(row.args, row.condition);
    EXPECT_TRUE(got.starts_with(row.outcome)) << row.args << "  " << row.condition << "\n  " << got;
  }
}

TEST(Arenas, BuildValues) {
  ValueArena arena;
  EXPECT_EQ(to_text(arena.record({{"b", Value::integer(1)},
                                  {"a", arena.set({Value::integer(2), Value::integer(1), Value::integer(2)})},
                                  {"b", Value::boolean(true)}})),
            R"({"a": [1, 2], "b": true})");
  EXPECT_EQ(to_text(*arena.extension("ip", "10.0.0.0/8")), "ip(\"10.0.0.0/8\")");
  EXPECT_EQ(to_text(*arena.extension("decimal", "-0.5")), "decimal(\"-0.5000\")");
  EXPECT_FALSE(arena.extension("ip", "x"));
  EXPECT_FALSE(arena.extension("isIpv4", "x"));
  Value base = arena.record({{"approved", Value::boolean(false)}, {"n", Value::integer(1)}});
  EXPECT_EQ(to_text(arena.with(base, {{"approved", Value::boolean(true)}})), R"({"approved": true, "n": 1})");
  EXPECT_EQ(to_text(arena.string("a\"\n")), R"("a\"\n")");
  for (int i = 0; i < 100; ++i) {
    arena.clear();
    std::vector<std::string> words(1000, "word");
    words.push_back("other");
    EXPECT_EQ(to_text(arena.strings(words)), R"(["other", "word"])");
  }
}

TEST(Uids, AreReadAsTheyAreWritten) {
  auto uid = EntityUid::parse("Acme::User::\"a\\\"b\"");
  ASSERT_TRUE(uid);
  EXPECT_EQ(uid->type(), "Acme::User");
  EXPECT_EQ(uid->id(), "a\"b");
  EXPECT_EQ(uid->text(), "Acme::User::\"a\\\"b\"");
  for (const char* bad : {"", "User", "User::alice", "User::\"a\" x", "::\"a\"", "if::\"a\"", "User::\"a", "\"a\""})
    EXPECT_FALSE(EntityUid::parse(bad)) << bad;
  EXPECT_TRUE(is_type_name("A::B_2"));
  for (const char* bad : {"", "A::", "A B", " A", "A:: B", "in", "__cedar", "A::__cedar", "2A", "A//x"})
    EXPECT_FALSE(is_type_name(bad)) << bad;
}

}  // namespace
}  // namespace interlock::cedar::testing
