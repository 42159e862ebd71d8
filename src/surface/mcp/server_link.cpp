// The link's handshakes, calls and watches. What a server says is in server_link_messages.cpp.
#include "surface/mcp/server_link.hpp"

#include <algorithm>

#include "base/time.hpp"

namespace interlock::mcp {
namespace {

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
  if (auto sent = wire_->send_request(id, method, params, {}, {}); !sent) {
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
  auto sent = wire_->send_request(wire_id, call.method, with_meta(std::move(params), call.options, wire_id), call.options.headers,
                                  call.options.lend);
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
    (void)wire_->send_request(listen_id_, "subscriptions/listen", with_meta(std::move(params), {}, 0), {}, {});
  }
  if (old != 0) {
    if (!wire_->closing_cancels()) (void)wire_->send_notification("notifications/cancelled", json::object{{"requestId", old}});
    wire_->abandon(old);
  }
}

}  // namespace interlock::mcp
