// The routes of tasks, kills and agents: which there are, what reaches the operations, and what malformed orders get.
#include <gtest/gtest.h>

#include "surface/api/admin.hpp"

namespace interlock::api {
namespace {

constexpr int kUser = 1000;

class AdminTasks : public testing::Test {
 protected:
  AdminTasks() {
    operations.tasks = {
        .list = [this](bool ended) -> Result<json::array> {
          said.push_back(ended ? "list with ended" : "list");
          return json::array{json::object{{"id", "task_1"}}};
        },
        .find = [this](std::string_view id) { return say("find " + std::string(id)); },
        .start = [this](const AdminCaller& caller,
                        const json::object& order) { return say("start by " + std::to_string(caller.pid) + " " + json::write(order)); },
        .extend = [this](const AdminCaller&, std::string_view id,
                         const json::object& grant) { return say("extend " + std::string(id) + " " + json::write(grant)); },
        .end = [this](const AdminCaller&, std::string_view id,
                      const std::string& reason) { return say("end " + std::string(id) + " " + reason); },
        .kills = []() -> Result<json::array> { return json::array{}; },
        .kill =
            [this](const AdminCaller&, const gate::KillOrder& order) {
              return say("kill " + std::to_string(static_cast<int>(order.reach)) + " " + order.target + " " + order.reason);
            },
        .lift = [this](const AdminCaller&, const std::string& agent,
                       const std::string& reason) { return say("lift " + agent + " " + reason); },
        .refresh = [this] { return say("refresh"); }};
    operations.agents = {.list = []() -> Result<json::array> { return json::array{}; },
                         .find = [this](std::string_view id) { return say("agent " + std::string(id)); },
                         .findings = []() -> Result<json::array> { return json::array{}; }};
  }

  Result<json::object> say(std::string what) {
    said.push_back(std::move(what));
    return json::object{{"ok", true}};
  }
  AdminAnswer ask(const std::string& method, const std::string& target, std::string body = {}) {
    net::HttpRequest request;
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (target.find('?') != std::string::npos) request.query = target.substr(target.find('?') + 1);
    if (method == "POST") request.headers.add("Content-Type", "application/json");
    request.body = std::move(body);
    request.peer_pid = 4711;
    request.peer_uid = kUser;
    return answer_admin_request(request, operations, kUser);
  }

  AdminOperations operations;
  std::vector<std::string> said;
};

TEST_F(AdminTasks, HandsOrdersOn) {
  struct Row {
    const char* method;
    const char* target;
    const char* body;
    const char* said;
  };
  const Row rows[] = {
      {"GET", "/v1/tasks", "", "list"},
      {"GET", "/v1/tasks?ended=true", "", "list with ended"},
      {"GET", "/v1/tasks/task_1", "", "find task_1"},
      {"POST", "/v1/tasks", R"({"purpose":"p","scope":{"effects":["read"]}})",
       R"(start by 4711 {"purpose":"p","scope":{"effects":["read"]}})"},
      {"POST", "/v1/tasks/task_1/extend", R"({"for":"2h"})", R"(extend task_1 {"for":"2h"})"},
      {"POST", "/v1/tasks/task_1/end", R"({"reason":"done"})", "end task_1 done"},
      {"POST", "/v1/tasks/task_1/end", "{}", "end task_1 "},
      {"POST", "/v1/kills", R"({"reach":"agent","target":"ci/a","reason":"r"})", "kill 0 ci/a r"},
      {"POST", "/v1/kills", R"({"reach":"task","target":"task_1"})", "kill 1 task_1 "},
      {"POST", "/v1/kills", R"({"reach":"all"})", "kill 2  "},
      {"POST", "/v1/kills/lift", R"({"agent":"*","reason":"r"})", "lift * r"},
      {"POST", "/v1/refresh", "", "refresh"},
      {"GET", "/v1/agents?id=spiffe%3A%2F%2Fa.org%2Fx", "", "agent spiffe://a.org/x"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(row.method) + " " + row.target);
    said.clear();
    const auto got = ask(row.method, row.target, row.body);
    EXPECT_EQ(got.status, 200) << got.body;
    EXPECT_EQ(said, std::vector<std::string>{row.said});
  }
  for (const char* path : {"/v1/kills", "/v1/agents", "/v1/findings"}) EXPECT_EQ(ask("GET", path).status, 200) << path;
}

TEST_F(AdminTasks, RefusesWhatIsMalformed) {
  struct Row {
    const char* method;
    const char* target;
    const char* body;
    int status;
  };
  const Row rows[] = {
      {"POST", "/v1/tasks", "", 400},
      {"POST", "/v1/tasks", "[]", 400},
      {"POST", "/v1/tasks", R"({"purpose":"a","purpose":"b"})", 400},
      {"PUT", "/v1/tasks", "{}", 405},
      {"POST", "/v1/tasks/task_1", "{}", 405},
      {"GET", "/v1/tasks/", "", 404},
      {"GET", "/v1/tasks/task_1/", "", 404},
      {"POST", "/v1/tasks/task_1/kill", "{}", 404},
      {"POST", "/v1/tasks/task_1/end/x", "{}", 404},
      {"GET", "/v1/tasks/task_1/end", "", 405},
      {"POST", "/v1/tasks/task_1/end", R"({"why":"x"})", 400},
      {"POST", "/v1/tasks/task_1/end", R"({"reason":1})", 400},
      {"GET", "/v1/tasks?ended=true&ended=true", "", 400},
      {"POST", "/v1/kills", "{}", 400},
      {"POST", "/v1/kills", R"({"reach":"everybody"})", 400},
      {"POST", "/v1/kills", R"({"reach":"agent"})", 400},
      {"POST", "/v1/kills", R"({"reach":"all","target":"x"})", 400},
      {"POST", "/v1/kills", R"({"reach":"agent","target":"x","all":"true"})", 400},
      {"DELETE", "/v1/kills", "", 405},
      {"POST", "/v1/kills/lift", "{}", 400},
      {"GET", "/v1/kills/lift", "", 405},
      {"GET", "/v1/refresh", "", 405},
      {"GET", "/v1/agents?id=%", "", 400},
      {"POST", "/v1/agents", "{}", 405},
      {"POST", "/v1/findings", "{}", 405},
      {"GET", "/v1/agents/x", "", 404},
  };
  for (const auto& row : rows) {
    const auto got = ask(row.method, row.target, row.body);
    EXPECT_EQ(got.status, row.status) << row.method << ' ' << row.target << ' ' << row.body << ": " << got.body;
  }
  EXPECT_EQ(ask("POST", "/v1/kills", R"({"reach":"agent","target":")" + std::string(kAdminNameBytes + 1, 'a') + "\"}").status, 413);
  EXPECT_EQ(ask("POST", "/v1/kills", R"({"reach":"all","reason":")" + std::string(kAdminReasonBytes + 1, 'a') + "\"}").status, 413);
  EXPECT_TRUE(said.empty());
}

TEST_F(AdminTasks, SaysWhereAGateDoesNotServeThem) {
  operations.tasks = {};
  operations.agents = {};
  for (const char* path : {"/v1/tasks", "/v1/tasks/task_1", "/v1/kills", "/v1/agents", "/v1/agents?id=a", "/v1/findings"})
    EXPECT_EQ(ask("GET", path).status, 501) << path;
  EXPECT_EQ(ask("POST", "/v1/kills", R"({"reach":"all"})").status, 501);
  EXPECT_EQ(ask("POST", "/v1/refresh").status, 501);
}

}  // namespace
}  // namespace interlock::api
