// The routes of OAuth logins: who may begin one, and that every question is answered once, now or later.
#include <gtest/gtest.h>

#include "surface/api/admin.hpp"

namespace interlock::api {
namespace {

constexpr int kUser = 1000;

class AdminServers : public testing::Test {
 protected:
  AdminServers() {
    operations.may_administer = [this](const AdminCaller&) -> Status {
      if (refuse) return fail(ErrorCode::kDenied, "the process belongs to an agent");
      return {};
    };
    operations.servers = {.list = []() -> Result<json::array> { return json::array{json::object{{"server", "web"}}}; },
                          .login =
                              [this](std::string_view server, std::function<void(Result<json::object>)> done) {
                                said.push_back("login " + std::string(server));
                                later = std::move(done);
                              },
                          .callback =
                              [this](std::string_view query, const std::function<void(Result<json::object>)>& done) {
                                said.push_back("callback " + std::string(query));
                                done(json::object{{"server", "web"}});
                              },
                          .forget = [this](std::string_view server) -> Result<json::object> {
                            said.push_back("forget " + std::string(server));
                            return json::object{};
                          }};
  }

  void ask(const std::string& method, const std::string& path, std::string body = {}, int uid = kUser) {
    net::HttpRequest request;
    request.method = method;
    request.path = path;
    request.body = std::move(body);
    if (method == "POST") request.headers.add("Content-Type", "application/json");
    request.peer_pid = 4711;
    request.peer_uid = uid;
    answers.clear();
    handle_admin_request(request, operations, kUser, [this](AdminAnswer answer) { answers.push_back(std::move(answer)); });
  }
  int status() const { return answers.size() == 1 ? answers[0].status : -static_cast<int>(answers.size()); }

  AdminOperations operations;
  std::vector<std::string> said;
  std::function<void(Result<json::object>)> later;
  std::vector<AdminAnswer> answers;
  bool refuse = false;
};

TEST_F(AdminServers, ALoginIsAnsweredOnceItsAddressIsKnown) {
  ask("POST", "/v1/servers/web/login");
  EXPECT_TRUE(answers.empty());
  later(json::object{{"url", "https://as.example/authorize?x"}});
  EXPECT_EQ(status(), 200);
  EXPECT_NE(answers[0].body.find("as.example"), std::string::npos);
  ask("POST", "/v1/servers/web/login");
  later(fail(ErrorCode::kUnsupported, "no human logs in for this grant"));
  EXPECT_EQ(status(), 501);
}

TEST_F(AdminServers, AnAgentBeginsAndEndsNoLogin) {
  refuse = true;
  for (const char* path : {"/v1/servers/web/login", "/v1/servers/web/forget", "/v1/servers/callback"}) {
    ask("POST", path, R"({"query":"code=x"})");
    EXPECT_EQ(status(), 403) << path;
  }
  ask("POST", "/v1/servers/web/login", {}, kUser + 1);
  EXPECT_EQ(status(), 403);
  EXPECT_TRUE(said.empty());
  ask("GET", "/v1/servers");
  EXPECT_EQ(status(), 200) << "looking is allowed";
}

TEST_F(AdminServers, KnowsItsRoutesAlone) {
  struct Row {
    const char* method;
    const char* path;
    const char* body;
    int status;
  };
  const Row rows[] = {{"POST", "/v1/servers/callback", R"({"query":"code=x&state=y"})", 200},
                      {"POST", "/v1/servers/callback", "{}", 200},
                      {"POST", "/v1/servers/callback", "", 400},
                      {"POST", "/v1/servers/callback", R"({"code":"x"})", 400},
                      {"POST", "/v1/servers/web/forget", "", 200},
                      {"POST", "/v1/servers", "", 405},
                      {"GET", "/v1/servers/web/login", "", 405},
                      {"POST", "/v1/servers/web", "", 404},
                      {"POST", "/v1/servers//login", "", 404},
                      {"POST", "/v1/servers/web/token", "", 404},
                      {"POST", "/v1/servers/web/login/x", "", 404},
                      {"GET", "/v1/status/x", "", 404}};
  for (const auto& row : rows) {
    ask(row.method, row.path, row.body);
    EXPECT_EQ(status(), row.status) << row.method << ' ' << row.path << ' ' << row.body;
  }
  operations.servers = {};
  for (const char* path : {"/v1/servers/web/login", "/v1/servers/web/forget"}) {
    ask("POST", path);
    EXPECT_EQ(status(), 501) << path;
  }
}

}  // namespace
}  // namespace interlock::api
