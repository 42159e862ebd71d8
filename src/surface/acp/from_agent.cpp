// What the agent sends: requests to its editor, answers, notifications.
#include <utility>

#include "net/jsonrpc.hpp"
#include "surface/acp/acts.hpp"
#include "surface/acp/mediator_state.hpp"

namespace interlock::acp {
namespace {

constexpr std::int64_t kVersion = 1;

// Terminals by their id: of a command that was allowed already.
bool is_of_terminal(std::string_view method) { return method.starts_with("terminal/") && method != "terminal/create"; }

}  // namespace

void Mediator::State::take_from_agent(const Message& message) {
  switch (message.kind) {
    case Message::Kind::kRequest: return request_of_agent(message);
    case Message::Kind::kAnswer: return answer_of_agent(message);
    case Message::Kind::kNotification: return notification_of_agent(message);
  }
}

void Mediator::State::notification_of_agent(const Message& message) {
  // As a notification none of them exists, but an editor may not look.
  if (is_act(message.method) || message.method.starts_with("terminal/") || message.method.starts_with("mcp/"))
    return note("the agent sent " + message.method + " without an id; it was not passed on");
  if (message.method == "$/cancel_request") {
    const auto* id = message.object().if_contains("requestId");
    const auto found = id == nullptr ? agent_calls.end() : agent_calls.find(json::write(*id));
    if (found == agent_calls.end()) return;
    const auto call = found->second;
    if (!call->forwarded) return cancel(call, "the agent took the request back");
  }
  to_editor(message.line);
}

void Mediator::State::request_of_agent(const Message& message) {
  const auto& params = message.object();
  const auto refuse = [&](int code, const std::string& why) { to_agent(net::write_error(message.id, code, why)); };
  // MCP over ACP reaches servers that the gate does not stand before.
  if (message.method.starts_with("mcp/"))
    return refuse(kRefused, "gate: MCP servers are reached through the gate; use the ones that the session was given");
  const bool decided_on = is_act(message.method);
  std::shared_ptr<Session> where;
  if (decided_on || is_of_terminal(message.method)) {
    where = session(text_at(params, "sessionId"), false);
    if (!where) return refuse(net::kInvalidParams, "params.sessionId names no session that is open here");
  }
  if (is_of_terminal(message.method)) {
    const auto terminal = text_at(params, "terminalId");
    if (!where->terminals.contains(terminal)) return refuse(kRefused, "gate: this terminal was not created through the gate");
    if (message.method == "terminal/release") where->terminals.erase(terminal);
  }
  if (!decided_on) {
    const auto call = open_call(true, message);
    if (!call) return;
    call->forwarded = true;
    return to_editor(message.line);
  }
  auto acts = acts_of(message.method, params, where->cwd);
  if (!acts) return refuse(net::kInvalidParams, acts.error().text());
  const auto call = open_call(true, message);
  if (!call) return;
  call->params = params;
  call->session = where;
  call->left.assign(std::make_move_iterator(acts->rbegin()), std::make_move_iterator(acts->rend()));
  decide(call);
}

void Mediator::State::answer_of_agent(const Message& message) {
  const auto call = take_call(false, message.id);
  if (!call) return note("the agent answered what nobody asked; it was not passed on");
  call->done = true;
  const auto* result = message.result.if_object();
  if (call->method == "initialize" && result != nullptr) {
    if (json::int_at(*result, "protocolVersion") != kVersion) {
      return to_editor(net::write_error(message.id, kRefused,
                                        "gate: the agent does not speak ACP 1, which is what is understood here; use a version that does"));
    }
    if (const auto* info = json::object_at(*result, "agentInfo")) client = text_at(*info, "name") + " " + text_at(*info, "version");
  }
  if ((call->method == "session/new" || call->method == "session/fork") && result != nullptr) {
    if (const auto begun = session(text_at(*result, "sessionId"), true)) {
      if (const auto cwd = text_at(call->params, "cwd"); !cwd.empty()) begun->cwd = cwd;
    }
  }
  if ((call->method == "session/close" || call->method == "session/delete") && result != nullptr)
    end_session(text_at(call->params, "sessionId"), "the editor closed the session");
  to_editor(message.line);
}

}  // namespace interlock::acp
