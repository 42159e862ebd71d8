// The server's set of connections and their deadlines. What happens on a connection is http_server_connection.cpp's.
#include "net/http_server.hpp"

#include <sys/socket.h>

#include <unordered_map>

#include "net/deadlines.hpp"
#include "net/http_request_reader.hpp"
#include "net/http_server_connection.hpp"
#include "net/listener.hpp"

namespace interlock::net {

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  State(Loop& l, HttpServerOptions options, HttpHandler handler)
      : listeners(l),
        context(std::make_shared<ServerContext>(
            ServerContext{.loop = l, .options = options, .handler = std::move(handler), .include_deadline = {}, .on_closed = {}})),
        deadlines(l, [this](std::int64_t now_ms) { return check_deadlines(now_ms); }) {
    context->include_deadline = [this](std::int64_t deadline_ms) { deadlines.include(deadline_ms); };
    context->on_closed = [this](ServerConnection* closed) { connections.erase(closed); };
  }

  Listeners listeners;
  std::shared_ptr<ServerContext> context;
  Deadlines deadlines;
  std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections;

  std::int64_t check_deadlines(std::int64_t now_ms) {
    std::int64_t next_ms = kNever;
    for (auto it = connections.begin(); it != connections.end();) {
      const auto connection = it->second;
      ++it;  // the connection may erase itself
      next_ms = std::min(next_ms, connection->check_deadline(now_ms));
    }
    return next_ms;
  }

  Listeners::OnClient admitting(std::shared_ptr<TlsServer> tls) {
    return [weak = weak_from_this(), tls = std::move(tls)](OwnedFd fd, int address_family, Peer peer) {
      if (const auto self = weak.lock()) self->admit(std::move(fd), address_family, std::move(peer), tls.get());
    };
  }

  void admit(OwnedFd fd, int address_family, Peer peer, const TlsServer* tls) {
    if (connections.size() >= context->options.connections) {
      if (tls != nullptr) return;  // a refusal would cost a handshake
      static const auto full =
          refusal_bytes({503, ErrorCode::kUnavailable, "the gate has as many connections as it may have", "try again later"});
      ::send(fd.get(), full.data(), full.size(), MSG_NOSIGNAL);
      ::shutdown(fd.get(), SHUT_WR);
      return;
    }
    peer.is_tls = tls != nullptr;
    auto transport = tls != nullptr ? tls_transport(*tls, fd.get()) : plain_transport(fd.get());
    if (!transport) return;
    auto connection = open_server_connection(context, fd.get(), address_family, std::move(peer), std::move(*transport));
    fd.release();
    connections.emplace(connection.get(), connection);
  }

  template <typename Work>
  void for_each_connection(Work work) {
    for (auto it = connections.begin(); it != connections.end();) {
      const auto connection = it->second;
      ++it;
      work(*connection);
    }
  }
};

HttpServer::HttpServer(Loop& loop, HttpServerOptions options, HttpHandler handler)
    : state_(std::make_shared<State>(loop, options, std::move(handler))) {}

HttpServer::~HttpServer() {
  state_->listeners.close();
  state_->for_each_connection([](ServerConnection& connection) { connection.close(); });
}

Result<std::uint16_t> HttpServer::listen_tcp(const std::string& host, std::uint16_t port) {
  return state_->listeners.listen_tcp(host, port, state_->admitting(nullptr));
}

Result<std::uint16_t> HttpServer::listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<TlsServer> tls) {
  if (!tls) return fail(ErrorCode::kInvalid, "there is no certificate to listen with", "configure one");
  return state_->listeners.listen_tcp(host, port, state_->admitting(std::move(tls)));
}

Status HttpServer::listen_unix(const std::string& path) { return state_->listeners.listen_unix(path, state_->admitting(nullptr)); }

std::shared_ptr<void> HttpServer::adopt_listener(OwnedFd listening) {
  return state_->listeners.adopt(std::move(listening), state_->admitting(nullptr));
}

void HttpServer::drain() {
  state_->context->draining = true;
  state_->listeners.close();
  state_->for_each_connection([](ServerConnection& connection) { connection.drain(); });
}

std::size_t HttpServer::open_connections() const { return state_->connections.size(); }

}  // namespace interlock::net
