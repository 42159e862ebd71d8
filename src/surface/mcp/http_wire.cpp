// MCP's Streamable HTTP binding towards a server: each message is a POST, each answer a JSON body or an SSE stream.
//
// Source: 2025-11-25 and 2026-07-28 basic/transports (streamable-http). The deprecated HTTP+SSE transport is not spoken.
#include <algorithm>
#include <map>

#include "net/sse.hpp"
#include "surface/mcp/server_wire.hpp"

namespace interlock::mcp {
namespace {

constexpr std::int64_t kHeadTimeoutMs = 300'000;
constexpr std::int64_t kDefaultRetryMs = 1000;  // WHATWG leaves it to us
constexpr std::int64_t kLeastRetryMs = 200;     // whatever a server asks for: it must not make us hammer it
constexpr std::int64_t kMostRetryMs = 60'000;
constexpr int kMaximumResumptions = 16;  // of one stream (Last-Event-ID)
constexpr int kMaximumRefusals = 3;      // of one request: a nonce, a token, more scopes

bool is_type(const net::Headers& headers, std::string_view type) {
  const auto value = headers.get("content-type");
  return value && value->size() >= type.size() && net::equal_ignoring_case(value->substr(0, type.size()), type);
}

bool is_refusal(int status) { return status == 401 || status == 403; }

class HttpWire final : public ServerWire, public std::enable_shared_from_this<HttpWire> {
 public:
  HttpWire(net::Loop& loop, net::HttpClient& client, net::Url url, const ServerAddress& address, WireLimits limits, WireHandlers handlers)
      : loop_(loop),
        client_(client),
        url_(std::move(url)),
        headers_(address.headers),
        authorizer_(address.authorizer),
        lend_(address.lend),
        limits_(limits),
        handlers_(std::move(handlers)) {}

  Status send_request(std::uint64_t id, std::string_view method, const json::object& params, net::Headers extra, Lend lend) override {
    if (is_modern(revision_) || method == "server/discover") {
      extra.set("Mcp-Method", std::string(method));
      extra.set("MCP-Protocol-Version", std::string(revision_name(kModern)));
    }
    return post(id, net::write_request(json::value(id), method, params), std::move(extra), method == "initialize", method != "tools/call",
                std::move(lend));
  }
  Status send_notification(std::string_view method, const json::object& params) override {
    net::Headers extra;
    if (is_modern(revision_)) extra.set("Mcp-Method", std::string(method));
    return post(0, net::write_notification(method, params), std::move(extra), false);
  }
  Status send_result(const json::value& id, const json::value& result) override {
    return post(0, net::write_result(id, result), {}, false);
  }
  Status send_error(const json::value& id, int code, std::string_view message) override {
    return post(0, net::write_error(id, code, message), {}, false);
  }
  void abandon(std::uint64_t id) override {
    if (const auto it = streams_.find(id); it != streams_.end()) {
      auto stream = it->second;
      streams_.erase(it);
      if (stream->call) stream->call->cancel();
    }
  }
  bool closing_cancels() const override { return is_modern(revision_); }
  void set_revision(Revision revision) override {
    revision_ = revision;
    negotiated_ = true;
  }
  void open_events() override { get(0, {}); }

  // Ends the server's session, if it gave us one (2025-11-25 transports#session-management). Answers are not awaited.
  void finish() {
    closed_ = true;
    for (auto& [id, stream] : streams_) {
      if (stream->call) stream->call->cancel();
    }
    streams_.clear();
    if (session_.empty()) return;
    net::HttpClientRequest request{.method = "DELETE", .url = url_, .headers = base_headers(), .body = {}, .head_timeout_ms = 5000};
    if (lend_ && !lend_(request)) return;
    const auto send = [this, &request] {
      (void)client_.start(std::move(request),
                          {.on_head = [](int, net::Headers) {}, .on_data = [](std::string_view) {}, .on_end = [](Status) {}});
    };
    if (!authorizer_) return send();
    // With the credentials that are at hand: an end is not worth new ones.
    auto credentials = std::make_shared<std::optional<oauth::Credentials>>();
    authorizer_->credentials("DELETE", [credentials](Result<oauth::Credentials> given) {
      if (given) *credentials = std::move(*given);
    });
    if (!*credentials) return;
    for (const auto& [name, value] : (*credentials)->headers.all()) request.headers.set(name, value);
    send();
  }

 private:
  struct Stream {
    std::shared_ptr<net::HttpCall> call;
    net::SseParser parser;
    std::string body;
    bool events = false;
    int status = 0;
    net::Headers headers;
    std::string last_event_id;
    std::int64_t retry_ms = kDefaultRetryMs;
    int resumptions = 0;
    bool answered = false;
    // With an authorizer: the request as it was without credentials, kept until it is past refusal.
    std::optional<net::HttpClientRequest> request;
    bool opens_session = false;
    std::uint64_t token = 0;
    int refusals = 0;
    Lend lend;  // of its own act; empty: the connection's
    explicit Stream(std::size_t bytes) : parser(bytes) {}
  };

  net::Headers base_headers() const {
    net::Headers headers = headers_;
    headers.set("Accept", "application/json, text/event-stream");
    if (negotiated_) headers.set("MCP-Protocol-Version", std::string(revision_name(revision_)));
    if (!session_.empty()) headers.set("Mcp-Session-Id", session_);
    return headers;
  }

  // An act that was decided once is performed at most once: `may_repeat` is false for a call.
  Status post(std::uint64_t id, std::string body, net::Headers extra, bool opens_session, bool may_repeat = true, Lend lend = {}) {
    auto headers = base_headers();
    headers.set("Content-Type", "application/json");
    for (const auto& [name, value] : extra.all()) headers.set(name, value);
    auto stream = std::make_shared<Stream>(limits_.message_bytes);
    stream->lend = std::move(lend);
    if (id != 0) streams_[id] = stream;
    launch(id, stream,
           {.method = "POST",
            .url = url_,
            .headers = std::move(headers),
            .body = std::move(body),
            .head_timeout_ms = kHeadTimeoutMs,
            .may_repeat = may_repeat},
           opens_session);
    return {};
  }

  void get(std::uint64_t id, std::string_view last_event_id) {
    auto headers = base_headers();
    headers.set("Accept", "text/event-stream");
    if (!last_event_id.empty()) headers.set("Last-Event-ID", std::string(last_event_id));
    auto& stream = streams_[id];
    if (!stream) stream = std::make_shared<Stream>(limits_.message_bytes);
    stream->events = false;
    stream->status = 0;
    stream->body.clear();
    stream->parser = net::SseParser(limits_.message_bytes);  // half an event may be left of the stream before
    launch(id, stream, {.method = "GET", .url = url_, .headers = std::move(headers), .body = {}, .head_timeout_ms = kHeadTimeoutMs}, false);
  }

  void launch(std::uint64_t id, const std::shared_ptr<Stream>& stream, net::HttpClientRequest request, bool opens_session) {
    if (!authorizer_) return start(id, stream, std::move(request), opens_session);
    stream->request = std::move(request);
    stream->opens_session = opens_session;
    stream->refusals = 0;
    authorize(id, stream);
  }

  bool is_wanted(std::uint64_t id, const std::shared_ptr<Stream>& stream) const {
    if (closed_) return false;
    const auto found = streams_.find(id);
    return id == 0 || (found != streams_.end() && found->second == stream);
  }

  void authorize(std::uint64_t id, const std::shared_ptr<Stream>& stream) {
    authorizer_->credentials(stream->request->method, [weak = weak_from_this(), id, stream](Result<oauth::Credentials> credentials) {
      auto self = weak.lock();
      if (!self || !self->is_wanted(id, stream)) return;
      if (!credentials) return self->lose(id, stream, as_denial(std::move(credentials.error())));
      auto request = *stream->request;
      for (const auto& [name, value] : credentials->headers.all()) request.headers.set(name, value);
      stream->token = credentials->token;
      self->start(id, stream, std::move(request), stream->opens_session);
    });
  }

  // Nothing was done of a request that was refused for want of authorization, so that it alone may be sent again.
  void ask_authorizer(std::uint64_t id, const std::shared_ptr<Stream>& stream) {
    ++stream->refusals;
    oauth::Refusal refusal{.status = stream->status, .challenges = {}, .dpop_nonce = {}, .token = stream->token};
    for (const auto& [name, value] : stream->headers.all())
      if (net::equal_ignoring_case(name, "www-authenticate")) refusal.challenges.push_back(value);
    if (const auto nonce = stream->headers.get("dpop-nonce")) refusal.dpop_nonce = std::string(*nonce);
    stream->status = 0;
    stream->body.clear();
    authorizer_->refused(std::move(refusal), [weak = weak_from_this(), id, stream](Status status) {
      auto self = weak.lock();
      if (!self || !self->is_wanted(id, stream)) return;
      if (!status) return self->lose(id, stream, as_denial(std::move(status.error())));
      self->authorize(id, stream);
    });
  }

  // What the authorizer says is final: another handshake would end there too.
  static Error as_denial(Error error) {
    error.code = ErrorCode::kDenied;
    return error;
  }

  void start(std::uint64_t id, const std::shared_ptr<Stream>& stream, net::HttpClientRequest request, bool opens_session) {
    std::weak_ptr<HttpWire> weak = weak_from_this();
    const bool is_get = request.method == "GET";
    if (const auto& lend = stream->lend ? stream->lend : lend_) {
      if (auto lent = lend(request); !lent) {
        loop_.post([weak, id, stream, error = std::move(lent.error())] {
          if (auto self = weak.lock()) self->lose(id, stream, error);
        });
        return;
      }
    }
    stream->call = client_.start(
        std::move(request), {.on_head =
                                 [weak, stream, opens_session](int status, net::Headers headers) {
                                   auto self = weak.lock();
                                   if (!self) return;
                                   stream->status = status;
                                   stream->headers = std::move(headers);
                                   stream->events = status == 200 && is_type(stream->headers, "text/event-stream");
                                   if (self->authorizer_ && status < 400) self->accept(*stream);
                                   if (opens_session && status == 200) {
                                     if (const auto session = stream->headers.get("mcp-session-id")) self->session_ = std::string(*session);
                                   }
                                 },
                             .on_data =
                                 [weak, stream, id](std::string_view chunk) {
                                   auto self = weak.lock();
                                   if (!self) return;
                                   if (!stream->events) {
                                     if (stream->body.size() + chunk.size() > self->limits_.message_bytes) {
                                       stream->call->cancel();
                                       return self->lose(id, stream,
                                                         Error{ErrorCode::kTooLarge, "the server's answer is over the bound on messages",
                                                               "raise limits.message_bytes if it is wanted"});
                                     }
                                     stream->body.append(chunk);
                                     return;
                                   }
                                   const auto fed = stream->parser.feed(chunk, [&](net::SseEvent event) {
                                     if (event.retry_ms) stream->retry_ms = std::clamp(*event.retry_ms, kLeastRetryMs, kMostRetryMs);
                                     if (event.id) stream->last_event_id = *event.id;
                                     if (!event.data.empty()) self->take(id, stream, event.data);
                                   });
                                   if (!fed) {
                                     stream->call->cancel();
                                     self->lose(id, stream, fed.error());
                                   }
                                 },
                             .on_end =
                                 [weak, stream, id, is_get](Status status) {
                                   if (auto self = weak.lock()) self->ended(id, stream, is_get, std::move(status));
                                 }});
  }

  void accept(Stream& stream) {
    stream.request.reset();
    authorizer_->accepted(stream.token, stream.headers.get("dpop-nonce").value_or(std::string_view()));
  }

  // One message of stream `id`.
  void take(std::uint64_t id, const std::shared_ptr<Stream>& stream, std::string_view text) {
    if (closed_) return;
    auto document = json::parse(text, {.size_bytes = limits_.message_bytes, .depth = limits_.depth});
    if (!document) return handlers_.on_garbage(std::move(document.error()));
    if (auto* batch = document->if_array(); batch != nullptr && revision_ == Revision::k2025_03_26) {
      auto self = shared_from_this();
      for (auto& item : *batch) take_document(id, stream, std::move(item));
      return;
    }
    take_document(id, stream, std::move(*document));
  }

  void take_document(std::uint64_t id, const std::shared_ptr<Stream>& stream, json::value document) {
    auto message = net::read_rpc(std::move(document));
    if (!message) return handlers_.on_garbage(std::move(message.error()));
    if (message->kind == net::RpcKind::kResult || message->kind == net::RpcKind::kError) {
      // An error without id answers the request whose stream it came on.
      if (message->kind == net::RpcKind::kError && message->id.is_null()) message->id = id;
      if (json::write(message->id) == std::to_string(id)) stream->answered = true;
    }
    handlers_.on_message(id, std::move(*message));
  }

  void lose(std::uint64_t id, const std::shared_ptr<Stream>& stream, Error error) {
    if (const auto it = streams_.find(id); it != streams_.end() && it->second == stream) streams_.erase(it);
    if (id != 0 && !stream->answered && !closed_) handlers_.on_stream_lost(id, std::move(error));
  }

  void ended(std::uint64_t id, const std::shared_ptr<Stream>& stream, bool is_get, Status status) {
    if (closed_) return;
    auto self = shared_from_this();
    if (stream->events || (is_get && stream->status == 200)) {
      // A legacy stream that ends early may be resumed (2025-11-25 transports#resumability); a modern one may not.
      const bool wanted = id == 0 || (!stream->answered && !stream->last_event_id.empty());
      if (!is_modern(revision_) && wanted && stream->resumptions < kMaximumResumptions) {
        if (id != 0) ++stream->resumptions;
        std::weak_ptr<HttpWire> weak = weak_from_this();
        loop_.after_ms(stream->retry_ms, [weak, id, stream] {
          auto again = weak.lock();
          if (again && !again->closed_ && again->streams_.contains(id)) again->get(id, stream->last_event_id);
        });
        return;
      }
      return lose(id, stream, Error{ErrorCode::kUnavailable, "the server closed the stream before it answered", {}});
    }
    if (is_refusal(stream->status) && stream->request && stream->refusals < kMaximumRefusals) return ask_authorizer(id, stream);
    if (id == 0) {
      if (is_get) streams_.erase(0);  // refused (405): the server has no such stream
      return;
    }
    if (!status && stream->status == 0) return lose(id, stream, std::move(status.error()));
    if (stream->status == 404 && !session_.empty() && negotiated_) {
      closed_ = true;
      return handlers_.on_closed(
          Error{ErrorCode::kUnavailable, "the server has forgotten our session", "the gate opens a new one at the next call"});
    }
    if (is_type(stream->headers, "application/json")) {
      if (const auto it = streams_.find(id); it != streams_.end() && it->second == stream) streams_.erase(it);
      take(id, stream, stream->body);
      if (stream->answered) return;
    }
    Error error{ErrorCode::kUnavailable, "the server answered HTTP " + std::to_string(stream->status) + " and no JSON-RPC message", {}};
    if (is_refusal(stream->status)) error.hint = "give the gate a way to authorize itself: servers.NAME.oauth, or servers.NAME.headers";
    lose(id, stream, std::move(error));
  }

  net::Loop& loop_;
  net::HttpClient& client_;
  net::Url url_;
  net::Headers headers_;
  std::shared_ptr<oauth::Client> authorizer_;  // null: nobody
  Lend lend_;                                  // empty: the server has no credentials
  WireLimits limits_;
  WireHandlers handlers_;
  Revision revision_ = kNewestLegacy;
  bool negotiated_ = false;
  bool closed_ = false;
  std::string session_;
  std::map<std::uint64_t, std::shared_ptr<Stream>> streams_;
};

// Gives the shared wire, whose callbacks hold weak references, a single owner.
class OwnedHttpWire final : public ServerWire {
 public:
  explicit OwnedHttpWire(std::shared_ptr<HttpWire> wire) : wire_(std::move(wire)) {}
  ~OwnedHttpWire() override { wire_->finish(); }
  Status send_request(std::uint64_t id, std::string_view method, const json::object& params, net::Headers headers, Lend lend) override {
    return wire_->send_request(id, method, params, std::move(headers), std::move(lend));
  }
  Status send_notification(std::string_view method, const json::object& params) override {
    return wire_->send_notification(method, params);
  }
  Status send_result(const json::value& id, const json::value& result) override { return wire_->send_result(id, result); }
  Status send_error(const json::value& id, int code, std::string_view message) override { return wire_->send_error(id, code, message); }
  void abandon(std::uint64_t id) override { wire_->abandon(id); }
  bool closing_cancels() const override { return wire_->closing_cancels(); }
  void set_revision(Revision revision) override { wire_->set_revision(revision); }
  void open_events() override { wire_->open_events(); }

 private:
  std::shared_ptr<HttpWire> wire_;
};

}  // namespace

Result<std::unique_ptr<ServerWire>> open_http_wire(net::Loop& loop, net::HttpClient& client, const ServerAddress& address,
                                                   WireLimits limits, WireHandlers handlers) {
  auto url = net::parse_url(address.url);
  if (!url) return fail(std::move(url.error()));
  return std::make_unique<OwnedHttpWire>(std::make_shared<HttpWire>(loop, client, std::move(*url), address, limits, std::move(handlers)));
}

}  // namespace interlock::mcp
