#include "credential/postgres_grants.hpp"

#include <gtest/gtest.h>

namespace interlock::credential {
namespace {

constexpr PostgresVerbs kSelect = 1;
constexpr PostgresVerbs kInsert = 2;
constexpr PostgresVerbs kUpdate = 4;
constexpr PostgresVerbs kDelete = 8;

model::Classification act(std::vector<model::Effect> effects, model::EntityName resource = {"Tool", "db/query"}) {
  model::Classification out;
  out.action = "db/act";
  out.effects = std::move(effects);
  out.resource = std::move(resource);
  return out;
}

std::vector<PostgresGrant> read(std::string_view text, std::string* trouble = nullptr) {
  const auto settings = json::parse(text).value().as_object();
  BrokerSettings in("db", settings);
  auto grants = read_grants(in);
  const auto checked = in.finish();
  if (trouble != nullptr) *trouble = checked ? "" : checked.error().text();
  return grants;
}

const std::vector<PostgresGrant> kShop{{{"public", "customers"}, kSelect, {"id", "name"}},
                                       {{"public", "orders"}, kSelect | kInsert | kUpdate | kDelete, {}}};

TEST(PostgresTable, IsReadPartByPart) {
  struct Case {
    std::string_view text;
    std::string_view schema;
    std::string_view name;
  };
  for (const auto& [text, schema, name] : std::initializer_list<Case>{{"public.orders", "public", "orders"},
                                                                      {"Sales.Orders", "Sales", "Orders"},
                                                                      {"\"a.b\".\"c\"\"d\"", "a.b", "c\"d"},
                                                                      {"public.orders; DROP TABLE x", "public", "orders; DROP TABLE x"},
                                                                      {"s.größe", "s", "größe"}}) {
    const auto table = parse_table(text);
    ASSERT_TRUE(table) << text;
    EXPECT_EQ(table->schema, schema);
    EXPECT_EQ(table->name, name);
    EXPECT_EQ(parse_table(text_of(*table)), *table) << text;
  }
}

TEST(PostgresTable, IsRefusedWhereItsNameIsNotOne) {
  for (const std::string text : {"orders", "a.b.c", ".orders", "public.", "\"a.b", "\"a\"b.c", "public.\"x\"y", "a.\"\"", ""})
    EXPECT_FALSE(parse_table(text)) << text;
  EXPECT_TRUE(parse_table("p." + std::string(63, 'x')));
  EXPECT_FALSE(parse_table("p." + std::string(64, 'x')));
  EXPECT_FALSE(parse_table(std::string("p.a\0b", 5)));
}

TEST(PostgresIdentifier, KeepsAHostileNameInsideItsQuotes) {
  EXPECT_EQ(quoted_identifier("orders"), "\"orders\"");
  EXPECT_EQ(quoted_identifier("x\"; DROP ROLE admin; --"), "\"x\"\"; DROP ROLE admin; --\"");
  EXPECT_EQ(quoted_table({"a\"b", "c'd\\"}), "\"a\"\"b\".\"c'd\\\"");
}

TEST(PostgresGrants, AreReadFromSettings) {
  const auto grants = read(R"({"grants":[{"tables":["public.orders","public.items"],"verbs":["select","insert"]},
                                         {"tables":["public.customers"],"verbs":["select"],"columns":["name","id","name"]}]})");
  ASSERT_EQ(grants.size(), 3U);
  EXPECT_EQ(text_of(grants), "public.customers(\"id\", \"name\"): select; public.items: select insert; public.orders: select insert");
}

TEST(PostgresGrants, AreRefusedWithWhatToWrite) {
  for (const auto* text :
       {R"({})", R"({"grants":[]})", R"({"grants":"select"})", R"({"grants":[1]})", R"({"grants":[{"tables":["public.x"],"verbs":[]}]})",
        R"({"grants":[{"tables":["public.x"],"verbs":["drop"]}]})", R"({"grants":[{"tables":[],"verbs":["select"]}]})",
        R"({"grants":[{"tables":["x"],"verbs":["select"]}]})", R"({"grants":[{"tables":["a.x"],"verbs":["delete"],"columns":["c"]}]})",
        R"({"grants":[{"tables":["a.x"],"verbs":["select"],"rows":"all"}]})"}) {
    std::string trouble;
    read(text, &trouble);
    EXPECT_NE(trouble.find("`grants`"), std::string::npos) << text << ": " << trouble;
  }
}

TEST(PostgresGrants, AreNarrowedToWhatTheActDoes) {
  struct Case {
    model::Effect effect;
    std::string_view left;
  };
  for (const auto& [effect, left] : std::initializer_list<Case>{
           {model::Effect::kRead, "public.customers(\"id\", \"name\"): select; public.orders: select"},
           {model::Effect::kSend, "public.customers(\"id\", \"name\"): select; public.orders: select"},
           {model::Effect::kWrite, "public.customers(\"id\", \"name\"): select; public.orders: select insert update"},
           {model::Effect::kDelete, "public.customers(\"id\", \"name\"): select; public.orders: select delete"},
           {model::Effect::kExecute, "public.customers(\"id\", \"name\"): select; public.orders: select insert update delete"},
           {model::Effect::kAdmin, "public.customers(\"id\", \"name\"): select; public.orders: select insert update delete"}}) {
    const auto one = act({effect});
    const auto grants = narrowed(kShop, &one);
    ASSERT_TRUE(grants);
    EXPECT_EQ(text_of(*grants), left) << model::effect_name(effect);
  }
}

TEST(PostgresGrants, AreNarrowedToTheTablesOfTheAct) {
  for (const auto* name : {"public.orders", "orders"}) {
    const auto one = act({model::Effect::kRead}, {"Table", name});
    EXPECT_EQ(text_of(*narrowed(kShop, &one)), "public.orders: select");
  }
  auto several = act({model::Effect::kRead}, {"Table", "public.orders"});
  several.further_resources.push_back({{"Table", "public.customers"}, {}});
  EXPECT_EQ(narrowed(kShop, &several)->size(), 2U);
}

TEST(PostgresGrants, RefuseATableThatTheyDoNotName) {
  auto one = act({model::Effect::kRead}, {"Table", "public.payroll"});
  EXPECT_EQ(narrowed(kShop, &one).error().code, ErrorCode::kDenied);
  one = act({model::Effect::kRead}, {"Table", "public.orders"});
  one.further_resources.push_back({{"Table", "hr.payroll"}, {}});
  EXPECT_EQ(narrowed(kShop, &one).error().code, ErrorCode::kDenied);
  one = act({model::Effect::kRead}, {"Table", "a.b.c"});
  EXPECT_EQ(narrowed(kShop, &one).error().code, ErrorCode::kDenied);
}

TEST(PostgresGrants, RefuseAnActThatNoVerbServes) {
  const std::vector<PostgresGrant> inbox{{{"public", "inbox"}, kInsert, {}}};
  const auto one = act({model::Effect::kRead});
  EXPECT_EQ(narrowed(inbox, &one).error().code, ErrorCode::kDenied);
  EXPECT_EQ(narrowed(inbox, nullptr)->size(), 1U);
}

TEST(PostgresGrants, AreWrittenAsStatementsOfQuotedNames) {
  std::string all;
  for (const auto& statement : grant_statements({{{"s\"x", "t"}, kSelect | kInsert, {"a\"b"}}}, {{"s", "t_id_seq"}}, "shop", "interlock_l"))
    all += statement.sql + ";";
  EXPECT_EQ(all,
            "GRANT CONNECT ON DATABASE \"shop\" TO \"interlock_l\";GRANT USAGE ON SCHEMA \"s\"\"x\" TO \"interlock_l\";"
            "GRANT SELECT (\"a\"\"b\"), INSERT (\"a\"\"b\") ON TABLE \"s\"\"x\".\"t\" TO \"interlock_l\";"
            "GRANT USAGE ON SEQUENCE \"s\".\"t_id_seq\" TO \"interlock_l\";");
}

}  // namespace
}  // namespace interlock::credential
