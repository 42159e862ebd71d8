// The proxy: its listeners, who its clients are, the hosts it knows, the addresses that may be reached, and the tasks of its sessions.
#include "surface/http/proxy.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "gate/record.hpp"
#include "surface/http/exchange.hpp"
#include "surface/http/proxy_state.hpp"
#include "surface/http/tunnel.hpp"

namespace interlock::http {
namespace {

constexpr std::int64_t kSweepMs = 500;
constexpr std::size_t kTokenBytes = 16 * 1024;
constexpr std::size_t kRecordedTargetBytes = 500;

// The credentials of a Basic header, "TASK:TOKEN" as clients make it of http://TASK:TOKEN@proxy.
struct Basic {
  std::string task;
  std::string token;
};
std::optional<Basic> read_basic(std::string_view value) {
  constexpr std::string_view kScheme = "basic ";
  if (value.size() <= kScheme.size() || !net::equal_ignoring_case(value.substr(0, kScheme.size()), kScheme)) return std::nullopt;
  auto decoded = base64_decode(value.substr(kScheme.size()));
  if (!decoded) return std::nullopt;
  const auto colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  Basic out{decoded->substr(0, colon), decoded->substr(colon + 1)};
  if (out.task == "-") out.task.clear();
  return out;
}

std::string session_name(const net::StreamPeer& peer, std::string_view shown) {
  if (peer.pid > 0) return "http:pid=" + std::to_string(peer.pid);
  return shown.empty() ? std::string("http:") : "http:" + to_hex(sha256(shown)).substr(0, 32);
}

// Without the task that the client names: it is any text, and would make sessions without bound.
std::string session_key(const gate::Caller& caller) { return caller.subject.id + '\0' + caller.session; }

}  // namespace

bool passes_own_keys(const Door& door, const Target& target) {
  return target.scheme == "https" && target.port == 443 && std::ranges::find(door.own_key_hosts, target.host) != door.own_key_hosts.end();
}

std::shared_ptr<const HostConfig> Proxy::State::host_of(const Target& target, const net::StreamPeer& peer) const {
  static const auto kUnnamed = std::make_shared<const HostConfig>();
  static const auto kOwnKeys = [] {
    HostConfig host;
    host.keep = {"authorization", "x-api-key", "x-goog-api-key"};
    return std::make_shared<const HostConfig>(std::move(host));
  }();
  for (const auto& host : *hosts)
    if (pattern_holds(host.pattern, target)) return {hosts, &host};
  const auto* door = static_cast<const Door*>(peer.door.get());
  if (door != nullptr && passes_own_keys(*door, target)) return kOwnKeys;
  return kUnnamed;
}

Result<std::vector<net::Address>> Proxy::State::judged(const Target& target, const HostConfig& host,
                                                       const std::vector<net::Address>& found) const {
  std::vector<net::Address> out;
  std::optional<net::Address> refused_address;
  for (const auto& address : found) {
    const auto kind = net::address_kind(address);
    // Networks have such an address among others: who means it names it alone.
    const int alone = kind == net::AddressKind::kMetadata ? (address.v6 ? 128 : 32) : 0;
    const bool in_range =
        std::ranges::any_of(options.private_ranges, [&](const auto& range) { return range.bits >= alone && range.contains(address); });
    const bool local = kind == net::AddressKind::kLoopback || kind == net::AddressKind::kPrivate;
    if (kind == net::AddressKind::kPublic || in_range || (local && host.private_address)) out.push_back(address);
    else if (!refused_address) refused_address = address;
  }
  if (out.empty()) {
    const auto kind = refused_address ? net::address_kind(*refused_address) : net::AddressKind::kReserved;
    return fail(ErrorCode::kDenied,
                "the host " + target.host + " is at a " + std::string(net::address_kind_name(kind)) + " address" +
                    (refused_address ? " (" + net::address_text(*refused_address) + ")" : "") + ", which agents do not reach",
                kind == net::AddressKind::kLoopback || kind == net::AddressKind::kPrivate
                    ? "if they should, an owner names the host with private_address: true, or its range in private_ranges, under egress"
                    : "if they should, an owner names its range in egress.private_ranges; what is there often hands out credentials");
  }
  if (std::ranges::find(own_ports, target.port) != own_ports.end() && std::ranges::any_of(out, [](const auto& address) {
        const auto kind = net::address_kind(address);
        return kind == net::AddressKind::kLoopback || kind == net::AddressKind::kReserved;
      })) {
    return fail(ErrorCode::kDenied, "this is the gate's own address, and asking for it through the gate is a loop",
                "speak to the gate without the proxy");
  }
  return out;
}

void Proxy::State::reach(const Target& target, const std::shared_ptr<const HostConfig>& host,
                         std::function<void(Result<std::vector<net::Address>>)> done) {
  parts.resolver->resolve(target.host,
                          [weak = weak_from_this(), target, host, done = std::move(done)](const Result<std::vector<net::Address>>& found) {
                            const auto self = weak.lock();
                            if (!self) return;
                            if (!found) return done(fail(found.error()));
                            done(self->judged(target, *host, *found));
                          });
}

void Proxy::State::recognize(const net::ServerStream& stream, bool own_authorization,
                             std::function<void(std::expected<Recognized, Stop>)> done) {
  const auto& peer = stream.peer();
  if (peer.door) return done(Recognized{std::static_pointer_cast<Door>(peer.door)->caller, false});
  const auto& headers = stream.head().headers;
  // What the authenticator looks at is kept here until it has answered.
  struct Shown {
    std::string authorization;
    std::string fallback;
    std::string task;
    std::string method;
  };
  const auto shown = std::make_shared<Shown>();
  shown->method = stream.head().method;
  if (const auto given = headers.get("proxy-authorization")) {
    if (given->size() > kTokenBytes || headers.count("proxy-authorization") > 1)
      return done(std::unexpected(Stop{.status = 400,
                                       .layer = model::Layer::kIdentity,
                                       .reason = "Proxy-Authorization is too long, or there twice",
                                       .next = "send one"}));
    if (auto basic = read_basic(*given)) {
      shown->task = std::move(basic->task);
      if (!basic->token.empty() && basic->token != "-") shown->authorization = "Bearer " + basic->token;
    } else {
      shown->authorization = *given;
    }
  } else if (own_authorization) {
    if (const auto own = headers.get("authorization"); own && own->size() <= kTokenBytes) shown->fallback = *own;
  }
  const auto ask = [this, peer, shown](std::string_view authorization, std::function<void(identity::Answer)> answered) {
    identity::Presentation presentation;
    if (!authorization.empty()) presentation.authorization = authorization;
    presentation.method = shown->method;
    presentation.certificates = peer.certificates;
    presentation.peer_pid = peer.pid;
    presentation.peer_uid = peer.uid;
    parts.authenticate(std::move(presentation), std::move(answered));
  };
  const auto finish = [shown, peer, done](identity::Answer answer, std::string_view used, bool by_authorization) {
    if (!answer) {
      const auto& refusal = answer.error();
      return done(
          std::unexpected(Stop{.status = refusal.status == 503 ? 503 : 407,
                               .layer = model::Layer::kIdentity,
                               .reason = refusal.error.message,
                               .next = "put the gate's token into the proxy's address: http://TASK:TOKEN@HOST:PORT (TASK may be -)"}));
    }
    gate::Caller caller;
    caller.subject = std::move(*answer);
    caller.session = session_name(peer, used);
    caller.client_pid = peer.pid;
    caller.task = shown->task;
    done(Recognized{std::move(caller), by_authorization});
  };
  ask(shown->authorization, [shown, ask, finish](identity::Answer answer) {
    if (!answer && shown->authorization.empty() && !shown->fallback.empty())
      return ask(shown->fallback, [shown, finish](identity::Answer second) { finish(std::move(second), shown->fallback, true); });
    finish(std::move(answer), shown->authorization, false);
  });
}

Proxy::State::Session& Proxy::State::session_of(const gate::Caller& caller) {
  auto [it, fresh] = sessions.try_emplace(session_key(caller));
  if (fresh) it->second.caller = caller;
  return it->second;
}

void Proxy::State::left_session(const gate::Caller& caller) {
  auto& session = session_of(caller);
  session.used_ms = parts.clock->now_ms();
  if (session.under_way > 0) --session.under_way;
}

void Proxy::State::record_refusal(const gate::Caller* caller, std::string_view target, const Stop& stop) {
  ++refused;
  model::Receipt receipt;
  receipt.kind = model::ReceiptKind::kAttempt;
  receipt.at_ms = parts.clock->now_ms();
  receipt.act = new_id("act", receipt.at_ms);
  if (caller != nullptr) receipt.subject = caller->subject.id;
  receipt.surface = "http";
  receipt.action = "http/request";
  receipt.verdict = model::verdict_name(model::VerdictKind::kDeny);
  receipt.layer = model::layer_name(stop.layer);
  std::string shown;
  for (const char c : target.substr(0, kRecordedTargetBytes)) shown += c > ' ' && c < '\x7f' ? c : (c == ' ' ? ' ' : '?');
  receipt.detail = json::object{{"target", gate::without_credentials(shown)}, {"status", stop.status}, {"reason", stop.reason}};
  (void)parts.gate->record(std::move(receipt));
}

// Sessions that nobody uses end, and so do connections whose task has.
void Proxy::State::sweep() {
  const auto now_ms = parts.clock->now_ms();
  std::erase_if(sessions, [&](const auto& entry) {
    const auto& session = entry.second;
    if (session.under_way > 0 || now_ms - session.used_ms < options.task_idle_ms) return false;
    parts.gate->end_session(session.caller, "nothing was asked for a while");
    return true;
  });
  for (const auto& tunnel : std::vector(tunnels.begin(), tunnels.end()))
    if (!tunnel->act()->task.empty() && !parts.gate->is_open(tunnel->act()->task)) tunnel->cut("its task has ended");
  for (const auto& exchange : std::vector(exchanges.begin(), exchanges.end()))
    if (!exchange->task().empty() && !parts.gate->is_open(exchange->task())) exchange->close("the task has ended");
  sweep_timer = parts.loop->after_ms(kSweepMs, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->sweep();
  });
}

void answer_stop(net::ServerStream& stream, const Stop& stop, net::Headers headers) {
  headers.add("Content-Type", "application/json");
  headers.add("Cache-Control", "no-store");
  const auto body = json::write(json::object{
      {"error",
       json::object{{"by", "interlock"}, {"layer", model::layer_name(stop.layer)}, {"reason", stop.reason}, {"next", stop.next}}}});
  stream.respond(stop.status, std::move(headers), body + "\n");
}

Result<std::unique_ptr<Proxy>> Proxy::create(ProxyParts parts, ProxyOptions options) {
  std::unique_ptr<Proxy> out(new Proxy);
  out->state_ = std::make_shared<State>();
  auto& state = *out->state_;
  auto tls = net::TlsClient::create({.ca_file = options.upstream_ca_file, .judge = {}});
  if (!tls) return fail(std::move(tls.error()));
  state.tls_client = std::move(*tls);
  state.parts = std::move(parts);
  state.options = std::move(options);
  if (state.options.via.empty()) state.options.via = "interlock-" + to_hex(random_bytes(8));
  if (auto set = out->set_hosts(state.options.hosts, state.options.routes); !set) return fail(std::move(set.error()));
  for (const auto& own : state.options.own_authorities) {
    Target target;
    if (read_authority(own, 443, target)) state.own_ports.push_back(target.port);
  }
  state.client = std::make_unique<net::StreamClient>(*state.parts.loop, state.options.client_limits);
  const std::weak_ptr<State> weak = out->state_;
  state.server = std::make_unique<net::StreamServer>(
      *state.parts.loop, state.options.limits,
      net::StreamHandlers{.on_request =
                              [weak](std::shared_ptr<net::ServerStream> stream) {
                                const auto self = weak.lock();
                                if (!self) return;
                                if (stream->head().method == "CONNECT") return begin_connect(self, std::move(stream));
                                begin_exchange(self, std::move(stream));
                              },
                          .on_refused =
                              [weak](const net::StreamPeer& peer, std::string_view rule) {
                                const auto self = weak.lock();
                                if (!self) return;
                                const auto tunnel = std::static_pointer_cast<OpenedTunnel>(peer.tag);
                                self->record_refusal(
                                    tunnel ? &tunnel->caller : nullptr, tunnel ? tunnel->target.authority() : peer.text,
                                    {.status = 400,
                                     .layer = model::Layer::kGate,
                                     .reason = "a message that two readers could understand differently: " + std::string(rule),
                                     .next = {}});
                              }});
  state.sweep();
  return out;
}

Proxy::~Proxy() {
  if (!state_) return;
  state_->parts.loop->cancel(state_->sweep_timer);
  close("the gate stops");
}

Result<std::uint16_t> Proxy::listen_tcp(const std::string& host, std::uint16_t port) {
  auto bound = state_->server->listen_tcp(host, port);
  if (bound) state_->own_ports.push_back(*bound);
  return bound;
}

Status Proxy::listen_unix(const std::string& path) { return state_->server->listen_unix(path); }

std::shared_ptr<void> Proxy::adopt_listener(net::OwnedFd listening, Door door) {
  return state_->server->adopt_listener(std::move(listening), std::make_shared<Door>(std::move(door)));
}

Status Proxy::set_hosts(std::vector<HostConfig> hosts, std::vector<RouteConfig> routes) {
  for (const auto& route : routes) {
    const bool fits = route.listen_path.starts_with('/') && route.listen_path.size() > 1 && !route.listen_path.ends_with('/');
    if (!fits || (!route.upstream.starts_with("https://") && !route.upstream.starts_with("http://")))
      return fail(ErrorCode::kInvalid, "the route " + route.listen_path + " cannot be used",
                  "write path: /name and upstream: https://host/path");
  }
  state_->hosts = std::make_shared<const std::vector<HostConfig>>(std::move(hosts));
  state_->routes = std::move(routes);
  return {};
}

void Proxy::close(std::string_view why) {
  state_->server->drain();
  for (const auto& tunnel : std::vector(state_->tunnels.begin(), state_->tunnels.end())) tunnel->cut(why);
  for (const auto& exchange : std::vector(state_->exchanges.begin(), state_->exchanges.end())) exchange->close(why);
}

std::size_t Proxy::under_way() const { return state_->exchanges.size() + state_->tunnels.size(); }

json::object Proxy::describe() const {
  return {{"under_way", static_cast<std::int64_t>(under_way())},
          {"connections", static_cast<std::int64_t>(state_->server->open_connections())},
          {"served", static_cast<std::int64_t>(state_->served)},
          {"refused", static_cast<std::int64_t>(state_->refused)}};
}

}  // namespace interlock::http
