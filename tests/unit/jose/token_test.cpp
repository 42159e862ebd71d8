// Tokens that are right: the RFCs' examples, what is made is read and verified, and what claims may look like.
// What is wrong stands in hostile_token_test.cpp.
#include "jose/token.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "rfc_vectors.hpp"

namespace interlock::jose {
namespace {

constexpr UnixMs kNow = 1'800'000'000'000;

json::object claims() {
  return {{"iss", "https://issuer.example"},
          {"sub", "agent-7"},
          {"aud", json::array{"https://other.example", "https://gate.example/mcp"}},
          {"iat", kNow / 1000 - 10},
          {"nbf", kNow / 1000 - 10},
          {"exp", kNow / 1000 + 300}};
}

Expectations expectations() {
  Expectations expected;
  expected.issuer = "https://issuer.example";
  expected.audiences = {"https://gate.example/mcp"};
  expected.types = {"", "JWT"};
  expected.requires_subject = true;
  expected.longest_life_ms = 3'600'000;
  expected.now_ms = kNow;
  return expected;
}

TEST(Token, OfRfc7515IsReadAndVerified) {
  const auto token = parse_token("eyJhbGciOiJFUzI1NiJ9." + vectors::kJoePayload + "." + vectors::kP256Signature);
  ASSERT_TRUE(token) << token.error().text();
  EXPECT_EQ(token->algorithm, Algorithm::kEs256);
  EXPECT_EQ(token->claims.at("iss").as_string(), "joe");
  EXPECT_EQ(token->signing_input(), "eyJhbGciOiJFUzI1NiJ9." + vectors::kJoePayload);
  const auto key = *PublicKey::from_jwk(json::parse(vectors::kP256Public)->as_object());
  Expectations expected;
  expected.issuer = "joe";
  expected.now_ms = vectors::kJoeExpiresMs;
  EXPECT_TRUE(verify_token(*token, key, expected));
  expected.now_ms += expected.leeway_ms;
  EXPECT_EQ(verify_token(*token, key, expected).error().code, ErrorCode::kExpired);
}

TEST(Token, ThatIsMadeIsReadAndVerifiedWithEveryAlgorithm) {
  for (const auto algorithm : all_algorithms()) {
    const auto name = algorithm_name(algorithm);
    const auto key = *PrivateKey::generate(algorithm);
    const auto text = make_token(key, algorithm, "key-1", "JWT", claims(), {{"x", 1}});
    ASSERT_TRUE(text) << name << ": " << text.error().text();
    const auto token = parse_token(*text);
    ASSERT_TRUE(token) << name << ": " << token.error().text();
    EXPECT_EQ(token->algorithm, algorithm);
    EXPECT_EQ(token->kid, "key-1");
    EXPECT_EQ(token->typ, "jwt");
    EXPECT_EQ(token->text, *text);
    EXPECT_EQ(token->claims, claims());
    EXPECT_EQ(token->header.at("x"), 1);
    const auto verified = verify_token(*token, key.public_key(), expectations());
    EXPECT_TRUE(verified) << name << ": " << verified.error().text();
  }
  const auto key = *PrivateKey::generate(Algorithm::kEs256);
  EXPECT_FALSE(make_token(key, Algorithm::kRs256, "", "", claims()));
  EXPECT_EQ(make_token(key, Algorithm::kEs256, "", "", {{"x", std::string(kTokenBytes, 'x')}}).error().code, ErrorCode::kTooLarge);
}

TEST(Token, HasATypeWithoutRegardToCaseOrPrefix) {
  const auto key = *PrivateKey::generate(Algorithm::kEs256);
  struct {
    const char* written;
    const char* read;
  } const cases[] = {{"", ""},
                     {"JWT", "jwt"},
                     {"at+jwt", "at+jwt"},
                     {"application/at+jwt", "at+jwt"},
                     {"Application/AT+JWT", "at+jwt"},
                     {"application/a/b", "application/a/b"},
                     {"text/jwt", "text/jwt"}};
  for (const auto& c : cases)
    EXPECT_EQ(parse_token(*make_token(key, Algorithm::kEs256, "", c.written, claims()))->typ, c.read) << c.written;
}

TEST(Claims, MayTakeEveryFormOfRfc7519) {
  const auto without = [](const char* name) {
    auto changed = claims();
    changed.erase(name);
    return changed;
  };
  const auto with = [](const char* name, const json::value& value) {
    auto changed = claims();
    changed[name] = value;
    return changed;
  };
  const auto seconds = kNow / 1000;
  auto just_expired = with("iat", seconds - 100);
  just_expired["nbf"] = seconds - 100;
  just_expired["exp"] = seconds - 29;
  struct {
    const char* what;
    json::object claims;
  } const cases[] = {
      {"as they are", claims()},
      {"aud as one text", with("aud", "https://gate.example/mcp")},
      {"aud as a list of one", with("aud", json::array{"https://gate.example/mcp"})},
      {"times with fractions", with("exp", static_cast<double>(seconds) + 0.5)},
      {"a time written as 1.8000001e9", with("exp", 1.8000001e9)},
      {"no iat: the life is measured from now", without("iat")},
      {"no nbf", without("nbf")},
      {"exp just within the leeway", just_expired},
      {"nbf at the end of the leeway", with("nbf", seconds + 30)},
      {"iat at the end of the leeway", with("iat", seconds + 30)},
      {"members of other names", with("act", json::object{{"sub", "x"}})},
  };
  for (const auto& c : cases) {
    Token token;
    token.claims = c.claims;
    token.typ = "jwt";
    const auto checked = check_claims(token, expectations());
    EXPECT_TRUE(checked) << c.what << ": " << checked.error().text();
  }
}

TEST(Claims, ThatAreNotAskedForMayBeAbsent) {
  Token token;
  token.claims = {{"sub", "x"}};
  Expectations expected;
  expected.requires_expiry = false;
  EXPECT_TRUE(check_claims(token, expected));
  expected.requires_expiry = true;
  EXPECT_FALSE(check_claims(token, expected));
}

TEST(Claims, OfTimeAreMilliseconds) {
  EXPECT_EQ(*time_claim({{"exp", 1}}, "exp"), 1000);
  EXPECT_EQ(*time_claim({{"exp", 1.25}}, "exp"), 1250);
  EXPECT_EQ(*time_claim({{"exp", 0}}, "exp"), 0);
  EXPECT_EQ(*time_claim({{"exp", 253'402'300'799}}, "exp"), 253'402'300'799'000);
  EXPECT_EQ(*time_claim({{"iat", 1}}, "exp"), std::nullopt);
  for (const json::value& bad :
       {json::value(-1), json::value(-0.5), json::value(253'402'300'800), json::value(1e300), json::value("1"), json::value(true),
        json::value(nullptr), json::value(json::array{1}), json::value(0xFFFF'FFFF'FFFF'FFFFULL)}) {
    EXPECT_FALSE(time_claim({{"exp", bad}}, "exp")) << json::write(bad);
  }
}

TEST(Claims, NameTheirAudiencesOrNone) {
  using Texts = std::vector<std::string>;
  EXPECT_EQ(audiences_of({{"aud", "a"}}), (Texts{"a"}));
  EXPECT_EQ(audiences_of({{"aud", json::array{"a", "b"}}}), (Texts{"a", "b"}));
  EXPECT_EQ(audiences_of({}), Texts{});
  EXPECT_EQ(audiences_of({{"aud", json::array{"a", 5}}}), Texts{});
  EXPECT_EQ(audiences_of({{"aud", json::object{{"a", "b"}}}}), Texts{});
}

}  // namespace
}  // namespace interlock::jose
