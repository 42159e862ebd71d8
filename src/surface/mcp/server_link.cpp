#include "surface/mcp/server_link.hpp"

#include <algorithm>

#include "base/time.hpp"

namespace interlock::mcp {
namespace {

constexpr std::int64_t kPollDelayMs = 250;  // before a modern request is sent again that asked for nothing but patience
constexpr std::string_view kGateName = "interlock";
constexpr std::string_view kGateVersion = "0.1.0";

// Members of a modern request's _meta that a legacy server would not know.
void strip_modern_meta(json::object& params) {
  auto* meta_value = params.if_contains("_meta");
  if (meta_value == nullptr || !meta_value->is_object()) return;
  auto& meta = meta_value->get_object();
  for (auto key : {kMetaVersion, kMetaClientInfo, kMetaClientCapabilities, kMetaLogLevel, kMetaProgressToken})
    meta.erase({key.data(), key.size()});
  if (meta.empty()) params.erase("_meta");
}

// Refused for want of authorization: in another era it would be too.
bool is_denied(const Outcome& outcome) { return outcome.kind == Outcome::Kind::kFailed && outcome.failure.code == ErrorCode::kDenied; }

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

ServerLink::ServerLink(net::Loop& loop, net::HttpClient& client, std::string name, ServerAddress address, std::optional<Revision> protocol,
                       ClientProfile profile, LinkLimits limits)
    : loop_(loop),
      client_(client),
      name_(std::move(name)),
      address_(std::move(address)),
      protocol_(protocol),
      profile_(std::move(profile)),
      limits_(limits) {}

ServerLink::~ServerLink() {
  loop_.cancel(open_timer_);
  if (handshake_) loop_.cancel(handshake_->timer);
  for (auto& [id, call] : calls_) loop_.cancel(call.timer);
}

// ---- opening ----------------------------------------------------------------------------------------------------------------

Status ServerLink::open_wire() {
  ++wire_generation_;
  std::weak_ptr<ServerLink> weak = weak_from_this();
  const auto generation = wire_generation_;
  // Callbacks of a wire that was replaced must not reach the calls of its successor.
  const auto current = [weak, generation]() -> std::shared_ptr<ServerLink> {
    auto self = weak.lock();
    return self && self->wire_generation_ == generation ? self : nullptr;
  };
  WireHandlers handlers;
  handlers.on_message = [current](std::uint64_t stream, net::RpcMessage message) {
    if (auto self = current()) self->on_message(stream, std::move(message));
  };
  handlers.on_stream_lost = [current](std::uint64_t id, Error error) {
    if (auto self = current()) self->on_stream_lost(id, std::move(error));
  };
  handlers.on_garbage = [](Error) {};  // not a message: nothing can be answered, and whoever waits has a deadline
  handlers.on_closed = [current](Error error) {
    if (auto self = current()) self->on_wire_closed(std::move(error));
  };
  auto wire = address_.url.empty() ? open_stdio_wire(loop_, address_, limits_.wire, std::move(handlers))
                                   : open_http_wire(loop_, client_, address_, limits_.wire, std::move(handlers));
  if (!wire) return fail(std::move(wire.error()));
  wire_ = std::move(*wire);
  return {};
}

void ServerLink::open(std::function<void(Status)> done) {
  if (state_ == State::kOpen) return done({});
  if (state_ == State::kClosed) return done(fail(ErrorCode::kUnavailable, "the connection to server \"" + name_ + "\" is closed"));
  waiting_open_.push_back(std::move(done));
  if (state_ == State::kOpening) return;
  state_ = State::kOpening;
  if (auto opened_wire = open_wire(); !opened_wire) return open_failed(std::move(opened_wire.error()));
  std::weak_ptr<ServerLink> weak = weak_from_this();
  open_timer_ = loop_.after_ms(limits_.open_timeout_ms, [weak] {
    if (auto self = weak.lock(); self && self->state_ == State::kOpening) {
      self->open_failed(Error{ErrorCode::kTimeout, "server \"" + self->name_ + "\" did not answer the MCP handshake in time",
                              "start it by hand to see what it prints; raise limits.open_timeout if it is slow"});
    }
  });
  const bool modern_first = protocol_ ? is_modern(*protocol_) : is_modern(profile_.revision);
  const bool fall_back = !protocol_.has_value();
  if (modern_first) handshake_modern(fall_back);
  else handshake_legacy(fall_back);
}

void ServerLink::handshake_call(std::string_view method, json::object params, std::int64_t timeout_ms, std::function<void(Outcome)> done) {
  const auto id = next_id_++;
  std::weak_ptr<ServerLink> weak = weak_from_this();
  net::TimerId timer = 0;
  if (timeout_ms > 0) {
    timer = loop_.after_ms(timeout_ms, [weak, id] {
      auto self = weak.lock();
      if (!self || !self->handshake_ || self->handshake_->wire_id != id) return;
      auto finished = std::move(self->handshake_->done);
      self->handshake_.reset();
      finished({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = {ErrorCode::kTimeout, "no answer", {}}});
    });
  }
  handshake_ = Handshake{id, timer, std::move(done)};
  if (auto sent = wire_->send_request(id, method, params, {}); !sent) {
    auto finished = std::move(handshake_->done);
    loop_.cancel(timer);
    handshake_.reset();
    finished({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = sent.error()});
  }
}

void ServerLink::handshake_modern(bool fall_back) {
  std::weak_ptr<ServerLink> weak = weak_from_this();
  json::object params = with_meta({}, {}, 0);
  json::object& meta = meta_object(params);
  meta[kMetaVersion] = revision_name(kModern);
  meta[kMetaClientCapabilities] = profile_.capabilities;
  const std::int64_t timeout_ms = address_.url.empty() && fall_back ? limits_.probe_timeout_ms : 0;
  probing_ = fall_back && address_.url.empty();
  handshake_call("server/discover", std::move(params), timeout_ms, [weak, fall_back](Outcome outcome) {
    auto self = weak.lock();
    if (!self || self->state_ != State::kOpening) return;
    self->probing_ = false;
    if (outcome.kind == Outcome::Kind::kResult && outcome.result.is_object()) {
      const auto& result = outcome.result.get_object();
      const auto* versions = json::array_at(result, "supportedVersions");
      const bool has_modern = versions != nullptr && std::any_of(versions->begin(), versions->end(), [](const json::value& v) {
                                return v.is_string() && json::view(v.get_string()) == revision_name(kModern);
                              });
      if (has_modern) {
        ServerFacts facts;
        facts.revision = kModern;
        if (const auto* c = json::object_at(result, "capabilities")) facts.capabilities = *c;
        if (const auto* info = meta_of(result, kMetaServerInfo); info != nullptr && info->is_object()) facts.info = info->get_object();
        facts.instructions = std::string(json::string_at(result, "instructions").value_or(""));
        return self->opened(std::move(facts));
      }
    }
    const bool modern_error = outcome.kind == Outcome::Kind::kError && is_modern_error(json::int_at(outcome.error, "code").value_or(0));
    if (fall_back && !modern_error && !is_denied(outcome) && self->wire_) return self->handshake_legacy(false);
    std::string why = outcome.kind == Outcome::Kind::kError    ? std::string(json::string_at(outcome.error, "message").value_or(""))
                      : outcome.kind == Outcome::Kind::kFailed ? outcome.failure.message
                                                               : std::string("it supports none of the gate's revisions");
    self->open_failed(
        Error{ErrorCode::kUnavailable, "server \"" + self->name_ + "\" does not speak MCP 2026-07-28: " + why, outcome.failure.hint});
  });
}

void ServerLink::handshake_legacy(bool fall_back) {
  std::weak_ptr<ServerLink> weak = weak_from_this();
  const Revision wanted = protocol_ && !is_modern(*protocol_) ? *protocol_
                          : is_modern(profile_.revision)      ? kNewestLegacy
                                                              : profile_.revision;
  json::object capabilities = profile_.capabilities;
  capabilities.erase("extensions");
  json::object params;
  params["protocolVersion"] = revision_name(wanted);
  params["capabilities"] = std::move(capabilities);
  params["clientInfo"] = profile_.info.empty() ? json::object{{"name", kGateName}, {"version", kGateVersion}} : profile_.info;
  handshake_call("initialize", std::move(params), 0, [weak, fall_back](Outcome outcome) {
    auto self = weak.lock();
    if (!self || self->state_ != State::kOpening) return;
    if (outcome.kind == Outcome::Kind::kResult && outcome.result.is_object()) {
      const auto& result = outcome.result.get_object();
      const auto version = json::string_at(result, "protocolVersion");
      const auto revision = version ? revision_from_name(*version) : std::nullopt;
      if (!revision || is_modern(*revision)) {
        return self->open_failed(Error{ErrorCode::kUnsupported,
                                       "server \"" + self->name_ + "\" wants MCP revision \"" + std::string(version.value_or("")) +
                                           "\", which the gate does not speak",
                                       "update the gate, or the server"});
      }
      ServerFacts facts;
      facts.revision = *revision;
      if (const auto* c = json::object_at(result, "capabilities")) facts.capabilities = *c;
      if (const auto* i = json::object_at(result, "serverInfo")) facts.info = *i;
      facts.instructions = std::string(json::string_at(result, "instructions").value_or(""));
      self->wire_->set_revision(*revision);
      (void)self->wire_->send_notification("notifications/initialized", {});
      return self->opened(std::move(facts));
    }
    if (fall_back && !is_denied(outcome) && self->wire_) return self->handshake_modern(false);
    const std::string why = outcome.kind == Outcome::Kind::kError ? std::string(json::string_at(outcome.error, "message").value_or(""))
                                                                  : outcome.failure.message;
    self->open_failed(
        Error{ErrorCode::kUnavailable, "server \"" + self->name_ + "\" refused the MCP handshake: " + why, outcome.failure.hint});
  });
}

void ServerLink::opened(ServerFacts facts) {
  loop_.cancel(open_timer_);
  facts_ = std::move(facts);
  wire_->set_revision(facts_.revision);
  state_ = State::kOpen;
  if (!is_modern(facts_.revision)) wire_->open_events();
  auto waiting = std::move(waiting_open_);
  waiting_open_.clear();
  auto self = shared_from_this();
  if (watch_ != Watch{}) {
    auto watch = std::move(watch_);
    watch_ = {};
    set_watch(std::move(watch));
  }
  for (auto& done : waiting) done({});
}

void ServerLink::open_failed(Error error) { close(std::move(error)); }

void ServerLink::close(Error reason) {
  if (state_ == State::kClosed) return;
  auto self = shared_from_this();
  state_ = State::kClosed;
  ++wire_generation_;
  loop_.cancel(open_timer_);
  if (handshake_) {
    loop_.cancel(handshake_->timer);
    handshake_.reset();
  }
  auto calls = std::move(calls_);
  calls_.clear();
  by_wire_id_.clear();
  asks_.clear();
  listen_id_ = 0;
  // The wire may be what is calling us: it goes once the stack is unwound.
  if (wire_) loop_.post([wire = std::shared_ptr<ServerWire>(std::move(wire_))] {});
  auto waiting = std::move(waiting_open_);
  waiting_open_.clear();
  for (auto& [id, call] : calls) {
    loop_.cancel(call.timer);
    if (call.handlers.on_done) call.handlers.on_done({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = reason});
  }
  for (auto& done : waiting) done(fail(reason));
  if (events_.on_closed) events_.on_closed(reason);
}

// ---- calls ------------------------------------------------------------------------------------------------------------------

json::object ServerLink::with_meta(json::object params, const CallOptions& options, std::uint64_t progress_token) const {
  strip_modern_meta(params);
  if (is_modern(facts_.revision) && state_ == State::kOpen) {
    auto& meta = meta_object(params);
    meta[kMetaVersion] = revision_name(kModern);
    meta[kMetaClientInfo] = profile_.info.empty() ? json::object{{"name", kGateName}, {"version", kGateVersion}} : profile_.info;
    meta[kMetaClientCapabilities] = profile_.capabilities;
    if (!options.log_level.empty()) meta[kMetaLogLevel] = options.log_level;
  }
  if (progress_token != 0 && options.wants_progress) meta_object(params)[kMetaProgressToken] = progress_token;
  return params;
}

std::uint64_t ServerLink::send(Call& call, CallId id) {
  const auto wire_id = next_id_++;
  call.wire_id = wire_id;
  by_wire_id_[wire_id] = id;
  json::object params = call.params;
  if (!call.answers.empty()) {
    json::object responses;
    for (auto& [key, value] : call.answers) responses[key] = value;
    params["inputResponses"] = std::move(responses);
  }
  if (call.request_state) params["requestState"] = *call.request_state;
  auto sent = wire_->send_request(wire_id, call.method, with_meta(std::move(params), call.options, wire_id), call.options.headers);
  if (!sent) {
    std::weak_ptr<ServerLink> weak = weak_from_this();
    loop_.post([weak, id, error = sent.error()] {
      if (auto self = weak.lock()) self->finish(id, {.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = error});
    });
  }
  return wire_id;
}

CallId ServerLink::call(std::string_view method, json::object params, CallOptions options, CallHandlers handlers) {
  const auto refuse = [&](Error error) -> CallId {
    handlers.on_done({.kind = Outcome::Kind::kFailed, .result = {}, .error = {}, .failure = std::move(error)});
    return 0;
  };
  if (state_ != State::kOpen) return refuse({ErrorCode::kUnavailable, "the connection to server \"" + name_ + "\" is not open", {}});
  if (calls_.size() >= limits_.calls_in_flight) {
    return refuse({ErrorCode::kUnavailable,
                   "server \"" + name_ + "\" has " + std::to_string(calls_.size()) + " calls in flight, which is the bound",
                   "wait for some to end, or raise limits.calls_in_flight"});
  }
  const CallId id = next_id_++;
  auto& call = calls_[id];
  call.method = std::string(method);
  call.params = std::move(params);
  call.options = std::move(options);
  call.handlers = std::move(handlers);
  call.deadline_ns = steady_ns() + limits_.call_lifetime_ms * 1'000'000;
  arm_timer(id, call);
  send(call, id);
  return id;
}

void ServerLink::arm_timer(CallId id, Call& call) {
  loop_.cancel(call.timer);
  const auto left_ms = (call.deadline_ns - steady_ns()) / 1'000'000;
  const auto wait_ms = std::clamp<std::int64_t>(left_ms, 1, limits_.call_timeout_ms);
  std::weak_ptr<ServerLink> weak = weak_from_this();
  call.timer = loop_.after_ms(wait_ms, [weak, id] {
    auto self = weak.lock();
    if (!self || !self->calls_.contains(id)) return;
    auto handlers = self->calls_[id].handlers;
    self->cancel(id, "the gate's deadline passed");
    handlers.on_done({.kind = Outcome::Kind::kFailed,
                      .result = {},
                      .error = {},
                      .failure = {ErrorCode::kTimeout, "server \"" + self->name_ + "\" did not answer in time",
                                  "raise limits.call_timeout if it is slow"}});
  });
}

void ServerLink::cancel(CallId id, std::string_view reason) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  loop_.cancel(it->second.timer);
  const auto wire_id = it->second.wire_id;
  const bool initialize = it->second.method == "initialize";
  calls_.erase(it);
  by_wire_id_.erase(wire_id);
  std::erase_if(asks_, [&](const auto& entry) { return entry.second.call == id; });
  if (state_ != State::kOpen || initialize) return;
  if (!wire_->closing_cancels()) {
    json::object params;
    params["requestId"] = wire_id;
    params["reason"] = reason;
    (void)wire_->send_notification("notifications/cancelled", params);
  }
  wire_->abandon(wire_id);
}

void ServerLink::finish(CallId id, Outcome outcome) {
  const auto it = calls_.find(id);
  if (it == calls_.end()) return;
  loop_.cancel(it->second.timer);
  auto handlers = std::move(it->second.handlers);
  by_wire_id_.erase(it->second.wire_id);
  calls_.erase(it);
  std::erase_if(asks_, [&](const auto& entry) { return entry.second.call == id; });
  if (handlers.on_done) handlers.on_done(std::move(outcome));
}

// ---- what arrives -----------------------------------------------------------------------------------------------------------

void ServerLink::on_message(std::uint64_t stream, net::RpcMessage message) {
  auto self = shared_from_this();
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

// ---- watching ---------------------------------------------------------------------------------------------------------------

void ServerLink::set_watch(Watch watch, std::function<void(Status)> done) {
  const auto finish_now = [&] {
    if (done) done({});
  };
  if (state_ != State::kOpen) {
    watch_ = std::move(watch);
    return finish_now();
  }
  if (watch == watch_) return finish_now();
  const auto before = std::move(watch_);
  watch_ = std::move(watch);
  if (is_modern(facts_.revision)) {
    refresh_listen();
    return finish_now();
  }
  struct Pending {
    std::size_t left = 1;
    Status status;
    std::function<void(Status)> done;
    void settle() {
      if (--left == 0 && done) done(status);
    }
  };
  auto pending = std::make_shared<Pending>();
  pending->done = std::move(done);
  const auto send_uri = [&](std::string_view method, const std::string& uri) {
    ++pending->left;
    json::object params;
    params["uri"] = uri;
    call(method, std::move(params), {},
         {.on_notice = {}, .on_ask = {}, .on_done = [pending](Outcome outcome) {
            if (outcome.kind == Outcome::Kind::kFailed && pending->status) pending->status = fail(outcome.failure);
            if (outcome.kind == Outcome::Kind::kError && pending->status) {
              pending->status =
                  fail(ErrorCode::kInvalid, std::string(json::string_at(outcome.error, "message").value_or("the server refused")));
            }
            pending->settle();
          }});
  };
  for (const auto& uri : watch_.uris) {
    if (!before.uris.contains(uri)) send_uri("resources/subscribe", uri);
  }
  for (const auto& uri : before.uris) {
    if (!watch_.uris.contains(uri)) send_uri("resources/unsubscribe", uri);
  }
  pending->settle();
}

void ServerLink::refresh_listen() {
  const auto old = listen_id_;
  listen_id_ = 0;
  if (watch_ != Watch{}) {
    json::object filter;
    if (watch_.tools) filter["toolsListChanged"] = true;
    if (watch_.prompts) filter["promptsListChanged"] = true;
    if (watch_.resources) filter["resourcesListChanged"] = true;
    if (!watch_.uris.empty()) {
      json::array uris;
      for (const auto& uri : watch_.uris) uris.emplace_back(uri);
      filter["resourceSubscriptions"] = std::move(uris);
    }
    json::object params;
    params["notifications"] = std::move(filter);
    listen_id_ = next_id_++;
    (void)wire_->send_request(listen_id_, "subscriptions/listen", with_meta(std::move(params), {}, 0), {});
  }
  if (old != 0) {
    if (!wire_->closing_cancels()) (void)wire_->send_notification("notifications/cancelled", json::object{{"requestId", old}});
    wire_->abandon(old);
  }
}

}  // namespace interlock::mcp
