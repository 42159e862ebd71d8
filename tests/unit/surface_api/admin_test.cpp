// The admin surface without its wire: who is let in, which routes there are, and what malformed orders get.
#include "surface/api/admin.hpp"

#include <gtest/gtest.h>

namespace interlock::api {
namespace {

constexpr int kUser = 1000;

class Admin : public testing::Test {
 protected:
  Admin() {
    operations.status = []() -> Result<json::object> { return json::object{{"pid", 1}}; };
    operations.may_administer = [this](const AdminCaller& caller) -> Status {
      called.push_back(caller);
      if (refuse) return fail(ErrorCode::kDenied, "the process belongs to an agent", "use a terminal of your own");
      return {};
    };
    operations.approvals = []() -> Result<json::array> { return json::array{json::object{{"id", "k7m3xp"}}}; };
    operations.approval = [](std::string_view id) -> Result<json::object> {
      if (id != "k7m3xp") return fail(ErrorCode::kNotFound, "no approval has the id " + std::string(id));
      return json::object{{"id", id}};
    };
    operations.decide = [this](const AdminCaller& caller, const DecisionOrder& order) -> Result<json::object> {
      called.push_back(caller);
      decisions.push_back(order);
      return json::object{{"id", order.id}};
    };
    operations.pins = []() -> Result<json::array> { return json::array{}; };
    operations.change_pins = [this](const AdminCaller& caller, const PinOrder& order) -> Result<json::object> {
      called.push_back(caller);
      pin_orders.push_back(order);
      return json::object{{"changed", 1}};
    };
    operations.reload = [this](const AdminCaller& caller) -> Result<json::object> {
      called.push_back(caller);
      return json::object{};
    };
    operations.sessions = []() -> Result<json::array> { return json::array{}; };
  }

  static net::HttpRequest request(std::string method, std::string path, std::string body = {}) {
    net::HttpRequest out;
    out.method = std::move(method);
    out.path = std::move(path);
    out.body = std::move(body);
    out.peer_pid = 4711;
    out.peer_uid = kUser;
    if (!out.body.empty()) out.headers.add("Content-Type", "application/json");
    return out;
  }
  AdminAnswer answer(const net::HttpRequest& what) { return answer_admin_request(what, operations, kUser); }
  int status(std::string method, std::string path, std::string body = {}) {
    return answer(request(std::move(method), std::move(path), std::move(body))).status;
  }
  bool untouched() const { return called.empty() && decisions.empty() && pin_orders.empty(); }

  AdminOperations operations;
  std::vector<AdminCaller> called;
  std::vector<DecisionOrder> decisions;
  std::vector<PinOrder> pin_orders;
  bool refuse = false;
};

TEST_F(Admin, AnswersEachRouteWithItsMethodsOnly) {
  struct Row {
    const char* path;
    const char* allow;
  };
  const Row rows[] = {{"/v1/status", "GET"},     {"/v1/caller", "GET"},  {"/v1/approvals", "GET"}, {"/v1/approvals/k7m3xp", "GET, POST"},
                      {"/v1/pins", "GET, POST"}, {"/v1/reload", "POST"}, {"/v1/sessions", "GET"}};
  for (const auto& row : rows) {
    const std::string allow = row.allow;
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "CONNECT", "get", "POSTER", ""}) {
      SCOPED_TRACE(std::string(method) + " " + row.path);
      const bool known = *method != '\0' && ("," + allow + ",").find(method) != std::string::npos &&
                         (std::string(method) == "GET" || std::string(method) == "POST");
      const auto got = answer(request(method, row.path));
      if (!known) {
        EXPECT_EQ(got.status, 405);
        EXPECT_EQ(got.headers.get("allow"), allow);
      } else if (std::string(method) == "GET" || allow == "POST") {
        EXPECT_EQ(got.status, 200) << got.body;
      } else {
        EXPECT_EQ(got.status, 400);  // an order without a body
      }
      EXPECT_TRUE(json::parse(got.body)) << got.body;
      EXPECT_EQ(got.headers.get("content-type"), "application/json");
    }
  }
  EXPECT_TRUE(decisions.empty());
  EXPECT_TRUE(pin_orders.empty());
}

TEST_F(Admin, KnowsNoOtherPaths) {
  for (const char* path : {"/", "", "/v1", "/v1/", "/v1/Status", "/v1/status/", "//v1/status", "/v2/status", "/v1/../v1/status",
                           "/v1/approvals/", "/v1/approvals/a/b", "/v1/%73tatus", "/mcp", "/metrics", "*", "http://localhost/v1/status"}) {
    EXPECT_EQ(status("GET", path), 404) << path;
  }
  EXPECT_EQ(status("GET", "/v1/approvals/" + std::string(10'000, 'a')), 404);
  EXPECT_EQ(status("GET", "/v1/approvals/zzzzzz"), 404);
  EXPECT_EQ(status("POST", "/v1/approvals/a/b", R"({"decision":"deny"})"), 404);
  EXPECT_TRUE(untouched());
}

TEST_F(Admin, LetsNobodyInButItsUserAndRoot) {
  const std::string yes = R"({"decision":"approve","digest":"d"})";
  for (const auto& [pid, uid, in] : {std::tuple(4711, kUser, true),
                                     {4711, 0, true},
                                     {4711, kUser + 1, false},
                                     {4711, -1, false},
                                     {-1, kUser, false},
                                     {0, kUser, false},
                                     {-1, -1, false},
                                     {-1, 0, false}}) {
    for (auto what : {request("GET", "/v1/status"), request("GET", "/v1/approvals"), request("POST", "/v1/approvals/k7m3xp", yes),
                      request("GET", "/nothing")}) {
      what.peer_pid = pid;
      what.peer_uid = uid;
      const int got = answer(what).status;
      EXPECT_EQ(got != 403, in) << pid << " " << uid << " " << what.path;
    }
  }
  EXPECT_EQ(decisions.size(), 2U);
  EXPECT_EQ(called[0].pid, 4711);
  EXPECT_EQ(called[0].uid, kUser);
}

TEST_F(Admin, TakesNoRequestThatABrowserOrAProxyWasTalkedInto) {
  for (const char* name : {"Origin", "origin", "X-Forwarded-For"}) {
    auto what = request("POST", "/v1/approvals/k7m3xp", R"({"decision":"deny"})");
    what.headers.add(name, "null");
    EXPECT_EQ(answer(what).status, 403) << name;
  }
  EXPECT_TRUE(untouched());
}

TEST_F(Admin, HandsADecisionOnAsItWasSent) {
  EXPECT_EQ(status("POST", "/v1/approvals/K7M3XP", R"({"decision":"approve","digest":"abc","reason":"fine","passphrase":"horse"})"), 200);
  ASSERT_EQ(decisions.size(), 1U);
  EXPECT_EQ(decisions[0].id, "K7M3XP");
  EXPECT_TRUE(decisions[0].yes);
  EXPECT_EQ(decisions[0].digest, "abc");
  EXPECT_EQ(decisions[0].reason, "fine");
  EXPECT_EQ(decisions[0].passphrase, "horse");
  EXPECT_EQ(status("POST", "/v1/approvals/k7m3xp", R"({"decision":"deny"})"), 200);
  EXPECT_FALSE(decisions[1].yes);
}

TEST_F(Admin, RefusesMalformedDecisions) {
  const std::pair<std::string, int> rows[] = {
      {"", 400},
      {"{", 400},
      {"[]", 400},
      {"null", 400},
      {"\"approve\"", 400},
      {"{}", 400},
      {R"({"decision":true,"digest":"d"})", 400},
      {R"({"decision":"yes","digest":"d"})", 400},
      {R"({"decision":"Approve","digest":"d"})", 400},
      {R"({"decision":"approve"})", 400},  // to what?
      {R"({"decision":"approve","digest":""})", 400},
      {R"({"decision":"deny","decision":"approve","digest":"d"})", 400},  // one reader's deny is another's approve
      {R"({"decision":"approve","digest":"d","reasn":"x"})", 400},
      {R"({"decision":"approve","digest":"d","reason":7})", 400},
      {R"({"decision":"approve","digest":["d"]})", 400},
      {R"({"decision":"approve","digest":"d"} trailing)", 400},
      {"{\"decision\":\"approve\",\"digest\":\"\xff\"}", 400},
      {R"({"decision":"deny","reason":")" + std::string(2001, 'x') + "\"}", 413},
      {R"({"decision":"approve","digest":")" + std::string(513, 'x') + "\"}", 413},
      {std::string(70'000, ' ') + "{}", 413},
      {R"({"decision":)" + std::string(20, '[') + std::string(20, ']') + "}", 413},
  };
  for (const auto& [body, expected] : rows) {
    EXPECT_EQ(status("POST", "/v1/approvals/k7m3xp", body), expected) << body.substr(0, 80);
  }
  auto untyped = request("POST", "/v1/approvals/k7m3xp", R"({"decision":"deny"})");
  for (const char* type : {"text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""}) {
    untyped.headers.set("Content-Type", type);
    EXPECT_EQ(answer(untyped).status, 400) << type;
  }
  EXPECT_TRUE(untouched());
  untyped.headers.set("Content-Type", "Application/JSON; charset=utf-8");
  EXPECT_EQ(answer(untyped).status, 200);
}

TEST_F(Admin, HandsPinOrdersOnAndRefusesMalformedOnes) {
  EXPECT_EQ(status("POST", "/v1/pins", R"({"operation":"trust","server":"notes","tool":"read","hash":"h"})"), 200);
  EXPECT_EQ(status("POST", "/v1/pins", R"({"operation":"reset"})"), 200);
  ASSERT_EQ(pin_orders.size(), 2U);
  EXPECT_EQ(pin_orders[0].operation, PinOrder::Operation::kTrust);
  EXPECT_EQ(pin_orders[0].server + pin_orders[0].tool + pin_orders[0].hash, "notesreadh");
  EXPECT_EQ(pin_orders[1].operation, PinOrder::Operation::kReset);
  for (const char* body : {"", "{}", R"({"operation":"trust"})", R"({"operation":"trust","tool":"read"})",
                           R"({"operation":"reset","tool":"read"})", R"({"operation":"forget","server":"notes"})",
                           R"({"operation":"trust","server":null})", R"({"operation":"trust","server":"notes","all":"yes"})"}) {
    EXPECT_EQ(status("POST", "/v1/pins", body), 400) << body;
  }
  EXPECT_EQ(pin_orders.size(), 2U);
}

TEST_F(Admin, SaysWhyACallerMayNot) {
  EXPECT_EQ(status("GET", "/v1/caller"), 200);
  refuse = true;
  const auto got = answer(request("GET", "/v1/caller"));
  EXPECT_EQ(got.status, 403);
  EXPECT_EQ(got.body,
            "{\"error\":{\"code\":\"denied\",\"message\":\"the process belongs to an agent\",\"hint\":\"use a terminal of your own\"}}\n");
}

TEST_F(Admin, AnswersWhatItWasNotGivenWith501) {
  operations = {};
  for (const char* path : {"/v1/status", "/v1/caller", "/v1/approvals", "/v1/approvals/k7m3xp", "/v1/pins", "/v1/sessions"})
    EXPECT_EQ(status("GET", path), 501) << path;
  EXPECT_EQ(status("POST", "/v1/reload"), 501);
  EXPECT_EQ(status("POST", "/v1/pins", R"({"operation":"reset"})"), 501);
  EXPECT_EQ(status("POST", "/v1/approvals/k7m3xp", R"({"decision":"deny"})"), 501);
}

TEST(AdminStatus, IsOfTheRightClassForEachError) {
  const std::pair<ErrorCode, int> rows[] = {{ErrorCode::kInvalid, 400},     {ErrorCode::kTooLarge, 413}, {ErrorCode::kNotFound, 404},
                                            {ErrorCode::kConflict, 409},    {ErrorCode::kDenied, 403},   {ErrorCode::kExpired, 410},
                                            {ErrorCode::kTimeout, 504},     {ErrorCode::kIo, 500},       {ErrorCode::kUnavailable, 503},
                                            {ErrorCode::kUnsupported, 501}, {ErrorCode::kInternal, 500}};
  for (const auto& [code, expected] : rows) EXPECT_EQ(http_status_of(code), expected);
}

}  // namespace
}  // namespace interlock::api
