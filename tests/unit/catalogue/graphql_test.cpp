// A GraphQL request counts as reading only where its whole text says so.
#include "catalogue/graphql.hpp"

#include <gtest/gtest.h>

#include <string>

namespace interlock::catalogue {
namespace {

TEST(Graphql, OnlyQueriesRead) {
  const struct {
    std::string document;
    GraphqlKind kind;
  } cases[] = {
      {"{ viewer { login } }", GraphqlKind::kQuery},
      {"query { viewer { login } }", GraphqlKind::kQuery},
      {"query Q($n: Int = 1, $o: In = {a: [1, 2], b: {c: \"}\"}}) @d(x: {y: 1}) { a(n: $n) { ...F } } fragment F on T { b }",
       GraphqlKind::kQuery},
      {"# mutation { x }\n{ a }", GraphqlKind::kQuery},
      {"{ a(s: \"mutation { x } \\\" }\") }", GraphqlKind::kQuery},
      {"{ a(s: \"\"\"mutation { \\\"\"\" } x\"\"\") }", GraphqlKind::kQuery},
      {"\xEF\xBB\xBFquery{a}", GraphqlKind::kQuery},
      {"query A { mutation } query B { subscription }", GraphqlKind::kQuery},
      {"query mutation { a }", GraphqlKind::kQuery},
      {"mutation { x }", GraphqlKind::kMutation},
      {"query A { a } mutation B { x }", GraphqlKind::kMutation},
      {"fragment F on T { b } mutation { x { ...F } }", GraphqlKind::kMutation},
      {"# c\r mutation { x }", GraphqlKind::kMutation},
      {"{ a }\n\n,,, mutation M { x }", GraphqlKind::kMutation},
      {"subscription { s }", GraphqlKind::kSubscription},
      {"", GraphqlKind::kUnknown},
      {"fragment F on T { b }", GraphqlKind::kUnknown},
      {"query", GraphqlKind::kUnknown},
      {"{ a", GraphqlKind::kUnknown},
      {"{ a } }", GraphqlKind::kUnknown},
      {"{ a( } ) }", GraphqlKind::kUnknown},
      {"{ a(s: \"unended) }", GraphqlKind::kUnknown},
      {"{ a(s: \"line\nbreak\") }", GraphqlKind::kUnknown},
      {"{ a } type T { b: C }", GraphqlKind::kUnknown},
      {"Query { a }", GraphqlKind::kUnknown},
      {"{ a } \x01", GraphqlKind::kUnknown},
      {"{ a } 'mutation'", GraphqlKind::kUnknown},
      {std::string(kMaxGraphqlDepth + 1, '{') + std::string(kMaxGraphqlDepth + 1, '}'), GraphqlKind::kUnknown},
  };
  for (const auto& one : cases) EXPECT_EQ(graphql_kind(one.document), one.kind) << one.document;
}

TEST(Graphql, OtherShapesOfABodyAreUnknown) {
  const std::pair<const char*, GraphqlKind> cases[] = {
      {R"({"query":"{a}","variables":{"x":"mutation"}})", GraphqlKind::kQuery},
      {R"({"query":"mutation{a}"})", GraphqlKind::kMutation},
      {R"([{"query":"{a}"}])", GraphqlKind::kUnknown},
      {R"({"extensions":{"persistedQuery":{"sha256Hash":"x"}}})", GraphqlKind::kUnknown},
      {R"({"query":["{a}"]})", GraphqlKind::kUnknown},
      {R"("{a}")", GraphqlKind::kUnknown},
      {"null", GraphqlKind::kUnknown},
  };
  for (const auto& [text, kind] : cases) {
    const auto body = json::parse(text);
    ASSERT_TRUE(body);
    EXPECT_EQ(graphql_kind_of_body(&*body), kind) << text;
  }
  EXPECT_EQ(graphql_kind_of_body(nullptr), GraphqlKind::kUnknown);
}

}  // namespace
}  // namespace interlock::catalogue
