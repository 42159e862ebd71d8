#include "spiffe/bundle.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "certificates.hpp"
#include "jose/key.hpp"

namespace interlock::spiffe {
namespace {

using testing::Made;
using testing::make_authority;

std::string x509_entry(const std::string& der) { return R"({"kty":"EC","use":"x509-svid","x5c":[")" + base64_encode(der) + R"("]})"; }

std::string jwt_entry(const std::string& kid) {
  auto jwk = jose::PrivateKey::generate(jose::Algorithm::kEs256)->public_key().to_jwk();
  jwk["use"] = "jwt-svid";
  if (!kid.empty()) jwk["kid"] = kid;
  return json::write(jwk);
}

std::string document(const std::string& keys, const std::string& more = "") { return R"({"keys":[)" + keys + "]" + more + "}"; }

TEST(BundleTest, AuthoritiesOfBothKindsAreReadAndOtherUsesIgnored) {
  const auto root = make_authority("root");
  const auto text =
      document(x509_entry(root.der()) + "," + jwt_entry("k1") + R"(,{"kty":"EC","use":"wit-svid"},{"kty":"oct"},{"use":"x509-svid"},)" +
                   R"({"kty":"EC","use":"x509-svid","x5c":[]},{"kty":"new","use":"jwt-svid","kid":"k2"},)" + jwt_entry("k3"),
               R"(,"spiffe_sequence":18446744073709551615,"spiffe_refresh_hint":60,"other":{"a":1})");
  const auto bundle = parse_bundle("example.org", text);
  ASSERT_TRUE(bundle) << bundle.error().text();
  EXPECT_EQ(bundle->trust_domain, "example.org");
  EXPECT_EQ(bundle->x509_authorities, std::vector<std::string>{root.der()});
  ASSERT_EQ(bundle->jwt_authorities.keys().size(), 2U);
  EXPECT_TRUE(bundle->jwt_authorities.has_kid("k1"));
  EXPECT_EQ(bundle->sequence, 18446744073709551615U);
  EXPECT_EQ(bundle->refresh_hint_ms, 60'000);
}

TEST(BundleTest, AnEmptyListOfKeysIsABundleThatTrustsNobody) {
  const auto bundle = parse_bundle("example.org", document(""));
  ASSERT_TRUE(bundle);
  EXPECT_TRUE(bundle->x509_authorities.empty());
  EXPECT_FALSE(bundle->sequence);
  EXPECT_EQ(bundle->refresh_hint_ms, 300'000);
}

TEST(BundleTest, OnlyTheFirstCertificateOfAnEntryCountsAndRepeatedOnesAreOne) {
  const auto first = make_authority("first");
  const auto second = make_authority("second");
  const auto entry =
      R"({"kty":"EC","use":"x509-svid","x5c":[")" + base64_encode(first.der()) + R"(",")" + base64_encode(second.der()) + R"("]})";
  const auto bundle = parse_bundle("example.org", document(entry + "," + entry));
  ASSERT_TRUE(bundle) << bundle.error().text();
  EXPECT_EQ(bundle->x509_authorities, std::vector<std::string>{first.der()});
}

TEST(BundleTest, WhatIsNoBundleIsRefusedWithItsReason) {
  const auto root = make_authority("root");
  const auto leaf = testing::make_leaf(root, "spiffe://example.org/web");
  const auto shared = jwt_entry("same");
  const struct {
    std::string name, text, reason;
  } cases[] = {
      {"nothing", "", "strict JSON"},
      {"a list", "[]", "no list of keys"},
      {"no keys", "{}", "no list of keys"},
      {"keys of another kind", R"({"keys":{}})", "no list of keys"},
      {"keys twice", R"({"keys":[],"keys":[]})", "strict JSON"},
      {"a key that is a text", document(R"("x")"), "no object"},
      {"a negative sequence", document("", R"(,"spiffe_sequence":-1)"), "spiffe_sequence"},
      {"a broken sequence", document("", R"(,"spiffe_sequence":1.5)"), "spiffe_sequence"},
      {"a sequence as text", document("", R"(,"spiffe_sequence":"1")"), "spiffe_sequence"},
      {"a negative hint", document("", R"(,"spiffe_refresh_hint":-1)"), "spiffe_refresh_hint"},
      {"x5c that is no base64", document(R"({"kty":"EC","use":"x509-svid","x5c":["*"]})"), "base64"},
      {"x5c that is no text", document(R"({"kty":"EC","use":"x509-svid","x5c":[1]})"), "base64"},
      {"x5c that is no certificate", document(R"({"kty":"EC","use":"x509-svid","x5c":["AAAA"]})"), "not X.509"},
      {"x5c with bytes behind it", document(x509_entry(root.der() + "x")), "after its end"},
      {"a leaf as authority", document(x509_entry(leaf.der())), "no CA"},
      {"a JWT key without kid", document(jwt_entry("")), "without kid"},
      {"one kid for two keys", document(shared + "," + jwt_entry("same")), "jwt-svid keys"},
      {"too deep", std::string(100, '[') + std::string(100, ']'), "strict JSON"},
      {"too long", std::string(kBundleBytes + 1, ' '), "4 MiB"},
  };
  for (const auto& c : cases) {
    const auto bundle = parse_bundle("example.org", c.text);
    ASSERT_FALSE(bundle) << c.name;
    EXPECT_NE(bundle.error().message.find(c.reason), std::string::npos) << c.name << " said: " << bundle.error().text();
  }
  EXPECT_FALSE(parse_bundle("Example.org", document("")));
  EXPECT_FALSE(parse_bundle("", document("")));
}

TEST(BundleTest, AuthoritiesAreBounded) {
  std::string keys;
  const auto key = testing::new_key();
  for (std::size_t i = 0; i <= kBundleAuthorities; ++i) {
    keys += (keys.empty() ? "" : ",") + x509_entry(make_authority("a" + std::to_string(i), {}, nullptr, testing::Wish{.key = key}).der());
  }
  EXPECT_EQ(parse_bundle("example.org", document(keys)).error().code, ErrorCode::kTooLarge);
}

TEST(BundleTest, ABundleThatIsWrittenReadsTheSame) {
  const auto ec = make_authority("ec");
  const auto rsa = make_authority("rsa", {}, nullptr, testing::Wish{.key = testing::Key(EVP_RSA_gen(2048), EVP_PKEY_free)});
  auto bundle = parse_bundle("example.org", document(x509_entry(ec.der()) + "," + x509_entry(rsa.der()) + "," + jwt_entry("k1"),
                                                     R"(,"spiffe_sequence":7,"spiffe_refresh_hint":120)"));
  ASSERT_TRUE(bundle);
  const auto again = parse_bundle("example.org", bundle_text(*bundle));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->x509_authorities, bundle->x509_authorities);
  EXPECT_EQ(again->sequence, 7U);
  EXPECT_EQ(again->refresh_hint_ms, 120'000);
  ASSERT_EQ(again->jwt_authorities.keys().size(), 1U);
  EXPECT_EQ(again->jwt_authorities.keys()[0].kid, "k1");
  EXPECT_EQ(again->jwt_authorities.keys()[0].key.thumbprint(), bundle->jwt_authorities.keys()[0].key.thumbprint());
}

TEST(BundleTest, PemHoldsAuthoritiesAloneAndNothingElse) {
  const auto first = make_authority("first");
  const auto second = make_authority("second");
  const auto pem = "# a note\n" + certificate_to_pem(first.der()) + "\n" + certificate_to_pem(second.der());
  const auto bundle = bundle_from_pem("example.org", pem);
  ASSERT_TRUE(bundle) << bundle.error().text();
  EXPECT_EQ(bundle->x509_authorities, (std::vector<std::string>{first.der(), second.der()}));
  const auto leaf = testing::make_leaf(first, "spiffe://example.org/web");
  const auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256)->to_pem();
  for (const auto& text : {std::string(), std::string("hello"), certificate_to_pem(leaf.der()), pem + key, pem.substr(0, pem.size() - 20),
                           certificate_to_pem("junk"), "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n" + pem}) {
    EXPECT_FALSE(bundle_from_pem("example.org", text)) << text.substr(0, 60);
  }
}

}  // namespace
}  // namespace interlock::spiffe
