// The routes of the vault and of leases: what they take, what they refuse, and that a value goes in and never comes out.
#include <gtest/gtest.h>

#include "surface/api/admin.hpp"

namespace interlock::api {
namespace {

constexpr int kUser = 1000;

class AdminSecrets : public testing::Test {
 protected:
  AdminSecrets() {
    operations.secrets.list = []() -> Result<json::array> { return json::array{json::object{{"name", "a"}}}; };
    operations.secrets.find = [](std::string_view name) -> Result<json::object> { return json::object{{"name", name}}; };
    operations.secrets.change = [this](const AdminCaller&, SecretOrder order) -> Result<json::object> {
      orders.push_back(std::move(order));
      return json::object{{"name", orders.back().name}};
    };
    operations.secrets.rekey = [this](const AdminCaller&, const RekeyOrder& order) -> Result<json::object> {
      rekeys.push_back(order);
      return json::object{};
    };
    operations.leases.list = [](bool with_ended) -> Result<json::array> { return json::array{with_ended ? "ended" : "open"}; };
    operations.leases.revoke = [this](const AdminCaller&, std::string_view id, const std::string& reason,
                                      std::function<void(Result<json::object>)> done) {
      said = std::string(id) + ": " + reason;
      later = std::move(done);
    };
  }

  int ask(const std::string& method, const std::string& target, std::string body = {}) {
    net::HttpRequest request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (const auto query = target.find('?'); query != std::string::npos) request.query = target.substr(query + 1);
    request.body = std::move(body);
    if (method == "POST") request.headers.add("Content-Type", "application/json");
    request.peer_pid = 4711;
    request.peer_uid = kUser;
    answers.clear();
    handle_admin_request(request, operations, kUser, [this](AdminAnswer answer) { answers.push_back(std::move(answer)); });
    return answers.size() == 1 ? answers[0].status : -static_cast<int>(answers.size());
  }

  AdminOperations operations;
  std::vector<SecretOrder> orders;
  std::vector<RekeyOrder> rekeys;
  std::string said;
  std::function<void(Result<json::object>)> later;
  std::vector<AdminAnswer> answers;
};

TEST_F(AdminSecrets, AnOrderIsReadWhole) {
  ASSERT_EQ(ask("POST", "/v1/secrets",
                R"({"operation":"set","name":"a/b","value":"c2VjcmV0","note":"n","max_age":"90d","overlap":"1h","imported":"true"})"),
            200);
  ASSERT_EQ(orders.size(), 1U);
  EXPECT_EQ(orders[0].operation, SecretOrder::Operation::kSet);
  EXPECT_EQ(orders[0].name, "a/b");
  EXPECT_EQ(orders[0].value, "secret");
  EXPECT_EQ(orders[0].note, "n");
  EXPECT_EQ(orders[0].max_age_ms, 90LL * 86'400'000);
  EXPECT_EQ(orders[0].overlap_ms, 3'600'000);
  EXPECT_TRUE(orders[0].imported);
  ASSERT_EQ(ask("POST", "/v1/secrets", R"({"operation":"remove","name":"a"})"), 200);
  EXPECT_EQ(orders[1].operation, SecretOrder::Operation::kRemove);
  EXPECT_EQ(ask("GET", "/v1/secrets"), 200);
  EXPECT_EQ(ask("GET", "/v1/secrets?name=a%2Fb"), 200);
  EXPECT_NE(answers[0].body.find("a/b"), std::string::npos);
}

TEST_F(AdminSecrets, WhatCannotBeMeantChangesNothingAndNoRefusalQuotesTheValue) {
  for (const std::string body :
       {"", "[]", R"({"name":"a","value":"Y2FuYXJ5"})", R"({"operation":"set","value":"Y2FuYXJ5"})", R"({"operation":"set","name":"a"})",
        R"({"operation":"set","name":"a","value":"canary!"})", R"({"operation":"set","name":"a","value":7})",
        R"({"operation":"remove","name":"a","value":"Y2FuYXJ5"})", R"({"operation":"set","name":"a","value":"Y2FuYXJ5","max_age":"soon"})",
        R"({"operation":"set","name":"a","value":"Y2FuYXJ5","max_age":90})", R"({"operation":"set","name":"a","valeu":"Y2FuYXJ5"})",
        R"({"operation":"get","name":"a"})"}) {
    EXPECT_EQ(ask("POST", "/v1/secrets", body), 400) << body;
    EXPECT_EQ(answers[0].body.find("canary"), std::string::npos);
    EXPECT_EQ(answers[0].body.find("Y2FuYXJ5"), std::string::npos);
  }
  EXPECT_EQ(ask("DELETE", "/v1/secrets"), 405);
  EXPECT_EQ(ask("GET", "/v1/secrets/a"), 404);
  EXPECT_TRUE(orders.empty());
}

TEST_F(AdminSecrets, ALongSecretFitsIn) {
  const std::string value(256 * 1024 / 3 * 4, 'A');
  EXPECT_EQ(ask("POST", "/v1/secrets", R"({"operation":"set","name":"a","value":")" + value + "\"}"), 200);
  EXPECT_EQ(orders.at(0).value.size(), value.size() / 4 * 3);
}

TEST_F(AdminSecrets, RekeyingTakesAFileOrNothing) {
  EXPECT_EQ(ask("POST", "/v1/secrets/rekey", "{}"), 200);
  EXPECT_EQ(ask("POST", "/v1/secrets/rekey", R"({"new_key_file":"/k","keep_data_key":"true"})"), 200);
  ASSERT_EQ(rekeys.size(), 2U);
  EXPECT_TRUE(rekeys[0].new_key_file.empty());
  EXPECT_FALSE(rekeys[0].keep_data_key);
  EXPECT_EQ(rekeys[1].new_key_file, "/k");
  EXPECT_TRUE(rekeys[1].keep_data_key);
  EXPECT_EQ(ask("POST", "/v1/secrets/rekey", R"({"new_key":"x"})"), 400);
  EXPECT_EQ(ask("GET", "/v1/secrets/rekey"), 405);
}

TEST_F(AdminSecrets, ARevocationIsAnsweredOnceTheRealSystemHas) {
  EXPECT_EQ(ask("POST", "/v1/leases/lease_1/revoke", R"({"reason":"enough"})"), 0);
  EXPECT_EQ(said, "lease_1: enough");
  later(json::object{{"state", "revoked"}});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].status, 200);
  EXPECT_EQ(ask("GET", "/v1/leases"), 200);
  EXPECT_NE(answers[0].body.find("open"), std::string::npos);
  EXPECT_EQ(ask("GET", "/v1/leases?ended=true"), 200);
  EXPECT_NE(answers[0].body.find("ended"), std::string::npos);
  for (const std::string path : {"/v1/leases/", "/v1/leases/lease_1", "/v1/leases//revoke", "/v1/leases/a/b/revoke"})
    EXPECT_EQ(ask("POST", path, "{}"), 404) << path;
  EXPECT_EQ(ask("GET", "/v1/leases/lease_1/revoke"), 405);
  EXPECT_EQ(ask("POST", "/v1/leases/lease_1/revoke", R"({"why":"x"})"), 400);
}

TEST_F(AdminSecrets, AGateWithoutAVaultSaysSo) {
  operations = {};
  EXPECT_EQ(ask("GET", "/v1/secrets"), 501);
  EXPECT_EQ(ask("POST", "/v1/secrets", R"({"operation":"remove","name":"a"})"), 501);
  EXPECT_EQ(ask("POST", "/v1/secrets/rekey", "{}"), 501);
  EXPECT_EQ(ask("GET", "/v1/leases"), 501);
  EXPECT_EQ(ask("POST", "/v1/leases/l/revoke", "{}"), 501);
}

}  // namespace
}  // namespace interlock::api
