// SVIDs of an adversary: certificates and tokens in families. Every one is refused, by the rule that it breaks, beside controls that differ
// in nothing else and are taken. What an authority, a bundle and a path must look like in general stands in x509_svid_test.cpp.
#include <gtest/gtest.h>

#include <cstdio>
#include <functional>

#include "base/hash.hpp"
#include "certificates.hpp"
#include "jose/token.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {
namespace {

using jose::Algorithm;
using jose::PrivateKey;
using testing::bundle_of;
using testing::chain_of;
using testing::Extensions;
using testing::kHour;
using testing::kNow;
using testing::Made;
using testing::make_authority;
using testing::make_leaf;
using testing::Wish;

const std::string kAgent = "spiffe://example.org/agent";
const std::string kAudience = "https://gate.example/mcp";

struct Case {
  std::string what;
  std::function<Result<VerifiedSvid>()> shown;
  std::string rule;  // empty: a control, which is taken
};

std::size_t expect_each(const std::vector<Case>& cases) {
  std::size_t refused = 0;
  std::size_t controls = 0;
  for (const auto& c : cases) {
    const auto svid = c.shown();
    if (c.rule.empty()) {
      ++controls;
      EXPECT_TRUE(svid) << c.what << " is a control, and was refused: " << svid.error().text();
      continue;
    }
    ++refused;
    EXPECT_FALSE(svid) << c.what << " was taken as " << svid->id.text();
    if (svid) continue;
    EXPECT_NE(svid.error().message.find(c.rule), std::string::npos)
        << c.what << "\nwanted: " << c.rule << "\ngot: " << svid.error().message;
  }
  EXPECT_GE(controls, 1U) << "a family without a control proves nothing";
  return refused;
}

// A subject alternative name with these URIs, byte for byte (OpenSSL's own words cannot hold a zero byte or a comma).
std::string names_of(const std::vector<std::string>& uris) {
  const auto length = [](std::size_t size) {
    if (size < 128) return std::string(1, static_cast<char>(size));
    return std::string("\x82") + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff);
  };
  std::string list;
  for (const auto& uri : uris) list += "\x86" + length(uri.size()) + uri;
  return "DER:" + to_hex("\x30" + length(list.size()) + list);
}

struct World {
  Made root = make_authority("root");
  Made other_root = make_authority("other root");
  Made stranger = make_authority("root");  // the same name, another key
  BundleSet bundles{{bundle_of("example.org", {&root}), bundle_of("other.org", {&other_root})}};

  std::function<Result<VerifiedSvid>()> chain(std::vector<std::string> ders, UnixMs now = kNow) const {
    return [this, ders = std::move(ders), now] { return verify_x509_svid(ders, bundles, now); };
  }
  std::function<Result<VerifiedSvid>()> leaf(const Extensions& over, const Wish& wish = {}) const {
    return chain({make_leaf(root, kAgent, over, wish).der()});
  }
  std::function<Result<VerifiedSvid>()> named(const std::string& uri) const { return leaf({{"subjectAltName", names_of({uri})}}); }
  // A leaf below one intermediate authority.
  std::function<Result<VerifiedSvid>()> below(const Extensions& over, const Wish& wish = {}, const std::string& id = kAgent) const {
    const auto intermediate = make_authority("intermediate", over, &root, wish);
    return chain({make_leaf(intermediate, id).der(), intermediate.der()});
  }
};

std::vector<Case> names(const World& w) {
  std::vector<Case> cases = {
      {"one SPIFFE ID", w.named(kAgent), ""},
      {"every character that a path may hold", w.named("spiffe://example.org/Az09.-_/b"), ""},
      {"no names at all", w.leaf({{"subjectAltName", ""}}), "no URI name"},
      {"a DNS name alone", w.leaf({{"subjectAltName", "DNS:agent.example.org"}}), "no URI name"},
      {"the ID as a DNS name", w.leaf({{"subjectAltName", "DNS:spiffe"}}), "no URI name"},
      {"the ID as an address of mail", w.leaf({{"subjectAltName", "email:agent@example.org"}}), "no URI name"},
      {"the ID in the subject alone", w.leaf({{"subjectAltName", ""}}, Wish{.subject = kAgent}), "no URI name"},
      {"two SPIFFE IDs", w.leaf({{"subjectAltName", names_of({kAgent, "spiffe://example.org/admin"})}}), "more than one URI name"},
      {"two SPIFFE IDs of two domains", w.leaf({{"subjectAltName", names_of({kAgent, "spiffe://other.org/agent"})}}),
       "more than one URI name"},
      {"one ID twice", w.leaf({{"subjectAltName", names_of({kAgent, kAgent})}}), "more than one URI name"},
      {"an ID and a web address", w.leaf({{"subjectAltName", names_of({kAgent, "https://example.org/"})}}), "more than one URI name"},
      {"an ID and an empty URI", w.leaf({{"subjectAltName", names_of({kAgent, ""})}}), "more than one URI name"},
      {"three hundred IDs", w.leaf({{"subjectAltName", names_of(std::vector<std::string>(300, kAgent))}}), "more than one URI name"},
      {"two extensions of names", w.leaf({}, Wish{.more = {{"subjectAltName", names_of({kAgent})}}}), "twice"},
      {"names that are no DER", w.leaf({{"subjectAltName", "DER:3003"}}), "malformed"},
  };
  const std::pair<const char*, std::string> ids[] = {{"an empty URI", ""},
                                                     {"another scheme", "https://example.org/agent"},
                                                     {"a scheme in large letters", "SPIFFE://example.org/agent"},
                                                     {"one slash", "spiffe:/example.org/agent"},
                                                     {"no trust domain", "spiffe:///agent"},
                                                     {"no path", "spiffe://example.org"},
                                                     {"an empty path", "spiffe://example.org/"},
                                                     {"a slash after it", kAgent + "/"},
                                                     {"an empty segment", "spiffe://example.org//agent"},
                                                     {"a dot segment", "spiffe://example.org/./agent"},
                                                     {"two dots", "spiffe://example.org/../agent"},
                                                     {"a query", kAgent + "?admin"},
                                                     {"a fragment", kAgent + "#admin"},
                                                     {"user information", "spiffe://admin@example.org/agent"},
                                                     {"a port", "spiffe://example.org:443/agent"},
                                                     {"a percent sign", "spiffe://example.org/%61gent"},
                                                     {"an encoded slash", "spiffe://example.org/a%2fb"},
                                                     {"a wildcard", "spiffe://example.org/*"},
                                                     {"a wildcard of domains", "spiffe://*.org/agent"},
                                                     {"a zero byte", kAgent + std::string(1, '\0')},
                                                     {"a zero byte and more", kAgent + std::string(1, '\0') + "x"},
                                                     {"a zero byte in the domain", std::string("spiffe://example.org\0.evil/a", 28)},
                                                     {"a space", kAgent + " "},
                                                     {"a line", kAgent + "\n"},
                                                     {"a comma and another ID", kAgent + ",spiffe://example.org/admin"},
                                                     {"a domain in large letters", "spiffe://Example.org/agent"},
                                                     {"a letter that looks alike", "spiffe://example.org/\xd0\xb0gent"},
                                                     {"a domain's letter that looks alike", "spiffe://ex\xd0\xb0mple.org/agent"},
                                                     {"a backslash", "spiffe://example.org\\agent"},
                                                     {"more than 2048 bytes", "spiffe://example.org/" + std::string(2048, 'a')},
                                                     {"a domain of 256 bytes", "spiffe://" + std::string(256, 'a') + "/agent"}};
  for (const auto& [what, id] : ids) {
    const bool has_path = std::string_view(what) != "no path";
    cases.push_back({what, w.named(id), has_path ? "the certificate's URI name: " : "has no path"});
  }
  return cases;
}

std::vector<Case> leaves(const World& w) {
  const auto leaf = make_leaf(w.root, kAgent);
  const auto under_leaf = make_leaf(leaf, "spiffe://example.org/admin", {}, Wish{.subject = "below a leaf"});
  const auto self = testing::make(Wish{.extensions = {{"keyUsage", "critical,digitalSignature"}, {"subjectAltName", "URI:" + kAgent}}});
  return {
      {"a sound leaf", w.leaf({}), ""},
      {"a leaf without basic constraints", w.leaf({{"basicConstraints", ""}}), ""},
      {"a CA", w.leaf({{"basicConstraints", "critical,CA:TRUE"}}), "is a CA"},
      {"a CA with path length nought", w.leaf({{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}), "is a CA"},
      {"a CA that may sign all", w.leaf({{"basicConstraints", "critical,CA:TRUE"}, {"keyUsage", "critical,digitalSignature,keyCertSign"}}),
       "is a CA"},
      {"the authority itself as a leaf", w.chain({w.root.der()}), "no URI name"},
      {"keyCertSign", w.leaf({{"keyUsage", "critical,digitalSignature,keyCertSign"}}), "keyCertSign"},
      {"cRLSign", w.leaf({{"keyUsage", "critical,digitalSignature,cRLSign"}}), "cRLSign"},
      {"no key usage", w.leaf({{"keyUsage", ""}}), "no key usage"},
      {"key usage without digitalSignature", w.leaf({{"keyUsage", "critical,keyAgreement"}}), "lacks digitalSignature"},
      {"key usage that is not critical", w.leaf({{"keyUsage", "digitalSignature"}}), "not critical"},
      {"key usage twice", w.leaf({}, Wish{.more = {{"keyUsage", "critical,digitalSignature"}}}), "malformed or repeated"},
      {"basic constraints twice", w.leaf({}, Wish{.more = {{"basicConstraints", "critical,CA:TRUE"}}}), "malformed or repeated"},
      {"for clients alone", w.leaf({{"extendedKeyUsage", "clientAuth"}}), "lacks serverAuth or clientAuth"},
      {"for servers alone", w.leaf({{"extendedKeyUsage", "serverAuth"}}), "lacks serverAuth or clientAuth"},
      {"for any use, in name", w.leaf({{"extendedKeyUsage", "anyExtendedKeyUsage"}}), "lacks serverAuth or clientAuth"},
      {"an unknown critical extension", w.leaf({{"1.2.3.4", "critical,DER:0500"}}), "unhandled critical extension"},
      {"expired", w.leaf({}, Wish{.not_before = kNow - 2 * kHour, .not_after = kNow - 1000}), "has expired"},
      {"not valid yet", w.leaf({}, Wish{.not_before = kNow + 1000, .not_after = kNow + kHour}), "not valid yet"},
      {"an end before its beginning", w.leaf({}, Wish{.not_before = kNow + 1000, .not_after = kNow - 1000}), "not valid yet"},
      {"signed with SHA-1", w.leaf({}, Wish{.digest = EVP_sha1()}), "breaks RFC 5280"},
      {"an RSA key of 1024 bits", w.leaf({}, Wish{.key = testing::Key(EVP_RSA_gen(1024), EVP_PKEY_free)}), "breaks RFC 5280"},
      {"signed by another leaf", w.chain({under_leaf.der(), leaf.der()}), "breaks RFC 5280"},
      {"signed by itself", w.chain({self.der()}), "does not lead to an authority"},
      {"signed by itself, shown twice", w.chain({self.der(), self.der()}), "does not lead to an authority"},
      {"signed by an authority of the same name", w.chain({make_leaf(w.stranger, kAgent).der()}), "breaks RFC 5280"},
      {"signed by an authority of the same name, which is shown", w.chain({make_leaf(w.stranger, kAgent).der(), w.stranger.der()}),
       "breaks RFC 5280"},
      {"of another domain's authority", w.chain({make_leaf(w.other_root, kAgent).der()}), "does not lead to an authority of example.org"},
      {"of another domain's authority, shown", w.chain({make_leaf(w.other_root, kAgent).der(), w.other_root.der()}),
       "does not lead to an authority of example.org"},
      {"of our authority for another domain", w.chain({make_leaf(w.root, "spiffe://other.org/agent").der()}),
       "does not lead to an authority of other.org"},
      {"of a domain that is unknown", w.chain({make_leaf(w.root, "spiffe://evil.org/agent").der()}),
       "no bundle of the trust domain evil.org"},
      {"of a domain below", w.chain({make_leaf(w.root, "spiffe://a.example.org/agent").der()}),
       "no bundle of the trust domain a.example.org"},
      {"of a domain that goes on", w.chain({make_leaf(w.root, "spiffe://example.org.evil.org/agent").der()}),
       "no bundle of the trust domain"},
      {"of a domain that is its beginning", w.chain({make_leaf(w.root, "spiffe://example/agent").der()}), "no bundle of the trust domain"},
  };
}

std::vector<Case> paths(const World& w) {
  const auto last = make_authority("last", {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}}, &w.root);
  const auto beyond = make_authority("beyond", {}, &last);
  const auto one_more = make_authority("one", {{"basicConstraints", "critical,CA:TRUE,pathlen:1"}}, &w.root);
  const auto second = make_authority("second", {}, &one_more);
  const auto third = make_authority("third", {}, &second);
  const auto hidden = make_authority("hidden", {}, &w.root);
  const auto leaf_of_hidden = make_leaf(hidden, kAgent);
  const auto crossed = make_authority("crossed", {}, &w.other_root);
  std::vector<const Made*> long_path = {&w.root};
  std::vector<Made> made;
  made.reserve(10);
  for (int i = 0; i < 9; ++i) {
    made.push_back(make_authority("a" + std::to_string(i), {}, long_path.back()));
    long_path.push_back(&made.back());
  }
  const auto deep_leaf = make_leaf(*long_path.back(), kAgent);
  std::vector<std::string> deep_chain = {deep_leaf.der()};
  for (auto it = made.rbegin(); it != made.rend(); ++it) deep_chain.push_back(it->der());
  const std::string example = "critical,permitted;URI:example.org";
  return {
      {"one intermediate", w.below({}), ""},
      {"below pathlen:0", w.chain({make_leaf(last, kAgent).der(), last.der()}), ""},
      {"two below pathlen:1", w.chain({make_leaf(second, kAgent).der(), second.der(), one_more.der()}), ""},
      {"permitted names", w.below({{"nameConstraints", example}}), ""},
      {"an authority below pathlen:0", w.chain({make_leaf(beyond, kAgent).der(), beyond.der(), last.der()}), "path length"},
      {"three below pathlen:1", w.chain({make_leaf(third, kAgent).der(), third.der(), second.der(), one_more.der()}), "path length"},
      {"another domain permitted", w.below({{"nameConstraints", "critical,permitted;URI:other.org"}}), "permitted subtree"},
      {"another domain permitted, not critical", w.below({{"nameConstraints", "permitted;URI:other.org"}}), "permitted subtree"},
      {"subdomains permitted alone", w.below({{"nameConstraints", "critical,permitted;URI:.example.org"}}), "permitted subtree"},
      {"this domain excluded", w.below({{"nameConstraints", "critical,excluded;URI:example.org"}}), "excluded subtree"},
      {"permitted and excluded", w.below({{"nameConstraints", example + ",excluded;URI:example.org"}}), "excluded subtree"},
      {"an intermediate that is no CA", w.below({{"basicConstraints", "critical,CA:FALSE"}}), "invalid CA certificate"},
      {"an intermediate without basic constraints", w.below({{"basicConstraints", ""}}), "invalid CA certificate"},
      {"an intermediate that may not sign certificates", w.below({{"keyUsage", "critical,digitalSignature"}}), "breaks RFC 5280"},
      {"an intermediate without key usage", w.below({{"keyUsage", ""}}), "no key usage"},
      {"an intermediate for clients alone", w.below({{"extendedKeyUsage", "clientAuth"}}), "servers"},
      {"an intermediate for signing code", w.below({{"extendedKeyUsage", "codeSigning"}}), "breaks RFC 5280"},
      {"an intermediate that names a workload", w.below({{"subjectAltName", "URI:" + kAgent}}), "has a path"},
      {"an intermediate of another domain", w.below({{"subjectAltName", "URI:spiffe://other.org"}}), "another trust domain"},
      {"an expired intermediate", w.below({}, Wish{.not_before = kNow - 2 * kHour, .not_after = kNow - 1000}), "has expired"},
      {"an intermediate that is not valid yet", w.below({}, Wish{.not_before = kNow + 1000}), "not valid yet"},
      {"an intermediate signed with SHA-1", w.below({}, Wish{.digest = EVP_sha1()}), "breaks RFC 5280"},
      {"an intermediate with a critical extension", w.below({{"1.2.3.4", "critical,DER:0500"}}), "unhandled critical extension"},
      {"an intermediate that is not shown", w.chain({leaf_of_hidden.der()}), "does not lead to an authority"},
      {"another intermediate shown in its place", w.chain({leaf_of_hidden.der(), last.der()}), "does not lead to an authority"},
      {"the intermediate first, then the leaf", w.chain({hidden.der(), leaf_of_hidden.der()}), "no URI name"},
      {"an intermediate of the other domain's authority", w.chain({make_leaf(crossed, kAgent).der(), crossed.der(), w.other_root.der()}),
       "does not lead to an authority of example.org"},
      {"ten certificates", w.chain(deep_chain), "more than 8"},
      {"no certificate", w.chain({}), "no certificate was shown"},
      {"an empty certificate", w.chain({""}), "not X.509"},
      {"PEM in place of DER", w.chain({certificate_to_pem(leaf_of_hidden.der())}), "not X.509"},
      {"a leaf that is cut", w.chain({leaf_of_hidden.der().substr(0, 300)}), "not X.509"},
      {"a leaf and a byte", w.chain({make_leaf(w.root, kAgent).der() + "\n"}), "bytes after its end"},
      {"two certificates in one", w.chain({make_leaf(w.root, kAgent).der() + hidden.der()}), "bytes after its end"},
      {"an intermediate that is cut", w.chain({leaf_of_hidden.der(), hidden.der().substr(0, 200)}), "not X.509"},
      {"an intermediate over 64 KiB", w.chain({leaf_of_hidden.der(), std::string(65 * 1024 + 1, '0')}), "64 KiB"},
  };
}

// JWT-SVIDs: what JWT-SVID §2, §3 and §4 forbid beyond what tests/unit/jose/hostile_token_test.cpp holds of every token.
std::vector<Case> tokens() {
  const auto key = *PrivateKey::generate(Algorithm::kEs256);
  const auto other = *PrivateKey::generate(Algorithm::kEs256);
  const auto ed = *PrivateKey::generate(Algorithm::kEdDsa);
  Bundle ours;
  ours.trust_domain = "example.org";
  ours.jwt_authorities =
      jose::KeySet({{key.public_key(), "k1", std::nullopt, "jwt-svid"}, {ed.public_key(), "ed", std::nullopt, "jwt-svid"}});
  Bundle others;
  others.trust_domain = "other.org";
  others.jwt_authorities = jose::KeySet({{other.public_key(), "k1", std::nullopt, "jwt-svid"}});
  const auto bundles = std::make_shared<const BundleSet>(std::vector<Bundle>{ours, others});
  const auto judged = [bundles](std::string text) {
    return std::function<Result<VerifiedSvid>()>(
        [bundles, text = std::move(text)] { return verify_jwt_svid(text, kAudience, *bundles, kNow); });
  };
  const auto with = [&](const char* name, const json::value& value, const PrivateKey& by, std::string_view kid = "k1",
                        std::string_view typ = "JWT") {
    json::object claims{{"sub", kAgent}, {"aud", json::array{kAudience}}, {"iat", kNow / 1000}, {"exp", kNow / 1000 + 300}};
    if (name != nullptr) claims[name] = value;
    if (name != nullptr && value.is_null()) claims.erase(name);
    return judged(*jose::make_token(by, by.algorithm(), kid, typ, claims));
  };
  const auto plain = [&](const PrivateKey& by, std::string_view kid, std::string_view typ = "JWT") {
    return with(nullptr, {}, by, kid, typ);
  };
  const auto sub = [&](std::string_view id) { return with("sub", json::value(id), key); };
  const std::string no_key = "has no key for this token's kid";
  return {
      {"a sound token", plain(key, "k1"), ""},
      {"typ JOSE", plain(key, "k1", "JOSE"), ""},
      {"a token of the other domain", with("sub", "spiffe://other.org/agent", other), ""},
      {"our subject by the other domain's key of the same kid", with("sub", json::value(kAgent), other), "signature does not verify"},
      {"the other domain's subject by our key", sub("spiffe://other.org/agent"), "signature does not verify"},
      {"a subject of an unknown domain", sub("spiffe://evil.org/agent"), "no bundle of the trust domain evil.org"},
      {"a subject of a domain below", sub("spiffe://a.example.org/agent"), "no bundle of the trust domain a.example.org"},
      {"a subject that is no SPIFFE ID", sub("agent"), "the token's sub"},
      {"a subject of another scheme", sub("https://example.org/agent"), "the token's sub"},
      {"a subject without path", sub("spiffe://example.org"), "has no path"},
      {"a subject with a query", sub(kAgent + "?x"), "the token's sub"},
      {"a subject with a dot segment", sub("spiffe://example.org/../agent"), "the token's sub"},
      {"a subject with a zero byte", sub(std::string_view("spiffe://example.org/agent\0", 27)), "the token's sub"},
      {"a subject in a list", with("sub", json::array{kAgent}, key), "no sub"},
      {"no subject", with("sub", nullptr, key), "no sub"},
      {"another audience", with("aud", "https://other.example", key), "aud does not name this gate"},
      {"an audience that begins so", with("aud", json::value(kAudience + "/x"), key), "aud does not name this gate"},
      {"no audience", with("aud", nullptr, key), "aud does not name this gate"},
      {"an empty list of audiences", with("aud", json::array{}, key), "aud does not name this gate"},
      {"no end", with("exp", nullptr, key), "no exp"},
      {"ended", with("exp", kNow / 1000 - 31, key), "exp is not after its iat"},
      {"ended, and it does not say when it began",
       judged(*jose::make_token(key, Algorithm::kEs256, "k1", "JWT", {{"sub", kAgent}, {"aud", kAudience}, {"exp", kNow / 1000 - 30}})),
       "the token expired"},
      {"a life of more than a day", with("exp", kNow / 1000 + 86'401, key), "lives longer than"},
      {"begun in the future", with("iat", kNow / 1000 + 31, key), "iat is in the future"},
      {"an unknown kid", plain(key, "k2"), no_key},
      {"a kid in other letters", plain(key, "K1"), no_key},
      {"EdDSA, which the standard does not list", plain(ed, "ed"), "not one that is allowed"},
      {"typ at+jwt", plain(key, "k1", "at+jwt"), "typ is not one that is taken"},
      {"typ dpop+jwt", plain(key, "k1", "dpop+jwt"), "typ is not one that is taken"},
      {"the authority's X.509 key", plain(*PrivateKey::generate(Algorithm::kEs256), "k1"), "signature does not verify"},
  };
}

TEST(HostileSvid, IsRefusedByTheRuleItBreaks) {
  const World world;
  struct {
    const char* family;
    std::vector<Case> cases;
  } const families[] = {{"names", names(world)}, {"leaves", leaves(world)}, {"paths", paths(world)}, {"tokens", tokens()}};
  std::size_t refused = 0;
  for (const auto& family : families) {
    SCOPED_TRACE(family.family);
    refused += expect_each(family.cases);
  }
  std::printf("%zu hostile SVIDs refused, each by its rule\n", refused);
  EXPECT_GE(refused, 130U);
}

}  // namespace
}  // namespace interlock::spiffe
