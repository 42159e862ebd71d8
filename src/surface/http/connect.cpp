// CONNECT: who asks, where to, and whether what is inside is opened or, where policy names the host, left alone.
#include "surface/http/proxy_state.hpp"
#include "surface/http/tunnel.hpp"

namespace interlock::http {
namespace {

constexpr std::uint16_t kPlainPort = 80;  // what is asked of it inside a tunnel is plain HTTP: WebSocket clients do so

struct Asked {
  std::shared_ptr<Proxy::State> proxy;
  std::shared_ptr<net::ServerStream> stream;
  std::shared_ptr<OpenedTunnel> tunnel = std::make_shared<OpenedTunnel>();
  std::weak_ptr<gate::Act> act = {};  // of an opaque one, while it is decided on
  bool gone = false;
};

void refuse(const Asked& asked, const Stop& stop, net::Headers headers = {}) {
  asked.proxy->record_refusal(asked.tunnel->caller.subject.id.empty() ? nullptr : &asked.tunnel->caller,
                              "CONNECT " + asked.stream->head().authority, stop);
  answer_stop(*asked.stream, stop, std::move(headers));
}

// The bytes inside are read: as TLS with a certificate of our own authority.
void open_inside(const std::shared_ptr<Asked>& asked) {
  auto& tunnel = *asked->tunnel;
  std::shared_ptr<net::TlsServer> tls;
  if (tunnel.target.port != kPlainPort) {
    tunnel.target.scheme = "https";
    auto server = asked->proxy->parts.authority->server_for(tunnel.target.host, tunnel.host->http2);
    if (!server)
      return refuse(*asked, {.status = 403, .layer = model::Layer::kServer, .reason = server.error().message, .next = server.error().hint});
    tls = std::move(*server);
  } else {
    tunnel.target.scheme = "http";
  }
  net::StreamPeer peer = asked->stream->peer();
  peer.tag = asked->tunnel;
  auto bytes = asked->stream->take_over(200, {});
  if (!bytes)
    return refuse(*asked, {.status = 400, .layer = model::Layer::kGate, .reason = bytes.error().message, .next = bytes.error().hint});
  asked->proxy->server->adopt(std::move(*bytes), std::move(tls), std::move(peer));
}

// The bytes inside are left alone: an act of its own, which policy must permit.
void open_opaque(const std::shared_ptr<Asked>& asked) {
  auto& tunnel = *asked->tunnel;
  model::ActionRequest request;
  request.surface = "http";
  request.server = tunnel.target.host;
  request.operation = "http/request";
  request.target = "tunnel";
  request.args = json::object{{"method", "CONNECT"}, {"host", tunnel.target.host}, {"port", tunnel.target.port}, {"path", "/"}};
  // The act is cut before there is a tunnel, or with it.
  const auto joined = std::make_shared<std::weak_ptr<Tunnel>>();
  gate::AdmitHandlers handlers;
  handlers.on_cut = [asked, joined] {
    if (const auto one = joined->lock()) one->cut("the kill switch");
    else asked->gone = true;
  };
  handlers.on_verdict = [asked, joined](const std::shared_ptr<gate::Act>& act) {
    if (!act->verdict.allows()) {
      return answer_stop(*asked->stream,
                         {.status = 403, .layer = act->verdict.layer, .reason = act->verdict.reason, .next = act->verdict.next});
    }
    if (asked->gone) {
      asked->proxy->parts.gate->observe(act, {.kind = "cancelled", .result_text = {}, .note = "the client is gone"}, [](const Status&) {});
      return;
    }
    if (!asked->proxy->parts.gate->may_perform(act)) return asked->stream->cut();
    net::Destination to{.scheme = "http",
                        .host = asked->tunnel->target.host,
                        .port = asked->tunnel->target.port,
                        .addresses = asked->tunnel->addresses,
                        .tls = nullptr,
                        .http2 = false,
                        .realm = {}};
    asked->proxy->client->connect(to, [asked, act, joined](Result<std::unique_ptr<net::ByteStream>> server) {
      auto& gate = *asked->proxy->parts.gate;
      const auto failed = [&](const Error& error) {
        gate.observe(act, {.kind = "failed", .result_text = {}, .note = error.message}, [](const Status&) {});
        if (!asked->gone)
          answer_stop(*asked->stream, {.status = 502, .layer = model::Layer::kServer, .reason = error.message, .next = error.hint});
      };
      if (!server) return failed(server.error());
      if (asked->gone || act->cut) return failed({ErrorCode::kDenied, "the client is gone, or the act was stopped", ""});
      auto client = asked->stream->take_over(200, {});
      if (!client) return failed(client.error());
      *joined = Tunnel::join(asked->proxy, act, std::move(*client), std::move(*server));
    });
  };
  asked->act = asked->proxy->parts.gate->admit(tunnel.caller, std::move(request), nullptr, std::nullopt, std::move(handlers));
}

}  // namespace

void begin_connect(const std::shared_ptr<Proxy::State>& proxy, std::shared_ptr<net::ServerStream> stream) {
  const auto asked = std::make_shared<Asked>(Asked{proxy, std::move(stream)});
  asked->stream->on_gone([weak = std::weak_ptr(asked)] {
    const auto self = weak.lock();
    if (!self) return;
    self->gone = true;
    if (const auto act = self->act.lock(); act && !act->decided) self->proxy->parts.gate->withdraw(act, "the client is gone");
  });
  if (asked->stream->peer().tag)
    return refuse(*asked,
                  {.status = 405, .layer = model::Layer::kGate, .reason = "a tunnel inside a tunnel", .next = "ask the proxy directly"});
  if (asked->stream->head().version == net::HttpVersion::k2)
    return refuse(
        *asked,
        {.status = 405, .layer = model::Layer::kGate, .reason = "CONNECT over HTTP/2 is not taken", .next = "speak HTTP/1.1 to the proxy"});
  if (auto read = read_authority(asked->stream->head().authority, 0, asked->tunnel->target); !read)
    return refuse(*asked, {.status = 400, .layer = model::Layer::kGate, .reason = read.error().message, .next = read.error().hint});
  asked->tunnel->target.scheme = asked->tunnel->target.port == kPlainPort ? "http" : "https";
  proxy->recognize(*asked->stream, false, [asked](std::expected<Recognized, Stop> recognized) {
    if (asked->gone) return;
    if (!recognized)
      return refuse(*asked, recognized.error(),
                    recognized.error().status == 407 ? net::Headers{{"Proxy-Authenticate", "Basic realm=\"interlock\""}} : net::Headers{});
    auto& tunnel = *asked->tunnel;
    tunnel.caller = std::move(recognized->caller);
    tunnel.host = asked->proxy->host_of(tunnel.target, asked->stream->peer());
    asked->proxy->reach(tunnel.target, tunnel.host, [asked](Result<std::vector<net::Address>> addresses) {
      if (asked->gone) return;
      if (!addresses) {
        const bool denied = addresses.error().code == ErrorCode::kDenied || addresses.error().code == ErrorCode::kInvalid;
        return refuse(*asked, {.status = denied ? 403 : 502,
                               .layer = model::Layer::kServer,
                               .reason = addresses.error().message,
                               .next = addresses.error().hint});
      }
      asked->tunnel->addresses = std::move(*addresses);
      if (asked->tunnel->host->opaque) open_opaque(asked);
      else open_inside(asked);
    });
  });
}

}  // namespace interlock::http
