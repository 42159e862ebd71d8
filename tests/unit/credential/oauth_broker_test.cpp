#include "credential/oauth_broker.hpp"

#include "base/hash.hpp"
#include "http_world.hpp"
#include "jose/token.hpp"
#include "oauth/form.hpp"

namespace interlock::credential {
namespace {

using model::Effect;
using testing::act;
using testing::field;
using testing::object;
using testing::Reply;
using testing::with;
using testing::without;

class OauthBrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.keep("oauth/client", "client-secret");
    world_.keep("oauth/refresh", "refresh-0");
    world_.keep("oauth/subject", "subject-token");
    world_.site.on("/token", [this](const net::HttpRequest& request) {
      form_ = *oauth::read_form(request.body);
      ++tokens_;
      return Reply{200, json::write(answer_)};
    });
    world_.site.on("/revoke", [this](const net::HttpRequest& request) {
      revoked_ = *oauth::read_form(request.body);
      return Reply{revoke_status_, ""};
    });
    settings_ = {{"token_endpoint", world_.site.url("/token")},
                 {"revocation_endpoint", world_.site.url("/revoke")},
                 {"client_id", "gate"},
                 {"client_secret_secret", "oauth/client"},
                 {"grant", "client_credentials"},
                 {"scopes", object(R"({"read": ["repo:read"], "write": ["repo:read", "repo:write"]})")}};
  }

  std::shared_ptr<Broker> make(const json::object& settings) {
    auto broker = make_oauth_broker(world_.parts, "api", settings);
    EXPECT_TRUE(broker) << (broker ? "" : broker.error().text());
    return *broker;
  }
  std::string sent(std::string_view name) const { return std::string(oauth::form_get(form_, name)); }

  testing::HttpWorld world_;
  json::object settings_;
  json::object answer_{{"access_token", "at-1"}, {"token_type", "Bearer"}, {"expires_in", 300}};
  int tokens_ = 0;
  int revoke_status_ = 200;
  oauth::Form form_;
  oauth::Form revoked_;
};

TEST_F(OauthBrokerTest, ATokenIsAskedForWithTheScopesOfTheActAndRevoked) {
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead});
  const auto minted = world_.mint(*broker, &reads);
  ASSERT_TRUE(minted) << minted.error().text();
  EXPECT_EQ(sent("grant_type"), "client_credentials");
  EXPECT_EQ(sent("scope"), "repo:read");
  EXPECT_EQ(world_.site.requests[0].headers.get("authorization"), "Basic " + base64_encode("gate:client-secret"));
  EXPECT_EQ(field(*minted, "token"), "at-1");
  EXPECT_EQ(field(*minted, "token_type"), "Bearer");
  EXPECT_EQ(minted->revocation.view(), "at-1");
  EXPECT_EQ(minted->expires_ms, world_.order().expires_ms);  // before the token's own expiry
  ASSERT_TRUE(world_.revoke(*broker, *minted));
  EXPECT_EQ(oauth::form_get(revoked_, "token"), "at-1");
  EXPECT_EQ(oauth::form_get(revoked_, "token_type_hint"), "access_token");
}

TEST_F(OauthBrokerTest, WhatAnActNeedsIsTheUnionOfItsEffects) {
  const auto broker = make(settings_);
  const auto writes = act({Effect::kWrite, Effect::kRead});
  const auto deletes = act({Effect::kDelete});
  const auto plan = broker->plan(world_.order(&writes));
  ASSERT_TRUE(plan);
  EXPECT_EQ(json::string_at(plan->handle, "scope"), "repo:read repo:write");
  EXPECT_EQ(broker->plan(world_.order())->grant, plan->grant);  // a whole server: all of them
  const auto reads = act({Effect::kRead});
  EXPECT_NE(broker->plan(world_.order(&reads))->grant, plan->grant);
  const auto none = broker->plan(world_.order(&deletes));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kDenied);
  EXPECT_NE(none.error().text().find("scopes.delete"), std::string::npos) << none.error().text();
}

TEST_F(OauthBrokerTest, APlanSaysTheLatestInstantThatATokenCanBeAlive) {
  const auto plan = make(with(settings_, "token_lifetime", "10m"))->plan(world_.order());
  EXPECT_GE(plan->expires_ms, world_.clock.now_ms() + 600'000);
  EXPECT_EQ(json::int_at(plan->handle, "ends_ms"), plan->expires_ms);
}

TEST_F(OauthBrokerTest, EndpointsAreFoundByTheIssuersMetadata) {
  const auto document = [&](bool revokes) {
    json::object out{{"issuer", world_.site.url()}, {"token_endpoint", world_.site.url("/token")}};
    if (revokes) out["revocation_endpoint"] = world_.site.url("/revoke");
    return Reply{200, json::write(out)};
  };
  auto settings = without(without(settings_, "token_endpoint"), "revocation_endpoint");
  settings["issuer"] = world_.site.url();
  world_.site.on("/.well-known/oauth-authorization-server", document(true));
  const auto broker = make(settings);
  for (int i = 0; i < 3; ++i) {
    const auto minted = world_.mint(*broker);
    ASSERT_TRUE(minted) << minted.error().text();
    EXPECT_TRUE(world_.revoke(*broker, *minted));
  }
  EXPECT_EQ(world_.count("/.well-known/oauth-authorization-server"), 1);
  // Where they are old and cannot be had anew, the old ones do.
  world_.site.on("/.well-known/oauth-authorization-server", Reply{503, ""});
  world_.site.on("/.well-known/openid-configuration", Reply{503, ""});
  world_.clock.advance_ms(600'001);
  ASSERT_TRUE(world_.mint(*broker));
  EXPECT_EQ(world_.count("/.well-known/oauth-authorization-server"), 2);
  // An issuer that revokes nothing is used only where that is said to be enough.
  world_.site.on("/.well-known/oauth-authorization-server", document(false));
  const auto none = world_.mint(*make(settings));
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, ErrorCode::kDenied);  // nothing was asked for
  const auto expiring = make(with(settings, "revocation_endpoint", "none"));
  EXPECT_FALSE(expiring->can_revoke());
  const auto minted = world_.mint(*expiring);
  ASSERT_TRUE(minted);
  EXPECT_EQ(minted->expires_ms, world_.clock.now_ms() + 300'000);  // nothing ends it before
  EXPECT_TRUE(world_.revoke(*expiring, *minted));
}

TEST_F(OauthBrokerTest, ARotatedRefreshTokenIsKeptBeforeAnythingElseIsDone) {
  settings_["grant"] = "refresh_token";
  settings_["refresh_token_secret"] = "oauth/refresh";
  const auto broker = make(settings_);
  for (int i = 1; i <= 3; ++i) {
    answer_["refresh_token"] = "refresh-" + std::to_string(i);
    ASSERT_TRUE(world_.mint(*broker));
    EXPECT_EQ(sent("grant_type"), "refresh_token");
    EXPECT_EQ(sent("refresh_token"), "refresh-" + std::to_string(i - 1));
    EXPECT_EQ(world_.kept("oauth/refresh"), "refresh-" + std::to_string(i));
  }
  // Also where the access token that came with it is refused.
  answer_["refresh_token"] = "refresh-4";
  answer_["token_type"] = "DPoP";
  EXPECT_FALSE(world_.mint(*broker));
  EXPECT_EQ(world_.kept("oauth/refresh"), "refresh-4");
  EXPECT_EQ(oauth::form_get(revoked_, "token"), "at-1");
}

TEST_F(OauthBrokerTest, ARefreshTokenThatACrashLeftBeforeTheVaultIsTakenUp) {
  settings_["grant"] = "refresh_token";
  settings_["refresh_token_secret"] = "oauth/refresh";
  const auto broker = make(settings_);
  const auto version = world_.vault.meta("oauth/refresh")->versions.front().number;
  ASSERT_TRUE(world_.sealed.put("refresh-next", "oauth/refresh", std::to_string(version) + " refresh-1"));
  ASSERT_TRUE(world_.mint(*broker));
  EXPECT_EQ(sent("refresh_token"), "refresh-1");
  EXPECT_EQ(world_.kept("oauth/refresh"), "refresh-1");
  EXPECT_FALSE(*world_.sealed.get("refresh-next", "oauth/refresh"));
  // Not where a human has put a newer one in since.
  ASSERT_TRUE(world_.sealed.put("refresh-next", "oauth/refresh", std::to_string(version + 1) + " refresh-2"));
  ASSERT_TRUE(world_.vault.rotate("oauth/refresh", Secret("from a new login"), "ada"));
  ASSERT_TRUE(world_.mint(*broker));
  EXPECT_EQ(sent("refresh_token"), "from a new login");
  EXPECT_FALSE(*world_.sealed.get("refresh-next", "oauth/refresh"));
}

TEST_F(OauthBrokerTest, BrokersThatShareARefreshTokenTakeTurns) {
  settings_["grant"] = "refresh_token";
  settings_["refresh_token_secret"] = "oauth/refresh";
  std::string next = "refresh-0";
  int reused = 0;
  world_.site.on("/token", [&](const net::HttpRequest& request) {
    const auto form = *oauth::read_form(request.body);
    if (oauth::form_get(form, "refresh_token") != next) ++reused;
    next = "refresh-" + std::to_string(++tokens_);
    answer_["refresh_token"] = next;
    return Reply{200, json::write(answer_)};
  });
  const auto one = make(settings_);
  const auto other = make(settings_);
  constexpr int kMints = 8;
  int left = kMints;
  testing::run_until_done(world_.loop, [&](std::function<void()> done) {
    for (int i = 0; i < kMints; ++i) {
      const auto order = world_.order();
      auto& broker = i % 2 == 0 ? *one : *other;
      broker.mint(order, *broker.plan(order), [&left, done](Result<Minted> minted) {
        EXPECT_TRUE(minted) << minted.error().text();
        if (--left == 0) done();
      });
    }
  });
  EXPECT_EQ(tokens_, kMints);
  EXPECT_EQ(reused, 0);
  EXPECT_EQ(world_.kept("oauth/refresh"), next);
}

TEST_F(OauthBrokerTest, ATurnThatADeadGateHoldsEndsByItself) {
  settings_["grant"] = "refresh_token";
  settings_["refresh_token_secret"] = "oauth/refresh";
  ASSERT_TRUE(world_.sealed.put("refresh-turns", "oauth/refresh", std::to_string(world_.clock.now_ms() + 15'000)));
  const auto broker = make(settings_);
  const auto busy = broker->plan(world_.order());
  bool is_over = false;
  broker->mint(world_.order(), *busy, [&](Result<Minted> minted) { is_over = minted.has_value(); });
  world_.loop.poll();
  world_.loop.poll();
  EXPECT_EQ(tokens_, 0);
  world_.clock.advance_ms(15'001);
  ASSERT_TRUE(world_.mint(*broker));
  EXPECT_GE(tokens_, 1);
  EXPECT_TRUE(is_over || tokens_ == 1);
}

TEST_F(OauthBrokerTest, ATokenIsExchangedForANarrowerOne) {
  settings_["grant"] = "token_exchange";
  settings_["subject_token_secret"] = "oauth/subject";
  settings_["audience"] = "billing";
  settings_["resource"] = "https://billing.example/";
  const auto reads = act({Effect::kRead});
  ASSERT_TRUE(world_.mint(*make(settings_), &reads));
  EXPECT_EQ(sent("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
  EXPECT_EQ(sent("subject_token"), "subject-token");
  EXPECT_EQ(sent("subject_token_type"), "urn:ietf:params:oauth:token-type:access_token");
  EXPECT_EQ(sent("audience"), "billing");
  EXPECT_EQ(sent("resource"), "https://billing.example/");
  EXPECT_EQ(sent("scope"), "repo:read");
}

TEST_F(OauthBrokerTest, AClientMayShowWhoItIsByAKey) {
  const auto key = jose::PrivateKey::generate(jose::Algorithm::kEs256);
  world_.keep("oauth/key", key->to_pem());
  settings_.erase("client_secret_secret");
  settings_["private_key_secret"] = "oauth/key";
  settings_["key_id"] = "k1";
  ASSERT_TRUE(world_.mint(*make(settings_)));
  const auto assertion = jose::parse_token(sent("client_assertion"));
  ASSERT_TRUE(assertion);
  EXPECT_EQ(assertion->kid, "k1");
  EXPECT_TRUE(jose::verify_token(
      *assertion, key->public_key(),
      {.issuer = "gate", .audiences = {world_.site.url("/token")}, .algorithms = {}, .types = {}, .now_ms = world_.clock.now_ms()}));
}

struct Hostile {
  const char* what;
  Reply reply;
  ErrorCode code;
  bool holds_a_token;  // which must not live
};

TEST_F(OauthBrokerTest, AnAnswerThatIsWrongIsNoToken) {
  const auto answer = [](const char* text) { return Reply{200, text}; };
  const Hostile cases[] = {
      {"huge", Reply{200, std::string(3 << 20, 'x')}, ErrorCode::kTooLarge, false},
      {"no JSON", answer("<html>"), ErrorCode::kUnavailable, false},
      {"an array", answer("[]"), ErrorCode::kUnavailable, false},
      {"a number as token", answer(R"({"access_token": 7, "token_type": "Bearer"})"), ErrorCode::kUnavailable, false},
      {"a header in the token", answer(R"({"access_token": "a\r\nX: y", "token_type": "Bearer"})"), ErrorCode::kUnavailable, false},
      {"a token twice", answer(R"({"access_token": "a", "access_token": "b", "token_type": "Bearer"})"), ErrorCode::kUnavailable, false},
      {"a redirect", Reply{302, "", {{"Location", "http://192.0.2.1/steal"}}}, ErrorCode::kUnavailable, false},
      {"down", Reply{503, ""}, ErrorCode::kUnavailable, false},
      {"refused", Reply{400, R"({"error": "invalid_client"})"}, ErrorCode::kDenied, false},
      {"bound", answer(R"({"access_token": "at-9", "token_type": "DPoP"})"), ErrorCode::kDenied, true},
      {"too wide", answer(R"({"access_token": "at-9", "token_type": "Bearer", "scope": "repo:read admin"})"), ErrorCode::kDenied, true},
      {"too long", answer(R"({"access_token": "at-9", "token_type": "Bearer", "expires_in": 86400})"), ErrorCode::kDenied, true},
  };
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead});
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    world_.site.on("/token", c.reply);
    revoked_.clear();
    const auto minted = world_.mint(*broker, &reads);
    ASSERT_FALSE(minted);
    EXPECT_EQ(minted.error().code, c.code) << minted.error().text();
    EXPECT_EQ(oauth::form_get(revoked_, "token"), c.holds_a_token ? "at-9" : "");
    for (const auto* secret : {"client-secret", "at-9"}) EXPECT_EQ(minted.error().text().find(secret), std::string::npos);
  }
  EXPECT_EQ(world_.count("/steal"), 0);
}

TEST_F(OauthBrokerTest, ARefusedTokenThatCannotBeRevokedIsNotSaidToBeDead) {
  answer_["token_type"] = "DPoP";
  revoke_status_ = 503;
  const auto minted = world_.mint(*make(settings_));
  ASSERT_FALSE(minted);
  EXPECT_EQ(minted.error().code, ErrorCode::kUnavailable);
}

TEST_F(OauthBrokerTest, ARevocationIsDoneWhenTheServerSaysSo) {
  const auto broker = make(settings_);
  const auto minted = world_.mint(*broker);
  for (const auto& [status, code] :
       {std::pair{503, ErrorCode::kUnavailable}, {302, ErrorCode::kUnavailable}, {401, ErrorCode::kUnavailable}}) {
    revoke_status_ = status;
    const auto revoked = world_.revoke(*broker, *minted);
    ASSERT_FALSE(revoked) << status;
    EXPECT_EQ(revoked.error().code, code);
    EXPECT_EQ(revoked.error().text().find("at-1"), std::string::npos);
  }
  revoke_status_ = 200;
  EXPECT_TRUE(world_.revoke(*broker, *minted));
}

TEST_F(OauthBrokerTest, ATokenIsShownToNobodyButItsServer) {
  const auto minted = world_.mint(*make(settings_));
  testing::HttpWorld elsewhere;
  auto settings = settings_;
  settings["token_endpoint"] = elsewhere.site.url("/token");
  settings["revocation_endpoint"] = elsewhere.site.url("/revoke");
  const auto other = make(settings);
  const auto revoked = world_.revoke(*other, *minted);
  ASSERT_FALSE(revoked);
  EXPECT_EQ(revoked.error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(elsewhere.site.requests.empty());
}

TEST_F(OauthBrokerTest, ATokenThatWasNeverSeenIsDeadOnceItsPlanHasEnded) {
  const auto broker = make(settings_);
  const auto plan = broker->plan(world_.order());
  EXPECT_FALSE(world_.revoke(*broker, plan->handle, "", false));
  world_.clock.advance_ms(plan->expires_ms - world_.clock.now_ms());
  EXPECT_TRUE(world_.revoke(*broker, plan->handle, "", false));
  EXPECT_TRUE(world_.site.requests.empty());
}

TEST_F(OauthBrokerTest, ABrokerThatGoesTakesItsCallsAlong) {
  std::shared_ptr<net::HttpExchange> held;  // a server that takes its time
  net::HttpServer slow(world_.loop, {}, [&](net::HttpRequest, std::shared_ptr<net::HttpExchange> exchange) {
    held = std::move(exchange);
    world_.loop.stop();
  });
  const auto port = slow.listen_tcp("127.0.0.1", 0);
  const auto endpoint = "http://127.0.0.1:" + std::to_string(*port);
  auto broker = make(with(settings_, "token_endpoint", json::value(endpoint)));
  const auto order = world_.order();
  bool was_called = false;
  broker->mint(order, *broker->plan(order), [&](Result<Minted>) { was_called = true; });
  world_.loop.run();
  ASSERT_TRUE(held);
  broker.reset();
  held->respond(200, {}, json::write(answer_));
  world_.loop.poll();
  EXPECT_FALSE(was_called);
}

TEST_F(OauthBrokerTest, SettingsThatAreWrongAreRefusedByTheirKey) {
  const testing::Refused cases[] = {
      {"client_id", without(settings_, "client_id")},
      {"grant", without(settings_, "grant")},
      {"grant", with(settings_, "grant", "password")},
      {"issuer", with(settings_, "issuer", "https://issuer.example")},
      {"issuer", with(without(settings_, "token_endpoint"), "issuer", "http://issuer.example")},
      {"token_endpoint", with(settings_, "token_endpoint", "http://192.0.2.1/token")},
      {"revocation_endpoint", without(settings_, "revocation_endpoint")},
      {"revocation_endpoint", with(settings_, "revocation_endpoint", "http://192.0.2.1/revoke")},
      {"private_key_secret", with(settings_, "private_key_secret", "k")},
      {"refresh_token_secret", with(settings_, "grant", "refresh_token")},
      {"refresh_token_secret", with(settings_, "refresh_token_secret", "r")},
      {"subject_token_secret", with(settings_, "grant", "token_exchange")},
      {"scopes", with(settings_, "scopes", object(R"({"reading": ["a"]})"))},
      {"scopes", with(settings_, "scopes", object(R"({"read": [7]})"))},
      {"scopes", with(settings_, "scopes", object(R"({"read": ["a b"]})"))},
      {"token_lifetime", with(settings_, "token_lifetime", "soon")},
      {"auth_method", with(settings_, "auth_method", "tls")},
      {"client_secret", with(settings_, "client_secret", "a planted value")},
  };
  for (const auto& c : cases) {
    const auto broker = make_oauth_broker(world_.parts, "api", c.settings);
    ASSERT_FALSE(broker) << json::write(c.settings);
    EXPECT_EQ(broker.error().code, ErrorCode::kInvalid);
    EXPECT_NE(broker.error().message.find("`" + std::string(c.key) + "`"), std::string::npos) << broker.error().text();
    EXPECT_EQ(broker.error().text().find("a planted value"), std::string::npos);
  }
}

TEST_F(OauthBrokerTest, AServerThatIsNotThereHasMadeNothing) {
  std::string gone;
  {
    testing::HttpWorld short_lived;
    gone = short_lived.site.url("/token");
  }
  const auto minted = world_.mint(*make(with(settings_, "token_endpoint", json::value(gone))));
  ASSERT_FALSE(minted);
  EXPECT_EQ(minted.error().code, ErrorCode::kDenied) << minted.error().text();
}

TEST_F(OauthBrokerTest, ASecretThatIsMissingIsNamed) {
  const auto minted = world_.mint(*make(with(settings_, "client_secret_secret", "oauth/absent")));
  ASSERT_FALSE(minted);
  EXPECT_EQ(minted.error().code, ErrorCode::kDenied);
  EXPECT_NE(minted.error().text().find("oauth/absent"), std::string::npos);
}

}  // namespace
}  // namespace interlock::credential
