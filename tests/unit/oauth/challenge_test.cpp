// WWW-Authenticate as servers, and those who wish us ill, write it; scopes; forms.
#include "oauth/challenge.hpp"

#include <gtest/gtest.h>

#include "oauth/form.hpp"

namespace interlock::oauth::testing {
namespace {

std::string told(const std::vector<Challenge>& challenges) {
  std::string out;
  for (const auto& challenge : challenges) {
    out += (out.empty() ? "" : " | ") + challenge.scheme;
    for (const auto& [name, value] : challenge.parameters) out += " " + name + "=[" + value + "]";
  }
  return out;
}

struct ChallengeCase {
  const char* field;
  const char* told;
};

TEST(ParseChallenges, ReadsWhatRfc9110AllowsAndStopsWhereTheEndWouldBeAGuess) {
  const ChallengeCase cases[] = {
      {"Bearer", "bearer"},
      {R"(Bearer realm="x")", "bearer realm=[x]"},
      {R"(bearer scope="a b", resource_metadata="https://s.example/m")", "bearer scope=[a b] resource_metadata=[https://s.example/m]"},
      {R"(Bearer error=invalid_token , error_description="say \"hi\", now")",
       R"(bearer error=[invalid_token] error_description=[say "hi", now])"},
      {R"(Basic realm="a", DPoP algs="ES256", Bearer)", "basic realm=[a] | dpop algs=[ES256] | bearer"},
      {"Negotiate YIIGhg==, Bearer scope=a", "negotiate | bearer scope=[a]"},
      {"Negotiate, Bearer scope=a", "negotiate | bearer scope=[a]"},
      {R"(,, Bearer realm = "spaced" ,, )", "bearer realm=[spaced]"},
      {R"(Bearer REALM="x")", "bearer realm=[x]"},
      {R"(Bearer scope="a", scope="admin")", ""},  // twice: which of them?
      {R"(Basic realm="a", Bearer scope="a", scope="b")", "basic realm=[a]"},
      {R"(Bearer scope="never closed)", ""},
      {R"(Bearer scope="ends in a backslash\)", ""},
      {R"(Bearer scope=)", "bearer"},  // a token68, by the grammar
      {R"(Bearer scope="a" b="c")", ""},
      {"Bearer =x", ""},
      {"\"Bearer\" scope=a", ""},
      {"Bearer@evil scope=a", ""},
      {"", ""},
      {" \t,", ""},
  };
  for (const auto& one : cases) EXPECT_EQ(told(parse_challenges(one.field)), one.told) << one.field;
}

TEST(ParseChallenges, KeepsItsBounds) {
  EXPECT_TRUE(parse_challenges("Bearer a=\"" + std::string(kChallengeBytes, 'x') + "\"").empty());
  std::string many;
  for (std::size_t i = 0; i < kChallenges + 5; ++i) many += "Basic, ";
  EXPECT_EQ(parse_challenges(many).size(), kChallenges);
  std::string wide = "Bearer ";
  for (std::size_t i = 0; i <= kChallengeParameters; ++i) wide += "p" + std::to_string(i) + "=1, ";
  EXPECT_TRUE(parse_challenges(wide).empty());
}

TEST(FindChallenge, TakesTheFirstThatTheGateCanAnswer) {
  const std::vector<std::string> fields{"Basic realm=\"a\"", "Negotiate, DPoP algs=\"ES256\"", "Bearer scope=\"x\""};
  const auto found = find_challenge(fields);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->scheme, "dpop");
  EXPECT_EQ(found->get("algs"), "ES256");
  EXPECT_EQ(found->get("scope"), "");
  EXPECT_FALSE(find_challenge(std::vector<std::string>{"Basic realm=\"a\"", ""}));
}

TEST(Scopes, AreTokensWithoutRepeats) {
  EXPECT_EQ(parse_scopes("a b  a c"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(parse_scopes(""), std::vector<std::string>{});
  for (const auto* text : {"a\"b", "a\\b", "a\tb", "a\nb", "\x7f", "\xc3\xa4"}) EXPECT_FALSE(parse_scopes(text)) << text;
  EXPECT_FALSE(parse_scopes(std::string(kScopeBytes + 1, 's')));
  std::string many;
  for (std::size_t i = 0; i <= kScopes; ++i) many += "s" + std::to_string(i) + " ";
  EXPECT_FALSE(parse_scopes(many));
  std::vector<std::string> scopes{"a"};
  add_scopes(scopes, std::vector<std::string>{"b", "a"});
  EXPECT_EQ(join_scopes(scopes), "a b");
  EXPECT_TRUE(has_scopes(scopes, std::vector<std::string>{"b"}));
  EXPECT_FALSE(has_scopes(scopes, std::vector<std::string>{"b", "c"}));
}

TEST(Forms, ComeBackAsTheyWereWritten) {
  const Form form{{"a", "b c&d=e+f%"}, {"empty", ""}, {"\xc3\xa4", "~-._"}};
  const auto text = write_form(form);
  EXPECT_EQ(text, "a=b%20c%26d%3De%2Bf%25&%C3%A4=~-._");
  const auto read = read_form(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (Form{{"a", "b c&d=e+f%"}, {"\xc3\xa4", "~-._"}}));
  EXPECT_EQ(read_form("a=x+y&b")->at(0).second, "x y");
}

TEST(Forms, AreRefusedWhereTwoReadersCouldReadThemDifferently) {
  for (const auto* text : {"a=1&a=2", "state=x&code=c&state=y", "a=%4", "a=%zz", "%=1", "a=%", "a=1&%61=2"}) {
    const auto read = read_form(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid) << text;
  }
  EXPECT_FALSE(read_form(std::string(kQueryBytes + 1, 'a')));
  std::string many;
  for (std::size_t i = 0; i <= kQueryParameters; ++i) many += "p" + std::to_string(i) + "=1&";
  EXPECT_FALSE(read_form(many));
}

}  // namespace
}  // namespace interlock::oauth::testing
