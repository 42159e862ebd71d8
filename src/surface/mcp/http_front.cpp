#include "surface/mcp/http_front.hpp"

#include <algorithm>

#include "net/sse.hpp"

namespace interlock::mcp {
namespace {

constexpr std::size_t kBatch = 100;  // messages in one 2025-03-26 batch
constexpr std::string_view kParameterPrefix = "Mcp-Param-";

net::Headers json_headers() { return {{"Content-Type", "application/json"}}; }

void refuse(const std::shared_ptr<net::HttpExchange>& exchange, int status, int code, std::string_view message,
            const json::value& id = nullptr, const json::value* data = nullptr, net::Headers headers = json_headers()) {
  exchange->respond(status, std::move(headers), net::write_error(id, code, message, data));
}

// The answer to one POST: a JSON body if it is the first thing said, else an SSE stream that ends with it.
class HttpReply final : public ReplySink, public std::enable_shared_from_this<HttpReply> {
 public:
  // `events`: the client takes a stream; `stream`: it wants one even for a lone answer.
  HttpReply(std::shared_ptr<net::HttpExchange> exchange, bool events, bool stream, net::Headers headers, net::Headers parameters = {})
      : exchange_(std::move(exchange)),
        events_(events),
        stream_(stream),
        headers_(std::move(headers)),
        parameters_(std::move(parameters)) {}

  bool takes_messages() const override { return events_ && !answered_ && !exchange_->gone(); }
  void send(std::string_view message) override {
    if (!takes_messages()) return;
    start_stream();
    exchange_->write(net::sse_event(message, "message"));
  }
  void answer(std::string_view message, int http_status) override {
    if (answered_) return;
    if (stream_ && http_status == 200) start_stream();
    answered_ = true;
    if (streaming_) {
      exchange_->write(net::sse_event(message, "message"));
      exchange_->end();
      return;
    }
    auto headers = headers_;
    headers.set("Content-Type", "application/json");
    exchange_->respond(http_status, std::move(headers), std::string(message));
  }
  void abandon() override {
    if (answered_) return;
    answered_ = true;
    if (streaming_) exchange_->end();
    else if (!exchange_->gone()) exchange_->respond(202, headers_, {});
  }
  void keep_alive() override {
    if (!takes_messages()) return;
    start_stream();
    exchange_->write(net::sse_comment("waiting"));
  }
  void on_gone(std::function<void()> work) override {
    // The exchange outlives this: its answer may still be on the way when the reply is forgotten.
    exchange_->on_gone([weak = weak_from_this(), work = std::move(work)] {
      if (const auto self = weak.lock(); self && !self->answered_) work();
    });
  }
  const net::Headers* parameter_headers() const override { return &parameters_; }

 private:
  void start_stream() {
    if (streaming_) return;
    streaming_ = true;
    auto headers = headers_;
    headers.set("Content-Type", "text/event-stream");
    headers.set("Cache-Control", "no-cache, no-transform");
    headers.set("X-Accel-Buffering", "no");
    exchange_->start(200, std::move(headers));
  }

  std::shared_ptr<net::HttpExchange> exchange_;
  bool events_;
  bool stream_;
  net::Headers headers_;
  net::Headers parameters_;
  bool streaming_ = false;
  bool answered_ = false;
};

// One reply of a batch: the stream ends when all have been given (2025-03-26 transports).
struct Batch {
  std::shared_ptr<net::HttpExchange> exchange;
  std::size_t left = 0;
  std::vector<std::function<void()>> on_gone;
};
class BatchReply final : public ReplySink {
 public:
  explicit BatchReply(std::shared_ptr<Batch> batch) : batch_(std::move(batch)) {}
  bool takes_messages() const override { return !answered_ && !batch_->exchange->gone(); }
  void send(std::string_view message) override { batch_->exchange->write(net::sse_event(message, "message")); }
  void answer(std::string_view message, int) override {
    if (answered_) return;
    batch_->exchange->write(net::sse_event(message, "message"));
    settle();
  }
  void abandon() override { settle(); }
  void keep_alive() override { batch_->exchange->write(net::sse_comment("waiting")); }
  void on_gone(std::function<void()> work) override { batch_->on_gone.push_back(std::move(work)); }

 private:
  void settle() {
    if (answered_) return;
    answered_ = true;
    if (--batch_->left == 0) batch_->exchange->end();
  }
  std::shared_ptr<Batch> batch_;
  bool answered_ = false;
};

class HttpEvents final : public EventSink {
 public:
  explicit HttpEvents(std::shared_ptr<net::HttpExchange> exchange) : exchange_(std::move(exchange)) {}
  bool send(std::string_view message) override { return exchange_->write(net::sse_event(message, "message")); }
  void keep_alive() override { exchange_->write(net::sse_comment("waiting")); }
  void close() override {
    if (!exchange_->gone()) exchange_->end();
  }

 private:
  std::shared_ptr<net::HttpExchange> exchange_;
};

bool accepts(const net::Headers& headers, std::string_view type) {
  const auto accept = headers.get("accept");
  if (!accept) return true;
  return accept->find(type) != std::string_view::npos || accept->find("*/*") != std::string_view::npos ||
         accept->find(std::string(type.substr(0, type.find('/'))) + "/*") != std::string_view::npos;
}

// Both are always offered (2025-11-25 transports); what is named first is what is wanted.
bool prefers_events(const net::Headers& headers) {
  const auto accept = headers.get("accept").value_or("");
  const auto events = accept.find("text/event-stream");
  return events != std::string_view::npos && events < accept.find("application/json");
}

bool is_loopback_name(std::string_view host) {
  if (host.starts_with('[')) {
    const auto end = host.find(']');
    return end != std::string_view::npos && host.substr(0, end + 1) == "[::1]";
  }
  const auto name = host.substr(0, host.find(':'));
  return net::equal_ignoring_case(name, "localhost") || name == "127.0.0.1";
}

std::string_view origin_host(std::string_view origin) {
  const auto scheme = origin.find("://");
  return scheme == std::string_view::npos ? std::string_view() : origin.substr(scheme + 3);
}

json::value unsupported_version_data(std::string_view requested) {
  json::object data;
  data["supported"] = all_revision_names();
  data["requested"] = requested;
  return data;
}

// A session is continued by the identity that began it and not by a weaker one; scopes and expiry may be newer.
bool continues(const model::Subject& began, const model::Subject& now) {
  return began.id == now.id && began.chain == now.chain && began.credential == now.credential && began.inherited == now.inherited &&
         now.assurance >= began.assurance;
}

ClientProfile profile_from_meta(const json::object& params) {
  ClientProfile profile;
  profile.revision = kModern;
  if (const auto* c = meta_of(params, kMetaClientCapabilities); c != nullptr && c->is_object()) profile.capabilities = c->get_object();
  if (const auto* i = meta_of(params, kMetaClientInfo); i != nullptr && i->is_object()) profile.info = i->get_object();
  return profile;
}

}  // namespace

HttpFront::HttpFront(Surface& surface, HttpFrontOptions options, Authenticate authenticate)
    : surface_(surface), options_(std::move(options)), authenticate_(std::move(authenticate)) {}

// Browsers send Origin; a page that rebinds its name to our address also sends its own name as Host.
std::string HttpFront::check_origin(const net::Headers& headers) const {
  if (const auto origin = headers.get("origin")) {
    const bool listed =
        std::find(options_.allowed_origins.begin(), options_.allowed_origins.end(), *origin) != options_.allowed_origins.end();
    if (!listed && !(options_.loopback && is_loopback_name(origin_host(*origin))))
      return "the origin \"" + std::string(origin->substr(0, 200)) + "\" is not allowed";
  }
  if (options_.loopback || !options_.allowed_hosts.empty()) {
    const auto host = headers.get("host").value_or("");
    const bool listed = std::find(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), host) != options_.allowed_hosts.end();
    if (!listed && !(options_.loopback && is_loopback_name(host)))
      return "the host \"" + std::string(host.substr(0, 200)) + "\" is not this gate's";
  }
  return {};
}

bool HttpFront::handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange) {
  if (const auto of = metadata_asked(options_.resource, request.path)) {
    answer_metadata(*of, request, *exchange);
    return true;
  }
  if (request.path != "/mcp" && !request.path.starts_with("/mcp/")) return false;
  if (const auto problem = check_origin(request.headers); !problem.empty()) {
    refuse(exchange, 403, net::kInvalidRequest, "Forbidden: " + problem + " (name it under allowed_origins if it is wanted)");
    return true;
  }
  auto name = std::string_view(request.path).substr(4);
  if (name.starts_with('/')) name.remove_prefix(1);
  const auto* endpoint = surface_.endpoint(name);
  if (endpoint == nullptr) {
    refuse(exchange, 404, net::kInvalidRequest,
           "there is no server \"" + std::string(name.substr(0, 100)) + "\" here; see `servers` in interlock.yaml");
    return true;
  }
  if (request.headers.count("authorization") > 1) {
    // Two identities: whoever stands before the gate may have looked at the other one.
    refuse(exchange, 400, net::kInvalidRequest, "Bad Request: more than one Authorization header");
    return true;
  }
  const auto kept = std::make_shared<net::HttpRequest>(std::move(request));
  identity::Presentation shown;
  shown.authorization = kept->headers.get("authorization");
  for (const auto& [header, value] : kept->headers.all()) {
    if (net::equal_ignoring_case(header, "dpop")) shown.dpop.emplace_back(value);
  }
  shown.method = kept->method;
  shown.url = options_.resource.public_url + kept->path;
  shown.resources = audiences_of(options_.resource, endpoint->name);
  shown.required_scopes = scopes_of(options_.resource, endpoint->name);
  shown.certificates = kept->peer_certificates;
  shown.peer_pid = kept->peer_pid;
  shown.peer_uid = kept->peer_uid;
  authenticate_(std::move(shown), [this, alive = std::weak_ptr<const int>(alive_), kept, exchange, endpoint](identity::Answer answer) {
    if (!alive.expired() && !exchange->gone()) authenticated(*endpoint, std::move(*kept), exchange, std::move(answer));
  });
  return true;
}

void HttpFront::set_resource(ProtectedResource resource) { options_.resource = std::move(resource); }

void HttpFront::authenticated(const Endpoint& endpoint, net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange,
                              identity::Answer subject) {
  if (!subject) return refuse_identity(endpoint, subject.error(), exchange);
  if (request.method == "POST") return post(endpoint, std::move(*subject), std::move(request), exchange);
  if (request.method == "GET") return get(endpoint, *subject, request, exchange);
  if (request.method == "DELETE") return remove(endpoint, *subject, request, exchange);
  auto headers = json_headers();
  headers.add("Allow", "GET, POST, DELETE");
  refuse(exchange, 405, net::kInvalidRequest, "MCP takes POST, GET and DELETE", nullptr, nullptr, std::move(headers));
}

void HttpFront::refuse_identity(const Endpoint& endpoint, const identity::Refusal& refusal,
                                const std::shared_ptr<net::HttpExchange>& exchange) {
  auto headers = json_headers();
  add_challenges(options_.resource, endpoint.name, refusal, headers);
  const json::value data =
      json::object{{"interlock", json::object{{"layer", "identity"}, {"reason", refusal.error.message}, {"next", refusal.error.hint}}}};
  refuse(exchange, refusal.status, -31001, "Denied by Interlock (identity): " + refusal.error.text(), nullptr, &data, std::move(headers));
}

// Public by its nature: a client reads it before it has any credential, also from a page of another origin.
void HttpFront::answer_metadata(const MetadataOf& of, const net::HttpRequest& request, net::HttpExchange& exchange) {
  auto headers = json_headers();
  headers.add("Access-Control-Allow-Origin", "*");
  if (request.method != "GET" && request.method != "HEAD") {
    headers.add("Allow", "GET, HEAD");
    return exchange.respond(405, std::move(headers), net::write_error(nullptr, net::kInvalidRequest, "metadata are read with GET"));
  }
  const bool known = of.gate || surface_.endpoint(of.endpoint) != nullptr;
  if (!known || options_.resource.public_url.empty() || options_.resource.authorization_servers.empty()) {
    return exchange.respond(
        404, std::move(headers),
        net::write_error(nullptr, net::kInvalidRequest,
                         "there are no such metadata: no authorization server is configured (resource.authorization_servers), "
                         "or no such server"));
  }
  headers.add("Cache-Control", "max-age=3600");
  exchange.respond(200, std::move(headers), json::write(metadata(options_.resource, of)));
}

void HttpFront::post(const Endpoint& endpoint, model::Subject subject, net::HttpRequest request,
                     const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto type = request.headers.get("content-type").value_or("");
  if (!net::equal_ignoring_case(type.substr(0, type.find(';')), "application/json")) {
    return refuse(exchange, 415, net::kInvalidRequest, "the body must be application/json");
  }
  if (!accepts(request.headers, "application/json") && !accepts(request.headers, "text/event-stream")) {
    return refuse(exchange, 406, net::kInvalidRequest, "Accept must name application/json and text/event-stream");
  }
  const auto& limits = surface_.options().limits;
  auto document = json::parse(request.body, {.size_bytes = limits.message_bytes, .depth = limits.depth});
  if (!document) return refuse(exchange, 400, net::kParseError, "Parse error: " + document.error().text());
  std::string().swap(request.body);
  if (auto* batch = document->if_array()) return post_batch(endpoint, subject, std::move(*batch), request.headers, exchange);
  const auto id = net::salvage_id(*document);
  auto message = net::read_rpc(std::move(*document));
  if (!message) return refuse(exchange, 400, net::kInvalidRequest, "Invalid Request: " + message.error().text(), id);

  if (const auto task = request.headers.get("interlock-task"); task && message->kind == net::RpcKind::kRequest)
    meta_object(message->params)[kMetaTask] = *task;
  const auto header_version = request.headers.get("mcp-protocol-version");
  const auto* meta_version = meta_of(message->params, kMetaVersion);
  const bool modern = meta_version != nullptr || message->method == "server/discover" || message->method == "subscriptions/listen" ||
                      (header_version && *header_version >= revision_name(kModern));
  if (modern) post_modern(endpoint, std::move(subject), std::move(*message), request.headers, exchange);
  else post_legacy(endpoint, std::move(subject), std::move(*message), request.headers, exchange);
}

// 2026-07-28 transports/streamable-http#server-validation: what the headers say must be what the body says.
void HttpFront::post_modern(const Endpoint& endpoint, model::Subject subject, net::RpcMessage message, const net::Headers& headers,
                            const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto mismatch = [&](const std::string& what) { refuse(exchange, 400, kHeaderMismatch, "Header mismatch: " + what, message.id); };
  if (message.kind == net::RpcKind::kResult || message.kind == net::RpcKind::kError) {
    return refuse(exchange, 400, net::kInvalidRequest, "2026-07-28 clients send no responses: answer by retrying with inputResponses");
  }
  const bool is_request = message.kind == net::RpcKind::kRequest;
  const auto header_version = headers.get("mcp-protocol-version");
  const auto* meta_version = meta_of(message.params, kMetaVersion);
  for (const std::string_view name : {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"}) {
    // Whoever stands before us may have looked at the other one.
    if (headers.count(name) > 1) return mismatch("the " + std::string(name) + " header comes twice");
  }
  if (is_request) {
    if (meta_version == nullptr || !meta_version->is_string()) {
      return refuse(exchange, 400, net::kInvalidParams, "params._meta[\"" + std::string(kMetaVersion) + "\"] is missing or no string",
                    message.id);
    }
    const auto version = json::view(meta_version->get_string());
    if (!header_version) return mismatch("the MCP-Protocol-Version header is missing");
    if (*header_version != version) {
      return mismatch("MCP-Protocol-Version header value '" + std::string(header_version->substr(0, 64)) + "' does not match body value '" +
                      std::string(version.substr(0, 64)) + "'");
    }
    if (version != revision_name(kModern)) {
      const auto data = unsupported_version_data(version);
      return refuse(exchange, 400, kUnsupportedVersion, "Unsupported protocol version", message.id, &data);
    }
    const auto* capabilities = meta_of(message.params, kMetaClientCapabilities);
    if (capabilities == nullptr || !capabilities->is_object()) {
      return refuse(exchange, 400, net::kInvalidParams,
                    "params._meta[\"" + std::string(kMetaClientCapabilities) + "\"] is missing or no object", message.id);
    }
    const auto method = headers.get("mcp-method");
    if (!method) return mismatch("the Mcp-Method header is missing");
    if (*method != message.method)
      return mismatch("Mcp-Method header value '" + std::string(method->substr(0, 64)) + "' does not match body value '" + message.method +
                      "'");
    if (message.method == "tools/call" || message.method == "resources/read" || message.method == "prompts/get") {
      const auto body = json::string_at(message.params, *target_member(message.method));
      const auto raw = headers.get("mcp-name");
      if (!raw) return mismatch("the Mcp-Name header is missing");
      const auto name = decode_header_value(*raw);
      if (!name) return mismatch("the Mcp-Name header holds invalid base64");
      if (!body || *name != *body)
        return mismatch("Mcp-Name header value '" + name->substr(0, 100) + "' does not match body value '" +
                        std::string(body.value_or("").substr(0, 100)) + "'");
    }
    if (const auto* level = meta_of(message.params, kMetaLogLevel);
        level != nullptr && (!level->is_string() || !log_level_rank(json::view(level->get_string())))) {
      return refuse(exchange, 200, net::kInvalidParams, "params._meta[\"" + std::string(kMetaLogLevel) + "\"] is no log level", message.id);
    }
  }
  gate::Caller caller;
  caller.subject = std::move(subject);
  auto profile = profile_from_meta(message.params);
  caller.subject.client = client_name(profile.info);
  auto session = surface_.modern_session(endpoint, std::move(caller), std::move(profile), true);
  if (!session) return refuse(exchange, 503, kOverloaded, session.error().text(), message.id);
  if (!is_request) {
    surface_.dispatch(*session, std::move(message), nullptr);
    return exchange->respond(202, {}, {});
  }
  net::Headers parameters;
  for (const auto& [name, value] : headers.all()) {
    if (name.size() > kParameterPrefix.size() &&
        net::equal_ignoring_case(std::string_view(name).substr(0, kParameterPrefix.size()), kParameterPrefix))
      parameters.add(name, value);
  }
  auto reply = std::make_shared<HttpReply>(exchange, accepts(headers, "text/event-stream"), prefers_events(headers), net::Headers{},
                                           std::move(parameters));
  surface_.dispatch(*session, std::move(message), std::move(reply));
}

std::shared_ptr<Session> HttpFront::session_of(const Endpoint& endpoint, const model::Subject& subject, const net::Headers& headers,
                                               const std::shared_ptr<net::HttpExchange>& exchange, const json::value& id) {
  const auto header = headers.get("mcp-session-id");
  if (!header) {
    refuse(exchange, 400, net::kInvalidRequest,
           "Bad Request: the Mcp-Session-Id header is missing; begin with initialize (or send _meta of 2026-07-28)", id);
    return nullptr;
  }
  auto session = surface_.find_session(std::string(*header));
  // Another subject's session is as unknown as none.
  if (!session || !continues(session->caller().subject, subject) || &session->endpoint() != &endpoint) {
    refuse(exchange, 404, net::kInvalidRequest, "Session not found: it has ended, or never was; begin again with initialize", id);
    return nullptr;
  }
  if (const auto version = headers.get("mcp-protocol-version")) {
    const auto revision = revision_from_name(*version);
    if (!revision || is_modern(*revision)) {
      refuse(exchange, 400, net::kInvalidRequest,
             "Bad Request: unsupported MCP-Protocol-Version \"" + std::string(version->substr(0, 64)) + "\" for this session", id);
      return nullptr;
    }
  }
  session->renew(subject);
  return session;
}

void HttpFront::post_legacy(const Endpoint& endpoint, model::Subject subject, net::RpcMessage message, const net::Headers& headers,
                            const std::shared_ptr<net::HttpExchange>& exchange) {
  const bool events = accepts(headers, "text/event-stream");
  if (message.kind == net::RpcKind::kRequest && message.method == "initialize") {
    const auto version = json::string_at(message.params, "protocolVersion");
    if (!version) return refuse(exchange, 400, net::kInvalidParams, "params.protocolVersion is missing or no string", message.id);
    ClientProfile profile;
    // An unknown revision is answered with the newest we have (2025-11-25 lifecycle#version-negotiation).
    const auto revision = revision_from_name(*version);
    profile.revision = revision && !is_modern(*revision) ? *revision : kNewestLegacy;
    if (const auto* c = json::object_at(message.params, "capabilities")) profile.capabilities = *c;
    if (const auto* i = json::object_at(message.params, "clientInfo")) profile.info = *i;
    gate::Caller caller;
    caller.subject = std::move(subject);
    caller.subject.client = client_name(profile.info);
    auto session = surface_.new_session(endpoint, std::move(caller), std::move(profile));
    if (!session) return refuse(exchange, 503, kOverloaded, session.error().text(), message.id);
    auto reply = std::make_shared<HttpReply>(exchange, false, false, net::Headers{{"Mcp-Session-Id", (*session)->id()}});
    return surface_.dispatch(*session, std::move(message), std::move(reply));
  }
  auto session = session_of(endpoint, subject, headers, exchange, message.id);
  if (!session) return;
  if (message.kind != net::RpcKind::kRequest) {
    surface_.dispatch(session, std::move(message), nullptr);
    return exchange->respond(202, {}, {});
  }
  surface_.dispatch(session, std::move(message), std::make_shared<HttpReply>(exchange, events, prefers_events(headers), net::Headers{}));
}

void HttpFront::post_batch(const Endpoint& endpoint, const model::Subject& subject, json::array batch, const net::Headers& headers,
                           const std::shared_ptr<net::HttpExchange>& exchange) {
  if (!headers.get("mcp-session-id")) {
    return refuse(exchange, 400, net::kInvalidRequest,
                  "Invalid Request: JSON-RPC batches exist in revision 2025-03-26 alone, inside a session");
  }
  auto session = session_of(endpoint, subject, headers, exchange, nullptr);
  if (!session) return;
  if (session->profile().revision != Revision::k2025_03_26) {
    return refuse(exchange, 400, net::kInvalidRequest, "Invalid Request: JSON-RPC batches exist in revision 2025-03-26 alone");
  }
  if (batch.empty() || batch.size() > kBatch) {
    return refuse(exchange, 400, net::kInvalidRequest, "Invalid Request: a batch holds 1 to " + std::to_string(kBatch) + " messages");
  }
  std::vector<net::RpcMessage> messages;
  std::size_t requests = 0;
  for (auto& item : batch) {
    auto message = net::read_rpc(std::move(item));
    if (!message) return refuse(exchange, 400, net::kInvalidRequest, "Invalid Request: " + message.error().text());
    if (message->kind == net::RpcKind::kRequest && message->method == "initialize") {
      return refuse(exchange, 400, net::kInvalidRequest, "Invalid Request: initialize must not be part of a batch");
    }
    if (message->kind == net::RpcKind::kRequest) ++requests;
    messages.push_back(std::move(*message));
  }
  auto shared = std::make_shared<Batch>(Batch{.exchange = exchange, .left = requests, .on_gone = {}});
  exchange->on_gone([weak = std::weak_ptr<Batch>(shared)] {
    const auto held = weak.lock();
    if (!held) return;
    for (auto& work : std::exchange(held->on_gone, {})) work();
  });
  if (requests > 0) exchange->start(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache, no-transform"}});
  for (auto& message : messages) {
    std::shared_ptr<ReplySink> reply;
    if (message.kind == net::RpcKind::kRequest) reply = std::make_shared<BatchReply>(shared);
    surface_.dispatch(session, std::move(message), std::move(reply));
  }
  if (requests == 0) exchange->respond(202, {}, {});
}

void HttpFront::get(const Endpoint& endpoint, const model::Subject& subject, const net::HttpRequest& request,
                    const std::shared_ptr<net::HttpExchange>& exchange) {
  const auto accept = request.headers.get("accept").value_or("");
  if (!request.headers.get("mcp-session-id")) {
    auto headers = json_headers();
    headers.add("Allow", "POST");
    return refuse(exchange, 405, net::kInvalidRequest, "without a session there is no GET stream: POST here", nullptr, nullptr,
                  std::move(headers));
  }
  if (accept.find("text/event-stream") == std::string_view::npos)
    return refuse(exchange, 406, net::kInvalidRequest, "Accept must name text/event-stream");
  auto session = session_of(endpoint, subject, request.headers, exchange, nullptr);
  if (!session) return;
  exchange->start(200, {{"Content-Type", "text/event-stream"}, {"Cache-Control", "no-cache, no-transform"}, {"X-Accel-Buffering", "no"}});
  auto sink = std::make_shared<HttpEvents>(exchange);
  std::weak_ptr<Session> weak = session;
  exchange->on_gone([weak, raw = sink.get()] {
    if (auto held = weak.lock()) held->clear_event_sink(raw);
  });
  session->set_event_sink(std::move(sink));
}

void HttpFront::remove(const Endpoint& endpoint, const model::Subject& subject, const net::HttpRequest& request,
                       const std::shared_ptr<net::HttpExchange>& exchange) {
  if (!request.headers.get("mcp-session-id")) {
    auto headers = json_headers();
    headers.add("Allow", "POST");
    return refuse(exchange, 405, net::kInvalidRequest, "without a session there is nothing to delete", nullptr, nullptr,
                  std::move(headers));
  }
  auto session = session_of(endpoint, subject, request.headers, exchange, nullptr);
  if (!session) return;
  surface_.end_session(session, "the client ended it");
  exchange->respond(200, {}, {});
}

}  // namespace interlock::mcp
