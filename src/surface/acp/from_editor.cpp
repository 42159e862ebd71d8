// What the editor sends: sessions, prompts, answers to the agent and to the gate itself.
#include <utility>

#include "net/jsonrpc.hpp"
#include "surface/acp/acts.hpp"
#include "surface/acp/mediator_state.hpp"

namespace interlock::acp {
namespace {

constexpr std::int64_t kVersion = 1;

bool begins_session(std::string_view method) {
  return method == "session/new" || method == "session/load" || method == "session/resume" || method == "session/fork";
}

}  // namespace

void Mediator::State::take_from_editor(const Message& message) {
  switch (message.kind) {
    case Message::Kind::kRequest: return request_of_editor(message);
    case Message::Kind::kAnswer: return answer_of_editor(message);
    case Message::Kind::kNotification: break;
  }
  if (message.method == "session/cancel") cancel_turn(text_at(message.object(), "sessionId"));
  if (message.method == "$/cancel_request") {
    const auto* id = message.object().if_contains("requestId");
    const auto found = id == nullptr ? editor_calls.end() : editor_calls.find(json::write(*id));
    if (found == editor_calls.end()) return;
    const auto call = found->second;
    if (!call->forwarded) return cancel(call, "the editor took the request back");
  }
  to_agent(message.line);
}

void Mediator::State::request_of_editor(const Message& message) {
  if (message.method == "session/prompt") return prompt(message);
  if (begins_session(message.method)) return begin_session(message);
  const auto call = open_call(false, message);
  if (!call) return;
  call->params = message.object();
  call->forwarded = true;
  const auto version = json::int_at(call->params, "protocolVersion");
  if (message.method == "initialize" && version && *version > kVersion) {
    // What a later revision calls by other names would go past the gate.
    call->params["protocolVersion"] = kVersion;
    return to_agent(net::write_request(message.id, message.method, call->params));
  }
  to_agent(message.line);
}

void Mediator::State::begin_session(const Message& message) {
  if (sessions.size() >= kSessions) return to_editor(net::write_error(message.id, kRefused, "gate: too many sessions; close some"));
  const auto call = open_call(false, message);
  if (!call) return;
  call->params = message.object();
  call->forwarded = true;
  bool changed = false;
  if (auto* servers = call->params.if_contains("mcpServers"); servers != nullptr && servers->is_array()) {
    for (const auto& one : put_behind_gate(servers->get_array(), parts.servers)) note(one);
    changed = true;
  } else if (servers != nullptr && !servers->is_null()) {
    drop(call);
    return to_editor(net::write_error(message.id, net::kInvalidParams, "params.mcpServers is no array"));
  }
  // The agent may act in a session that it is told to take up before it says that it did.
  if (message.method != "session/new" && message.method != "session/fork") {
    if (const auto taken = session(text_at(call->params, "sessionId"), true)) {
      if (const auto cwd = text_at(call->params, "cwd"); !cwd.empty()) taken->cwd = cwd;
    }
  }
  to_agent(changed ? std::string_view(net::write_request(message.id, message.method, call->params)) : message.line);
}

void Mediator::State::prompt(const Message& message) {
  const auto& params = message.object();
  const auto where = session(text_at(params, "sessionId"), true);
  if (!where) return to_editor(net::write_error(message.id, kRefused, "gate: too many sessions; close some"));
  const auto call = open_call(false, message);
  if (!call) return;
  call->session = where;
  call->left.push_back(act_of_prompt(params));
  decide(call);
}

void Mediator::State::answer_of_editor(const Message& message) {
  if (message.id.is_string()) {
    if (auto own = asks.extract(std::string(json::view(message.id.get_string())))) {
      const auto call = own.mapped().lock();
      if (!call || call->done || !call->waiting) return;
      call->ask.clear();
      const auto* result = message.result.if_object();
      const auto* outcome = result == nullptr ? nullptr : json::object_at(*result, "outcome");
      if (outcome == nullptr) return note("the editor did not answer the gate's question: the act stays held");
      const bool yes = text_at(*outcome, "outcome") == "selected" && text_at(*outcome, "optionId") == "allow";
      const auto act = call->waiting;
      if (auto decided = parts.gate->decide_in_band(act, yes); !decided)
        note("the editor's answer does not count: " + decided.error().text());
      return;
    }
  }
  if (const auto cut = cut_terminals.extract(json::write(message.id))) {
    const auto* made = message.result.if_object();
    if (made != nullptr) stop_terminal(cut.mapped(), text_at(*made, "terminalId"));
    return;
  }
  const auto call = take_call(true, message.id);
  if (!call) return note("the editor answered what nobody asked; it was not passed on");
  call->done = true;
  const auto* result = message.result.if_object();
  if (call->method == "terminal/create" && result != nullptr && call->session) {
    if (call->session->terminals.size() < kTerminals) call->session->terminals.insert(text_at(*result, "terminalId"));
  }
  finish(call, message.failed ? "error" : "ok", message.line,
         [weak = weak_from_this(), id = call->id, line = std::string(message.line)](Status recorded) {
           const auto self = weak.lock();
           if (!self || self->closed) return;
           if (!recorded) return self->to_agent(net::write_error(id, kRefused, "ledger: " + recorded.error().text()));
           self->to_agent(line);
         });
}

// The human has stopped the turn: what was not passed on never is.
void Mediator::State::cancel_turn(const std::string& session) {
  std::vector<std::shared_ptr<Call>> stopped;
  for (auto* all : {&agent_calls, &editor_calls}) {
    for (const auto& [id, call] : *all)
      if (!call->forwarded && call->session && call->session->id == session) stopped.push_back(call);
  }
  for (const auto& call : stopped) cancel(call, "the turn was cancelled");
}

}  // namespace interlock::acp
