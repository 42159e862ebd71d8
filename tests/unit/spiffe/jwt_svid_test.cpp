// JWT-SVIDs: what a token must say and who must have signed it.
#include <gtest/gtest.h>

#include "certificates.hpp"
#include "jose/token.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

using jose::Algorithm;
using jose::PrivateKey;
using testing::kNow;

constexpr auto kWeb = "spiffe://example.org/web";
constexpr auto kAudience = "https://gate.example";

jose::SetKey set_key(const PrivateKey& key, std::string kid) { return {key.public_key(), std::move(kid), std::nullopt, "jwt-svid"}; }

class JwtSvidTest : public ::testing::Test {
 protected:
  static json::object claims(const json::object& over = {}) {
    json::object all{{"sub", kWeb}, {"aud", kAudience}, {"iat", kNow / 1000}, {"exp", kNow / 1000 + 300}};
    for (const auto& [name, value] : over) {
      if (value.is_null()) {
        all.erase(name);
      } else {
        all.insert_or_assign(name, value);
      }
    }
    return all;
  }
  std::string token(const json::object& over = {}) const { return *jose::make_token(key, Algorithm::kEs256, "k1", "JWT", claims(over)); }
  Result<VerifiedSvid> verify(std::string_view text, UnixMs now = kNow) const { return verify_jwt_svid(text, kAudience, bundles, now); }
  static Bundle bundle(const std::string& domain, std::vector<jose::SetKey> keys) {
    Bundle made;
    made.trust_domain = domain;
    made.jwt_authorities = jose::KeySet(std::move(keys));
    return made;
  }

  PrivateKey key = *PrivateKey::generate(Algorithm::kEs256);
  PrivateKey other_key = *PrivateKey::generate(Algorithm::kEs256);
  BundleSet bundles{{bundle("example.org", {set_key(key, "k1")}), bundle("other.org", {set_key(other_key, "k1")})}};
};

TEST_F(JwtSvidTest, ATokenOfABundlesKeyIsBelieved) {
  const auto svid = verify(token());
  ASSERT_TRUE(svid) << svid.error().text();
  EXPECT_EQ(svid->id.text(), kWeb);
  EXPECT_EQ(svid->expires_ms, kNow + 300'000);
  EXPECT_TRUE(verify(token({{"aud", json::array{"x", kAudience}}})));
  EXPECT_TRUE(verify(token({{"iat", nullptr}})));
  for (const auto* typ : {"", "JWT", "JOSE"}) EXPECT_TRUE(verify(*jose::make_token(key, Algorithm::kEs256, "k1", typ, claims()))) << typ;
  EXPECT_TRUE(verify(*jose::make_token(key, Algorithm::kEs256, "", "", claims()))) << "without kid, where one key alone fits";
}

TEST_F(JwtSvidTest, AllAlgorithmsOfTheStandardAreTakenAndNoOther) {
  for (const auto algorithm : jose::all_algorithms()) {
    const auto made = PrivateKey::generate(algorithm);
    ASSERT_TRUE(made);
    const BundleSet one{{bundle("example.org", {set_key(*made, "k1")})}};
    const auto text = jose::make_token(*made, algorithm, "k1", "JWT", claims());
    ASSERT_TRUE(text);
    EXPECT_EQ(verify_jwt_svid(*text, kAudience, one, kNow).has_value(), algorithm != Algorithm::kEdDsa) << jose::algorithm_name(algorithm);
  }
}

TEST_F(JwtSvidTest, ClaimsThatBreakARuleAreRefused) {
  const struct {
    std::string name;
    json::object over;
  } cases[] = {
      {"no subject", {{"sub", nullptr}}},
      {"an empty subject", {{"sub", ""}}},
      {"a subject of another kind", {{"sub", json::array{kWeb}}}},
      {"a subject that is no SPIFFE ID", {{"sub", "web"}}},
      {"a subject of a web address", {{"sub", "https://example.org/web"}}},
      {"a subject in upper case", {{"sub", "spiffe://EXAMPLE.org/web"}}},
      {"a subject without path", {{"sub", "spiffe://example.org"}}},
      {"no audience", {{"aud", nullptr}}},
      {"an empty audience", {{"aud", json::array{}}}},
      {"another audience", {{"aud", "https://other.example"}}},
      {"an audience with more behind it", {{"aud", "https://gate.example/"}}},
      {"an audience of another kind", {{"aud", json::object{{"a", kAudience}}}}},
      {"no end", {{"exp", nullptr}}},
      {"an end that is a text", {{"exp", "never"}}},
      {"an end in the past", {{"exp", kNow / 1000 - 3600}}},
      {"a life of more than a day", {{"exp", kNow / 1000 + 86'400 + 3'600}}},
      {"a beginning in the future", {{"nbf", kNow / 1000 + 3600}}},
      {"another trust domain", {{"sub", "spiffe://other.org/web"}}},
      {"an unknown trust domain", {{"sub", "spiffe://third.org/web"}}},
      {"a subdomain", {{"sub", "spiffe://sub.example.org/web"}}},
  };
  for (const auto& c : cases) {
    const auto svid = verify(token(c.over));
    ASSERT_FALSE(svid) << c.name;
    EXPECT_FALSE(svid.error().message.empty());
  }
  EXPECT_EQ(verify(token({{"iat", kNow / 1000 - 7200}, {"exp", kNow / 1000 - 3600}})).error().code, ErrorCode::kExpired);
}

TEST_F(JwtSvidTest, KeysThatAreNotTheDomainsOwnAreRefused) {
  EXPECT_FALSE(verify(*jose::make_token(other_key, Algorithm::kEs256, "k1", "JWT", claims()))) << "another domain's key of the same kid";
  EXPECT_FALSE(verify(*jose::make_token(key, Algorithm::kEs256, "k2", "JWT", claims()))) << "an unknown kid";
  EXPECT_FALSE(verify(*jose::make_token(key, Algorithm::kEs256, "k1", "at+jwt", claims()))) << "another typ";
  const auto whole = token();
  EXPECT_FALSE(verify(whole.substr(0, whole.rfind('.') + 1))) << "no signature";
  EXPECT_FALSE(verify("")) << "nothing";
  EXPECT_FALSE(verify_jwt_svid(whole, "", bundles, kNow)) << "no audience is configured";
  EXPECT_FALSE(verify_jwt_svid(whole, kAudience, BundleSet(), kNow)) << "no bundle";
  auto two = bundle("example.org", {set_key(key, "k1"), set_key(other_key, "k2")});
  const auto rotated = bundles.with(two);
  EXPECT_FALSE(verify_jwt_svid(*jose::make_token(key, Algorithm::kEs256, "", "", claims()), kAudience, *rotated, kNow))
      << "without kid, where two keys fit";
  EXPECT_TRUE(verify_jwt_svid(*jose::make_token(other_key, Algorithm::kEs256, "k2", "", claims()), kAudience, *rotated, kNow));
}

TEST_F(JwtSvidTest, NoRefusalHoldsTheToken) {
  const auto whole = token({{"aud", "elsewhere"}});
  const auto svid = verify(whole);
  ASSERT_FALSE(svid);
  EXPECT_EQ(svid.error().text().find(whole.substr(whole.rfind('.') + 1)), std::string::npos);
}

}  // namespace
}  // namespace interlock::spiffe
