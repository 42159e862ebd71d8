// The mediator's own book: lines in, requests under way, sessions.
#include <utility>

#include "base/ids.hpp"
#include "net/jsonrpc.hpp"
#include "surface/acp/mediator_state.hpp"

namespace interlock::acp {

Mediator::Mediator(MediatorParts parts) : state_(std::make_shared<State>(std::move(parts))) {}

Mediator::~Mediator() { close("the connection has ended"); }

void Mediator::from_editor(std::string_view line) {
  const auto state = state_;
  if (state->closed) return;
  auto message = read_message(line, state->parts.message_bytes);
  if (!message) return state->to_editor(net::write_error(message.error().id, message.error().code, message.error().message));
  state->take_from_editor(*message);
}

void Mediator::from_agent(std::string_view line) {
  const auto state = state_;
  if (state->closed) return;
  auto message = read_message(line, state->parts.message_bytes);
  if (!message) return state->to_agent(net::write_error(message.error().id, message.error().code, message.error().message));
  state->take_from_agent(*message);
}

void Mediator::bad_line(bool of_editor, const Error& error) {
  const auto text = net::write_error(nullptr, net::kParseError, "Parse error: " + error.text());
  of_editor ? state_->to_editor(text) : state_->to_agent(text);
}

void Mediator::close(std::string_view why) {
  const auto state = state_;
  if (std::exchange(state->closed, true)) return;
  for (auto* all : {&state->agent_calls, &state->editor_calls}) {
    for (const auto& [id, call] : std::exchange(*all, {})) {
      call->done = true;
      if (call->waiting) state->parts.gate->withdraw(call->waiting, why);
      for (const auto& act : std::exchange(call->allowed, {}))
        state->parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = std::string(why)}, [](const Status&) {});
    }
  }
  for (const auto& [id, session] : std::exchange(state->sessions, {})) state->parts.gate->end_session(session->caller, why);
  state->asks.clear();
}

std::size_t Mediator::under_way() const {
  std::size_t count = 0;
  for (const auto* all : {&state_->agent_calls, &state_->editor_calls})
    for (const auto& [id, call] : *all) count += call->allowed.size() + (call->waiting ? 1 : 0);
  return count;
}

std::string Mediator::State::new_token_mark() { return new_token(); }

// Not to be guessed: an agent that names its own request so gets nobody's answer.
std::string Mediator::State::own_id() { return "interlock-" + mark + "-" + std::to_string(++asked); }

std::shared_ptr<Call> Mediator::State::open_call(bool of_agent, const Message& message) {
  auto call = std::make_shared<Call>();
  call->of_agent = of_agent;
  call->id = message.id;
  call->method = message.method;
  call->line = message.line;
  auto& all = calls(of_agent);
  const auto refuse = [&](int code, std::string_view why) {
    to_asker(*call, net::write_error(message.id, code, why));
    return nullptr;
  };
  if (all.size() >= kRequestsUnderWay) return refuse(kRefused, "gate: too many requests are under way; wait for some to be answered");
  const auto key = json::write(message.id);
  if ((of_agent && cut_terminals.contains(key)) || !all.emplace(key, call).second)
    return refuse(net::kInvalidRequest, "a request with this id is under way");
  return call;
}

std::shared_ptr<Call> Mediator::State::take_call(bool of_agent, const json::value& id) {
  auto& all = calls(of_agent);
  const auto found = all.find(json::write(id));
  if (found == all.end() || !found->second->forwarded) return nullptr;
  auto call = std::move(found->second);
  all.erase(found);
  return call;
}

void Mediator::State::drop(const std::shared_ptr<Call>& call) {
  auto& all = calls(call->of_agent);
  const auto found = all.find(json::write(call->id));
  if (found != all.end() && found->second == call) all.erase(found);
  call->done = true;
}

std::shared_ptr<Session> Mediator::State::session(const std::string& id, bool make) {
  const auto found = sessions.find(id);
  if (found != sessions.end()) return found->second;
  if (!make || sessions.size() >= kSessions) return nullptr;
  auto out = std::make_shared<Session>();
  out->id = id;
  out->cwd = parts.cwd;
  out->caller = {.subject = parts.subject, .session = "acp:" + mark + ":" + id, .client_pid = parts.agent_pid, .task = parts.task};
  if (!client.empty()) out->caller.subject.client = client;
  sessions.emplace(id, out);
  return out;
}

void Mediator::State::end_session(const std::string& id, std::string_view why) {
  const auto found = sessions.find(id);
  if (found == sessions.end()) return;
  cancel_turn(id);
  parts.gate->end_session(found->second->caller, why);
  sessions.erase(found);
}

}  // namespace interlock::acp
