#include "surface/api/admin_tasks.hpp"

#include "surface/api/form.hpp"

namespace interlock::api {
namespace {

constexpr std::string_view kTasks = "tasks/";

AdminAnswer answer_list(const net::HttpRequest& request, const TaskOperations& operations) {
  if (!operations.list) return missing("the list of tasks");
  const auto query = Form::parse(request.query);
  if (!query) return error_answer(query.error());
  return list_answer("tasks", operations.list(query->get("ended") == "true"));
}

AdminAnswer answer_start(const net::HttpRequest& request, const AdminCaller& caller, const TaskOperations& operations) {
  if (!operations.start) return missing("starting tasks");
  const auto order = read_body(request, kAdminOrderBytes);
  return order ? result_answer(operations.start(caller, *order)) : error_answer(order.error());
}

AdminAnswer answer_end(const net::HttpRequest& request, std::string_view id, const AdminCaller& caller, const TaskOperations& operations) {
  if (!operations.end) return missing("ending tasks");
  const auto members = Members::read(request, {"reason"});
  if (!members) return error_answer(members.error());
  const auto reason = members->text("reason", kAdminReasonBytes);
  return reason ? result_answer(operations.end(caller, id, *reason)) : error_answer(reason.error());
}

AdminAnswer answer_one(const net::HttpRequest& request, std::string_view rest, const AdminCaller& caller,
                       const TaskOperations& operations) {
  const auto slash = rest.find('/');
  const auto id = rest.substr(0, slash);
  const auto verb = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (id.empty() || id.size() > kAdminNameBytes) return nothing_here();
  if (slash == std::string_view::npos) {
    if (request.method != "GET") return wrong_method("GET");
    return operations.find ? result_answer(operations.find(id)) : missing("showing tasks");
  }
  if (verb != "extend" && verb != "end") return nothing_here();
  if (request.method != "POST") return wrong_method("POST");
  if (verb == "end") return answer_end(request, id, caller, operations);
  if (!operations.extend) return missing("extending tasks");
  const auto grant = read_body(request, kAdminOrderBytes);
  return grant ? result_answer(operations.extend(caller, id, *grant)) : error_answer(grant.error());
}

Result<gate::KillOrder> kill_order(const net::HttpRequest& request) {
  const auto members = Members::read(request, {"reach", "target", "reason"});
  if (!members) return fail(members.error());
  auto reach = members->text("reach", kAdminNameBytes);
  auto target = members->text("target", kAdminNameBytes);
  auto reason = members->text("reason", kAdminReasonBytes);
  for (const auto* part : {&reach, &target, &reason}) {
    if (!*part) return fail(part->error());
  }
  gate::KillOrder order;
  if (*reach == "agent") order.reach = gate::KillOrder::Reach::kAgent;
  else if (*reach == "task") order.reach = gate::KillOrder::Reach::kTask;
  else if (*reach == "all") order.reach = gate::KillOrder::Reach::kAll;
  else return fail(ErrorCode::kInvalid, "\"reach\" is neither \"agent\" nor \"task\" nor \"all\"");
  if ((order.reach == gate::KillOrder::Reach::kAll) != target->empty())
    return fail(ErrorCode::kInvalid, "\"target\" names the agent or the task, and nothing where all are killed");
  order.target = std::move(*target);
  order.reason = std::move(*reason);
  return order;
}

AdminAnswer answer_kills(const net::HttpRequest& request, const AdminCaller& caller, const TaskOperations& operations) {
  if (request.method == "GET") return operations.kills ? list_answer("kills", operations.kills()) : missing("the list of kills");
  if (request.method != "POST") return wrong_method("GET, POST");
  if (!operations.kill) return missing("the kill switch");
  auto order = kill_order(request);
  return order ? result_answer(operations.kill(caller, std::move(*order))) : error_answer(order.error());
}

AdminAnswer answer_lift(const net::HttpRequest& request, const AdminCaller& caller, const TaskOperations& operations) {
  if (request.method != "POST") return wrong_method("POST");
  if (!operations.lift) return missing("the kill switch");
  const auto members = Members::read(request, {"agent", "reason"});
  if (!members) return error_answer(members.error());
  const auto agent = members->text("agent", kAdminNameBytes);
  const auto reason = members->text("reason", kAdminReasonBytes);
  if (!agent) return error_answer(agent.error());
  if (!reason) return error_answer(reason.error());
  if (agent->empty()) return error_answer({ErrorCode::kInvalid, "no agent is named", "send \"agent\", \"*\" for the kill of all"});
  return result_answer(operations.lift(caller, *agent, *reason));
}

}  // namespace

std::optional<AdminAnswer> answer_task_request(const net::HttpRequest& request, std::string_view path, const AdminCaller& caller,
                                               const TaskOperations& operations) {
  if (path == "tasks") {
    if (request.method == "GET") return answer_list(request, operations);
    if (request.method == "POST") return answer_start(request, caller, operations);
    return wrong_method("GET, POST");
  }
  if (path.starts_with(kTasks)) return answer_one(request, path.substr(kTasks.size()), caller, operations);
  if (path == "kills") return answer_kills(request, caller, operations);
  if (path == "kills/lift") return answer_lift(request, caller, operations);
  if (path == "refresh") {
    if (request.method != "POST") return wrong_method("POST");
    return operations.refresh ? result_answer(operations.refresh()) : missing("refreshing");
  }
  return std::nullopt;
}

}  // namespace interlock::api
