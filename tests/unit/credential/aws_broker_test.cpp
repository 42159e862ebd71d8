#include "credential/aws_broker.hpp"

#include "credential/sigv4.hpp"
#include "http_world.hpp"
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

constexpr const char* kPolicy = R"({
  "read": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{resource}"}],
  "write": [{"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::{Bucket}/*"],
             "Condition": {"StringEquals": {"aws:PrincipalTag/a": "${aws:username}"}}}],
  "admin": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})";

class AwsBrokerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.keep("aws/key", "very-secret-key");
    world_.site.on("/", [this](const net::HttpRequest& request) {
      asked_ = *oauth::read_form(request.body);
      return Reply{status_, body_};
    });
    body_ = answer(world_.clock.now_ms() + 900'000);
    settings_ = {{"role_arn", "arn:aws:iam::1:role/agent"}, {"region", "eu-central-1"},
                 {"endpoint", world_.site.url()},           {"access_key_id", "AKIDGATE"},
                 {"secret_access_key_secret", "aws/key"},   {"external_id", "interlock"},
                 {"session_policy", object(kPolicy)}};
  }
  static std::string answer(UnixMs expires_ms) {
    return "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>sk/+1</SecretAccessKey>"
           "<SessionToken>st==</SessionToken><Expiration>" +
           rfc3339(expires_ms) + "</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>";
  }
  std::shared_ptr<Broker> make(const json::object& settings) {
    auto broker = make_aws_broker(world_.parts, "aws", settings);
    EXPECT_TRUE(broker) << (broker ? "" : broker.error().text());
    return *broker;
  }
  model::Classification writes() const {
    auto out = act({Effect::kWrite}, {"Object", "books/one.txt"});
    out.containers = {{"Bucket", "books"}};
    return out;
  }

  testing::HttpWorld world_;
  json::object settings_;
  oauth::Form asked_;
  int status_ = 200;
  std::string body_;
};

TEST_F(AwsBrokerTest, ASessionIsAskedForWithThePolicyOfTheAct) {
  const auto broker = make(settings_);
  const auto reads = act({Effect::kRead}, {"Object", "books/a \"b\".txt"});
  const auto minted = world_.mint(*broker, &reads);
  ASSERT_TRUE(minted) << minted.error().text();
  const auto sent = [&](std::string_view name) { return std::string(oauth::form_get(asked_, name)); };
  EXPECT_EQ(sent("Action"), "AssumeRole");
  EXPECT_EQ(sent("RoleArn"), "arn:aws:iam::1:role/agent");
  EXPECT_EQ(sent("RoleSessionName"), "interlock-lease_1");
  EXPECT_EQ(sent("DurationSeconds"), "900");
  EXPECT_EQ(sent("ExternalId"), "interlock");
  EXPECT_EQ(
      sent("Policy"),
      R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::books/a \"b\".txt"}]})");
  EXPECT_EQ(field(*minted, "access_key_id"), "ASIA1");
  EXPECT_EQ(field(*minted, "secret_access_key"), "sk/+1");
  EXPECT_EQ(field(*minted, "session_token"), "st==");
  EXPECT_EQ(minted->expires_ms, world_.clock.now_ms() + 900'000);  // whatever the lease's lifetime is: nothing ends it before
  EXPECT_FALSE(broker->can_revoke());
  EXPECT_TRUE(world_.revoke(*broker, *minted));
  EXPECT_EQ(world_.site.requests.size(), 1U);
}

TEST_F(AwsBrokerTest, TheRequestIsSignedAsItArrives) {
  const auto reads = act({Effect::kRead}, {"Object", "books/one.txt"});
  ASSERT_TRUE(world_.mint(*make(settings_), &reads));
  const auto& request = world_.site.requests.back();
  net::Headers headers;
  for (const auto* name : {"Host", "Content-Type"}) headers.add(name, std::string(*request.headers.get(name)));
  const SigV4Signer signer{
      .access_key_id = "AKIDGATE", .secret_access_key = "very-secret-key", .session_token = {}, .region = "eu-central-1", .service = "sts"};
  ASSERT_TRUE(sign(signer, "POST", "/", headers, payload_hash(request.body), world_.clock.now_ms()));
  EXPECT_EQ(request.headers.get("authorization"), headers.get("authorization"));
}

TEST_F(AwsBrokerTest, APolicyIsFilledWithTheActsResources) {
  const auto broker = make(settings_);
  const auto policy = [&](const model::Classification& one) {
    const auto plan = broker->plan(world_.order(&one));
    return plan ? std::string(*json::string_at(plan->handle, "policy")) : plan.error().message;
  };
  const auto put = policy(writes());
  EXPECT_NE(put.find("arn:aws:s3:::books/*"), std::string::npos) << put;
  EXPECT_NE(put.find("${aws:username}"), std::string::npos) << put;
  auto both = writes();
  both.effects = {Effect::kRead, Effect::kWrite};
  both.further_resources = {{{"Object", "papers/two.txt"}, {{"Bucket", "papers"}}}};
  const auto text = policy(both);
  for (const auto* arn : {"books/one.txt", "papers/two.txt", "books/*", "papers/*"}) EXPECT_NE(text.find(arn), std::string::npos) << text;
  // What names no resource is written once.
  auto admin = both;
  admin.effects = {Effect::kAdmin};
  EXPECT_EQ(policy(admin), R"({"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})");
}

TEST_F(AwsBrokerTest, WhatWouldWidenAPolicyIsRefused) {
  const auto broker = make(settings_);
  for (const auto* id : {"*", "books/?", "${aws:username}", "a\nb", ""}) {
    const auto reads = act({Effect::kRead}, {"Object", id});
    const auto plan = broker->plan(world_.order(&reads));
    ASSERT_FALSE(plan) << id;
    EXPECT_EQ(plan.error().code, ErrorCode::kDenied);
  }
  const auto bare = act({Effect::kWrite}, {"Object", "books/one.txt"});  // in no bucket
  const auto deletes = act({Effect::kDelete}, {"Object", "books/one.txt"});
  for (const auto* one : {&bare, &deletes, static_cast<const model::Classification*>(nullptr)})
    EXPECT_FALSE(broker->plan(world_.order(one)));
  const auto endless = act({Effect::kRead}, {"Object", std::string(3000, 'x')});
  EXPECT_EQ(broker->plan(world_.order(&endless)).error().code, ErrorCode::kTooLarge);
}

TEST_F(AwsBrokerTest, ASessionIsAsShortAsItMayBeAndNoLongerThanIsConfigured) {
  const auto broker = make(with(settings_, "duration", 3600));
  const auto reads = act({Effect::kRead}, {"Object", "a"});
  for (const auto& [wanted_s, given_s] : {std::pair{60, 900}, {1800, 1800}, {7200, 3600}}) {
    auto order = world_.order(&reads);
    order.expires_ms = order.now_ms + wanted_s * 1000;
    const auto plan = broker->plan(order);
    EXPECT_EQ(json::int_at(plan->handle, "seconds"), given_s);
    EXPECT_GE(plan->expires_ms, order.now_ms + given_s * 1000);
  }
}

TEST_F(AwsBrokerTest, AnAnswerThatIsWrongIsNoSession) {
  const auto reads = act({Effect::kRead}, {"Object", "a"});
  const auto broker = make(settings_);
  const auto right = body_;
  const auto without_element = [&](std::string_view from, std::string_view to) {
    auto out = right;
    return out.replace(out.find(from), from.size(), to);
  };
  struct Case {
    int status;
    std::string body;
    ErrorCode code;
  };
  const Case cases[] = {
      {403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", ErrorCode::kDenied},
      {400, "<ErrorResponse><Error><Code>MalformedPolicyDocument</Code></Error></ErrorResponse>", ErrorCode::kDenied},
      {400, "not even XML", ErrorCode::kDenied},
      {503, "", ErrorCode::kUnavailable},
      {302, "", ErrorCode::kDenied},
      {200, "", ErrorCode::kUnavailable},
      {200, without_element("<SessionToken>st==</SessionToken>", ""), ErrorCode::kUnavailable},
      {200, without_element("st==", "st&#10;"), ErrorCode::kUnavailable},
      {200, without_element("st==", ""), ErrorCode::kUnavailable},
      {200, without_element("ASIA1", "ASIA1\r\nX-Injected: 1"), ErrorCode::kUnavailable},
      {200, right + right, ErrorCode::kUnavailable},
      {200, answer(world_.clock.now_ms() + 86'400'000), ErrorCode::kUnavailable},
      {200, std::string(3 << 20, '<'), ErrorCode::kTooLarge},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.body.substr(0, 80));
    status_ = c.status;
    body_ = c.body;
    const auto minted = world_.mint(*broker, &reads);
    ASSERT_FALSE(minted);
    EXPECT_EQ(minted.error().code, c.code) << minted.error().text();
    EXPECT_EQ(minted.error().text().find("very-secret-key"), std::string::npos);
  }
}

TEST_F(AwsBrokerTest, SettingsThatAreWrongAreRefusedByTheirKey) {
  const testing::Refused cases[] = {
      {"role_arn", without(settings_, "role_arn")},
      {"region", without(settings_, "region")},
      {"endpoint", with(settings_, "endpoint", "http://sts.example")},
      {"access_key_id", without(settings_, "access_key_id")},
      {"secret_access_key_secret", without(settings_, "secret_access_key_secret")},
      {"session_policy", without(settings_, "session_policy")},
      {"session_policy", with(settings_, "session_policy", object(R"({"read": "s3:*"})"))},
      {"session_policy", with(settings_, "session_policy", json::array{"s3:*"})},
      {"session_policy", with(settings_, "session_policy", object(R"({"peek": []})"))},
      {"duration", with(settings_, "duration", 60)},
      {"secret_access_key", with(settings_, "secret_access_key", "x")},
  };
  for (const auto& c : cases) {
    const auto broker = make_aws_broker(world_.parts, "aws", c.settings);
    ASSERT_FALSE(broker) << json::write(c.settings);
    EXPECT_NE(broker.error().message.find("`" + std::string(c.key) + "`"), std::string::npos) << broker.error().text();
  }
}

}  // namespace
}  // namespace interlock::credential
