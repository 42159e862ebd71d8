// The short form of a scope: what it compiles to, what it refuses, and money to the last micro-unit.
#include "task/scope.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace interlock::task {
namespace {

constexpr UnixMs kNow = 1'700'000'000'000;

Result<CompiledScope> compiled(std::string_view text) {
  const auto form = json::parse(text);
  EXPECT_TRUE(form) << text;
  return compile_scope(form->get_object(), kNow);
}

TEST(Scope, CompilesEachMemberToACondition) {
  const struct {
    const char* form;
    const char* condition;
  } cases[] = {
      {R"({"effects":["read","write"]})", R"(["read", "write"].containsAll(context.effects))"},
      {R"({"effects":[]})", "(false)"},
      {R"({"paths":["/work/docs/"]})", R"(resource in Folder::"/work/docs" || resource == File::"/work/docs")"},
      {R"({"paths":["/work/./a/../docs"]})", R"(Folder::"/work/docs")"},
      {R"({"paths":["//"]})", R"(Folder::"/")"},
      {R"({"paths":[]})", "(false)"},
      {R"({"hosts":["docs.example.com"]})", R"(resource in Host::"docs.example.com")"},
      {R"({"resources":["Repo::\"acme/app\""]})", R"(resource in Repo::"acme/app")"},
      {R"({"resources":["Acme::Repo::\"a\\\"b\""]})", R"(resource in Acme::Repo::"a\"b")"},
      {R"({"tools":["github/create_issue"]})", R"(resource in Tool::"github/create_issue")"},
      {R"({"tools":["github"]})", R"(resource in Server::"github")"},
      {R"({"tools":["github/get_*"]})", R"(context.server == "github" && context.tool like "get_*")"},
      {R"({"tools":["a\"b/x\\*"]})", R"(context.server == "a\"b" && context.tool like "x\\*")"},
      {R"({"band_ceiling":1})", "context.band <= 1"},
      {R"({"time":{"from":"2023-11-14T22:13:20Z"}})", R"(context.now >= datetime("2023-11-14T22:13:20.000Z"))"},
  };
  for (const auto& one : cases) {
    const auto scope = compiled(one.form);
    ASSERT_TRUE(scope) << one.form << " " << scope.error().text();
    EXPECT_NE(scope->cedar.find(one.condition), std::string::npos) << one.form << "\n" << scope->cedar;
    EXPECT_TRUE(scope->cedar.starts_with("permit (principal, action, resource)\nwhen {"));
  }
}

TEST(Scope, OfNothingRestrictsNothing) {
  const auto scope = compiled("{}");
  ASSERT_TRUE(scope);
  EXPECT_TRUE(scope->cedar.empty());
  EXPECT_FALSE(scope->band_ceiling || scope->lifetime_ms || scope->calls || scope->spend_micros);
}

TEST(Scope, KeepsLimitsBesideTheCedar) {
  const auto scope = compiled(R"({"time":"2h","calls":0,"spend":"12.50","band_ceiling":2})");
  ASSERT_TRUE(scope);
  EXPECT_EQ(scope->lifetime_ms, 7'200'000);
  EXPECT_EQ(scope->calls, 0) << "none at all is a budget, too";
  EXPECT_EQ(scope->spend_micros, 12'500'000);
  EXPECT_EQ(scope->band_ceiling, model::Band::kSensitive);
  const auto until = compiled(R"({"time":{"until":"2023-11-14T22:13:21Z"}})");
  ASSERT_TRUE(until);
  EXPECT_EQ(until->lifetime_ms, 1'000);
}

TEST(Scope, RefusesWhatItDoesNotUnderstand) {
  for (const std::string form : {R"({"efects":["read"]})",
                                 R"({"effects":"read"})",
                                 R"({"effects":["reed"]})",
                                 R"({"effects":[1]})",
                                 R"({"paths":["work"]})",
                                 R"({"paths":["/work/*"]})",
                                 R"({"paths":[""]})",
                                 R"({"paths":["/a\u0000b"]})",
                                 R"({"hosts":["https://example.com"]})",
                                 R"({"hosts":["Example.com"]})",
                                 R"({"hosts":["*.example.com"]})",
                                 R"({"resources":["acme/app"]})",
                                 R"({"resources":["Repo::acme"]})",
                                 R"({"resources":["::\"a\""]})",
                                 R"({"resources":["Re po::\"a\""]})",
                                 R"({"resources":["Repo::\"a\" || true"]})",
                                 R"({"resources":["1Repo::\"a\""]})",
                                 R"({"resources":["Repo:\"a\""]})",
                                 R"({"tools":["/x"]})",
                                 R"({"tools":["a/"]})",
                                 R"({"tools":["a/*x"]})",
                                 R"({"tools":["*"]})",
                                 R"({"band_ceiling":4})",
                                 R"({"band_ceiling":-1})",
                                 R"({"band_ceiling":"1"})",
                                 R"({"time":"soon"})",
                                 R"({"time":"0s"})",
                                 R"({"time":{"until":"2001-01-01T00:00:00Z"}})",
                                 R"({"time":{"to":"2033-01-01T00:00:00Z"}})",
                                 R"({"time":5})",
                                 R"({"calls":-1})",
                                 R"({"calls":1.5})",
                                 R"({"spend":"-1"})",
                                 R"({"spend":"1.2345678"})",
                                 R"({"spend":true})"}) {
    const auto scope = compiled(form);
    EXPECT_FALSE(scope) << form;
    if (!scope) {
      EXPECT_FALSE(scope.error().message.empty());
    }
  }
}

TEST(Scope, IsBounded) {
  json::array many;
  for (std::size_t i = 0; i <= kScopeEntries; ++i) many.emplace_back("/a" + std::to_string(i));
  EXPECT_EQ(compile_scope({{"paths", many}}, kNow).error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(compile_scope({{"paths", json::array{"/" + std::string(kScopeEntryBytes, 'a')}}}, kNow).error().code, ErrorCode::kTooLarge);
  json::array long_ones;
  for (std::size_t i = 0; i < 100; ++i) long_ones.emplace_back("/" + std::string(1'000, 'a') + std::to_string(i));
  EXPECT_EQ(compile_scope({{"paths", long_ones}}, kNow).error().code, ErrorCode::kTooLarge);
}

TEST(Money, IsReadAndWrittenExactly) {
  const struct {
    const char* text;
    std::int64_t micros;
  } cases[] = {{"0", 0}, {"12.50", 12'500'000}, {"0.000001", 1}, {"999999999999.999999", 999'999'999'999'999'999}, {"007", 7'000'000}};
  for (const auto& one : cases) EXPECT_EQ(*parse_money_micros(one.text), one.micros) << one.text;
  for (const std::string bad : {"", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", "0x1", " 1", "1000000000000", "1.0000001", "1.2.3"})
    EXPECT_FALSE(parse_money_micros(bad)) << bad;
  rc::check([] {
    const auto micros = *rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000'000);
    RC_ASSERT(*parse_money_micros(money_text(micros)) == micros);
  });
}

}  // namespace
}  // namespace interlock::task
