// An adversary before the authenticator: bindings, replays, issuers that speak for others, headers. Every request is refused, by the rule
// that it breaks, beside controls that differ in nothing else and are taken. What a token, a proof or an SVID must be by itself is held by
// the hostile suites of jose/ and spiffe/.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/hash.hpp"
#include "identity/authenticator.hpp"
#include "identity/exchange.hpp"
#include "request.hpp"
#include "unit/spiffe/certificates.hpp"

namespace interlock::identity {
namespace {

using jose::Algorithm;
using jose::PrivateKey;
using spiffe::testing::bundle_of;
using spiffe::testing::chain_of;
using spiffe::testing::make_authority;
using spiffe::testing::make_leaf;
using testing::IssuerSite;
using testing::kHour;
using testing::kNow;
using testing::kUrl;
using testing::Request;

const std::string kOther = "https://gate.example/other";
const std::string kGate = "https://gate.example";

struct Case {
  std::string what;
  std::vector<Request> requests;  // all but the last are taken
  std::string rule;               // that the last one breaks; empty: a control, which is taken
  std::string oauth_error = "invalid_token";
  int status = 401;
};

class HostileRequest : public ::testing::Test {
 protected:
  HostileRequest() {
    site.add_key("k1");
    strict.add_key("k1");
    IssuerConfig open;
    open.issuer = site.name();
    open.jwks_uri = site.name() + "/jwks";
    open.subject = "ci/{sub}";
    open.accepts_bearer = true;
    IssuerConfig closed;
    closed.issuer = strict.name();
    closed.jwks_uri = strict.name() + "/jwks";
    closed.subject = "{sub}";
    closed.algorithms = {Algorithm::kEs256};
    closed.claims = {{"org", {"acme"}}};
    IssuerConfig people;
    people.issuer = humans.name();
    people.jwks_uri = humans.name() + "/jwks";
    people.subject = "human/{sub}";
    people.stands_for = StandsFor::kHuman;
    people.accepts_bearer = true;
    humans.add_key("k1");
    options.issuers = {open, closed, people};
    spiffe::Bundle ours = bundle_of("example.org", {&authority});
    ours.jwt_authorities = jose::KeySet({{gate_key.public_key(), "g1", std::nullopt, "jwt-svid"}});
    set = std::make_shared<const spiffe::BundleSet>(std::vector{ours});
    options.spiffe.bundles = [this] { return set; };
    own_keys = std::make_shared<const jose::KeySet>(ours.jwt_authorities);
    options.own = {.issuer = kGate, .keys = [this] { return own_keys; }, .accepts_bearer = true};
    start();
  }

  void start() {
    auto created = Authenticator::create(loop, client, clock, options);
    ASSERT_TRUE(created) << created.error().text();
    gate = std::move(*created);
    TokenRule rule;
    rule.subject = "deploy";
    rule.sha256 = sha256("s3cret");
    gate->set_tokens(*TokenBook::create({rule}, true));
  }

  Answer ask(const Request& request) { return testing::ask(loop, *gate, request); }

  std::size_t expect_each(const std::vector<Case>& cases) {
    std::size_t refused = 0;
    std::size_t controls = 0;
    for (const auto& c : cases) {
      for (std::size_t i = 0; i + 1 < c.requests.size(); ++i) {
        const auto before = ask(c.requests[i]);
        EXPECT_TRUE(before) << c.what << ", before: " << before.error().error.text();
      }
      const auto answer = ask(c.requests.back());
      if (c.rule.empty()) {
        ++controls;
        EXPECT_TRUE(answer) << c.what << " is a control, and was refused: " << answer.error().error.text();
        continue;
      }
      ++refused;
      EXPECT_FALSE(answer) << c.what << " was taken as " << answer->id;
      if (answer) continue;
      const auto& error = answer.error();
      EXPECT_NE(error.error.message.find(c.rule), std::string::npos)
          << c.what << "\nwanted: " << c.rule << "\ngot: " << error.error.message;
      EXPECT_EQ(error.oauth_error, c.oauth_error) << c.what;
      EXPECT_EQ(error.status, c.status) << c.what;
      const auto token = c.requests.back().authorization.substr(c.requests.back().authorization.find(' ') + 1);
      if (token.size() > 20) {
        EXPECT_EQ(error.error.text().find(token), std::string::npos) << c.what << ": an error holds the token";
      }
    }
    EXPECT_GE(controls, 1U) << "a family without a control proves nothing";
    return refused;
  }

  static Request bearer(const std::string& token) { return {.authorization = "Bearer " + token}; }
  static Request with_proofs(const std::string& token, std::vector<std::string> proofs) {
    return {.authorization = "DPoP " + token, .dpop = std::move(proofs)};
  }
  static json::object bound_to(const PrivateKey& key) { return {{"cnf", json::object{{"jkt", key.public_key().thumbprint()}}}}; }
  std::string proof(const std::string& token, std::string_view nonce = "") const {
    return *jose::make_dpop(key, "POST", kUrl, token, nonce, clock.now_ms());
  }
  std::string proof_with(const json::object& over, const std::string& token) const {
    json::object claims{
        {"htm", "POST"}, {"htu", kUrl}, {"iat", kNow / 1000}, {"jti", "j"}, {"ath", base64url_encode(as_bytes(sha256(token)))}};
    for (const auto& pair : over) claims[pair.key()] = pair.value();
    return *jose::make_token(key, Algorithm::kEs256, "", "dpop+jwt", claims, {{"jwk", key.public_key().to_jwk()}});
  }
  static std::shared_ptr<const net::PeerCertificates> peer(std::vector<std::string> chain) {
    auto out = std::make_shared<net::PeerCertificates>();
    out->leaf_sha256 = as_bytes(sha256(chain.front()));
    out->chain = std::move(chain);
    return out;
  }
  Request shown(const spiffe::testing::Made& leaf) const { return {.authorization = {}, .certificates = peer(chain_of({&leaf}))}; }
  // A token of this gate, as token exchange makes it.
  std::string own(const json::object& over = {}, std::string_view typ = "at+jwt") const {
    model::Subject subject;
    subject.id = "spiffe://example.org/planner";
    model::Subject actor;
    actor.id = "spiffe://example.org/coder";
    auto claims = exchange({.subject = subject, .actor = actor, .scopes = {}, .audience = kUrl, .confirmation = {}}, kHour, kNow)->claims;
    claims["iss"] = kGate;
    claims["iat"] = kNow / 1000;
    claims["exp"] = kNow / 1000 + 300;
    for (const auto& pair : over) {
      if (pair.value().is_null()) claims.erase(pair.key());
      else claims[pair.key()] = pair.value();
    }
    return *jose::make_token(gate_key, Algorithm::kEs256, "g1", typ, claims);
  }
  std::string jwt_svid(const json::object& over = {}) const {
    json::object claims{{"sub", "spiffe://example.org/coder"}, {"aud", kUrl}, {"iat", kNow / 1000}, {"exp", kNow / 1000 + 300}};
    for (const auto& pair : over) claims[pair.key()] = pair.value();
    return *jose::make_token(gate_key, Algorithm::kEs256, "g1", "JWT", claims);
  }

  net::Loop loop;
  ManualClock clock{kNow};
  net::HttpClient client{loop};
  IssuerSite site{loop};    // bearer tokens are taken, subjects "ci/..."
  IssuerSite strict{loop};  // bound tokens alone, of ES256, of organization acme, subjects as they are
  IssuerSite humans{loop};  // tokens of people
  spiffe::testing::Made authority = make_authority("authority");
  PrivateKey gate_key = *PrivateKey::generate(Algorithm::kEs256);
  PrivateKey key = *PrivateKey::generate(Algorithm::kEs256);
  PrivateKey thief = *PrivateKey::generate(Algorithm::kEs256);
  std::shared_ptr<const spiffe::BundleSet> set;
  std::shared_ptr<const jose::KeySet> own_keys;
  AuthenticatorOptions options;
  std::unique_ptr<Authenticator> gate;
};

TEST_F(HostileRequest, ThatIsNotProvenToBeItsHoldersIsRefused) {
  const auto token = site.token(bound_to(key));
  const auto plain = site.token();
  const auto once = proof(token);
  const auto again = proof(token);
  const std::string bad_proof = "invalid_dpop_proof";
  const auto mine = peer({"a certificate"});
  const auto by_certificate = site.token({{"cnf", json::object{{"x5t#S256", base64url_encode(mine->leaf_sha256)}}}});
  auto both_ways = bound_to(key);
  both_ways["cnf"].as_object()["x5t#S256"] = base64url_encode(mine->leaf_sha256);
  const auto both = site.token(both_ways);
  const auto stolen = [&](const std::string& of) { return *jose::make_dpop(thief, "POST", kUrl, of, "", kNow); };
  const auto confirmed = [&](const json::value& cnf) { return bearer(site.token({{"cnf", cnf}})); };
  std::vector<Case> cases = {
      {"a bound token with its proof", {with_proofs(token, {proof(token)})}, ""},
      {"another proof after the first", {with_proofs(token, {proof(token)}), with_proofs(token, {proof(token)})}, ""},
      {"a token bound to a certificate, on its connection", {{.authorization = "Bearer " + by_certificate, .certificates = mine}}, ""},
      {"bound both ways, and proven so", {{.authorization = "DPoP " + both, .dpop = {proof(both)}, .certificates = mine}}, ""},
      {"a proof twice", {with_proofs(token, {once}), with_proofs(token, {once})}, "used before", bad_proof},
      {"a proof thrice, with another between",
       {with_proofs(token, {again}), with_proofs(token, {proof(token)}), with_proofs(token, {again})},
       "used before",
       bad_proof},
      {"a jti twice, at two times",
       {with_proofs(token, {proof_with({{"jti", "a"}}, token)}),
        with_proofs(token, {proof_with({{"jti", "a"}, {"iat", kNow / 1000 - 5}}, token)})},
       "used before",
       bad_proof},
      {"a jti twice, at the window's two ends",
       {with_proofs(token, {proof_with({{"jti", "b"}, {"iat", kNow / 1000 - 60}}, token)}),
        with_proofs(token, {proof_with({{"jti", "b"}, {"iat", kNow / 1000 + 60}}, token)})},
       "used before",
       bad_proof},
      {"no proof", {{.authorization = "DPoP " + token}}, "no DPoP proof was shown", bad_proof},
      {"two proofs", {with_proofs(token, {proof(token), proof(token)})}, "more than one DPoP header", bad_proof},
      {"one proof in two headers", {with_proofs(token, {once, once})}, "more than one DPoP header", bad_proof},
      {"an empty proof", {with_proofs(token, {""})}, "three parts", bad_proof},
      {"two proofs in one header", {with_proofs(token, {proof(token) + ", " + proof(token)})}, "encrypted (JWE)", bad_proof},
      {"the token as its own proof", {with_proofs(token, {token})}, "typ is not dpop+jwt", bad_proof},
      {"a thief's proof", {with_proofs(token, {stolen(token)})}, "another key than the token is bound to", bad_proof},
      {"a proof of another token", {with_proofs(token, {proof(plain)})}, "hash of another access token", bad_proof},
      {"a proof without ath", {with_proofs(token, {*jose::make_dpop(key, "POST", kUrl, "", "", kNow)})}, "no ath", bad_proof},
      {"a proof of another method",
       {{.authorization = "DPoP " + token, .dpop = {proof(token)}, .method = "DELETE"}},
       "htm is not the method",
       bad_proof},
      {"a proof of another URL",
       {{.authorization = "DPoP " + token, .dpop = {proof(token)}, .url = kOther}},
       "htu is not the URL",
       bad_proof},
      {"a proof of an hour ago",
       {with_proofs(token, {*jose::make_dpop(key, "POST", kUrl, token, "", kNow - kHour)})},
       "iat is too far",
       bad_proof},
      {"a proof of the hour to come",
       {with_proofs(token, {*jose::make_dpop(key, "POST", kUrl, token, "", kNow + kHour)})},
       "iat is too far",
       bad_proof},
      {"a bound token as a bearer token", {bearer(token)}, "shown with the Bearer scheme"},
      {"a bound token as a bearer token, with its proof",
       {{.authorization = "Bearer " + token, .dpop = {proof(token)}}},
       "shown with the Bearer scheme"},
      {"a bound token as a bearer token, after it was shown rightly",
       {with_proofs(token, {proof(token)}), bearer(token)},
       "shown with the Bearer scheme"},
      {"a plain token with the DPoP scheme", {with_proofs(plain, {proof(plain)})}, "bound to no DPoP key"},
      {"a plain token with a proof", {{.authorization = "Bearer " + plain, .dpop = {proof(plain)}}}, "bound to no key"},
      {"a proof and no token", {{.authorization = {}, .dpop = {proof("")}}}, "without a token", bad_proof},
      {"a configured token with the DPoP scheme", {with_proofs("s3cret", {proof("s3cret")})}, "bound to no key"},
      {"a configured token with a proof", {{.authorization = "Bearer s3cret", .dpop = {proof("s3cret")}}}, "bound to no key"},
      {"a certificate's token without it", {bearer(by_certificate)}, "did not show"},
      {"a certificate's token on another's connection",
       {{.authorization = "Bearer " + by_certificate, .certificates = peer({"another"})}},
       "did not show"},
      {"a certificate's token with a proof",
       {{.authorization = "DPoP " + by_certificate, .dpop = {proof(by_certificate)}, .certificates = mine}},
       "bound to no DPoP key"},
      {"bound both ways, by proof alone", {with_proofs(both, {proof(both)})}, "did not show"},
      {"bound both ways, by certificate alone",
       {{.authorization = "Bearer " + both, .certificates = mine}},
       "shown with the Bearer scheme"},
      {"a bare token where none is accepted", {bearer(strict.token({{"org", "acme"}}))}, "bare bearer token of this issuer"},
      {"a JWT-SVID as a bare token", {bearer(jwt_svid())}, "bare bearer token of this issuer"},
  };
  const std::pair<const char*, json::value> malformed[] = {{"a text", "jkt"}, {"a list", json::array{"jkt"}}, {"empty", json::object{}}};
  for (const auto& [what, cnf] : malformed) cases.push_back({std::string("cnf ") + what, {confirmed(cnf)}, "cnf is malformed"});
  const auto thumbprint = key.public_key().thumbprint();
  const std::pair<const char*, json::object> unknown[] = {
      {"jkt a number", {{"jkt", 5}}},
      {"jkt null", {{"jkt", nullptr}}},
      {"jkt empty", {{"jkt", ""}}},
      {"jkt short", {{"jkt", "AAAA"}}},
      {"jkt with padding", {{"jkt", json::value(thumbprint + "=")}}},
      {"a whole key", {{"jwk", key.public_key().to_jwk()}}},
      {"a kid", {{"kid", "k1"}}},
      {"SHA-1 of a certificate", {{"x5t", "AAAA"}}},
      {"an address", {{"jku", "http://127.0.0.1:1/"}}},
      {"jkt and one that is unknown", {{"jkt", json::value(thumbprint)}, {"kid", "k1"}}},
      {"JKT in large letters", {{"JKT", json::value(thumbprint)}}}};
  for (const auto& [what, cnf] : unknown)
    cases.push_back({std::string("cnf with ") + what, {confirmed(cnf)}, "bound in a way that is not known"});
  const auto refused = expect_each(cases);
  std::printf("%zu requests without proof refused, each by its rule\n", refused);
  EXPECT_GE(refused, 46U);
}

TEST_F(HostileRequest, OfAnIssuerThatSpeaksForAnotherIsRefused) {
  const auto acme = [&](const json::object& more) {
    auto claims = bound_to(key);
    claims["org"] = "acme";
    for (const auto& pair : more) claims[pair.key()] = pair.value();
    const auto token = strict.token(claims);
    return with_proofs(token, {proof(token)});
  };
  const auto by_other_key = [&](const IssuerSite& speaker, const std::string& issuer) {
    return bearer(speaker.token({{"iss", json::value(issuer)}}));
  };
  const auto named = [&](const std::string& issuer) { return by_other_key(site, issuer); };
  const auto https = "https" + site.name().substr(4);
  site.add_key("rsa", Algorithm::kRs256);
  strict.add_key("rsa", Algorithm::kRs256);
  auto rsa_claims = bound_to(key);
  rsa_claims["org"] = "acme";
  const auto rsa = strict.token(rsa_claims, "rsa");
  const std::string untrusted = "issuer is not trusted here";
  const std::string signature = "signature does not verify";
  const std::string other_kind = "subject of another kind of identity";
  const auto kid_of_nobody =
      *jose::make_token(thief, Algorithm::kEs256, "k9", "at+jwt",
                        {{"iss", json::value(site.name())}, {"sub", "a"}, {"aud", kUrl}, {"exp", kNow / 1000 + 300}});
  const std::vector<Case> cases = {
      {"the open issuer's token", {bearer(site.token())}, ""},
      {"the strict issuer's token", {acme({})}, ""},
      {"this gate's own token, whose subject is a SPIFFE ID", {bearer(own())}, ""},
      {"an issuer that nobody knows", {named("https://evil.example")}, untrusted},
      {"the issuer with a slash", {named(site.name() + "/")}, untrusted},
      {"the issuer over https", {named(https)}, untrusted},
      {"the issuer in large letters", {named("HTTP://127.0.0.1" + site.name().substr(site.name().rfind(':')))}, untrusted},
      {"the issuer by another name", {named("http://localhost" + site.name().substr(site.name().rfind(':')))}, untrusted},
      {"the issuer with a query", {named(site.name() + "?x")}, untrusted},
      {"an empty issuer", {named("")}, untrusted},
      {"no issuer", {bearer(site.token({{"iss", nullptr}}))}, untrusted},
      {"an issuer in a list", {bearer(site.token({{"iss", json::array{json::value(site.name())}}}))}, untrusted},
      {"another issuer's key of the same kid", {by_other_key(strict, site.name())}, signature},
      {"the other way", {by_other_key(site, strict.name())}, signature},
      {"this gate's name by an issuer's key", {named(kGate)}, "this gate has no key"},
      {"a key that the issuer does not have", {bearer(kid_of_nobody)}, "no key by which this token could be signed"},
      {"an algorithm that is not allowed for the issuer", {with_proofs(rsa, {proof(rsa)})}, "not one that is allowed for this issuer"},
      {"without the claim that is asked for",
       {[&] {
         const auto token = strict.token(bound_to(key));
         return with_proofs(token, {proof(token)});
       }()},
       "has no claim \"org\""},
      {"with another value of it", {acme({{"org", "acme2"}})}, "does not allow"},
      {"with that value in other letters", {acme({{"org", "Acme"}})}, "does not allow"},
      {"a SPIFFE ID by an OIDC issuer", {bearer(site.token({{"sub", "spiffe://example.org/coder"}}))}, "has no key for this token's kid"},
      {"a SPIFFE ID of an unknown domain by an OIDC issuer",
       {bearer(site.token({{"sub", "spiffe://evil.org/coder"}}))},
       "no bundle of the trust domain"},
      {"a subject of this machine", {acme({{"sub", "local/root/claude"}})}, other_kind},
      {"a subject of the gate", {acme({{"sub", "gate/owner"}})}, other_kind},
      {"the anonymous subject", {acme({{"sub", "anonymous"}})}, other_kind},
      {"a subject of another issuer",
       {acme({{"sub", json::value("oidc/" + site.name().substr(7) + "/agent")}})},
       "subject of another kind of identity"},
      {"an actor of another issuer",
       {acme({{"act", json::object{{"sub", "x"}, {"iss", "https://evil.example"}}}})},
       "actor of the token belongs to another issuer"},
      {"an actor that is a text", {acme({{"act", "coder"}})}, "`act` is no object"},
      {"an audience of another resource", {bearer(site.token({{"aud", json::value(kOther)}}))}, "aud does not name this gate"},
      {"a token that was taken, for another resource",
       {bearer(site.token({{"sub", "two"}})), {.authorization = "Bearer " + site.token({{"sub", "two"}}), .resources = {kOther}}},
       "aud does not name this gate"},
      {"typ of a logout token", {bearer(site.token({}, "k1", "logout+jwt"))}, "typ is not one that is taken"},
      {"typ of a DPoP proof", {bearer(site.token({}, "k1", "dpop+jwt"))}, "typ is not one that is taken"},
      {"typ of an ID-JAG", {bearer(site.token({}, "k1", "oauth-id-jag+jwt"))}, "typ is not one that is taken"},
      {"our own token as a JWT-SVID would be typed", {bearer(own({}, "JWT"))}, "typ is not one that is taken"},
      {"our own token for another resource", {{.authorization = "Bearer " + own(), .resources = {kOther}}}, "aud does not name this gate"},
      {"our own token without its chain", {bearer(own({{"interlock", nullptr}}))}, "does not say what its chain is"},
      {"our own token without act", {bearer(own({{"act", nullptr}}))}, "chain is not as long as its act"},
      {"our own token without sub", {bearer(own({{"sub", nullptr}}))}, "has no sub"},
      {"our own token that has ended", {bearer(own({{"iat", kNow / 1000 - 60}, {"exp", kNow / 1000 - 5}}))}, "the token expired"},
      {"a JWT-SVID for another audience", {bearer(jwt_svid({{"aud", json::value(kOther)}}))}, "meant for another audience"},
      {"a JWT-SVID that takes the gate's name", {bearer(jwt_svid({{"iss", json::value(kGate)}}))}, "typ is not one that is taken"},
      {"a human's token shown by an agent", {bearer(humans.token())}, "stands for a human alone", "", 403},
      {"a token without the scope",
       {{.authorization = "Bearer " + site.token({{"scope", "read"}}), .scopes = {"write"}}},
       "lacks the scope",
       "insufficient_scope",
       403},
      {"a scope that begins so",
       {{.authorization = "Bearer " + site.token({{"scope", "writer"}}), .scopes = {"write"}}},
       "lacks the scope",
       "insufficient_scope",
       403},
      {"a scope in other letters",
       {{.authorization = "Bearer " + site.token({{"scope", "WRITE"}}), .scopes = {"write"}}},
       "lacks the scope",
       "insufficient_scope",
       403},
  };
  const auto refused = expect_each(cases);
  std::printf("%zu requests of mistaken issuers refused, each by its rule\n", refused);
  EXPECT_GE(refused, 42U);
}

TEST_F(HostileRequest, WithACertificateThatNamesNobodyIsRefused) {
  const auto good = make_leaf(authority, "spiffe://example.org/coder");
  const auto two = make_leaf(authority, "spiffe://example.org/coder",
                             {{"subjectAltName", "URI:spiffe://example.org/coder,URI:spiffe://example.org/admin"}});
  const auto ca = make_leaf(authority, "spiffe://example.org/coder", {{"basicConstraints", "critical,CA:TRUE"}});
  const auto foreign = make_leaf(authority, "spiffe://other.org/coder");
  const auto stranger = make_authority("authority");
  const auto forged = make_leaf(stranger, "spiffe://example.org/coder");
  const auto unnamed = make_leaf(authority, "spiffe://example.org/coder", {{"subjectAltName", "DNS:coder.example.org"}});
  const auto old = make_leaf(authority, "spiffe://example.org/coder", {},
                             spiffe::testing::Wish{.not_before = kNow - 2 * kHour, .not_after = kNow - 1000});
  const std::vector<Case> cases = {
      {"an X.509-SVID", {shown(good)}, ""},
      {"two SPIFFE IDs", {shown(two)}, "more than one URI name", ""},
      {"a CA", {shown(ca)}, "is a CA", ""},
      {"a domain that is unknown", {shown(foreign)}, "no bundle of the trust domain", ""},
      {"an authority of the same name", {shown(forged)}, "breaks RFC 5280", ""},
      {"no SPIFFE ID", {shown(unnamed)}, "no URI name", ""},
      {"expired", {shown(old)}, "has expired", ""},
      {"no certificate in truth", {{.authorization = {}, .certificates = peer({"x"})}}, "not X.509", ""},
      {"a good one with a token that is wrong",
       {{.authorization = "Bearer nonsense", .certificates = shown(good).certificates}},
       "no JWT that can be read"},
      {"a good one with a proof and no token",
       {{.authorization = {}, .dpop = {proof("")}, .certificates = shown(good).certificates}},
       "without a token",
       "invalid_dpop_proof"},
  };
  const auto refused = expect_each(cases);
  std::printf("%zu certificates refused, each by its rule\n", refused);
  EXPECT_EQ(refused, 9U);
}

TEST_F(HostileRequest, WhoseAuthorizationIsMalformedIsRefusedAlsoWhereAnonymousOnesAreLetIn) {
  const auto token = site.token();
  const std::string scheme = "neither scheme Bearer nor DPoP";
  const std::string malformed = "Authorization header is malformed";
  const std::string nothing = "holds no token";
  std::vector<Case> cases = {{"none at all", {{.authorization = {}}}, ""},
                             {"Bearer", {bearer(token)}, ""},
                             {"bEaReR", {{.authorization = "bEaReR " + token}}, ""}};
  const std::tuple<const char*, std::string, std::string> headers[] = {
      {"Basic", "Basic " + base64_encode("user:" + token), scheme},
      {"a token without a scheme", token, scheme},
      {"a scheme that is unknown", "Token " + token, scheme},
      {"a scheme that begins so", "BearerX " + token, scheme},
      {"a space before it", " Bearer " + token, scheme},
      {"a tab between", "Bearer\t" + token, scheme},
      {"a colon between", "Bearer: " + token, scheme},
      {"the scheme alone", "Bearer", nothing},
      {"the scheme and a space", "Bearer ", nothing},
      {"the scheme and spaces", "DPoP    ", nothing},
      {"two tokens", "Bearer " + token + " " + token, malformed},
      {"two tokens with a comma", "Bearer " + token + "," + token, malformed},
      {"two schemes", "Bearer " + token + ", DPoP " + token, malformed},
      {"a token in quotes", "Bearer \"" + token + "\"", malformed},
      {"a line in it", "Bearer " + token + "\nX: y", malformed},
      {"a zero byte in it", "Bearer " + token + std::string(1, '\0'), malformed},
      {"bytes that are no ASCII", "Bearer " + token + "\xc3\xa9", malformed},
      {"equals signs alone", "Bearer ===", malformed},
      {"an equals sign within", "Bearer a=b", malformed},
      {"too long", "Bearer " + std::string(20'000, 'a'), "too long"},
  };
  for (const auto& [what, header, rule] : headers) cases.push_back({what, {{.authorization = header}}, rule, "invalid_request"});
  const auto refused = expect_each(cases);
  std::printf("%zu headers refused, each by its rule\n", refused);
  EXPECT_EQ(refused, 20U);
}

TEST_F(HostileRequest, ThatUsesANonceOfItsOwnIsToldTheRightOne) {
  options.nonces = NonceUse::kRequired;
  start();
  const auto token = site.token(bound_to(key));
  const auto nonce = ask(with_proofs(token, {proof(token)})).error().dpop_nonce;
  Authenticator& first = *gate;
  const auto of_another_gate = [&] {
    auto kept = std::move(gate);
    start();
    const auto other = ask(with_proofs(token, {proof(token)})).error().dpop_nonce;
    gate = std::move(kept);
    return other;
  }();
  ASSERT_EQ(gate.get(), &first);
  const std::string rule = "no nonce of this gate";
  const auto refused = expect_each({
      {"the nonce that was given", {with_proofs(token, {proof(token, nonce)})}, ""},
      {"no nonce", {with_proofs(token, {proof(token)})}, rule, "use_dpop_nonce"},
      {"an invented nonce", {with_proofs(token, {proof(token, "nonce")})}, rule, "use_dpop_nonce"},
      {"the nonce cut", {with_proofs(token, {proof(token, nonce.substr(1))})}, rule, "use_dpop_nonce"},
      {"the nonce of another gate", {with_proofs(token, {proof(token, of_another_gate)})}, rule, "use_dpop_nonce"},
      {"a nonce that is a number", {with_proofs(token, {proof_with({{"nonce", 5}}, token)})}, "nonce is no text", "invalid_dpop_proof"},
  });
  clock.advance_ms(kHour / 2);
  const auto old = ask(with_proofs(token, {proof(token, nonce)}));
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().oauth_error, "use_dpop_nonce");
  EXPECT_EQ(refused, 5U);
}

TEST_F(HostileRequest, WithATokenThatWasGoodIsRefusedOnceItIsNoMore) {
  const auto token = site.token();
  const auto svid = make_leaf(authority, "spiffe://example.org/coder");
  ASSERT_TRUE(ask(bearer(token)));
  ASSERT_TRUE(ask(shown(svid)));
  ASSERT_TRUE(ask(bearer(own())));
  const auto mine = own();
  ASSERT_TRUE(ask(bearer(mine)));
  own_keys = std::make_shared<const jose::KeySet>();
  const auto forgotten = ask(bearer(mine));
  ASSERT_FALSE(forgotten);
  EXPECT_NE(forgotten.error().error.message.find("this gate has no key"), std::string::npos);
  set = std::make_shared<const spiffe::BundleSet>();
  const auto unbundled = ask(shown(svid));
  ASSERT_FALSE(unbundled);
  EXPECT_NE(unbundled.error().error.message.find("no bundle of the trust domain"), std::string::npos);
  clock.advance_ms(kHour + 29'000);
  EXPECT_TRUE(ask(bearer(token))) << "within the leeway of clocks";
  clock.advance_ms(1'000);
  const auto expired = ask(bearer(token));
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().error.message.find("expired"), std::string::npos);
}

}  // namespace
}  // namespace interlock::identity
