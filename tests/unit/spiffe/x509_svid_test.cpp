// X.509-SVIDs: chains, authorities and the rules of a leaf.
#include <gtest/gtest.h>

#include <thread>

#include "certificates.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

using testing::bundle_of;
using testing::chain_of;
using testing::kHour;
using testing::kNow;
using testing::Made;
using testing::make_authority;
using testing::make_leaf;
using testing::Wish;

constexpr auto kWeb = "spiffe://example.org/web";

class X509SvidTest : public ::testing::Test {
 protected:
  Result<VerifiedSvid> verify(const std::vector<const Made*>& chain, UnixMs now = kNow) {
    return verify_x509_svid(chain_of(chain), bundles, now);
  }

  Made root = make_authority("root");
  Made other_root = make_authority("other root");
  BundleSet bundles{{bundle_of("example.org", {&root}), bundle_of("other.org", {&other_root})}};
};

void expect_refusal(const Result<VerifiedSvid>& result, std::string_view rule, std::string_view name, ErrorCode code = ErrorCode::kDenied) {
  ASSERT_FALSE(result) << name;
  EXPECT_EQ(result.error().code, code) << name << ": " << result.error().text();
  EXPECT_NE(result.error().message.find(rule), std::string::npos) << name << " said: " << result.error().message;
}

TEST_F(X509SvidTest, ALeafOfABundlesAuthorityIsBelievedUntilTheEarliestEndOfItsChain) {
  const auto intermediate = make_authority("intermediate", {}, &root, Wish{.not_after = kNow + kHour / 2});
  const auto direct = make_leaf(root, kWeb, {}, Wish{.not_after = kNow + kHour / 4});
  const auto below = make_leaf(intermediate, kWeb);
  const auto first = verify({&direct});
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->id.text(), kWeb);
  EXPECT_EQ(first->expires_ms, kNow + kHour / 4);
  const auto second = verify({&below, &intermediate});
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(second->expires_ms, kNow + kHour / 2);
}

TEST_F(X509SvidTest, SoundVariantsAreTaken) {
  const auto with_dns = make_leaf(root, kWeb, {{"subjectAltName", "critical,DNS:web.example,URI:spiffe://example.org/web,IP:10.0.0.1"}});
  EXPECT_TRUE(verify({&with_dns}));
  const auto without_purposes = make_leaf(root, kWeb, {{"extendedKeyUsage", ""}, {"basicConstraints", ""}});
  EXPECT_TRUE(verify({&without_purposes}));
  const auto more_usage = make_leaf(root, kWeb, {{"keyUsage", "critical,digitalSignature,keyEncipherment,keyAgreement"}});
  EXPECT_TRUE(verify({&more_usage}));
  const auto named = make_authority("named", {{"subjectAltName", "URI:spiffe://example.org"}}, &root);
  const auto below_named = make_leaf(named, kWeb);
  EXPECT_TRUE(verify({&below_named, &named}));
  const auto slash = make_authority("slash", {{"subjectAltName", "URI:spiffe://example.org/"}}, &root);
  const auto below_slash = make_leaf(slash, kWeb);
  EXPECT_TRUE(verify({&below_slash, &slash}));
}

TEST_F(X509SvidTest, ABundleMayNameAnIntermediateAuthority) {
  const auto hidden_root = make_authority("hidden");
  const auto intermediate = make_authority("intermediate", {}, &hidden_root);
  const auto leaf = make_leaf(intermediate, kWeb);
  const BundleSet partial{{bundle_of("example.org", {&intermediate})}};
  EXPECT_TRUE(verify_x509_svid(chain_of({&leaf}), partial, kNow));
  EXPECT_FALSE(verify_x509_svid(chain_of({&leaf, &intermediate}), bundles, kNow));
}

TEST_F(X509SvidTest, ALeafThatBreaksARuleIsRefusedWithThatRule) {
  struct Case {
    std::string name;
    testing::Extensions extensions;
    std::string rule;
    std::vector<std::pair<std::string, std::string>> more = {};
  };
  const Case cases[] = {
      {"no names", {{"subjectAltName", ""}}, "no URI name"},
      {"only DNS", {{"subjectAltName", "DNS:example.org"}}, "no URI name"},
      {"two SPIFFE IDs", {{"subjectAltName", "URI:spiffe://example.org/a,URI:spiffe://example.org/b"}}, "more than one URI name"},
      {"a SPIFFE ID and a web address", {{"subjectAltName", "URI:spiffe://example.org/a,URI:https://x.org"}}, "more than one URI name"},
      {"the same ID twice", {{"subjectAltName", "URI:spiffe://example.org/a,URI:spiffe://example.org/a"}}, "more than one URI name"},
      {"two extensions of names", {}, "subject alternative names twice", {{"subjectAltName", "URI:spiffe://example.org/b"}}},
      {"garbled names", {{"subjectAltName", "DER:30030601"}}, "malformed subject alternative names"},
      {"another scheme", {{"subjectAltName", "URI:https://example.org/web"}}, "scheme"},
      {"upper case domain", {{"subjectAltName", "URI:spiffe://EXAMPLE.org/web"}}, "lower case"},
      {"a port", {{"subjectAltName", "URI:spiffe://example.org:1/web"}}, "port"},
      {"no path", {{"subjectAltName", "URI:spiffe://example.org"}}, "no path"},
      {"a trailing slash", {{"subjectAltName", "URI:spiffe://example.org/web/"}}, "end with '/'"},
      {"a CA", {{"basicConstraints", "critical,CA:TRUE"}}, "is a CA"},
      {"a CA that may sign", {{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,digitalSignature,keyCertSign"}}, "is a CA"},
      {"keyCertSign", {{"keyUsage", "critical,digitalSignature,keyCertSign"}}, "keyCertSign"},
      {"cRLSign", {{"keyUsage", "critical,digitalSignature,cRLSign"}}, "cRLSign"},
      {"no key usage", {{"keyUsage", ""}}, "no key usage"},
      {"no digitalSignature", {{"keyUsage", "critical,keyEncipherment"}}, "lacks digitalSignature"},
      {"key usage that may be ignored", {{"keyUsage", "digitalSignature"}}, "not critical"},
      {"two key usages", {}, "", {{"keyUsage", "critical,digitalSignature"}}},
      {"two basic constraints", {}, "", {{"basicConstraints", "CA:FALSE"}}},
      {"only for servers", {{"extendedKeyUsage", "serverAuth"}}, "lacks serverAuth or clientAuth"},
      {"only for clients", {{"extendedKeyUsage", "clientAuth"}}, "lacks serverAuth or clientAuth"},
      {"for signing code", {{"extendedKeyUsage", "codeSigning"}}, "lacks serverAuth or clientAuth"},
      {"an unknown critical extension", {{"1.2.3.4.5", "critical,DER:0500"}}, "unhandled critical extension"},
      {"a proxy certificate",
       {{"basicConstraints", ""},
        {"subjectAltName", "URI:spiffe://example.org/a"},
        {"1.3.6.1.5.5.7.1.14", "critical,DER:300C300A06082B06010505071500"}},
       ""},
  };
  for (const auto& c : cases) {
    const auto leaf = make_leaf(root, kWeb, c.extensions, Wish{.more = c.more});
    expect_refusal(verify({&leaf}), c.rule, c.name);
  }
}

TEST_F(X509SvidTest, OnlyTheBundleOfItsOwnTrustDomainCounts) {
  const auto crossed = make_leaf(other_root, kWeb);
  expect_refusal(verify({&crossed}), "does not lead to an authority of example.org", "signed by another domain's authority");
  expect_refusal(verify({&crossed, &other_root}), "does not lead to an authority of example.org", "with that authority shown");
  const auto unknown = make_leaf(root, "spiffe://unknown.org/web");
  expect_refusal(verify({&unknown}), "no bundle of the trust domain unknown.org", "unknown domain");
  const auto sub = make_leaf(root, "spiffe://sub.example.org/web");
  expect_refusal(verify({&sub}), "no bundle of the trust domain sub.example.org", "subdomain");
  const auto stranger = make_authority("root");  // the same name, another key
  const auto forged = make_leaf(stranger, kWeb);
  expect_refusal(verify({&forged}), "", "authority of the same name");
  expect_refusal(verify({&forged, &stranger}), "", "authority of the same name, shown");
  Bundle empty;
  empty.trust_domain = "example.org";
  const auto leaf = make_leaf(root, kWeb);
  expect_refusal(verify_x509_svid(chain_of({&leaf}), *bundles.with(empty), kNow), "has no X.509 authority", "an emptied bundle");
  ASSERT_TRUE(verify({&leaf}));
}

TEST_F(X509SvidTest, ACertificateInABundleThatIsNoAuthorityVouchesForNothing) {
  const auto self_signed =
      testing::make(Wish{.extensions = {{"keyUsage", "critical,digitalSignature"}, {"subjectAltName", "URI:" + std::string(kWeb)}}});
  const auto leaf = make_leaf(root, kWeb);
  const BundleSet wrong{{bundle_of("example.org", {&self_signed, &leaf})}};
  expect_refusal(verify_x509_svid(chain_of({&self_signed}), wrong, kNow), "has no X.509 authority", "a self-signed leaf");
  expect_refusal(verify_x509_svid(chain_of({&leaf}), wrong, kNow), "has no X.509 authority", "the leaf itself");
}

TEST_F(X509SvidTest, AnIntermediateThatBreaksARuleIsRefusedWithThatRule) {
  struct Case {
    std::string name;
    testing::Extensions extensions;
    std::string rule;
    Wish wish = {};
    ErrorCode code = ErrorCode::kDenied;
  };
  const Case cases[] = {
      {"no CA", {{"basicConstraints", "critical,CA:FALSE"}}, "invalid CA certificate"},
      {"no basic constraints", {{"basicConstraints", ""}}, "invalid CA certificate"},
      {"may not sign certificates", {{"keyUsage", "critical,digitalSignature"}}, ""},
      {"no key usage", {{"keyUsage", ""}}, "no key usage"},
      {"a SPIFFE ID with a path", {{"subjectAltName", "URI:spiffe://example.org/ca"}}, "has a path"},
      {"a malformed SPIFFE ID", {{"subjectAltName", "URI:spiffe://Example.org"}}, "lower case"},
      {"another domain's authority", {{"subjectAltName", "URI:spiffe://other.org"}}, "another trust domain"},
      {"only for signing code", {{"extendedKeyUsage", "codeSigning"}}, "breaks RFC 5280"},
      {"only for clients", {{"extendedKeyUsage", "clientAuth"}}, "servers"},
      {"an unknown critical extension", {{"1.2.3.4.5", "critical,DER:0500"}}, "unhandled critical extension"},
      {"SHA-1", {}, "", Wish{.digest = EVP_sha1()}},
      {"a short RSA key", {}, "", Wish{.key = testing::Key(EVP_RSA_gen(1024), EVP_PKEY_free)}},
      {"expired", {}, "has expired", Wish{.not_before = kNow - 2 * kHour, .not_after = kNow - 1000}, ErrorCode::kExpired},
      {"not valid yet", {}, "not valid yet", Wish{.not_before = kNow + 1000}, ErrorCode::kExpired},
  };
  for (const auto& c : cases) {
    const auto intermediate = make_authority("intermediate", c.extensions, &root, c.wish);
    const auto leaf = make_leaf(intermediate, kWeb);
    expect_refusal(verify({&leaf, &intermediate}), c.rule, c.name, c.code);
  }
}

TEST_F(X509SvidTest, PathLengthHolds) {
  const auto last = make_authority("last", {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}, &root);
  const auto beyond = make_authority("beyond", {}, &last);
  const auto allowed = make_leaf(last, kWeb);
  EXPECT_TRUE(verify({&allowed, &last}));
  const auto refused = make_leaf(beyond, kWeb);
  expect_refusal(verify({&refused, &beyond, &last}), "path length", "an authority below pathlen:0");
  const auto flat_root = make_authority("flat", {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}});
  const auto below_flat = make_authority("below flat", {}, &flat_root);
  const auto leaf = make_leaf(below_flat, kWeb);
  const BundleSet flat{{bundle_of("example.org", {&flat_root})}};
  expect_refusal(verify_x509_svid(chain_of({&leaf, &below_flat}), flat, kNow), "path length", "an anchor's own path length");
}

TEST_F(X509SvidTest, NameConstraintsOnUrisHold) {
  struct Case {
    std::string constraint, id;
    bool passes;
  };
  const Case cases[] = {
      {"critical,permitted;URI:example.org", kWeb, true},
      {"permitted;URI:example.org", kWeb, true},
      {"critical,permitted;URI:other.org", kWeb, false},
      {"permitted;URI:other.org", kWeb, false},
      {"critical,permitted;URI:.example.org", kWeb, false},  // a leading dot means subdomains alone (RFC 5280 §4.2.1.10)
      {"critical,permitted;URI:.example.org", "spiffe://sub.example.org/web", true},
      {"critical,permitted;URI:example.org", "spiffe://sub.example.org/web", false},
      {"critical,excluded;URI:example.org", kWeb, false},
      {"critical,excluded;URI:sub.example.org", kWeb, true},
      {"critical,excluded;URI:.example.org", "spiffe://sub.example.org/web", false},
      {"critical,permitted;DNS:other.org", kWeb, true},  // of another kind of name
  };
  const auto sub_bundles = bundles.with(bundle_of("sub.example.org", {&root}));
  for (const auto& c : cases) {
    const auto intermediate = make_authority("constrained", {{"nameConstraints", c.constraint}}, &root);
    const auto leaf = make_leaf(intermediate, c.id);
    const auto result = verify_x509_svid(chain_of({&leaf, &intermediate}), *sub_bundles, kNow);
    EXPECT_EQ(result.has_value(), c.passes) << c.constraint << " for " << c.id << (result ? "" : ": " + result.error().text());
    // The anchor's own constraints hold as well.
    const auto anchor = make_authority("anchor", {{"nameConstraints", c.constraint}});
    const auto below = make_leaf(anchor, c.id);
    const BundleSet anchored{{bundle_of("example.org", {&anchor}), bundle_of("sub.example.org", {&anchor})}};
    EXPECT_EQ(verify_x509_svid(chain_of({&below}), anchored, kNow).has_value(), c.passes) << "anchor " << c.constraint << " for " << c.id;
  }
}

TEST_F(X509SvidTest, TimesAreThoseOfTheCallersClock) {
  const auto leaf = make_leaf(root, kWeb, {}, Wish{.not_before = kNow, .not_after = kNow + 60'000});
  EXPECT_TRUE(verify({&leaf}, kNow));
  EXPECT_TRUE(verify({&leaf}, kNow + 59'000));
  expect_refusal(verify({&leaf}, kNow - 1'000), "not valid yet", "before", ErrorCode::kExpired);
  expect_refusal(verify({&leaf}, kNow + 61'000), "has expired", "after", ErrorCode::kExpired);
  const auto old_root = make_authority("old", {}, nullptr, Wish{.not_before = kNow - 2 * kHour, .not_after = kNow - 1000});
  const auto below_old = make_leaf(old_root, kWeb);
  const BundleSet old{{bundle_of("example.org", {&old_root})}};
  expect_refusal(verify_x509_svid(chain_of({&below_old}), old, kNow), "has expired", "an expired anchor", ErrorCode::kExpired);
}

TEST_F(X509SvidTest, DamagedAndOversizedChainsAreRefused) {
  const auto leaf = make_leaf(root, kWeb);
  const auto whole = leaf.der();
  expect_refusal(verify_x509_svid({}, bundles, kNow), "no certificate was shown", "no chain");
  expect_refusal(verify_x509_svid({""}, bundles, kNow), "not X.509", "an empty certificate");
  expect_refusal(verify_x509_svid({"junk"}, bundles, kNow), "not X.509", "junk");
  expect_refusal(verify_x509_svid({whole + "x"}, bundles, kNow), "bytes after its end", "a trailing byte");
  expect_refusal(verify_x509_svid({whole, "junk"}, bundles, kNow), "not X.509", "junk behind the leaf");
  expect_refusal(verify_x509_svid({whole, std::string(65 * 1024, '0')}, bundles, kNow), "64 KiB", "a huge certificate");
  expect_refusal(verify_x509_svid(std::vector<std::string>(9, whole), bundles, kNow), "more than 8", "nine certificates");
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    EXPECT_FALSE(verify_x509_svid({whole.substr(0, size)}, bundles, kNow)) << size;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_FALSE(verify_x509_svid({changed}, bundles, kNow)) << "byte " << at;
  }
}

TEST_F(X509SvidTest, SetsShareWhatTheyHaveParsedAndDifferInTheirVersion) {
  const auto next = bundles.with(bundle_of("third.org", {&root}));
  EXPECT_NE(next->version(), bundles.version());
  EXPECT_EQ(next->anchors("example.org"), bundles.anchors("example.org"));
  EXPECT_EQ(bundles.anchors("third.org"), nullptr);
  EXPECT_NE(next->anchors("third.org"), nullptr);
  EXPECT_NE(BundleSet(std::vector<Bundle>{}).version(), BundleSet(std::vector<Bundle>{}).version());
}

TEST_F(X509SvidTest, ThreadsVerifyWithOneSetAtATime) {
  const auto leaf = make_leaf(root, kWeb);
  const auto chain = chain_of({&leaf});
  std::vector<std::jthread> threads;
  std::atomic<int> passed{0};
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) passed += verify_x509_svid(chain, bundles, kNow).has_value() ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(passed, 200);
}

}  // namespace
}  // namespace interlock::spiffe
