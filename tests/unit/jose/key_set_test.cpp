// JWK sets: what is taken, what is left out, what is refused, and which key a token's header names.
#include "jose/key_set.hpp"

#include <gtest/gtest.h>

#include "rfc_vectors.hpp"

namespace interlock::jose {
namespace {

std::string named(std::string jwk, const std::string& members) { return jwk.insert(1, members + ","); }
std::string set_of(const std::string& keys) { return "{\"keys\":[" + keys + "]}"; }

TEST(KeySet, TakesWhatCanVerifyTokensAndCountsTheRest) {
  struct {
    const char* what;
    std::string keys;
    std::size_t taken;
    std::size_t skipped;
  } const cases[] = {
      {"an empty set", "", 0, 0},
      {"keys of every kind", vectors::kRsaPublic + "," + vectors::kP256Public + "," + vectors::kP521Public + "," + vectors::kEdPublic, 4,
       0},
      {"use sig", named(vectors::kP256Public, R"("use":"sig")"), 1, 0},
      {"SPIFFE's use", named(vectors::kP256Public, R"("use":"jwt-svid","kid":"a")"), 1, 0},
      {"an authority of X.509-SVIDs", named(vectors::kP256Public, R"("use":"x509-svid","x5c":["AAAA"])"), 0, 1},
      {"use enc", named(vectors::kP256Public, R"("use":"enc")"), 0, 1},
      {"use that is no text", named(vectors::kP256Public, R"("use":5)"), 0, 1},
      {"key_ops with verify", named(vectors::kP256Public, R"("key_ops":["verify"])"), 1, 0},
      {"key_ops without", named(vectors::kP256Public, R"("key_ops":["encrypt"])"), 0, 1},
      {"key_ops that is no list", named(vectors::kP256Public, R"("key_ops":"verify")"), 0, 1},
      {"alg that fits", named(vectors::kRsaPublic, R"("alg":"PS256")"), 1, 0},
      {"alg of another key", named(vectors::kRsaPublic, R"("alg":"ES256")"), 0, 1},
      {"alg of encryption", named(vectors::kRsaPublic, R"("alg":"RSA-OAEP")"), 0, 1},
      {"alg none", named(vectors::kRsaPublic, R"("alg":"none")"), 0, 1},
      {"an empty alg", named(vectors::kRsaPublic, R"("alg":"")"), 0, 1},
      {"a secret", R"({"kty":"oct","k":"c2VjcmV0","alg":"HS256"})", 0, 1},
      {"a private key", vectors::kP256Private, 0, 1},
      {"a curve that is not known", R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA"})", 0, 1},
      {"a kid that is no text", named(vectors::kP256Public, R"("kid":7)"), 0, 1},
      {"a huge kid", named(vectors::kP256Public, R"("kid":")" + std::string(257, 'a') + '"'), 0, 1},
      {"a key beside one that is broken", vectors::kP256Public + R"(,{"kty":"RSA","n":"AQAB","e":"AQAB"})", 1, 1},
      {"addresses, which are not followed", named(vectors::kP256Public, R"("jku":"http://127.0.0.1/","x5u":"http://127.0.0.1/")"), 1, 0},
      {"one key twice by one kid",
       named(vectors::kP256Public, R"("kid":"a")") + "," + named(vectors::kP256Public, R"("kid":"a","alg":"ES256")"), 2, 0},
  };
  for (const auto& c : cases) {
    const auto set = KeySet::parse(set_of(c.keys));
    ASSERT_TRUE(set) << c.what << ": " << set.error().text();
    EXPECT_EQ(set->keys().size(), c.taken) << c.what;
    EXPECT_EQ(set->skipped(), c.skipped) << c.what;
  }
}

TEST(KeySet, IsRefusedWithItsReason) {
  std::string many;
  for (std::size_t i = 0; i <= kKeySetKeys; ++i) many += (i == 0 ? "" : ",") + vectors::kEdPublic;
  const std::string deep = "{\"keys\":" + std::string(40, '[') + std::string(40, ']') + "}";
  struct {
    std::string text;
    ErrorCode code;
    const char* reason;
  } const cases[] = {
      {"", ErrorCode::kInvalid, "ends too early"},
      {"[]", ErrorCode::kInvalid, "no JSON object"},
      {"{}", ErrorCode::kInvalid, "no list 'keys'"},
      {R"({"keys":{}})", ErrorCode::kInvalid, "no list 'keys'"},
      {R"({"keys":[5]})", ErrorCode::kInvalid, "something that is no JSON object"},
      {R"({"keys":[],"keys":[]})", ErrorCode::kInvalid, "a key comes twice"},
      {R"({"keys":[{"kty":"EC","kty":"RSA"}]})", ErrorCode::kInvalid, "a key comes twice"},
      {"{\"keys\":[]", ErrorCode::kInvalid, "ends too early"},
      {"{\"keys\":[]}x", ErrorCode::kInvalid, "text follows"},
      {"{\"keys\":[\"\xff\"]}", ErrorCode::kInvalid, "syntax is wrong"},
      {deep, ErrorCode::kTooLarge, "nesting is too deep"},
      {set_of(many), ErrorCode::kTooLarge, "over the bound of 200"},
      {set_of("") + std::string(kKeySetBytes, ' '), ErrorCode::kTooLarge, "over the bound of 1 MiB"},
      {set_of(named(vectors::kP256Public, R"("kid":"a")") + "," + named(vectors::kEdPublic, R"("kid":"a")")), ErrorCode::kInvalid,
       "two different keys by one kid"},
  };
  for (const auto& c : cases) {
    const auto set = KeySet::parse(c.text);
    ASSERT_FALSE(set) << c.reason;
    EXPECT_EQ(set.error().code, c.code) << c.reason;
    EXPECT_NE(set.error().message.find(c.reason), std::string::npos) << "wanted: " << c.reason << "\ngot: " << set.error().message;
  }
}

TEST(KeySet, FindsTheOneKeyThatMustHaveSigned) {
  const auto set =
      *KeySet::parse(set_of(named(vectors::kP256Public, R"("kid":"ec")") + "," + named(vectors::kRsaPublic, R"("kid":"ps","alg":"PS256")") +
                            "," + named(vectors::kThumbprintKey, R"("use":"sig")") + "," + vectors::kEdPublic));
  struct {
    const char* kid;
    Algorithm algorithm;
    const char* found;  // kty and kid; nullptr: none
  } const cases[] = {
      {"ec", Algorithm::kEs256, "ec"},
      {"ec", Algorithm::kRs256, nullptr},
      {"ec", Algorithm::kEs384, nullptr},
      {"ps", Algorithm::kPs256, "ps"},
      {"ps", Algorithm::kRs256, nullptr},
      {"ps", Algorithm::kPs384, nullptr},
      {"2011-04-29", Algorithm::kRs256, "2011-04-29"},
      {"2011-04-29", Algorithm::kPs256, nullptr},
      {"EC", Algorithm::kEs256, nullptr},
      {"ec ", Algorithm::kEs256, nullptr},
      {"../ec", Algorithm::kEs256, nullptr},
      {"", Algorithm::kEs256, "ec"},
      {"", Algorithm::kEdDsa, ""},
      {"", Algorithm::kRs256, "2011-04-29"},
      {"", Algorithm::kEs512, nullptr},
  };
  for (const auto& c : cases) {
    const auto* key = set.find(c.kid, c.algorithm);
    ASSERT_EQ(key == nullptr, c.found == nullptr) << c.kid << ' ' << algorithm_name(c.algorithm);
    if (key != nullptr) {
      EXPECT_EQ(key->kid, c.found);
    }
  }
  EXPECT_TRUE(set.has_kid("ps"));
  EXPECT_FALSE(set.has_kid("none"));
}

TEST(KeySet, DoesNotGuessBetweenTwoKeysWhereTheTokenNamesNone) {
  const auto set = *KeySet::parse(set_of(vectors::kRsaPublic + "," + vectors::kThumbprintKey));
  EXPECT_EQ(set.find("", Algorithm::kRs256), nullptr);
  EXPECT_NE(set.find("2011-04-29", Algorithm::kRs256), nullptr);
  EXPECT_NE(set.find("", Algorithm::kPs256), nullptr) << "one of them says RS256, so just one is left";
}

TEST(KeySet, IsWrittenAsItIsRead) {
  const auto text = set_of(named(vectors::kP256Public, R"("kid":"ec","use":"sig","alg":"ES256")") + "," + vectors::kEdPublic);
  const auto set = *KeySet::parse(text);
  const auto again = KeySet::from_json(set.to_json());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->to_json(), set.to_json());
  ASSERT_EQ(again->keys().size(), 2U);
  EXPECT_EQ(again->keys()[0].kid, "ec");
  EXPECT_EQ(again->keys()[0].use, "sig");
  EXPECT_EQ(again->keys()[0].algorithm, Algorithm::kEs256);
  EXPECT_EQ(again->keys()[1].algorithm, std::nullopt);
}

}  // namespace
}  // namespace interlock::jose
