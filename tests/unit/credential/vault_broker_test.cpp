#include "credential/vault_broker.hpp"

#include "http_world.hpp"

namespace interlock::credential {
namespace {

using model::Effect;
using testing::act;
using testing::field;
using testing::object;
using testing::Reply;
using testing::with;
using testing::without;

constexpr std::string_view kCreate = "/v1/auth/token/create";
constexpr std::string_view kRevokeLease = "/v1/sys/leases/revoke";
constexpr std::string_view kRevokeSelf = "/v1/auth/token/revoke-self";

class VaultBrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.keep("vault/token", "s.parent");
    auth_ = object(R"({"client_token": "s.child", "accessor": "acc", "policies": ["default", "db"], "lease_duration": 61})");
    lease_ = object(
        R"({"lease_id": "database/creds/reader/abc", "lease_duration": 30, "data": {"username": "v-1", "password": "pw-1", "n": 1}})");
    world_.site.on(std::string(kCreate), [this](const net::HttpRequest& request) {
      created_ = json::parse(request.body)->get_object();
      return Reply{200, json::write(json::object{{"auth", auth_}})};
    });
    for (const auto* path : {"/v1/database/creds/reader", "/v1/database/creds/writer"})
      world_.site.on(path, [this](const net::HttpRequest&) { return Reply{lease_status_, json::write(lease_)}; });
    world_.site.on(std::string(kRevokeLease), [this](const net::HttpRequest&) { return Reply{revoke_status_, "{}"}; });
    world_.site.on(std::string(kRevokeSelf), [this](const net::HttpRequest&) { return Reply{self_status_, ""}; });
    settings_ = {{"address", world_.site.url()},
                 {"token_secret", "vault/token"},
                 {"path", object(R"({"read": "database/creds/reader", "write": "database/creds/writer"})")}};
  }
  std::shared_ptr<Broker> make(const json::object& settings) {
    auto broker = make_vault_broker(world_.parts, "bao", settings);
    EXPECT_TRUE(broker) << (broker ? "" : broker.error().text());
    return *broker;
  }

  testing::HttpWorld world_;
  json::object settings_;
  json::object auth_;
  json::object lease_;
  json::object created_;
  int lease_status_ = 200;
  int revoke_status_ = 204;
  int self_status_ = 204;
};

TEST_F(VaultBrokerTest, ACredentialIsMadeUnderATokenOfItsOwnThatDiesWithTheLease) {
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead});
  const auto minted = world_.mint(*broker, &reads);
  ASSERT_TRUE(minted) << minted.error().text();
  EXPECT_EQ(json::string_at(created_, "ttl"), "61s");  // 60.5 s, rounded up
  EXPECT_EQ(json::string_at(created_, "explicit_max_ttl"), "61s");
  EXPECT_FALSE(json::bool_at(created_, "renewable", true));
  EXPECT_EQ(json::string_at(*json::object_at(created_, "meta"), "interlock_lease"), "lease_1");
  EXPECT_EQ(world_.site.requests[0].headers.get("x-vault-token"), "s.parent");
  EXPECT_EQ(world_.site.requests[1].path, "/v1/database/creds/reader");
  EXPECT_EQ(world_.site.requests[1].method, "GET");
  EXPECT_EQ(world_.site.requests[1].headers.get("x-vault-token"), "s.child");
  EXPECT_EQ(field(*minted, "username"), "v-1");
  EXPECT_EQ(field(*minted, "password"), "pw-1");
  EXPECT_EQ(minted->expires_ms, world_.clock.now_ms() + 30'000);
  EXPECT_EQ(json::write(minted->handle).find("s.child"), std::string::npos);
  ASSERT_TRUE(world_.revoke(*broker, *minted));
  const auto& lease = world_.site.requests[2];
  EXPECT_EQ(lease.path, kRevokeLease);
  EXPECT_EQ(json::write_canonical(*json::parse(lease.body)), R"({"lease_id":"database/creds/reader/abc","sync":true})");
  EXPECT_EQ(world_.site.requests[3].path, kRevokeSelf);
  for (const auto& request : {lease, world_.site.requests[3]}) EXPECT_EQ(request.headers.get("x-vault-token"), "s.child");
}

TEST_F(VaultBrokerTest, TheStrongestEffectChoosesThePath) {
  const auto broker = make(settings_);
  const auto both = act({Effect::kWrite, Effect::kRead});
  EXPECT_EQ(json::string_at(broker->plan(world_.order(&both))->handle, "path"), "database/creds/writer");
  const auto admin = act({Effect::kAdmin});
  EXPECT_EQ(broker->plan(world_.order(&admin)).error().code, ErrorCode::kDenied);
}

TEST_F(VaultBrokerTest, WhatIsAskedForInTheBodyIsPosted) {
  auto settings = with(settings_, "data", object(R"({"common_name": "a"})"));
  settings["path"] = "database/creds/reader";
  settings["policies"] = json::array{"db"};
  ASSERT_TRUE(world_.mint(*make(settings)));
  EXPECT_EQ(world_.site.requests[1].method, "POST");
  EXPECT_EQ(world_.site.requests[1].body, R"({"common_name":"a"})");
  EXPECT_EQ(json::write(created_.at("policies")), R"(["db"])");
}

TEST_F(VaultBrokerTest, WhateverGoesWrongAfterTheTokenEndsTheToken) {
  const auto reads = act({Effect::kRead});
  const auto broker = make(settings_);
  const auto right_auth = auth_;
  const auto right_lease = lease_;
  struct Case {
    const char* what;
    std::function<void()> set;
    ErrorCode code;
  };
  const Case cases[] = {
      {"lives long", [&] { auth_["lease_duration"] = 86'400; }, ErrorCode::kDenied},
      {"lives for ever", [&] { auth_["lease_duration"] = 0; }, ErrorCode::kDenied},
      {"cannot end itself", [&] { auth_["policies"] = json::array{"db"}; }, ErrorCode::kDenied},
      {"refused", [&] { lease_status_ = 403; }, ErrorCode::kDenied},
      {"broken", [&] { lease_status_ = 500; }, ErrorCode::kDenied},
      {"a redirect", [&] { lease_status_ = 307; }, ErrorCode::kDenied},
      {"static", [&] { lease_["lease_id"] = ""; }, ErrorCode::kDenied},
      {"no lease", [&] { lease_["lease_id"] = 7; }, ErrorCode::kDenied},
      {"no time", [&] { lease_["lease_duration"] = -1; }, ErrorCode::kDenied},
      {"no data", [&] { lease_["data"] = json::array{}; }, ErrorCode::kDenied},
      {"no texts", [&] { lease_["data"] = object(R"({"n": 1})"); }, ErrorCode::kDenied},
  };
  int ended = 0;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    auth_ = right_auth;
    lease_ = right_lease;
    lease_status_ = 200;
    c.set();
    const auto minted = world_.mint(*broker, &reads);
    ASSERT_FALSE(minted);
    EXPECT_EQ(minted.error().code, c.code) << minted.error().text();
    EXPECT_EQ(world_.count(kRevokeSelf), ++ended);
    for (const auto* secret : {"s.parent", "s.child", "pw-1"}) EXPECT_EQ(minted.error().text().find(secret), std::string::npos);
  }
}

TEST_F(VaultBrokerTest, ATokenThatIsNoneIsRefused) {
  const auto broker = make(settings_);
  for (const auto& token : {json::value(7), json::value(""), json::value("a\r\nX: y"), json::value(std::string(5000, 'x'))}) {
    auth_["client_token"] = token;
    const auto minted = world_.mint(*broker);
    ASSERT_FALSE(minted);
    EXPECT_EQ(minted.error().code, ErrorCode::kUnavailable);
  }
  for (const auto& reply : {Reply{200, "[1]"}, Reply{200, std::string(3 << 20, 'x')}, Reply{503, ""}, Reply{302, ""}}) {
    world_.site.on(std::string(kCreate), reply);
    EXPECT_FALSE(world_.mint(*broker));
  }
}

TEST_F(VaultBrokerTest, ARevocationHoldsOnlyWhenTheServerSaysSo) {
  const auto broker = make(settings_);
  const auto minted = world_.mint(*broker);
  for (const auto& [lease, self, is_dead] : {std::tuple{204, 204, true},
                                             {403, 403, true},   // both are dead
                                             {400, 204, true},   // the lease has ended by itself
                                             {403, 204, true},   // its policy lacks the path: the token's end takes it along
                                             {503, 204, false},  // sealed
                                             {204, 503, false},
                                             {302, 204, false},  // whoever answers is not the server
                                             {204, 302, false},
                                             {204, 404, false}}) {
    revoke_status_ = lease;
    self_status_ = self;
    EXPECT_EQ(world_.revoke(*broker, *minted).has_value(), is_dead) << lease << " " << self;
  }
  const auto plan = broker->plan(world_.order());
  EXPECT_FALSE(world_.revoke(*broker, plan->handle, "", false));
  world_.clock.advance_ms(plan->expires_ms - world_.clock.now_ms());
  EXPECT_TRUE(world_.revoke(*broker, plan->handle, "", false));
  EXPECT_FALSE(world_.revoke(*make(with(settings_, "address", "https://bao.example")), *minted));
}

TEST_F(VaultBrokerTest, ALeaseIsRenewedAsFarAsItsTokenLives) {
  const auto broker = make(settings_);
  const auto minted = world_.mint(*broker);
  world_.site.on("/v1/sys/leases/renew", Reply{200, R"({"lease_duration": 50})"});
  const auto renew = [&](UnixMs until_ms) {
    Result<UnixMs> out = 0;
    testing::run_until_done(world_.loop, [&](std::function<void()> done) {
      broker->renew({.lease = "lease_1", .handle = minted->handle, .revocation = minted->revocation.view()}, until_ms,
                    [&out, done](Result<UnixMs> renewed) {
                      out = std::move(renewed);
                      done();
                    });
    });
    return out;
  };
  const auto now_ms = world_.clock.now_ms();
  EXPECT_EQ(renew(now_ms + 60'000), now_ms + 50'000);
  EXPECT_EQ(json::int_at(json::parse(world_.site.requests.back().body)->get_object(), "increment"), 60);
  EXPECT_EQ(renew(now_ms + 120'000).error().code, ErrorCode::kUnsupported);
}

TEST_F(VaultBrokerTest, AGateWithAnAuthorityLogsInByItsSvid) {
  const auto authority = spiffe::Authority::open({.trust_domain = "agents.example"}, world_.sealed, world_.clock);
  world_.parts.authority = authority->get();
  auth_["lease_duration"] = 3600;
  json::object asked;
  world_.site.on("/v1/auth/jwt/login", [&](const net::HttpRequest& request) {
    asked = json::parse(request.body)->get_object();
    return Reply{200, json::write(json::object{{"auth", auth_}})};
  });
  auto settings = without(settings_, "token_secret");
  EXPECT_FALSE(make_vault_broker(world_.parts, "bao", settings));
  settings["role"] = "gate";
  const auto minted = world_.mint(*make(settings));
  ASSERT_TRUE(minted) << minted.error().text();
  EXPECT_EQ(json::string_at(asked, "role"), "gate");
  const auto token = jose::parse_token(*json::string_at(asked, "jwt"));
  EXPECT_EQ(json::string_at(token->claims, "sub"), "spiffe://agents.example/interlock/gate");
  EXPECT_EQ(jose::audiences_of(token->claims), std::vector<std::string>{world_.site.url()});
  EXPECT_FALSE(world_.site.requests[0].headers.get("x-vault-token"));
}

TEST_F(VaultBrokerTest, SettingsThatAreWrongAreRefusedByTheirKey) {
  const testing::Refused cases[] = {
      {"address", without(settings_, "address")},
      {"address", with(settings_, "address", "http://bao.example")},
      {"token_secret", without(settings_, "token_secret")},
      {"token_secret", with(settings_, "role", "gate")},
      {"role", with(without(settings_, "token_secret"), "role", "gate")},
      {"path", without(settings_, "path")},
      {"path", with(settings_, "path", "../sys/raw")},
      {"path", with(settings_, "path", "a?b")},
      {"path", with(settings_, "path", object(R"({"read": 7})"))},
      {"data", with(settings_, "data", "x")},
      {"mount", with(settings_, "mount", "/jwt")},
      {"token_lifetime", with(settings_, "token_lifetime", "long")},
      {"token", with(settings_, "token", "s.x")},
  };
  for (const auto& c : cases) {
    const auto broker = make_vault_broker(world_.parts, "bao", c.settings);
    ASSERT_FALSE(broker) << json::write(c.settings);
    EXPECT_NE(broker.error().message.find("`" + std::string(c.key) + "`"), std::string::npos) << broker.error().text();
  }
}

}  // namespace
}  // namespace interlock::credential
