// Schemas: both syntaxes, what they refuse, and reading data by them.
#include "cedar/schema.hpp"

#include "cedar_fixture.hpp"

namespace interlock::cedar::testing {
namespace {

Result<Schema> parse(std::string_view text) { return Schema::parse({"s.cedarschema", std::string(text)}); }
Result<Schema> parse_json(std::string_view text) { return Schema::parse_json({"s.json", std::string(text)}); }

constexpr std::string_view kGateway = R"(
  type Path = { text: String, depth?: Long };
  entity Team;
  entity Human in [Team] = { name: String, since: datetime };
  entity Agent in [Human] = { owner: Human, "odd name"?: Set<ipaddr> } tags String;
  entity Tier enum ["free", "paid"];
  namespace Fs {
    entity File in [File] = { path: Path, tier: Tier };
  }
  action "effects";
  @doc("reads a file")
  action read, "read all" in ["effects"] appliesTo {
    principal: [Agent],
    resource: [Fs::File],
    context: { approved: Bool, limit?: decimal },
  };
)";

Schema gateway() {
  auto schema = parse(kGateway);
  EXPECT_TRUE(schema) << (schema ? "" : schema.error().text());
  return schema ? *schema : Schema();
}

TEST(SchemaText, DeclaresWhatItSays) {
  Schema schema = gateway();
  for (const char* type : {"Team", "Human", "Agent", "Tier", "Fs::File"}) EXPECT_TRUE(schema.declares_entity_type(type)) << type;
  EXPECT_FALSE(schema.declares_entity_type("Path"));
  EXPECT_TRUE(schema.declares_action({"Action", "read all"}));
  EXPECT_TRUE(schema.actions().is_descendant({"Action", "read"}, {"Action", "effects"}));
}

TEST(SchemaText, RefusesWhatHasNoMeaningWithItsPlace) {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  constexpr Row kRows[] = {
      {"entity A in [B];", "1:14: the entity type `B` is not declared"},
      {"entity A; entity A;", "declared twice"},
      {"entity A {x: Strin};", "the type `Strin` is not declared"},
      {"entity A {x: Long, x: Long};", "declared twice"},
      {"type A = B; type B = A; entity C {x: A};", "defined by itself"},
      {"type Long = String;", "can't be called `Long`"},
      {"entity Action;", "can't be called `Action`"},
      {"entity __cedar;", "reserved"},
      {"entity A enum [];", "an id, as a string"},
      {"action a in [\"b\"];", "is not declared"},
      {"action a in [\"b\"]; action b in [\"a\"];", "its own ancestor"},
      {"entity A; action a appliesTo { principal: A };", "needs both"},
      {"entity A; action a appliesTo { principal: A, principal: A };", "given twice"},
      {"entity A; action a appliesTo { principal: [], resource: A };", "is empty"},
      {"entity A; action a appliesTo { principal: A, resource: A, context: Set<Long> };", "a context is a record"},
      {"namespace N { entity A; } entity A;", "hides"},
      {"entity A", "expected `;`"},
      {"\xff", "not valid UTF-8"},
  };
  for (const Row& row : kRows) {
    auto schema = parse(row.text);
    ASSERT_FALSE(schema) << row.text;
    EXPECT_NE(schema.error().message.find(row.message), std::string::npos) << row.text << "\n" << schema.error().message;
  }
}

TEST(SchemaText, BoundsHowDeepATypeNests) {
  std::string deep = "entity A {x: ";
  for (int i = 0; i < 100'000; ++i) deep += "Set<";
  auto schema = parse(deep);
  ASSERT_FALSE(schema);
  EXPECT_NE(schema.error().message.find("nested too deeply"), std::string::npos);
  std::string chain = "type T0 = Long;";
  for (int i = 1; i < 1000; ++i)
    chain += "type T" + std::to_string(i) + " = {a: T" + std::to_string(i - 1) + ", b: T" + std::to_string(i - 1) + "};";
  // Declared from the top down, so that each needs all below it.
  EXPECT_TRUE(parse(chain));
  EXPECT_FALSE(parse("entity A {x: T999};" + chain + "entity B {y: T999, y: Long};"));
}

TEST(SchemaJson, MeansTheSameAsItsText) {
  auto written = schema_text_to_json({"g.cedarschema", std::string(kGateway)});
  ASSERT_TRUE(written) << written.error().text();
  auto back = schema_json_to_text({"g.json", *written});
  ASSERT_TRUE(back) << back.error().text();
  auto again = schema_text_to_json({"again.cedarschema", *back});
  ASSERT_TRUE(again) << again.error().text() << *back;
  EXPECT_EQ(*json::parse(*again), *json::parse(*written));
  EXPECT_NE(back->find("@doc(\"reads a file\")"), std::string::npos) << *back;
  EXPECT_NE(back->find("\"odd name\"?: Set<ipaddr>"), std::string::npos) << *back;
  auto schema = parse_json(*written);
  ASSERT_TRUE(schema) << schema.error().text();
  EXPECT_TRUE(schema->declares_action({"Action", "read all"}));
}

TEST(SchemaJson, NestsAsDeepAsTheText) {
  for (int depth : {199, 200}) {
    std::string text = "entity A {x: ";
    for (int i = 0; i < depth; ++i) text += "Set<";
    text += "Long" + std::string(static_cast<std::size_t>(depth), '>') + "};";
    auto json = schema_text_to_json({"s", text});
    ASSERT_EQ(json.has_value(), depth == 199);
    if (!json) continue;
    auto back = schema_json_to_text({"j", *json});
    EXPECT_TRUE(back) << back.error().text();
  }
}

TEST(SchemaJson, SaysWhichKindOfNameItMeans) {
  auto schema = parse_json(R"({"": {"commonTypes": {"Path": {"type": "String"}},
    "entityTypes": {"A": {"shape": {"type": "Record", "attributes": {
      "p": {"type": "Path"}, "q": {"type": "Entity", "name": "A", "required": false}, "r": {"type": "Extension", "name": "ipaddr"},
      "s": {"type": "Boolean"}, "t": {"type": "EntityOrCommon", "name": "Path"}}}}}, "actions": {}}})");
  ASSERT_TRUE(schema) << schema.error().text();
  auto entities = schema->read_entities(R"([{"uid": {"type": "A", "id": "1"}, "parents": [],
    "attrs": {"p": "x", "q": {"type": "A", "id": "2"}, "r": "10.0.0.1", "s": true, "t": "y"}}])");
  EXPECT_TRUE(entities) << entities.error().text();
  // The text has one name for both.
  auto text = schema_json_to_text({"c.json", R"({"N": {"commonTypes": {"A": {"type": "Long"}}, "actions": {},
    "entityTypes": {"A": {}, "B": {"shape": {"type": "Record", "attributes": {"x": {"type": "Entity", "name": "A"}}}}}}})"});
  ASSERT_FALSE(text);
  EXPECT_NE(text.error().message.find("can't tell apart"), std::string::npos) << text.error().message;
}

TEST(SchemaJson, RefusesWhatIsMisspeltAndSaysWhere) {
  struct Row {
    std::string_view text;
    std::string_view message;
  };
  constexpr Row kRows[] = {
      {R"([])", "must be an object"},
      {R"({"": {"entityTypes": {}}})", "`actions` is missing"},
      {R"({"": {"entityTypes": {}, "actions": {}, "types": {}}})", "the member `types` is not known"},
      {R"({"": {"entityTypes": {"A": {"shapes": {}}}, "actions": {}}})", "entityTypes.A: the member `shapes`"},
      {R"({"": {"entityTypes": {"A": {"enum": []}}, "actions": {}}})", "at least one"},
      {R"({"": {"entityTypes": {"A": {"enum": ["x"], "tags": {"type": "Long"}}}, "actions": {}}})", "`tags` is not known"},
      {R"({"": {"entityTypes": {"A": {"shape": {"type": "Long"}}}, "actions": {}}})", "shape is a record"},
      {R"({"": {"entityTypes": {"A": {"tags": {"type": "Set"}}}, "actions": {}}})", "`element` is missing"},
      {R"({"": {"entityTypes": {"A": {"tags": {"type": "Long", "name": "x"}}}, "actions": {}}})", "does not belong to this type"},
      {R"({"": {"entityTypes": {"A": {"tags": {"type": "Extension", "name": "url"}}}, "actions": {}}})", "no extension type"},
      {R"({"": {"entityTypes": {"A": {"tags": {"type": "B"}}}, "actions": {}}})", "entityTypes.A.tags: the type `B` is not declared"},
      {R"({"": {"entityTypes": {"A": {"tags": {"type": "A"}}}, "actions": {}}})", "not declared"},
      {R"({"": {"entityTypes": {"A": {"memberOfTypes": ["B"]}}, "actions": {}}})", "`B` is not declared"},
      {R"({"": {"entityTypes": {"if": {}}, "actions": {}}})", "no name for a type"},
      {R"({"if": {"entityTypes": {}, "actions": {}}})", "is no namespace"},
      {R"({"": {"entityTypes": {}, "actions": {"a": {"attributes": {"x": 1}}}}})", "not part of Cedar"},
      {R"({"": {"entityTypes": {}, "actions": {"a": {"memberOf": [{"id": "b"}]}}}})", "is not declared"},
      {R"({"": {"entityTypes": {}, "actions": {"a": {"appliesTo": {"principalTypes": []}}}}})", "`resourceTypes` is missing"},
      {R"({"": {"entityTypes": {}, "actions": {}}, "": {}})", ""},
  };
  for (const Row& row : kRows) {
    auto schema = parse_json(row.text);
    ASSERT_FALSE(schema) << row.text;
    EXPECT_NE(schema.error().message.find(row.message), std::string::npos) << row.text << "\n" << schema.error().message;
  }
}

TEST(SchemaData, RequestsAreCheckedAgainstIt) {
  Schema schema = gateway();
  struct Row {
    EntityUid principal;
    EntityUid action;
    EntityUid resource;
    std::string_view context;
    std::string_view fault;  // empty: good
  };
  const Row rows[] = {
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": true})", ""},
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": true, "limit": "1.5"})", ""},
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": 1})", "expected Bool"},
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({})", "missing"},
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": true, "more": 1})", "not declared"},
      {{"Agent", "a"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": true, "limit": 1})", "expects string"},
      {{"Human", "h"}, {"Action", "read"}, {"Fs::File", "f"}, R"({"approved": true})", "does not apply to a principal"},
      {{"Agent", "a"}, {"Action", "read"}, {"File", "f"}, R"({"approved": true})", "`File` is not declared"},
      {{"Agent", "a"}, {"Action", "write"}, {"Fs::File", "f"}, R"({})", "is not declared"},
  };
  for (const Row& row : rows) {
    ValueArena arena;
    Status status;
    auto context = schema.read_context(arena, row.action, *json::parse(row.context));
    status = context ? schema.check_request({row.principal, row.action, row.resource, *context}) : Status(std::unexpected(context.error()));
    EXPECT_EQ(status.has_value(), row.fault.empty()) << row.context << (status ? "" : status.error().message);
    std::string message = status ? std::string() : status.error().message;
    EXPECT_NE(message.find(row.fault), std::string::npos) << message;
  }
}

TEST(SchemaData, EntitiesMustConform) {
  Schema schema = gateway();
  constexpr std::string_view kFile =
      R"({"uid": {"type": "Fs::File", "id": "f"}, "parents": [], "attrs": {"path": {"text": "/x"}, "tier": {"type": "Tier", "id": "%"}}})";
  auto with_tier = [&](std::string tier) {
    std::string text = "[" + std::string(kFile) + "]";
    return text.replace(text.find('%'), 1, tier);
  };
  EXPECT_TRUE(schema.read_entities(with_tier("free")));
  EXPECT_FALSE(schema.read_entities(with_tier("gold")));
  auto agent = [](std::string_view rest) {
    return R"([{"uid": {"type": "Agent", "id": "a"}, "attrs": {"owner": {"type": "Human", "id": "h"}})" + std::string(rest) + "}]";
  };
  EXPECT_TRUE(schema.read_entities(agent(R"(, "parents": [{"type": "Human", "id": "h"}], "tags": {"k": "v"})")));
  EXPECT_FALSE(schema.read_entities(agent(R"(, "parents": [{"type": "Tier", "id": "free"}])")));
  EXPECT_FALSE(schema.read_entities(agent(R"(, "parents": [], "tags": {"k": 1})")));
  // The schema's actions come along, and may be repeated only as they are.
  auto repeated =
      schema.read_entities(R"([{"uid": {"type": "Action", "id": "read"}, "attrs": {}, "parents": [{"type": "Action", "id": "effects"}]}])");
  ASSERT_TRUE(repeated) << repeated.error().text();
  EXPECT_TRUE(repeated->is_descendant({"Action", "read all"}, {"Action", "effects"}));
  EXPECT_FALSE(schema.read_entities(R"([{"uid": {"type": "Action", "id": "read"}, "attrs": {}, "parents": []}])"));
}

}  // namespace
}  // namespace interlock::cedar::testing
