// What a server says: answers, its own requests and input_required rounds, notices, and streams that end too early.
#include "surface/mcp/server_link.hpp"

namespace interlock::mcp {
namespace {

constexpr std::int64_t kPollDelayMs = 250;  // before a modern request is sent again that asked for nothing but patience

bool same_id(const json::value& id, std::uint64_t& out) {
  if (id.is_int64() && id.get_int64() > 0) {
    out = static_cast<std::uint64_t>(id.get_int64());
    return true;
  }
  if (id.is_uint64()) {
    out = id.get_uint64();
    return true;
  }
  return false;
}

}  // namespace

// ---- what arrives -----------------------------------------------------------------------------------------------------------

void ServerLink::on_message(std::uint64_t stream, net::RpcMessage message) {
  auto self = shared_from_this();
  if (address_.hide) hide_in(message);
  switch (message.kind) {
    case net::RpcKind::kResult:
    case net::RpcKind::kError: {
      // An answer counts only on the stream of its own request: anything else is a stranger's.
      std::uint64_t id = 0;
      if (stream != 0 && (!same_id(message.id, id) || id != stream)) return;
      return on_response(std::move(message));
    }
    case net::RpcKind::kRequest: return on_server_request(stream, std::move(message));
    case net::RpcKind::kNotification: return on_server_notice(stream, std::move(message));
  }
}

// Before anybody sees it: a server that was lent a credential may say it, in whatever it says.
void ServerLink::hide_in(net::RpcMessage& message) const {
  const auto hide = [&](json::object& part) {
    json::value whole = std::move(part);
    address_.hide(whole);
    part = std::move(whole.get_object());
  };
  hide(message.params);
  hide(message.error);
  address_.hide(message.result);
  if (address_.hide_text) address_.hide_text(message.method);
}

void ServerLink::on_response(net::RpcMessage message) {
  std::uint64_t wire_id = 0;
  if (!same_id(message.id, wire_id)) return;
  if (handshake_ && handshake_->wire_id == wire_id) {
    loop_.cancel(handshake_->timer);
    auto done = std::move(handshake_->done);
    handshake_.reset();
    if (message.kind == net::RpcKind::kResult)
      done({.kind = Outcome::Kind::kResult, .result = std::move(message.result), .error = {}, .failure = {}});
    else done({.kind = Outcome::Kind::kError, .result = {}, .error = std::move(message.error), .failure = {}});
    return;
  }
  if (wire_id == listen_id_ && listen_id_ != 0) {
    listen_id_ = 0;  // the server ended our subscription
    return;
  }
  const auto found = by_wire_id_.find(wire_id);
  if (found == by_wire_id_.end()) return;  // answered before, cancelled, or never asked
  const auto id = found->second;
  if (message.kind == net::RpcKind::kError) {
    return finish(id, {.kind = Outcome::Kind::kError, .result = {}, .error = std::move(message.error), .failure = {}});
  }
  if (!message.result.is_object()) {
    return finish(
        id, {.kind = Outcome::Kind::kFailed,
             .result = {},
             .error = {},
             .failure = {ErrorCode::kInvalid, "server \"" + name_ + "\" answered " + calls_[id].method + " with a result that is no object",
                         "tell its owner"}});
  }
  if (is_modern(facts_.revision)) {
    auto& result = message.result.get_object();
    if (json::string_at(result, "resultType") == "input_required" && !calls_[id].handlers.takes_input_required) {
      return on_input_required(id, std::move(result));
    }
  }
  finish(id, {.kind = Outcome::Kind::kResult, .result = std::move(message.result), .error = {}, .failure = {}});
}

// 2026-07-28 patterns/mrtr: each entry of inputRequests is put to the client, then the request is sent again with the answers.
void ServerLink::on_input_required(CallId id, json::object result) {
  auto& call = calls_[id];
  by_wire_id_.erase(call.wire_id);
  if (++call.rounds > limits_.input_rounds) {
    return finish(
        id, {.kind = Outcome::Kind::kFailed,
             .result = {},
             .error = {},
             .failure = {ErrorCode::kTooLarge,
                         "server \"" + name_ + "\" asked for input " + std::to_string(call.rounds) + " times, which is over the bound",
                         {}}});
  }
  call.answers.clear();
  const auto state = json::string_at(result, "requestState");
  call.request_state = state ? std::optional<std::string>(*state) : std::nullopt;
  const auto* requests = json::object_at(result, "inputRequests");
  call.questions = requests == nullptr ? 0 : requests->size();
  if (call.questions == 0) {
    std::weak_ptr<ServerLink> weak = weak_from_this();
    loop_.after_ms(kPollDelayMs, [weak, id] {
      if (auto self = weak.lock(); self && self->calls_.contains(id)) self->retry_with_input(id);
    });
    return;
  }
  if (call.questions > limits_.open_asks) {
    return finish(id, {.kind = Outcome::Kind::kFailed,
                       .result = {},
                       .error = {},
                       .failure = {ErrorCode::kTooLarge, "the server asked too many questions at once", {}}});
  }
  arm_timer(id, call);
  struct Question {
    AskId ask;
    std::string method;
    json::object params;
  };
  std::vector<Question> questions;
  for (const auto& pair : *requests) {
    const auto* question = pair.value().if_object();
    const auto method = question == nullptr ? std::nullopt : json::string_at(*question, "method");
    if (!method) {
      return finish(id, {.kind = Outcome::Kind::kFailed,
                         .result = {},
                         .error = {},
                         .failure = {ErrorCode::kInvalid, "the server's inputRequests are malformed", {}}});
    }
    const auto ask = next_ask_++;
    asks_[ask] = Ask{.server_id = {}, .call = id, .key = std::string(pair.key().data(), pair.key().size()), .on_withdrawn = {}};
    const auto* params = json::object_at(*question, "params");
    questions.push_back({ask, std::string(*method), params == nullptr ? json::object() : *params});
  }
  auto on_ask = call.handlers.on_ask;
  for (auto& question : questions) {
    if (!calls_.contains(id)) return;
    if (on_ask) on_ask(question.ask, question.method, std::move(question.params));
    else refuse_ask(question.ask, net::kMethodNotFound, "nobody can answer");
  }
}

void ServerLink::retry_with_input(CallId id) {
  auto& call = calls_[id];
  arm_timer(id, call);
  send(call, id);
}

CallId ServerLink::call_of_stream(std::uint64_t stream) const {
  if (stream != 0) {
    const auto found = by_wire_id_.find(stream);
    return found == by_wire_id_.end() ? 0 : found->second;
  }
  // A shared channel does not say which call a server's request belongs to: the newest one is the best there is.
  // Where several clients share it, a guess could tell one client's user what another's call asks.
  return newest_call();
}

// The newest call of a client; what the gate itself calls (lists, log levels) has nobody to hear or answer.
CallId ServerLink::newest_call() const {
  CallId newest = 0;
  for (auto it = calls_.rbegin(); it != calls_.rend(); ++it) {
    if (!it->second.handlers.on_ask) continue;
    if (newest != 0) return 0;
    newest = it->first;
    if (!limits_.shared_channel) break;
  }
  return newest;
}

void ServerLink::on_server_request(std::uint64_t stream, net::RpcMessage message) {
  if (state_ == State::kClosed) return;
  if (message.method == "ping") {
    (void)wire_->send_result(message.id, json::object());
    return;
  }
  if (is_modern(facts_.revision) && state_ == State::kOpen) {
    (void)wire_->send_error(message.id, net::kInvalidRequest, "a 2026-07-28 server sends no requests: use input_required");
    return;
  }
  if (state_ != State::kOpen) {
    (void)wire_->send_error(message.id, net::kInvalidRequest, "the handshake is not over");
    return;
  }
  if (asks_.size() >= limits_.open_asks) {
    (void)wire_->send_error(message.id, kOverloaded, "too many requests of this server wait for the client");
    return;
  }
  const auto ask = next_ask_++;
  const auto call_id = call_of_stream(stream);
  asks_[ask] = Ask{.server_id = std::move(message.id), .call = 0, .key = {}, .on_withdrawn = {}};
  if (const auto it = calls_.find(call_id); it != calls_.end() && it->second.handlers.on_ask) {
    arm_timer(call_id, it->second);
    auto on_ask = it->second.handlers.on_ask;
    return on_ask(ask, message.method, std::move(message.params));
  }
  if (events_.on_ask) return events_.on_ask(ask, message.method, std::move(message.params));
  refuse_ask(ask, net::kMethodNotFound, "nobody can answer");
}

void ServerLink::on_server_notice(std::uint64_t stream, net::RpcMessage message) {
  if (message.method == "notifications/progress") {
    const auto* token = json::find(message.params, kMetaProgressToken);
    std::uint64_t wire_id = 0;
    if (token == nullptr || !same_id(*token, wire_id)) return;
    const auto found = by_wire_id_.find(wire_id);
    if (found == by_wire_id_.end()) return;
    auto& call = calls_[found->second];
    if (!call.options.wants_progress) return;
    arm_timer(found->second, call);
    message.params.erase({kMetaProgressToken.data(), kMetaProgressToken.size()});
    auto on_notice = call.handlers.on_notice;
    if (on_notice) on_notice(message.method, std::move(message.params));
    return;
  }
  if (message.method == "notifications/cancelled") {
    if (const auto* id = json::find(message.params, "requestId")) {
      std::uint64_t wire_id = 0;
      if (same_id(*id, wire_id) && wire_id == listen_id_ && listen_id_ != 0) {
        listen_id_ = 0;
        return;
      }
      // A legacy server takes back a request of its own.
      for (auto it = asks_.begin(); it != asks_.end(); ++it) {
        if (it->second.call == 0 && it->second.server_id == *id) {
          const auto withdrawn = std::move(it->second.on_withdrawn);
          asks_.erase(it);
          if (withdrawn) withdrawn();
          return;
        }
      }
    }
    return;
  }
  if (message.method == "notifications/subscriptions/acknowledged") return;
  if (message.method == "notifications/message") {
    const auto call_id = call_of_stream(stream);
    if (const auto it = calls_.find(call_id); it != calls_.end() && it->second.handlers.on_notice) {
      auto on_notice = it->second.handlers.on_notice;
      return on_notice(message.method, std::move(message.params));
    }
  }
  if (auto* meta = message.params.if_contains("_meta"); meta != nullptr && meta->is_object()) {
    meta->get_object().erase({kMetaSubscription.data(), kMetaSubscription.size()});
    if (meta->get_object().empty()) message.params.erase("_meta");
  }
  if (events_.on_notice) events_.on_notice(message.method, message.params);
}

void ServerLink::on_stream_lost(std::uint64_t wire_id, Error error) {
  auto self = shared_from_this();
  if (handshake_ && handshake_->wire_id == wire_id) {
    loop_.cancel(handshake_->timer);
    auto done = std::move(handshake_->done);
    handshake_.reset();
    return done({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = std::move(error)});
  }
  if (wire_id == listen_id_ && listen_id_ != 0) {
    listen_id_ = 0;
    return;
  }
  if (const auto found = by_wire_id_.find(wire_id); found != by_wire_id_.end()) {
    finish(found->second, {.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = std::move(error)});
  }
}

void ServerLink::on_wire_closed(Error error) {
  if (probing_ && state_ == State::kOpening) {
    // Some legacy servers end at a first message that is not initialize: they get a fresh process that hears nothing else.
    probing_ = false;
    auto self = shared_from_this();
    if (handshake_) loop_.cancel(handshake_->timer);
    handshake_.reset();
    loop_.post([wire = std::shared_ptr<ServerWire>(std::move(wire_))] {});
    if (auto again = open_wire(); !again) return open_failed(std::move(again.error()));
    return handshake_legacy(false);
  }
  error.message = "server \"" + name_ + "\": " + error.message;
  close(std::move(error));
}

// ---- the server's questions -------------------------------------------------------------------------------------------------

void ServerLink::answer_ask(AskId ask, json::value result) {
  const auto it = asks_.find(ask);
  if (it == asks_.end() || state_ != State::kOpen) return;
  auto entry = std::move(it->second);
  asks_.erase(it);
  if (entry.call == 0) {
    (void)wire_->send_result(entry.server_id, result);
    return;
  }
  auto& call = calls_[entry.call];
  call.answers[entry.key] = std::move(result);
  if (call.answers.size() == call.questions) retry_with_input(entry.call);
}

void ServerLink::refuse_ask(AskId ask, int code, std::string_view message) {
  const auto it = asks_.find(ask);
  if (it == asks_.end() || state_ != State::kOpen) return;
  auto entry = std::move(it->second);
  asks_.erase(it);
  if (entry.call == 0) {
    (void)wire_->send_error(entry.server_id, code, message);
    return;
  }
  // inputResponses carries results alone, so a refusal ends the request (2026-07-28 patterns/mrtr).
  json::object error;
  error["code"] = code;
  error["message"] = message;
  finish(entry.call, {.kind = Outcome::Kind::kError, .result = {}, .error = std::move(error), .failure = {}});
}

void ServerLink::on_ask_withdrawn(AskId ask, std::function<void()> work) {
  if (const auto it = asks_.find(ask); it != asks_.end()) it->second.on_withdrawn = std::move(work);
}

void ServerLink::set_log_level(std::string_view level) {
  if (state_ != State::kOpen || is_modern(facts_.revision) || !has_capability("logging") || log_level_ == level) return;
  log_level_ = std::string(level);
  call("logging/setLevel", json::object{{"level", level}}, {}, {.on_notice = {}, .on_ask = {}, .on_done = [](Outcome) {}});
}

void ServerLink::notify(std::string_view method, const json::object& params) {
  if (state_ != State::kOpen || is_modern(facts_.revision)) return;
  (void)wire_->send_notification(method, params);
}

}  // namespace interlock::mcp
