#include "surface/api/task_front.hpp"

#include <algorithm>

#include "surface/api/admin_answer.hpp"
#include "task/order.hpp"
#include "task/task_book.hpp"

namespace interlock::api {
namespace {

constexpr std::string_view kTasks = "/v1/tasks";
constexpr std::string_view kSession = "api";  // acts of this surface hang from one session a subject

void send(net::HttpExchange& exchange, AdminAnswer answer) {
  exchange.respond(answer.status, std::move(answer.headers), std::move(answer.body));
}

bool is_loopback_name(std::string_view host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1) == "[::1]";
  const auto name = host.substr(0, host.find(':'));
  return net::equal_ignoring_case(name, "localhost") || name == "127.0.0.1";
}

// Why a request is not taken at all; empty: it may go on.
std::string problem_with_origin(const net::Headers& headers, const TaskFrontOptions& options) {
  if (headers.get("origin")) return "tasks are not for web pages";
  if (!options.loopback && options.allowed_hosts.empty()) return {};
  const auto host = headers.get("host").value_or("");
  if (options.loopback && is_loopback_name(host)) return {};
  if (std::ranges::find(options.allowed_hosts, host) != options.allowed_hosts.end()) return {};
  return "the host of this request is not this gate's";
}

AdminAnswer shown(const Result<task::TaskView>& view) { return view ? json_answer(200, to_json(*view)) : error_answer(view.error()); }

AdminAnswer done(const Status& status) { return status ? json_answer(200, json::object{}) : error_answer(status.error()); }

}  // namespace

TaskFront::TaskFront(gate::Gate& gate, const Clock& clock, TaskFrontOptions options, Authenticate authenticate, Challenge challenge)
    : gate_(gate), clock_(clock), options_(std::move(options)), authenticate_(std::move(authenticate)), challenge_(std::move(challenge)) {}

bool TaskFront::handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange) {
  if (request.path != kTasks && !request.path.starts_with(std::string(kTasks) + "/")) return false;
  if (const auto problem = problem_with_origin(request.headers, options_); !problem.empty()) {
    send(*exchange, error_answer({ErrorCode::kDenied, problem, "call from the agent itself, under the gate's own name"}));
    return true;
  }
  const auto held = std::make_shared<net::HttpRequest>(std::move(request));
  identity::Presentation presentation;
  presentation.authorization = held->headers.get("authorization");
  for (const auto& [name, value] : held->headers.all()) {
    if (net::equal_ignoring_case(name, "dpop")) presentation.dpop.emplace_back(value);
  }
  presentation.method = held->method;
  presentation.url = options_.public_url + held->path;
  presentation.resources = {options_.public_url};
  presentation.certificates = held->peer_certificates;
  presentation.peer_pid = held->peer_pid;
  presentation.peer_uid = held->peer_uid;
  authenticate_(std::move(presentation), [this, held, exchange, alive = std::weak_ptr(alive_)](identity::Answer answer) {
    if (alive.expired()) return;
    if (!answer) {
      auto refusal = error_answer(answer.error().status, error_code_name(answer.error().error.code), answer.error().error.message,
                                  answer.error().error.hint);
      challenge_(answer.error(), refusal.headers);
      return send(*exchange, std::move(refusal));
    }
    gate::Caller caller;
    caller.subject = std::move(*answer);
    caller.session = kSession;
    caller.client_pid = held->peer_pid;
    caller.task = held->headers.get("interlock-task").value_or("");
    this->answer(caller, *held, exchange);
  });
  return true;
}

void TaskFront::answer(const gate::Caller& caller, const net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange) {
  if (const auto stopped = gate_.stopped(caller))
    return send(*exchange, error_answer({ErrorCode::kDenied, stopped->reason, stopped->next}));
  if (request.path != kTasks) return answer_one(caller, std::string_view(request.path).substr(kTasks.size() + 1), request, exchange);
  if (request.method == "GET") {
    json::array list;
    for (const auto& view : gate_.list_tasks_as(caller)) list.emplace_back(to_json(view));
    return send(*exchange, json_answer(200, json::object{{"tasks", std::move(list)}}));
  }
  if (request.method != "POST") return send(*exchange, wrong_method("GET, POST"));
  const auto body = read_body(request, kAdminOrderBytes);
  if (!body) return send(*exchange, error_answer(body.error()));
  auto order = task::read_task_order(*body, clock_.now_ms());
  if (!order) return send(*exchange, error_answer(order.error()));
  order->started_by = task::StartedBy::kAgent;
  order->by = caller.subject.id;
  send(*exchange, shown(gate_.start_task_as(caller, std::move(*order))));
}

void TaskFront::answer_one(const gate::Caller& caller, std::string_view rest, const net::HttpRequest& request,
                           const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto slash = rest.find('/');
  const std::string id(rest.substr(0, slash));
  const auto verb = slash == std::string_view::npos ? std::string_view() : rest.substr(slash + 1);
  if (id.empty() || id.size() > task::kNameBytes) return send(*exchange, nothing_here());
  if (slash == std::string_view::npos) {
    if (request.method != "GET") return send(*exchange, wrong_method("GET"));
    return send(*exchange, shown(gate_.find_task_as(caller, id)));
  }
  if (verb != "heartbeat" && verb != "end" && verb != "requests") return send(*exchange, nothing_here());
  if (request.method != "POST") return send(*exchange, wrong_method("POST"));
  if (verb == "heartbeat") return send(*exchange, done(gate_.beat_task_as(caller, id)));
  if (verb == "requests") return ask_for_more(caller, id, request, exchange);
  const auto members = Members::read(request, {"reason"});
  if (!members) return send(*exchange, error_answer(members.error()));
  const auto reason = members->text("reason", kAdminReasonBytes);
  if (!reason) return send(*exchange, error_answer(reason.error()));
  send(*exchange, done(gate_.end_task_as(caller, id, *reason)));
}

// The first of "held" and "decided" is the answer; what comes later, the task itself shows.
void TaskFront::ask_for_more(const gate::Caller& caller, const std::string& id, const net::HttpRequest& request,
                             const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto body = read_body(request, kAdminOrderBytes);
  if (!body) return send(*exchange, error_answer(body.error()));
  auto grant = task::read_grant(*body, clock_.now_ms());
  if (!grant) return send(*exchange, error_answer(grant.error()));
  const auto is_answered = std::make_shared<bool>(false);
  gate::AdmitHandlers handlers;
  handlers.on_held = [exchange, is_answered](const gate::Held& held) {
    if (std::exchange(*is_answered, true)) return;
    send(*exchange,
         json_answer(
             202, json::object{
                      {"state", "held"}, {"approval", held.approval_id}, {"reason", held.reason}, {"expires", rfc3339(held.expires_ms)}}));
  };
  handlers.on_verdict = [this, caller, id, exchange, is_answered, alive = std::weak_ptr(alive_)](const std::shared_ptr<gate::Act>& act) {
    if (alive.expired() || std::exchange(*is_answered, true)) return;
    if (act->verdict.allows()) return send(*exchange, shown(gate_.find_task_as(caller, id)));
    send(*exchange, error_answer({ErrorCode::kDenied, act->verdict.reason, act->verdict.next}));
  };
  (void)gate_.ask_for_more(caller, id, std::move(*grant), std::move(handlers));
}

}  // namespace interlock::api
