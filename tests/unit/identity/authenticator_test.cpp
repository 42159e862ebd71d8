// Every kind of credential as it comes over HTTP, with real keys: what is recognized as whom, how strongly, and what is refused, and why.
#include "identity/authenticator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "identity/exchange.hpp"
#include "identity/issuer_keys.hpp"
#include "request.hpp"
#include "unit/spiffe/certificates.hpp"

namespace interlock::identity {
namespace {

using spiffe::testing::bundle_of;
using spiffe::testing::chain_of;
using spiffe::testing::make_authority;
using spiffe::testing::make_leaf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IssuerSite;
using testing::kHour;
using testing::kNow;
using testing::kUrl;
using ::testing::Not;

class AuthenticatorTest : public ::testing::Test {
 protected:
  AuthenticatorTest() {
    site.add_key("k1");
    config.issuer = site.name();
    config.jwks_uri = site.name() + "/jwks";
    config.subject = "ci/{sub}";
    config.accepts_bearer = true;
  }

  Authenticator& gate() {
    if (!made) {
      options.issuers = {config};
      auto created = Authenticator::create(loop, client, clock, options);
      EXPECT_TRUE(created) << created.error().text();
      made = std::move(*created);
    }
    return *made;
  }

  using Request = testing::Request;
  Answer ask(const Request& request) { return testing::ask(loop, gate(), request); }
  Answer ask_bearer(const std::string& token) { return ask({.authorization = "Bearer " + token}); }

  json::object bound() const { return {{"cnf", json::object{{"jkt", key.public_key().thumbprint()}}}}; }
  std::string proof(const std::string& token, std::string_view nonce = {}, std::int64_t at_ms = 0) const {
    return jose::make_dpop(key, "POST", kUrl, token, nonce, at_ms == 0 ? clock.now_ms() : at_ms).value();
  }
  static std::shared_ptr<const net::PeerCertificates> peer(std::vector<std::string> chain) {
    auto out = std::make_shared<net::PeerCertificates>();
    out->leaf_sha256 = as_bytes(sha256(chain.front()));
    out->chain = std::move(chain);
    return out;
  }
  void trust(std::vector<spiffe::Bundle> bundles) {
    set = std::make_shared<const spiffe::BundleSet>(std::move(bundles));
    options.spiffe.bundles = [this] { return set; };
  }

  net::Loop loop;
  ManualClock clock{kNow};
  net::HttpClient client{loop};
  IssuerSite site{loop};
  IssuerConfig config;
  AuthenticatorOptions options;
  std::shared_ptr<const spiffe::BundleSet> set;
  jose::PrivateKey key = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  std::unique_ptr<Authenticator> made;
};

TEST_F(AuthenticatorTest, ATokenOfAnIssuerIsASubjectWithItsScopesAndExpiry) {
  const auto subject = ask_bearer(site.token({{"scope", "read write"}}));
  ASSERT_TRUE(subject) << subject.error().error.text();
  EXPECT_EQ(subject->id, "ci/agent");
  EXPECT_EQ(subject->credential, "oidc");
  EXPECT_EQ(subject->assurance, model::Assurance::kBearer);
  EXPECT_THAT(subject->scopes, ElementsAre("read", "write"));
  EXPECT_EQ(subject->expires_ms, kNow + kHour);
  EXPECT_TRUE(subject->workload.empty());
}

TEST_F(AuthenticatorTest, TokensThatAreWrongAreRefusedWithTheirReason) {
  config.algorithms = {jose::Algorithm::kEs256};
  config.claims = {{"org", {"acme"}}};
  site.add_key("rsa", jose::Algorithm::kRs256);
  IssuerSite other(loop);
  other.add_key("k1");
  const json::object good{{"org", "acme"}};
  const auto with = [&](const char* name, json::value value) {
    auto claims = good;
    claims[name] = std::move(value);
    return claims;
  };
  ASSERT_TRUE(ask_bearer(site.token(good)));
  const auto now_s = kNow / 1000;
  const auto whole = site.token(good);
  struct Case {
    const char* name;
    std::string token;
    const char* says;
  };
  const Case cases[] = {
      {"no JWT", "opaque-token", "not known here"},
      {"two parts", whole.substr(0, whole.rfind('.')), "JWT"},
      {"another audience", site.token(with("aud", "https://other.example")), "aud"},
      {"no audience", site.token(with("aud", nullptr)), "aud"},
      {"another issuer", site.token(with("iss", "https://evil.example")), "issuer"},
      {"no issuer", site.token(with("iss", nullptr)), "issuer"},
      {"an issuer with a slash more", site.token(with("iss", json::value(site.name() + "/"))), "issuer"},
      {"expired", site.token(with("exp", now_s - 60)), "exp"},
      {"no expiry", site.token(with("exp", nullptr)), "exp"},
      {"not yet", site.token(with("nbf", now_s + 3'600)), "not valid before"},
      {"too long a life", site.token(with("exp", now_s + 10 * 86'400)), ""},
      {"another algorithm", site.token(good, "rsa"), "alg"},
      {"a DPoP proof as a token", site.token(good, "k1", "dpop+jwt"), "typ"},
      {"a logout token", site.token(good, "k1", "logout+jwt"), "typ"},
      {"without its claim", site.token({}), "org"},
      {"with another value", site.token(with("org", "evil")), "org"},
      {"no sub", site.token(with("sub", nullptr)), "sub"},
      {"a key of another issuer by the same kid", other.token(with("iss", json::value(site.name()))), "signature"},
      {"a binding that is not known", site.token(with("cnf", json::object{{"kid", "x"}})), "cnf"},
      {"an empty binding", site.token(with("cnf", json::object{})), "cnf"},
      {"a binding that is no hash", site.token(with("cnf", json::object{{"jkt", "AAAA"}})), "cnf"},
      {"an unsigned end", whole.substr(0, whole.rfind('.') + 1), ""},
  };
  for (const auto& one : cases) {
    const auto refused = ask_bearer(one.token);
    ASSERT_FALSE(refused) << one.name;
    EXPECT_EQ(refused.error().status, 401) << one.name;
    EXPECT_EQ(refused.error().oauth_error, "invalid_token") << one.name;
    EXPECT_THAT(refused.error().error.text(), HasSubstr(one.says)) << one.name;
    EXPECT_THAT(refused.error().error.text(), Not(HasSubstr(one.token))) << one.name << ": no error holds a token";
  }
}

TEST_F(AuthenticatorTest, WithoutACredentialNobodyIsRecognizedUnlessAnonymousIsLetIn) {
  const auto refused = ask({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 401);
  EXPECT_TRUE(refused.error().oauth_error.empty());
  gate().set_tokens(*TokenBook::create({}, true));
  EXPECT_EQ(ask({})->id, "anonymous");
  EXPECT_FALSE(ask({.authorization = "Bearer nonsense"})) << "what is shown must be right";
  EXPECT_FALSE(ask({.authorization = "Basic YTpi"}));
  EXPECT_FALSE(ask({.authorization = {}, .dpop = {proof("x")}}));
}

TEST_F(AuthenticatorTest, ATokenOfTheConfigurationIsItsSubject) {
  TokenRule rule;
  rule.subject = "deploy";
  rule.sha256 = sha256("s3cret");
  gate().set_tokens(*TokenBook::create({rule}, false));
  const auto subject = ask_bearer("s3cret");
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->id, "deploy");
  EXPECT_EQ(subject->credential, "token");
  EXPECT_TRUE(subject->workload.empty());
  EXPECT_FALSE(ask({.authorization = "DPoP s3cret", .dpop = {proof("s3cret")}}));
}

TEST_F(AuthenticatorTest, ABareBearerTokenIsAcceptedOnlyWhereConfigured) {
  config.accepts_bearer = false;
  const auto refused = ask_bearer(site.token());
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().error.message, HasSubstr("bare bearer"));
  EXPECT_THAT(refused.error().error.hint, HasSubstr("accept_bearer"));
}

TEST_F(AuthenticatorTest, ADpopBoundTokenCountsWithItsProofAlone) {
  config.accepts_bearer = false;
  const auto token = site.token(bound());
  const auto unbound = site.token();
  const auto subject = ask({.authorization = "DPoP " + token, .dpop = {proof(token)}});
  ASSERT_TRUE(subject) << subject.error().error.text();
  EXPECT_EQ(subject->assurance, model::Assurance::kDpop);
  EXPECT_EQ(subject->workload, "jkt " + key.public_key().thumbprint());
  const auto other = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  const auto stolen = jose::make_dpop(other, "POST", kUrl, token, "", kNow).value();
  struct Case {
    const char* name;
    Request request;
    const char* error;
  };
  const Case cases[] = {
      {"shown as bearer", {.authorization = "Bearer " + token}, "invalid_token"},
      {"shown as bearer with a proof", {.authorization = "Bearer " + token, .dpop = {proof(token)}}, "invalid_token"},
      {"without a proof", {.authorization = "DPoP " + token}, "invalid_dpop_proof"},
      {"two proofs", {.authorization = "DPoP " + token, .dpop = {proof(token), proof(token)}}, "invalid_dpop_proof"},
      {"by another key", {.authorization = "DPoP " + token, .dpop = {stolen}}, "invalid_dpop_proof"},
      {"of another token", {.authorization = "DPoP " + token, .dpop = {proof(unbound)}}, "invalid_dpop_proof"},
      {"of another method", {.authorization = "DPoP " + token, .dpop = {proof(token)}, .method = "GET"}, "invalid_dpop_proof"},
      {"of another URL",
       {.authorization = "DPoP " + token, .dpop = {proof(token)}, .url = "https://gate.example/mcp/x"},
       "invalid_dpop_proof"},
      {"too old", {.authorization = "DPoP " + token, .dpop = {proof(token, "", kNow - 61'000)}}, "invalid_dpop_proof"},
      {"from the future", {.authorization = "DPoP " + token, .dpop = {proof(token, "", kNow + 61'000)}}, "invalid_dpop_proof"},
      {"no proof at all", {.authorization = "DPoP " + token, .dpop = {"nonsense"}}, "invalid_dpop_proof"},
      {"an unbound token with the DPoP scheme", {.authorization = "DPoP " + unbound, .dpop = {proof(unbound)}}, "invalid_token"},
      {"an unbound token with a proof", {.authorization = "Bearer " + unbound, .dpop = {proof(unbound)}}, "invalid_token"},
  };
  for (const auto& one : cases) {
    const auto refused = ask(one.request);
    ASSERT_FALSE(refused) << one.name;
    EXPECT_EQ(refused.error().oauth_error, one.error) << one.name << ": " << refused.error().error.text();
    EXPECT_EQ(refused.error().status, 401) << one.name;
  }
}

TEST_F(AuthenticatorTest, AProofIsGoodOnceAlsoForATokenThatIsRemembered) {
  const auto token = site.token(bound());
  const auto one = proof(token);
  EXPECT_TRUE(ask({.authorization = "DPoP " + token, .dpop = {one}}));
  for (int i = 0; i < 3; ++i) {
    const auto refused = ask({.authorization = "DPoP " + token, .dpop = {one}});
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().error.message, HasSubstr("used before"));
    EXPECT_TRUE(ask({.authorization = "DPoP " + token, .dpop = {proof(token)}}));
  }
}

TEST_F(AuthenticatorTest, WhereReplaysCannotBeToldApartProofsAreRefusedAsUnavailable) {
  options.replay_entries = 2;
  const auto token = site.token(bound());
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(ask({.authorization = "DPoP " + token, .dpop = {proof(token)}}));
  const auto refused = ask({.authorization = "DPoP " + token, .dpop = {proof(token)}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
}

TEST_F(AuthenticatorTest, ANonceIsAskedForAndTakenWhileItIsGood) {
  options.nonces = NonceUse::kRequired;
  const auto token = site.token(bound());
  for (const std::string& given : {std::string(), std::string("made-up")}) {
    const auto refused = ask({.authorization = "DPoP " + token, .dpop = {proof(token, given)}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().oauth_error, "use_dpop_nonce");
    EXPECT_FALSE(refused.error().dpop_nonce.empty());
  }
  const auto nonce = ask({.authorization = "DPoP " + token, .dpop = {proof(token)}}).error().dpop_nonce;
  EXPECT_TRUE(ask({.authorization = "DPoP " + token, .dpop = {proof(token, nonce)}}));
  clock.advance_ms(10 * 60'000);
  const auto old = ask({.authorization = "DPoP " + token, .dpop = {proof(token, nonce)}});
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().oauth_error, "use_dpop_nonce");
  EXPECT_TRUE(ask({.authorization = "DPoP " + token, .dpop = {proof(token, old.error().dpop_nonce)}}));
}

TEST_F(AuthenticatorTest, ACertificateBoundTokenCountsOnItsConnectionAlone) {
  config.accepts_bearer = false;
  const auto mine = peer({"a certificate"});
  const auto token = site.token({{"cnf", json::object{{"x5t#S256", base64url_encode(mine->leaf_sha256)}}}});
  const auto subject = ask({.authorization = "Bearer " + token, .certificates = mine});
  ASSERT_TRUE(subject) << subject.error().error.text();
  EXPECT_EQ(subject->assurance, model::Assurance::kMtls);
  EXPECT_THAT(subject->workload, HasSubstr("x5t "));
  EXPECT_FALSE(ask({.authorization = "Bearer " + token}));
  EXPECT_FALSE(ask({.authorization = "Bearer " + token, .certificates = peer({"another"})}));
  auto twice = bound();
  twice["cnf"].as_object()["x5t#S256"] = base64url_encode(mine->leaf_sha256);
  const auto both = site.token(twice);
  EXPECT_FALSE(ask({.authorization = "Bearer " + both, .certificates = mine}));
  EXPECT_FALSE(ask({.authorization = "DPoP " + both, .dpop = {proof(both)}}));
  EXPECT_TRUE(ask({.authorization = "DPoP " + both, .dpop = {proof(both)}, .certificates = mine}));
}

TEST_F(AuthenticatorTest, AHumansTokenIsRefusedStrippedOrAllowedAsConfigured) {
  const auto authority = make_authority("authority");
  const auto leaf = make_leaf(authority, "spiffe://example.org/coder");
  trust({bundle_of("example.org", {&authority})});
  config.stands_for = StandsFor::kHuman;
  config.subject = "human/{sub}";
  const auto token = site.token({{"sub", "ana"}});
  const auto delegated = site.token({{"sub", "ana"}, {"act", json::object{{"sub", "coder"}}}});

  const auto refused = ask_bearer(token);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 403);
  EXPECT_EQ(refused.error().inherited_from, "human/ana");
  EXPECT_THAT(refused.error().error.message, HasSubstr("human alone"));
  const auto actor = ask_bearer(delegated);
  ASSERT_TRUE(actor);
  EXPECT_THAT(actor->id, HasSubstr("coder"));
  EXPECT_THAT(actor->chain, ElementsAre(model::Delegator{"human/ana", site.name(), true}));
  EXPECT_FALSE(actor->inherited);

  config.inherited = Inherited::kStrip;
  ASSERT_TRUE(gate().set_issuers({config}));
  const auto stripped = ask({.authorization = "Bearer " + token, .certificates = peer(chain_of({&leaf}))});
  ASSERT_TRUE(stripped) << stripped.error().error.text();
  EXPECT_EQ(stripped->id, "spiffe://example.org/coder");
  EXPECT_EQ(stripped->assurance, model::Assurance::kMtls);
  EXPECT_EQ(*json::string_at(stripped->attributes, "inherited_from"), "human/ana");
  EXPECT_TRUE(stripped->scopes.empty());
  const auto local = ask({.authorization = "Bearer " + token, .pid = ::getpid(), .uid = static_cast<int>(::getuid())});
  ASSERT_TRUE(local);
  EXPECT_EQ(local->credential, "peer");
  EXPECT_EQ(*json::string_at(local->attributes, "inherited_from"), "human/ana");
  const auto bare = ask_bearer(token);
  ASSERT_FALSE(bare);
  EXPECT_EQ(bare.error().inherited_from, "human/ana");
  const auto stranger = ask({.authorization = "Bearer " + token, .certificates = peer({"not an SVID"})});
  EXPECT_FALSE(stranger);

  config.inherited = Inherited::kAllow;
  ASSERT_TRUE(gate().set_issuers({config}));
  const auto allowed = ask_bearer(token);
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->id, "human/ana");
  EXPECT_TRUE(allowed->inherited);
}

TEST_F(AuthenticatorTest, AMissingScopeIsForbiddenAndSaysWhichAreNeeded) {
  EXPECT_TRUE(ask({.authorization = "Bearer " + site.token({{"scope", "a b c"}}), .scopes = {"a", "c"}}));
  const auto refused = ask({.authorization = "Bearer " + site.token({{"scope", "a"}}), .scopes = {"a", "c"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 403);
  EXPECT_EQ(refused.error().oauth_error, "insufficient_scope");
  EXPECT_THAT(refused.error().scopes, ElementsAre("a", "c"));
  TokenRule rule;
  rule.subject = "deploy";
  rule.sha256 = sha256("s3cret");
  gate().set_tokens(*TokenBook::create({rule}, false));
  EXPECT_TRUE(ask({.authorization = "Bearer s3cret", .scopes = {"a"}})) << "tokens of the configuration have no scopes";
}

TEST_F(AuthenticatorTest, AnX509SvidIsItsSpiffeIdForAsLongAsItsBundleCounts) {
  const auto authority = make_authority("authority");
  const auto leaf = make_leaf(authority, "spiffe://example.org/coder");
  const auto foreign = make_leaf(authority, "spiffe://other.org/coder");
  trust({bundle_of("example.org", {&authority})});
  const auto shown = peer(chain_of({&leaf}));
  for (int i = 0; i < 2; ++i) {
    const auto subject = ask({.authorization = {}, .certificates = shown});
    ASSERT_TRUE(subject) << subject.error().error.text();
    EXPECT_EQ(subject->id, "spiffe://example.org/coder");
    EXPECT_EQ(subject->assurance, model::Assurance::kMtls);
    EXPECT_EQ(subject->credential, "x509-svid");
    EXPECT_EQ(*json::string_at(subject->attributes, "trust_domain"), "example.org");
  }
  const auto refused = ask({.authorization = {}, .certificates = peer(chain_of({&foreign}))});
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().oauth_error.empty());
  const auto next = make_authority("next");
  set = std::make_shared<const spiffe::BundleSet>(std::vector{bundle_of("example.org", {&next})});
  EXPECT_FALSE(ask({.authorization = {}, .certificates = shown})) << "what was verified by another bundle counts no more";
  set = std::make_shared<const spiffe::BundleSet>(std::vector{bundle_of("example.org", {&next, &authority})});
  EXPECT_TRUE(ask({.authorization = {}, .certificates = shown}));
  clock.advance_ms(kHour);
  EXPECT_FALSE(ask({.authorization = {}, .certificates = shown}));
}

TEST_F(AuthenticatorTest, TheHashOfACertificateIsNoTokenForWhatItProved) {
  const auto authority = make_authority("authority");
  const auto leaf = make_leaf(authority, "spiffe://example.org/coder");
  trust({bundle_of("example.org", {&authority})});
  const auto shown = peer(chain_of({&leaf}));
  ASSERT_TRUE(ask({.authorization = {}, .certificates = shown}));
  bool answered = false;
  gate().verify_token(shown->leaf_sha256, {}, [&](const Answer& answer) {
    answered = true;
    EXPECT_FALSE(answer) << "certificates are public, and what was verified of this one is remembered";
  });
  EXPECT_TRUE(answered);
}

TEST_F(AuthenticatorTest, ACertificateThatNobodyVouchesForIsNotOverlooked) {
  gate().set_tokens(*TokenBook::create({}, true));
  EXPECT_FALSE(ask({.authorization = {}, .certificates = peer({"some certificate"})}));
}

TEST_F(AuthenticatorTest, AJwtSvidIsBelievedByItsTrustDomainAlone) {
  IssuerSite domain(loop);
  domain.add_key("k1");
  spiffe::Bundle bundle;
  bundle.trust_domain = "example.org";
  bundle.jwt_authorities = jose::KeySet({{.key = domain.keys.at("k1").public_key(), .kid = "k1", .algorithm = {}, .use = "jwt-svid"}});
  const auto sign = [&](json::object claims) {
    claims["sub"] = "spiffe://example.org/coder";
    return domain.token(claims, "k1", "JWT");
  };
  EXPECT_FALSE(ask_bearer(sign({}))) << "no trust domain is configured";
  made.reset();
  options.spiffe.accepts_bearer = true;
  options.spiffe.audiences = {"gate"};
  trust({bundle});
  for (const auto& audience : {kUrl, std::string("gate")}) {
    const auto subject = ask_bearer(sign({{"aud", audience}}));
    ASSERT_TRUE(subject) << subject.error().error.text();
    EXPECT_EQ(subject->id, "spiffe://example.org/coder");
    EXPECT_EQ(subject->credential, "jwt-svid");
    EXPECT_EQ(subject->assurance, model::Assurance::kBearer);
  }
  EXPECT_FALSE(ask_bearer(sign({{"aud", "elsewhere"}})));
  EXPECT_FALSE(ask_bearer(site.token({{"sub", "spiffe://example.org/coder"}}))) << "an OIDC issuer cannot name SPIFFE IDs";
  set = std::make_shared<const spiffe::BundleSet>();
  EXPECT_FALSE(ask_bearer(sign({})));
  made.reset();
  options.spiffe.accepts_bearer = false;
  trust({bundle});
  EXPECT_FALSE(ask_bearer(sign({})));
}

TEST_F(AuthenticatorTest, ATokenThatThisGateExchangedIsItsActorWithTheChain) {
  const auto own = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  const auto set_of = [](const jose::PrivateKey& one) {
    return std::make_shared<const jose::KeySet>(
        std::vector<jose::SetKey>{{.key = one.public_key(), .kid = "g1", .algorithm = {}, .use = "sig"}});
  };
  auto own_keys = set_of(own);
  options.own = {.issuer = "https://gate.example", .keys = [&] { return own_keys; }, .accepts_bearer = true};
  ExchangeOrder order;
  order.subject.id = "human/ana";
  order.subject.inherited = true;
  order.actor.id = "spiffe://example.org/coder";
  order.audience = kUrl;
  auto claims = exchange(order, 600'000, kNow)->claims;
  claims["iss"] = "https://gate.example";
  claims["iat"] = kNow / 1000;
  claims["exp"] = kNow / 1000 + 600;
  const auto token = jose::make_token(own, jose::Algorithm::kEs256, "g1", "at+jwt", claims).value();
  const auto subject = ask_bearer(token);
  ASSERT_TRUE(subject) << subject.error().error.text();
  EXPECT_EQ(subject->id, "spiffe://example.org/coder");
  EXPECT_EQ(subject->credential, "exchange");
  ASSERT_EQ(subject->chain.size(), 1U);
  EXPECT_TRUE(subject->chain.front().human);
  EXPECT_FALSE(ask({.authorization = "Bearer " + token, .resources = {"https://gate.example/mcp/other"}}));
  EXPECT_FALSE(ask_bearer(jose::make_token(own, jose::Algorithm::kEs256, "g1", "JWT", claims).value())) << "another kind of token";
  const auto forged = jose::PrivateKey::generate(jose::Algorithm::kEs256).value();
  EXPECT_FALSE(ask_bearer(jose::make_token(forged, jose::Algorithm::kEs256, "g1", "at+jwt", claims).value()));
  own_keys = set_of(forged);
  EXPECT_FALSE(ask_bearer(token)) << "a key of the gate that was taken back";
  auto twice = config;
  twice.issuer = "https://gate.example";
  EXPECT_FALSE(gate().set_issuers({twice})) << "nobody else may be this gate";
}

TEST_F(AuthenticatorTest, AUnixSocketsPeerIsTheLocalAgentUnlessThatIsOff) {
  const Request local{.authorization = {}, .pid = ::getpid(), .uid = static_cast<int>(::getuid())};
  const auto subject = ask(local);
  ASSERT_TRUE(subject);
  EXPECT_EQ(subject->assurance, model::Assurance::kKernel);
  EXPECT_THAT(subject->id, HasSubstr("test_identity"));
  EXPECT_FALSE(subject->workload.empty());
  made.reset();
  options.local_peers = false;
  EXPECT_FALSE(ask(local));
}

TEST_F(AuthenticatorTest, WhatWasVerifiedIsNotVerifiedAgainUntilSomethingAboutItChanges) {
  const auto token = site.token();
  const auto scoped = [&] { return ask_bearer(token).has_value(); };
  ASSERT_TRUE(scoped());
  const auto fetches = site.asked["/jwks"];
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(scoped());
  EXPECT_EQ(site.asked["/jwks"], fetches);
  EXPECT_FALSE(ask({.authorization = "Bearer " + token, .resources = {"https://gate.example/mcp/x"}}))
      << "for another resource it says nothing";

  clock.advance_ms(kHour + config.leeway_ms);
  EXPECT_FALSE(scoped()) << "past its expiry";
  clock.advance_ms(-kHour - config.leeway_ms);
  ASSERT_TRUE(scoped());
  const auto lasting = site.token({{"exp", (kNow + 12 * kHour) / 1000}});
  ASSERT_TRUE(ask_bearer(lasting));
  site.keys.clear();
  site.add_key("k1");
  clock.advance_ms(3 * kFreshUnsaidMs);
  EXPECT_FALSE(ask_bearer(lasting)) << "its key is no longer the issuer's";
}

TEST_F(AuthenticatorTest, TakingAnIssuerAwayEndsItsTokensAtOnce) {
  const auto token = site.token();
  ASSERT_TRUE(ask_bearer(token));
  ASSERT_TRUE(gate().set_issuers({}));
  EXPECT_FALSE(ask_bearer(token));
  auto narrower = config;
  narrower.claims = {{"org", {"acme"}}};
  ASSERT_TRUE(gate().set_issuers({narrower}));
  EXPECT_FALSE(ask_bearer(token));
  ASSERT_TRUE(gate().set_issuers({config}));
  EXPECT_TRUE(ask_bearer(token));
}

TEST_F(AuthenticatorTest, AnIssuerThatCannotBeReachedIsNoFaultOfTheToken) {
  site.status = 500;
  const auto refused = ask_bearer(site.token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_TRUE(refused.error().oauth_error.empty());
  const auto state = gate().describe();
  ASSERT_EQ(state.size(), 1U);
  EXPECT_THAT(json::write(state[0]), HasSubstr("500"));
}

TEST_F(AuthenticatorTest, WhoWaitsIsAnsweredWhenTheGateStops) {
  site.holding = true;
  const auto authorization = "Bearer " + site.token();
  int answered = 0;
  Presentation shown;
  shown.authorization = authorization;
  shown.method = "POST";
  shown.resources = {kUrl};
  gate().authenticate(std::move(shown), [&](Answer answer) {
    EXPECT_FALSE(answer);
    ++answered;
  });
  EXPECT_EQ(answered, 0);
  made.reset();
  EXPECT_EQ(answered, 1);
}

TEST_F(AuthenticatorTest, ConfigurationsThatCouldConfuseIdentitiesAreRefused) {
  const auto issuer = [](std::string name) {
    IssuerConfig out;
    out.issuer = std::move(name);
    return out;
  };
  const std::vector<IssuerConfig> bad[] = {
      {issuer("https://id.example"), issuer("https://id.example")},
      {issuer("https://id.example"), issuer("https://id.example/realms/a")},
      {issuer("https://id.example"), issuer("http://id.example")},
      {issuer("id.example")},
  };
  for (const auto& one : bad) {
    options.issuers = one;
    EXPECT_FALSE(Authenticator::create(loop, client, clock, options));
  }
  options.issuers = {issuer("https://id.example/realms/a"), issuer("https://id.example/realms/b")};
  EXPECT_TRUE(Authenticator::create(loop, client, clock, options));
  for (const std::int64_t window_ms : {std::int64_t{0}, std::int64_t{999}, std::int64_t{3'600'000}}) {
    options.dpop_window_ms = window_ms;
    EXPECT_FALSE(Authenticator::create(loop, client, clock, options)) << window_ms;
  }
}

TEST_F(AuthenticatorTest, AForeignAuthorityServesItsOwnIssuerAlone) {
  config.ca_file = "/nonexistent/ca.pem";
  config.jwks_uri = "https://127.0.0.1:1/jwks";
  const auto refused = ask_bearer(site.token());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 503);
}

TEST_F(AuthenticatorTest, TokensOfAnExchangeAreVerifiedWithoutWhatTheyAreBoundTo) {
  config.stands_for = StandsFor::kHuman;
  config.accepts_bearer = false;
  const auto verify = [&](const std::string& token) {
    Answer out = std::unexpected(Refusal{});
    testing::run_until_done(loop, [&](std::function<void()> done) {
      gate().verify_token(token, {kUrl}, [&, done = std::move(done)](Answer answer) {
        out = std::move(answer);
        done();
      });
    });
    return out;
  };
  const auto subject = verify(site.token(bound()));
  ASSERT_TRUE(subject) << subject.error().error.text();
  EXPECT_TRUE(subject->inherited);
  EXPECT_FALSE(verify(site.token({{"aud", "elsewhere"}})));
  EXPECT_FALSE(verify("nonsense"));
}

}  // namespace
}  // namespace interlock::identity
