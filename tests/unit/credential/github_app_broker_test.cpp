#include "credential/github_app_broker.hpp"

#include "http_world.hpp"
#include "jose/token.hpp"

namespace interlock::credential {
namespace {

using model::Effect;
using testing::act;
using testing::field;
using testing::object;
using testing::Reply;
using testing::with;
using testing::without;

constexpr std::string_view kMint = "/app/installations/42/access_tokens";

class GithubAppBrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.keep("github/key", key_.to_pem());
    answer_ = {{"token", "ghs_token"},
               {"expires_at", rfc3339(world_.clock.now_ms() + 3'600'000)},
               {"repository_selection", "selected"},
               {"permissions", object(R"({"contents": "read", "metadata": "read"})")},
               {"repositories", json::array{object(R"({"full_name": "Octo/Site"})")}}};
    world_.site.on(std::string(kMint), [this](const net::HttpRequest& request) {
      asked_ = json::parse(request.body)->get_object();
      return Reply{status_, json::write(answer_)};
    });
    world_.site.on("/installation/token", [this](const net::HttpRequest&) { return Reply{revoke_status_, ""}; });
    settings_ = {{"app_id", 7},
                 {"installation_id", "42"},
                 {"private_key_secret", "github/key"},
                 {"api", world_.site.url()},
                 {"repositories", json::array{"octo/site", "octo/Other"}},
                 {"permissions", object(R"({"contents": "write", "issues": "read", "workflows": "write"})")}};
  }
  std::shared_ptr<Broker> make(const json::object& settings) {
    auto broker = make_github_app_broker(world_.parts, "gh", settings);
    EXPECT_TRUE(broker) << (broker ? "" : broker.error().text());
    return *broker;
  }

  testing::HttpWorld world_;
  jose::PrivateKey key_ = jose::PrivateKey::generate(jose::Algorithm::kRs256).value();
  json::object settings_;
  json::object answer_;
  json::object asked_;
  int status_ = 201;
  int revoke_status_ = 204;
};

TEST_F(GithubAppBrokerTest, ATokenIsForTheActsRepositoryAndNoMoreThanItsEffects) {
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead}, {"Repo", "Octo/Site"});
  const auto minted = world_.mint(*broker, &reads);
  ASSERT_TRUE(minted) << minted.error().text();
  EXPECT_EQ(json::write_canonical(asked_), R"({"permissions":{"contents":"read","issues":"read"},"repositories":["site"]})");
  EXPECT_EQ(field(*minted, "token"), "ghs_token");
  EXPECT_EQ(minted->expires_ms, world_.order().expires_ms);
  EXPECT_EQ(json::write(minted->handle).find("ghs_token"), std::string::npos);
  ASSERT_TRUE(world_.revoke(*broker, *minted));
  EXPECT_EQ(world_.site.requests.back().method, "DELETE");
  EXPECT_EQ(world_.site.requests.back().headers.get("authorization"), "Bearer ghs_token");
}

TEST_F(GithubAppBrokerTest, AnActThatWritesHasWhatIsConfigured) {
  answer_["permissions"] = object(R"({"contents": "write", "workflows": "write", "metadata": "read"})");
  const auto writes = act({Effect::kRead, Effect::kWrite}, {"Tool", "push"});
  auto placed = writes;
  placed.containers = {{"Repo", "octo/site"}};
  ASSERT_TRUE(world_.mint(*make(settings_), &placed));
  EXPECT_EQ(json::write_canonical(asked_),
            R"({"permissions":{"contents":"write","issues":"read","workflows":"write"},"repositories":["site"]})");
  // An act that names no repository, and a whole server: all that are configured.
  for (const auto* one : {&writes, static_cast<const model::Classification*>(nullptr)}) {
    ASSERT_TRUE(world_.mint(*make(settings_), one));
    EXPECT_EQ(json::write(asked_.at("repositories")), R"(["other","site"])");
  }
}

TEST_F(GithubAppBrokerTest, AnotherRepositoryIsRefusedBeforeAnythingIsAsked) {
  const auto broker = make(settings_);
  auto further = act({Effect::kRead}, {"Repo", "octo/site"});
  further.further_resources = {{{"Repo", "octo/secret"}, {}}};
  const auto dotted = act({Effect::kRead}, {"Repo", "octo/../site"});
  const auto elsewhere = act({Effect::kRead}, {"Repo", "evil/site"});
  for (const model::Classification* one : {&std::as_const(further), &dotted, &elsewhere}) {
    const auto plan = broker->plan(world_.order(one));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, ErrorCode::kDenied);
  }
  EXPECT_TRUE(world_.site.requests.empty());
}

TEST_F(GithubAppBrokerTest, TheAppShowsATokenThatGithubTakes) {
  ASSERT_TRUE(world_.mint(*make(settings_)));
  const auto& request = world_.site.requests.front();
  EXPECT_EQ(request.headers.get("x-github-api-version"), "2022-11-28");
  EXPECT_TRUE(request.headers.get("user-agent"));
  const auto authorization = std::string(*request.headers.get("authorization"));
  const auto token = jose::parse_token(std::string_view(authorization).substr(7));
  ASSERT_TRUE(token);
  EXPECT_TRUE(jose::verify_token(
      *token, key_.public_key(),
      {.issuer = "7", .audiences = {}, .algorithms = {}, .types = {}, .longest_life_ms = 600'000, .now_ms = world_.clock.now_ms()}));
  EXPECT_EQ(token->algorithm, jose::Algorithm::kRs256);
  EXPECT_LE(*json::int_at(token->claims, "exp"), world_.clock.now_ms() / 1000 + 600);
}

TEST_F(GithubAppBrokerTest, ATokenThatCanDoMoreThanWasAskedForIsRevoked) {
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead}, {"Repo", "octo/site"});
  const auto right = answer_;
  const std::pair<const char*, json::value> wider[] = {
      {"repository_selection", "all"},
      {"repositories", json::array{object(R"({"full_name": "octo/secret"})")}},
      {"permissions", object(R"({"contents": "write"})")},
      {"permissions", object(R"({"administration": "read"})")},
      {"permissions", object(R"({"contents": 7})")},
      {"expires_at", "never"},
      {"expires_at", json::value(rfc3339(world_.clock.now_ms() + 86'400'000))},
  };
  int revoked = 0;
  for (const auto& [name, value] : wider) {
    SCOPED_TRACE(name);
    answer_ = right;
    answer_[name] = value;
    const auto minted = world_.mint(*broker, &reads);
    ASSERT_FALSE(minted);
    EXPECT_EQ(minted.error().code, ErrorCode::kDenied) << minted.error().text();
    EXPECT_EQ(minted.error().text().find("ghs_token"), std::string::npos);
    EXPECT_EQ(world_.count("/installation/token"), ++revoked);
  }
}

TEST_F(GithubAppBrokerTest, WhatGithubRefusesIsANoAndWhatItCannotIsUnknown) {
  answer_ = {{"message", "no"}};
  const auto broker = make(settings_);
  for (const auto& [status, code] : {std::pair{401, ErrorCode::kDenied},
                                     {403, ErrorCode::kDenied},
                                     {404, ErrorCode::kDenied},
                                     {422, ErrorCode::kDenied},
                                     {301, ErrorCode::kDenied},
                                     {429, ErrorCode::kUnavailable},
                                     {500, ErrorCode::kUnavailable},
                                     {201, ErrorCode::kUnavailable}}) {
    status_ = status;
    const auto minted = world_.mint(*broker);
    ASSERT_FALSE(minted) << status;
    EXPECT_EQ(minted.error().code, code) << status;
  }
}

TEST_F(GithubAppBrokerTest, ATokenIsDeadWhenGithubSaysSoOrDoesNotKnowIt) {
  const auto broker = make(settings_);
  const auto minted = world_.mint(*broker);
  for (const auto& [status, is_dead] : {std::pair{204, true}, {401, true}, {403, false}, {404, false}, {500, false}, {302, false}}) {
    revoke_status_ = status;
    EXPECT_EQ(world_.revoke(*broker, *minted).has_value(), is_dead) << status;
  }
  const auto plan = broker->plan(world_.order());
  EXPECT_FALSE(world_.revoke(*broker, plan->handle, "", false));
  world_.clock.advance_ms(plan->expires_ms - world_.clock.now_ms());
  EXPECT_TRUE(world_.revoke(*broker, plan->handle, "", false));
  EXPECT_FALSE(world_.revoke(*make(with(settings_, "api", "https://github.example")), *minted));
}

TEST_F(GithubAppBrokerTest, SettingsThatAreWrongAreRefusedByTheirKey) {
  const testing::Refused cases[] = {
      {"app_id", without(settings_, "app_id")},
      {"installation_id", with(settings_, "installation_id", "../1")},
      {"private_key_secret", without(settings_, "private_key_secret")},
      {"api", with(settings_, "api", "http://github.example")},
      {"repositories", without(settings_, "repositories")},
      {"repositories", with(settings_, "repositories", json::array{"site"})},
      {"repositories", with(settings_, "repositories", json::array{"octo/site/x"})},
      {"repositories", with(settings_, "repositories", json::array{"octo/site", "other/site"})},
      {"permissions", without(settings_, "permissions")},
      {"permissions", with(settings_, "permissions", object(R"({"contents": "all"})"))},
      {"private_key", with(settings_, "private_key", "PEM")},
  };
  for (const auto& c : cases) {
    const auto broker = make_github_app_broker(world_.parts, "gh", c.settings);
    ASSERT_FALSE(broker) << json::write(c.settings);
    EXPECT_NE(broker.error().message.find("`" + std::string(c.key) + "`"), std::string::npos) << broker.error().text();
  }
}

}  // namespace
}  // namespace interlock::credential
