// The admin surface's part for tasks and the kill switch: routes and bounds; the operations are whoever composes the gate's.
//
//   GET  /v1/tasks[?ended=true]   {"tasks":[...]}
//   POST /v1/tasks                a task order (task/order.hpp); the task
//   GET  /v1/tasks/ID             one
//   POST /v1/tasks/ID/extend      a grant (task/order.hpp); the task
//   POST /v1/tasks/ID/end         {"reason"?}
//   GET  /v1/kills                {"kills":[...]} what stands
//   POST /v1/kills                {"reach":"agent"|"task"|"all","target"?,"reason"?}; {"tasks","held","cut"} of this gate
//   POST /v1/kills/lift           {"agent": ID or "*","reason"?}
//   POST /v1/refresh              take over at once what another process wrote into the store
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "gate/gate.hpp"
#include "surface/api/admin_answer.hpp"

namespace interlock::api {

struct TaskOperations {
  std::function<Result<json::array>(bool with_ended)> list;
  std::function<Result<json::object>(std::string_view id)> find;
  std::function<Result<json::object>(const AdminCaller& caller, const json::object& order)> start;
  std::function<Result<json::object>(const AdminCaller& caller, std::string_view id, const json::object& grant)> extend;
  std::function<Result<json::object>(const AdminCaller& caller, std::string_view id, const std::string& reason)> end;
  std::function<Result<json::array>()> kills;
  std::function<Result<json::object>(const AdminCaller& caller, gate::KillOrder order)> kill;  // `by` is filled in
  std::function<Result<json::object>(const AdminCaller& caller, const std::string& agent, const std::string& reason)> lift;
  std::function<Result<json::object>()> refresh;
};

// `path` without "/v1/". nullopt: not one of these routes.
std::optional<AdminAnswer> answer_task_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                                               const TaskOperations& operations);

}  // namespace interlock::api
