// The server of streams: its connections and their deadlines, and what comes before there is a protocol: the handshake, and the first bytes
// of a plain connection, by which HTTP/2 is known (RFC 9113 §3.4). What happens on a connection is stream_h1_server.cpp's and the like.
#include <sys/socket.h>

#include <unordered_map>
#include <utility>

#include "net/http_request_reader.hpp"
#include "net/http_server_connection.hpp"
#include "net/listener.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// A connection whose protocol is not known yet.
class Opening final : public StreamServerConnection, public WireUser, public std::enable_shared_from_this<Opening> {
 public:
  using Opened = std::function<void(Opening&, bool http2, std::string_view first)>;

  Opening(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire, std::shared_ptr<TlsServer> tls, StreamPeer peer,
          Opened opened)
      : context_(std::move(context)), wire_(std::move(wire)), tls_(std::move(tls)), peer_(std::move(peer)), opened_(std::move(opened)) {}

  void begin() {
    deadline_ms_ = steady_ms() + context_->limits.header_timeout_ms;
    context_->include_deadline(deadline_ms_);
    if (!tls_) return wire_->open(weak_from_this());
    wire_->handshake([weak = weak_from_this()](Status shaken) {
      if (const auto self = weak.lock()) self->shaken(std::move(shaken));
    });
  }

  std::shared_ptr<Wire> take_wire() { return std::move(wire_); }
  StreamPeer take_peer() { return std::move(peer_); }

  void close() override {
    if (!wire_) return;
    wire_->close();
    wire_ = nullptr;
    context_->on_closed(this);
  }
  void drain() override { close(); }
  std::int64_t check_deadline(std::int64_t now_ms) override {
    if (now_ms < deadline_ms_) return deadline_ms_;
    close();
    return kNever;
  }

  void on_bytes(std::string_view bytes) override {
    if (!wire_) return;
    if (!first_.empty()) {
      first_.append(bytes);
      bytes = first_;
    }
    const auto shared = std::min(bytes.size(), kPreface.size());
    const bool may_be_http2 = bytes.substr(0, shared) == kPreface.substr(0, shared);
    if (may_be_http2 && shared < kPreface.size()) {
      if (first_.empty()) first_ = bytes;
      return;
    }
    wire_->pause(true);  // until the next user has it
    opened_(*this, may_be_http2, bytes);
  }
  void on_end() override { close(); }
  void on_lost(Error) override { close(); }
  void on_sent() override {}

 private:
  void shaken(Status shaken) {
    if (!wire_) return;
    if (!shaken) {
      if (context_->handlers.on_refused) context_->handlers.on_refused(peer_, "TLS: " + shaken.error().message);
      return close();
    }
    const auto& transport = wire_->transport();
    peer_.server_name = std::string(transport.server_name());
    peer_.certificates = transport.peer_certificates();
    opened_(*this, transport.protocol() == "h2", {});
  }

  std::shared_ptr<StreamServerContext> context_;
  std::shared_ptr<Wire> wire_;  // null: closed, or another's
  std::shared_ptr<TlsServer> tls_;
  StreamPeer peer_;
  Opened opened_;
  std::string first_;
  std::int64_t deadline_ms_ = kNever;
};

}  // namespace

struct StreamServer::State : std::enable_shared_from_this<StreamServer::State> {
  State(Loop& l, StreamLimits limits, StreamHandlers handlers)
      : loop(l),
        context(std::make_shared<StreamServerContext>(
            StreamServerContext{.loop = l, .limits = limits, .handlers = std::move(handlers), .include_deadline = {}, .on_closed = {}})),
        listeners(l),
        deadlines(l, [this](std::int64_t now_ms) { return check_deadlines(now_ms); }) {
    context->include_deadline = [this](std::int64_t deadline_ms) { deadlines.include(deadline_ms); };
    context->on_closed = [this](StreamServerConnection* closed) { connections.erase(closed); };
  }

  Loop& loop;
  std::shared_ptr<StreamServerContext> context;
  Listeners listeners;
  Deadlines deadlines;
  std::unordered_map<StreamServerConnection*, std::shared_ptr<StreamServerConnection>> connections;

  template <typename Work>
  void for_each_connection(Work work) {
    for (auto it = connections.begin(); it != connections.end();) {
      const auto connection = it->second;
      ++it;  // the connection may erase itself
      work(*connection);
    }
  }

  std::int64_t check_deadlines(std::int64_t now_ms) {
    std::int64_t next_ms = kNever;
    for_each_connection([&](StreamServerConnection& it) { next_ms = std::min(next_ms, it.check_deadline(now_ms)); });
    return next_ms;
  }

  Listeners::OnClient admitting(std::shared_ptr<TlsServer> tls, std::shared_ptr<void> tag) {
    return [weak = weak_from_this(), tls = std::move(tls), tag = std::move(tag)](OwnedFd fd, int, Peer peer) {
      if (const auto self = weak.lock()) self->admit(std::move(fd), std::move(peer), tls, tag);
    };
  }
  Listeners::OnClient admitting_at(std::shared_ptr<void> door) {
    return [weak = weak_from_this(), door = std::move(door)](OwnedFd fd, int, Peer peer) {
      if (const auto self = weak.lock()) self->admit(std::move(fd), std::move(peer), nullptr, nullptr, door);
    };
  }

  bool is_full() const { return connections.size() >= context->limits.connections; }

  void admit(OwnedFd fd, Peer from, const std::shared_ptr<TlsServer>& tls, const std::shared_ptr<void>& tag,
             const std::shared_ptr<void>& door = nullptr) {
    if (is_full()) {
      if (tls) return;  // a refusal would cost a handshake
      static const auto full =
          refusal_bytes({503, ErrorCode::kUnavailable, "the gate has as many connections as it may have", "try again later"});
      ::send(fd.get(), full.data(), full.size(), MSG_NOSIGNAL);
      ::shutdown(fd.get(), SHUT_WR);
      return;
    }
    auto transport = tls ? tls_transport(*tls, fd.get(), tag) : plain_transport(fd.get());
    if (!transport) return;
    StreamPeer peer;
    peer.text = std::move(from.text);
    peer.pid = from.pid;
    peer.uid = from.uid;
    peer.tag = tag;
    peer.door = door;
    open(Wire::make(loop, fd.release(), std::move(*transport)), tls, std::move(peer));
  }

  void open(std::shared_ptr<Wire> wire, std::shared_ptr<TlsServer> tls, StreamPeer peer) {
    peer.is_tls = tls != nullptr;
    auto opening = std::make_shared<Opening>(context, std::move(wire), std::move(tls), std::move(peer),
                                             [this](Opening& known, bool http2, std::string_view first) { enter(known, http2, first); });
    connections.emplace(opening.get(), opening);
    opening->begin();
  }

  void enter(Opening& known, bool http2, std::string_view first) {
    auto wire = known.take_wire();
    auto peer = known.take_peer();
    const auto opening = connections.extract(&known);  // its bytes are `first`
    auto connection = http2 ? open_h2_server(context, wire, std::move(peer), first) : open_h1_server(context, wire, std::move(peer), first);
    if (wire->closed()) return;
    connections.emplace(connection.get(), std::move(connection));
    wire->pause(false);
  }

  void adopt(ByteStream& bytes, std::shared_ptr<TlsServer> tls, StreamPeer peer) {
    const auto refuse = [&](std::string_view rule) {
      if (context->handlers.on_refused) context->handlers.on_refused(peer, rule);
    };
    if (is_full()) return refuse("as many connections as there may be");
    auto wire = take_wire(bytes);
    if (!wire) return refuse("a tunnel that was used before it was opened");
    if (tls) {
      auto parts = wire->release();
      OwnedFd fd(parts.fd);
      auto transport = tls_transport(*tls, fd.get(), std::move(parts.transport), peer.tag);
      if (!transport) return refuse(transport.error().message);
      wire = Wire::make(loop, fd.release(), std::move(*transport));
    } else {
      wire->pause(false);
    }
    open(std::move(wire), std::move(tls), std::move(peer));
  }
};

StreamServer::StreamServer(Loop& loop, StreamLimits limits, StreamHandlers handlers)
    : state_(std::make_shared<State>(loop, limits, std::move(handlers))) {}

StreamServer::~StreamServer() {
  state_->listeners.close();
  state_->for_each_connection([](StreamServerConnection& connection) { connection.close(); });
}

Result<std::uint16_t> StreamServer::listen_tcp(const std::string& host, std::uint16_t port, std::shared_ptr<void> tag) {
  return state_->listeners.listen_tcp(host, port, state_->admitting(nullptr, std::move(tag)));
}

Result<std::uint16_t> StreamServer::listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<TlsServer> tls,
                                               std::shared_ptr<void> tag) {
  if (!tls) return fail(ErrorCode::kInvalid, "there is no certificate to listen with", "configure one");
  return state_->listeners.listen_tcp(host, port, state_->admitting(std::move(tls), std::move(tag)));
}

Status StreamServer::listen_unix(const std::string& path, std::shared_ptr<void> tag) {
  return state_->listeners.listen_unix(path, state_->admitting(nullptr, std::move(tag)));
}

std::shared_ptr<void> StreamServer::adopt_listener(OwnedFd listening, std::shared_ptr<void> door) {
  return state_->listeners.adopt(std::move(listening), state_->admitting_at(std::move(door)));
}

void StreamServer::adopt(std::unique_ptr<ByteStream> bytes, std::shared_ptr<TlsServer> tls, StreamPeer peer) {
  if (bytes) state_->adopt(*bytes, std::move(tls), std::move(peer));
}

void StreamServer::drain() {
  state_->context->draining = true;
  state_->listeners.close();
  state_->for_each_connection([](StreamServerConnection& connection) { connection.drain(); });
}

std::size_t StreamServer::open_connections() const { return state_->connections.size(); }

}  // namespace interlock::net
