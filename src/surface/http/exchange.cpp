#include "surface/http/exchange.hpp"

#include "base/text.hpp"
#include "catalogue/catalogue.hpp"
#include "catalogue/http_path.hpp"
#include "surface/http/brought.hpp"
#include "surface/http/models.hpp"
#include "surface/http/tunnel.hpp"

namespace interlock::http {
namespace {

const net::Headers kAskForCredentials{{"Proxy-Authenticate", "Basic realm=\"interlock\""}};

Stop malformed(const Error& error) { return {.status = 400, .layer = model::Layer::kGate, .reason = error.message, .next = error.hint}; }

// Bodies that are held at once, of all exchanges: each may be long, and there may be many.
constexpr std::size_t kCollectedBytes = std::size_t{512} << 20;

// Whether the server will read the body as it is read here: a text may be JSON and a form at once, and say another thing as each.
bool is_of_type(const net::Headers& headers, catalogue::BodyUse use) {
  if (headers.count("content-type") > 1 || headers.get("content-encoding")) return false;
  const auto given = headers.get("content-type");
  if (!given) return true;
  const auto type = ascii_lower(*given);
  const bool form = type.starts_with("application/x-www-form-urlencoded");
  return use == catalogue::BodyUse::kForm ? form : !form && !type.starts_with("multipart/");
}

}  // namespace

Exchange::Exchange(std::shared_ptr<Proxy::State> proxy, std::shared_ptr<net::ServerStream> stream)
    : proxy_(std::move(proxy)), stream_(std::move(stream)), tunnel_(std::static_pointer_cast<OpenedTunnel>(stream_->peer().tag)) {}

Exchange::~Exchange() = default;

const std::string& Exchange::task() const {
  static const std::string kNone;
  return act_ ? act_->task : kNone;
}

void Exchange::begin() {
  proxy_->exchanges.insert(shared_from_this());
  stream_->on_gone([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->client_gone();
  });
  headers_ = stream_->head().headers;
  recognize();
}

void Exchange::recognize() {
  const auto& head = stream_->head();
  if (tunnel_) {
    caller_ = tunnel_->caller;
    recognized_ = true;
    // A tunnel may stay open for longer than what opened it is good for.
    if (const auto end_ms = caller_.subject.expires_ms; end_ms != 0 && proxy_->parts.clock->now_ms() >= end_ms) {
      return stop({.status = 403,
                   .layer = model::Layer::kIdentity,
                   .reason = "the credential with which this tunnel was opened has expired",
                   .next = "open another tunnel, with a fresh one"});
    }
    return find_target();
  }
  by_route_ = head.scheme.empty();
  proxy_->recognize(*stream_, by_route_, [weak = weak_from_this()](std::expected<Recognized, Stop> found) {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    if (!found) return self->stop(found.error(), found.error().status == 407 ? kAskForCredentials : net::Headers{});
    self->caller_ = std::move(found->caller);
    if (found->by_authorization) self->headers_.remove("authorization");
    self->recognized_ = true;
    self->find_target();
  });
}

void Exchange::find_target() {
  const auto& head = stream_->head();
  std::string_view asked = head.target;
  std::string routed;
  if (tunnel_) {
    target_ = tunnel_->target;
    // The tunnel was asked for one host, its certificate shown for it: nothing else may be asked inside (RFC 9110 §7.4).
    Target named;
    const auto read = read_authority(head.authority, target_.scheme == "https" ? 443 : 80, named);
    const auto& name = stream_->peer().server_name;
    const bool other_name = !name.empty() && ascii_lower(name) != target_.host;
    if (!read || named.host != target_.host || named.port != target_.port || other_name ||
        (!head.scheme.empty() && head.scheme != target_.scheme)) {
      return stop({.status = 421,
                   .layer = model::Layer::kGate,
                   .reason = "the request is for another host than the tunnel that it came through",
                   .next = "open a tunnel for each host, with its name in SNI and Host"});
    }
  } else if (by_route_) {
    const RouteConfig* found = nullptr;
    for (const auto& route : proxy_->routes) {
      const bool under = asked == route.listen_path || (asked.starts_with(route.listen_path) &&
                                                        (asked[route.listen_path.size()] == '/' || asked[route.listen_path.size()] == '?'));
      if (under && (found == nullptr || route.listen_path.size() > found->listen_path.size())) found = &route;
    }
    if (found == nullptr) {
      return stop(
          {.status = 404,
           .layer = model::Layer::kGate,
           .reason = "this is the way out: it takes requests as a proxy (absolute form, CONNECT), and the routes that are configured",
           .next = "set HTTPS_PROXY as `interlock egress env` prints it, or add a route under egress.routes"});
    }
    const auto scheme_end = found->upstream.find("://");
    const auto path_at = found->upstream.find('/', scheme_end + 3);
    target_.scheme = found->upstream.substr(0, scheme_end);
    const auto authority = found->upstream.substr(scheme_end + 3, path_at == std::string::npos ? path_at : path_at - scheme_end - 3);
    if (auto read = read_authority(authority, target_.scheme == "https" ? 443 : 80, target_); !read) return stop(malformed(read.error()));
    if (path_at != std::string::npos) routed = found->upstream.substr(path_at);
    if (routed.ends_with('/')) routed.pop_back();
    routed += asked.substr(found->listen_path.size());
    if (routed.empty() || routed.front() == '?') routed.insert(0, "/");
    asked = routed;
  } else {
    target_.scheme = ascii_lower(head.scheme);
    if (target_.scheme != "http" && target_.scheme != "https")
      return stop(malformed({ErrorCode::kUnsupported, "the scheme is neither http nor https", "ask for one of the two"}));
    if (auto read = read_authority(head.authority, target_.scheme == "https" ? 443 : 80, target_); !read)
      return stop(malformed(read.error()));
  }
  if (head.method == "TRACE")
    return stop(malformed({ErrorCode::kUnsupported, "TRACE would show what was put into the request", "use another method"}));
  if (asked == "*") target_.path = "*";
  else if (auto read = read_path(asked, target_); !read) return stop(malformed(read.error()));
  for (const auto& [name, value] : headers_.all()) {
    if (net::equal_ignoring_case(name, "via") && value.find(proxy_->options.via) != std::string::npos) {
      return stop({.status = 508,
                   .layer = model::Layer::kGate,
                   .reason = "the request has come through this gate already",
                   .next = "look at the proxy settings of the servers in between"});
    }
  }
  host_ = tunnel_ ? tunnel_->host : proxy_->host_of(target_, stream_->peer());
  find_addresses();
}

void Exchange::find_addresses() {
  if (tunnel_) {
    addresses_ = tunnel_->addresses;
    refuse_in_the_clear();
    return look_at_body();
  }
  proxy_->reach(target_, host_, [weak = weak_from_this()](Result<std::vector<net::Address>> found) {
    const auto self = weak.lock();
    if (!self || self->over_) return;
    if (found) {
      self->addresses_ = std::move(*found);
      self->refuse_in_the_clear();
    } else if (found.error().code == ErrorCode::kDenied || found.error().code == ErrorCode::kInvalid) {
      self->refusal_ = gate::Refusal{.layer = model::Layer::kServer, .reason = found.error().message, .next = found.error().hint};
    } else {
      return self->stop({.status = 502, .layer = model::Layer::kServer, .reason = found.error().message, .next = found.error().hint});
    }
    self->look_at_body();
  });
}

// What is leased goes over no network that anybody may listen to.
void Exchange::refuse_in_the_clear() {
  const bool is_public =
      std::ranges::any_of(addresses_, [](const auto& address) { return net::address_kind(address) == net::AddressKind::kPublic; });
  if (target_.scheme != "http" || host_->credentials.empty() || !is_public) return;
  refusal_ = gate::Refusal{.layer = model::Layer::kServer,
                           .reason = "this host is given a credential, which would go over the network in the clear",
                           .next = "ask for https://" + target_.host};
}

void Exchange::look_at_body() {
  const auto& head = stream_->head();
  const auto& catalogue = *proxy_->parts.gate->rules().catalogue;
  const auto route_of = [&](std::string_view query) {
    return catalogue.route({.method = head.method,
                            .host = target_.host,
                            .port = target_.port,
                            .path = target_.path,
                            .query = query,
                            .scheme = target_.scheme,
                            .upgrade = becomes_websocket()},
                           host_->connector);
  };
  // Which of the query's parameters are credentials, the connector knows; what they are must not get into the act.
  auto known = route_of({});
  // Where a lease goes in, nothing of the agent's may stand beside it.
  for (const auto& placement : host_->credentials) {
    if (placement.where == credential::Placement::Where::kQuery) known.credential_query.push_back(placement.name);
  }
  const auto taken = take_off(headers_, target_, known, host_->keep);
  route_ = target_.has_query ? route_of(target_.query) : std::move(known);
  if (!taken.empty()) {
    json::array names;
    for (const auto& name : taken) names.emplace_back(name);
    route_.args["taken_off"] = std::move(names);
  }
  const bool has_body = head.length.value_or(1) != 0;
  if (!has_body || refusal_ || (route_.body == catalogue::BodyUse::kNone && !signs_body())) {
    if (route_.body != catalogue::BodyUse::kNone && !has_body) route_.args["body"] = nullptr;
    return ask();
  }
  collect_limit_ = route_.model == catalogue::ModelWire::kNone ? proxy_->options.read_body_bytes : proxy_->options.model_body_bytes;
  body_ = Body::kCollecting;
  receive();
}

void Exchange::receive() {
  const auto weak = weak_from_this();
  stream_->receive({.on_data =
                        [weak](std::string_view chunk) {
                          if (const auto self = weak.lock()) self->body_came(chunk);
                        },
                    .on_end =
                        [weak](net::Headers trailers) {
                          if (const auto self = weak.lock()) self->body_ended(std::move(trailers));
                        },
                    .on_lost =
                        [weak](const Error&) {
                          if (const auto self = weak.lock()) self->client_gone();
                        }});
}

void Exchange::body_came(std::string_view chunk) {
  if (over_) return;
  if (body_ == Body::kFlowing) {
    if (call_ && !call_->write(chunk)) stream_->hold(true);
    return;
  }
  collected_ += chunk;
  count_collected(collected_.size());
  if (proxy_->collected_bytes > kCollectedBytes && body_ == Body::kCollecting) {
    return stop({.status = 503,
                 .layer = model::Layer::kGate,
                 .reason = "too many bodies wait to be read at once",
                 .next = "try again in a moment, with fewer requests at a time"});
  }
  if (body_ == Body::kCollecting && collected_.size() > collect_limit_) {
    // Too long to be read: the act is not known, and the rest waits for the verdict.
    body_ = Body::kWaiting;
    stream_->hold(true);
    ask();
  }
}

void Exchange::body_ended(net::Headers trailers) {
  if (over_) return;
  body_complete_ = true;
  Target none;
  (void)take_off(trailers, none, route_, host_->keep);
  if (body_ == Body::kFlowing) {
    body_ = Body::kDone;
    if (call_) call_->end(std::move(trailers));
    return;
  }
  body_trailers_ = std::move(trailers);
  if (body_ != Body::kCollecting) return;
  body_ = Body::kWaiting;
  if (route_.body == catalogue::BodyUse::kNone) return ask();
  if (!is_of_type(headers_, route_.body)) return ask();
  if (route_.body == catalogue::BodyUse::kForm) {
    if (auto form = catalogue::read_form(collected_, collect_limit_)) route_.args["body"] = std::move(*form);
    return ask();
  }
  auto parsed = json::parse(collected_, {.size_bytes = collect_limit_});
  if (!parsed) return ask();
  if (route_.model == catalogue::ModelWire::kNone) {
    route_.args["body"] = std::move(*parsed);
    return ask();
  }
  // A prompt is no argument: what the record gets of it is configured, what policy sees is the model.
  if (const auto* body = parsed->if_object()) {
    route_.args["model_call"] = recorded_model_call(route_.model, *body, proxy_->options.models);
    json::object seen;
    for (const std::string_view name : {"model", "stream", "max_tokens", "max_completion_tokens", "max_output_tokens"})
      if (const auto* value = json::find(*body, name)) seen[name] = *value;
    route_.args["body"] = std::move(seen);
  }
  ask();
}

void Exchange::ask() {
  model::ActionRequest request;
  request.surface = "http";
  request.server = route_.connector.empty() ? target_.host : route_.connector;
  request.operation = "http/request";
  request.target = route_.operation;
  request.args = std::move(route_.args);
  if (const auto trace = headers_.get("traceparent")) request.trace_parent = *trace;
  for (const auto& placement : host_->credentials) {
    const model::CredentialUse use{placement.credential, placement.only_by_policy};
    if (std::ranges::find(request.credentials, use) == request.credentials.end()) request.credentials.push_back(use);
  }
  auto& session = proxy_->session_of(caller_);
  session.used_ms = proxy_->parts.clock->now_ms();
  ++session.under_way;
  gate::AdmitHandlers handlers;
  handlers.on_verdict = [weak = weak_from_this(), &gate = *proxy_->parts.gate](const std::shared_ptr<gate::Act>& act) {
    if (const auto self = weak.lock()) return self->decided(act);
    if (act->verdict.allows())
      gate.observe(act, {.kind = "cancelled", .result_text = {}, .note = "the client is gone"}, [](const Status&) {});
  };
  handlers.on_cut = [weak = weak_from_this(), tunnel = upgraded_] {
    if (const auto joined = tunnel->lock()) return joined->cut("the kill switch");
    if (const auto self = weak.lock()) self->deny();
  };
  auto act = proxy_->parts.gate->admit(caller_, std::move(request), nullptr, std::move(refusal_), std::move(handlers));
  if (!act_) act_ = std::move(act);
}

void Exchange::decided(const std::shared_ptr<gate::Act>& act) {
  act_ = act;
  decided_ = true;
  if (over_) {
    if (act->verdict.allows())
      proxy_->parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = "the client is gone"}, [](const Status&) {});
    return;
  }
  if (!act->verdict.allows() || !proxy_->parts.gate->may_perform(act)) return deny();
  send();
}

void Exchange::stop(const Stop& why, net::Headers headers) {
  if (over_) return;
  proxy_->record_refusal(recognized_ ? &caller_ : nullptr,
                         target_.host.empty() ? stream_->head().method + " " + stream_->head().authority : target_text(), why);
  answer_stop(*stream_, why, std::move(headers));
  leave();
}

// The act's verdict is a denial, from the beginning or by the kill switch.
void Exchange::deny() {
  if (over_) return;
  if (call_) call_->cut();
  if (answer_ && answer_->released_anything()) stream_->cut();
  else answer_stop(*stream_, {.status = 403, .layer = act_->verdict.layer, .reason = act_->verdict.reason, .next = act_->verdict.next});
  leave();
}

void Exchange::client_gone() {
  if (over_) return;
  if (call_) call_->cut();
  if (act_ && !act_->decided) proxy_->parts.gate->withdraw(act_, "the client is gone");
  else if (owes_result()) {
    gate::ActOutcome outcome{.kind = "cancelled", .result_text = {}, .note = "the client went away before the answer was complete"};
    proxy_->parts.gate->observe(act_, outcome, [](const Status&) {});
  }
  leave();
}

void Exchange::close(std::string_view why) {
  if (over_) return;
  const auto self = shared_from_this();
  if (call_) call_->cut();
  if (owes_result())
    proxy_->parts.gate->observe(act_, {.kind = "cancelled", .result_text = {}, .note = std::string(why)}, [](const Status&) {});
  else if (act_ && !act_->decided) proxy_->parts.gate->withdraw(act_, why);
  if (answer_ && answer_->released_anything()) stream_->cut();
  else answer_stop(*stream_, {.status = 503, .layer = model::Layer::kGate, .reason = std::string(why), .next = "try again later"});
  leave();
}

void Exchange::count_collected(std::size_t bytes) { proxy_->collected_bytes += bytes - std::exchange(counted_, bytes); }

void Exchange::leave() {
  if (std::exchange(over_, true)) return;
  proxy_->parts.loop->cancel(std::exchange(patience_, 0));
  if (act_) proxy_->left_session(caller_);
  count_collected(0);
  ++proxy_->served;
  // Its own callbacks may be running.
  const auto self = shared_from_this();
  proxy_->exchanges.erase(self);
  proxy_->parts.loop->post([self] {});
}

void begin_exchange(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<net::ServerStream> stream) {
  std::make_shared<Exchange>(proxy, std::move(stream))->begin();
}

}  // namespace interlock::http
