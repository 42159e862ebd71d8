// How a request becomes acts that are decided on, held, passed on or refused, and how they end.
#include <algorithm>
#include <utility>

#include "net/jsonrpc.hpp"
#include "surface/acp/acts.hpp"
#include "surface/acp/mediator_state.hpp"

namespace interlock::acp {
namespace {

json::object told(const model::Verdict& verdict) {
  json::object out{{"verdict", "deny"}, {"layer", model::layer_name(verdict.layer)}, {"reason", verdict.reason}, {"next", verdict.next}};
  json::array policies;
  for (const auto& policy : verdict.policies) policies.emplace_back(policy);
  out["policies"] = std::move(policies);
  return out;
}

// The agent's own question, answered with no as its options have it.
json::object answer_no(const json::object& params) {
  const auto* options = json::array_at(params, "options");
  for (const std::string_view kind : {"reject_once", "reject_always"}) {
    if (options == nullptr) break;
    for (const auto& one : *options) {
      const auto* option = one.if_object();
      if (option != nullptr && json::string_at(*option, "kind") == kind)
        return {{"outcome", json::object{{"outcome", "selected"}, {"optionId", text_at(*option, "optionId")}}}};
    }
  }
  return {{"outcome", json::object{{"outcome", "cancelled"}}}};
}

}  // namespace

void Mediator::State::decide(const std::shared_ptr<Call>& call) {
  if (call->done || closed) return;
  if (call->left.empty()) return forward(call);
  auto request = std::move(call->left.back());
  call->left.pop_back();
  request.sandboxed = parts.sandboxed;
  const std::weak_ptr<State> weak = weak_from_this();
  const std::weak_ptr<Call> weak_call = call;
  gate::AdmitHandlers handlers;
  handlers.on_held = [weak, weak_call](const gate::Held& held) {
    const auto self = weak.lock();
    const auto waiting = weak_call.lock();
    if (self && waiting && !self->closed) self->held(waiting, held);
  };
  handlers.on_verdict = [weak, call](const std::shared_ptr<gate::Act>& act) {
    const auto self = weak.lock();
    if (!self) return;
    call->waiting = nullptr;
    self->close_ask(call);
    if (act->verdict.allows()) call->allowed.push_back(act);
    if (call->done || self->closed) return self->finish(call, "cancelled", {}, [](const Status&) {});
    if (!act->verdict.allows()) return self->refuse(call, act->verdict);
    if (act->verdict.kind == model::VerdictKind::kModify) {
      call->params = with_args(std::move(call->params), act->request.args);
      call->changed = true;
    }
    if (call->session) self->watch_task(call->session, act->task);
    self->decide(call);
  };
  handlers.on_cut = [weak, weak_call] {
    const auto self = weak.lock();
    const auto cut = weak_call.lock();
    if (!self || !cut || cut->done || self->closed) return;
    model::Verdict verdict;
    for (const auto& act : cut->allowed)
      if (act->cut) verdict = act->verdict;
    std::erase_if(cut->allowed, [](const auto& act) { return act->cut; });
    self->refuse(cut, verdict);
  };
  auto act = parts.gate->admit(call->session->caller, std::move(request), nullptr, std::nullopt, std::move(handlers));
  if (!act->decided && !call->done) call->waiting = std::move(act);
}

// The human is asked where their answer counts here, and told where they can give it where it does not.
void Mediator::State::held(const std::shared_ptr<Call>& call, const gate::Held& held) {
  if (!parts.gate->elicitation_counts()) {
    const auto text = "\n\n*Interlock holds this until a human decides:* " + held.summary + "\n\n" + held.reason +
                      "\n\n`interlock approve " + held.approval_id + "`\n\n";
    json::object update{{"sessionUpdate", "agent_message_chunk"}, {"content", json::object{{"type", "text"}, {"text", text}}}};
    return to_editor(net::write_notification("session/update", {{"sessionId", call->session->id}, {"update", std::move(update)}}));
  }
  call->ask = own_id();
  asks[call->ask] = call;
  json::array content{json::object{{"type", "content"}, {"content", json::object{{"type", "text"}, {"text", held.reason}}}}};
  json::object tool{{"toolCallId", held.approval_id}, {"title", held.summary}, {"status", "pending"}, {"content", std::move(content)}};
  json::array options{json::object{{"optionId", "allow"}, {"name", "Allow once"}, {"kind", "allow_once"}},
                      json::object{{"optionId", "reject"}, {"name", "Reject"}, {"kind", "reject_once"}}};
  to_editor(net::write_request(json::value(call->ask), "session/request_permission",
                               {{"sessionId", call->session->id}, {"toolCall", std::move(tool)}, {"options", std::move(options)}}));
}

void Mediator::State::forward(const std::shared_ptr<Call>& call) {
  for (const auto& act : call->allowed) {
    if (parts.gate->may_perform(act)) continue;
    const auto verdict = act->verdict;
    std::erase(call->allowed, act);
    return refuse(call, verdict);
  }
  call->forwarded = true;
  const auto line = call->changed ? net::write_request(call->id, call->method, call->params) : std::exchange(call->line, {});
  if (call->of_agent) return to_editor(line);
  // What the agent does with a prompt is decided as it comes.
  finish(call, "ok", {}, [](const Status&) {});
  to_agent(line);
}

void Mediator::State::refuse(const std::shared_ptr<Call>& call, const model::Verdict& verdict) {
  drop(call);
  close_ask(call);
  // What the editor has started by now is stopped when it says which terminal that is.
  if (call->forwarded && call->method == "terminal/create") cut_terminals[json::write(call->id)] = call->session->id;
  finish(call, "cancelled", {}, [](const Status&) {});
  if (call->method == "session/request_permission") {
    auto answer = answer_no(call->params);
    answer["_meta"] = json::object{{"interlock", told(verdict)}};
    return to_asker(*call, net::write_result(call->id, std::move(answer)));
  }
  auto text = "Interlock denied this (" + std::string(model::layer_name(verdict.layer)) + "): " + verdict.reason;
  if (!verdict.next.empty()) text += " Next: " + verdict.next;
  const json::value data = told(verdict);
  to_asker(*call, net::write_error(call->id, kRefused, text, &data));
}

void Mediator::State::cancel(const std::shared_ptr<Call>& call, std::string_view why) {
  drop(call);
  close_ask(call);
  if (call->waiting) parts.gate->withdraw(std::exchange(call->waiting, nullptr), why);
  finish(call, "cancelled", {}, [](const Status&) {});
  if (call->method == "session/request_permission")
    return to_asker(*call, net::write_result(call->id, json::object{{"outcome", json::object{{"outcome", "cancelled"}}}}));
  if (call->method == "session/prompt") return to_asker(*call, net::write_result(call->id, json::object{{"stopReason", "cancelled"}}));
  to_asker(*call, net::write_error(call->id, kRequestCancelled, why));
}

// Records how the acts of a call ended; `released` comes once, when all of it is as durable as it must be.
void Mediator::State::finish(const std::shared_ptr<Call>& call, std::string_view kind, std::string_view text,
                             std::function<void(Status)> released) {
  const auto acts = std::exchange(call->allowed, {});
  if (acts.empty()) return released({});
  struct Waiting {
    std::size_t left;
    Status status;
    std::function<void(Status)> released;
  };
  const auto waiting = std::make_shared<Waiting>(Waiting{acts.size(), {}, std::move(released)});
  for (const auto& act : acts) {
    parts.gate->observe(act, {.kind = kind, .result_text = text, .note = {}}, [waiting, call](Status status) {
      if (!status) waiting->status = std::move(status);
      if (--waiting->left == 0) waiting->released(std::move(waiting->status));
    });
  }
}

// It was decided elsewhere: the question need not stay open.
void Mediator::State::close_ask(const std::shared_ptr<Call>& call) {
  if (call->ask.empty()) return;
  to_editor(net::write_notification("$/cancel_request", {{"requestId", call->ask}}));
  asks[call->ask] = {};
  call->ask.clear();
}

// When its task ends, by the kill switch too, what still runs in terminals is stopped.
void Mediator::State::watch_task(const std::shared_ptr<Session>& session, const std::string& task) {
  if (task.empty() || !session->tasks.insert(task).second) return;
  parts.gate->when_task_ends(task, session, [weak = weak_from_this(), weak_session = std::weak_ptr(session), task] {
    const auto self = weak.lock();
    const auto ended = weak_session.lock();
    if (!self || !ended || self->closed) return;
    ended->tasks.erase(task);
    for (const auto& terminal : ended->terminals) self->stop_terminal(ended->id, terminal);
  });
}

void Mediator::State::stop_terminal(const std::string& session, const std::string& terminal) {
  const auto id = own_id();
  asks[id] = {};
  to_editor(net::write_request(json::value(id), "terminal/kill", {{"sessionId", session}, {"terminalId", terminal}}));
}

}  // namespace interlock::acp
