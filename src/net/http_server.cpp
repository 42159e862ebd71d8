// The server's listeners, its set of connections, and their deadlines. What happens on a connection is http_server_connection.cpp's.
#include "net/http_server.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "net/deadlines.hpp"
#include "net/http_request_reader.hpp"
#include "net/http_server_connection.hpp"
#include "net/unix_socket.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr int kBacklog = 4096;                          // the kernel caps it at net.core.somaxconn
constexpr int kAcceptsAtOnce = 64;                      // then the connections there are get their turn
constexpr std::int64_t kPauseWithoutResourcesMs = 100;  // no descriptor or memory was left for a connection

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
  sockaddr_un local;
};

class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

Result<SocketAddress> tcp_address(const asio::ip::address& address, std::uint16_t port, socklen_t& size) {
  SocketAddress out{};
  if (address.is_v4()) {
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(port);
    const auto bytes = address.to_v4().to_bytes();
    std::memcpy(&out.v4.sin_addr, bytes.data(), bytes.size());
    size = sizeof out.v4;
  } else {
    const auto v6 = address.to_v6();
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(port);
    out.v6.sin6_scope_id = static_cast<std::uint32_t>(v6.scope_id());
    const auto bytes = v6.to_bytes();
    std::memcpy(&out.v6.sin6_addr, bytes.data(), bytes.size());
    size = sizeof out.v6;
  }
  return out;
}

Peer peer_of(int fd, const SocketAddress& address) {
  Peer peer;
  if (address.any.sa_family == AF_UNIX) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
      peer.pid = credentials.pid;
      peer.uid = static_cast<int>(credentials.uid);
    }
    peer.text = "unix:pid=" + std::to_string(peer.pid) + ",uid=" + std::to_string(peer.uid);
  } else if (address.any.sa_family == AF_INET) {
    asio::ip::address_v4::bytes_type bytes;
    std::memcpy(bytes.data(), &address.v4.sin_addr, bytes.size());
    peer.text = asio::ip::address_v4(bytes).to_string() + ":" + std::to_string(ntohs(address.v4.sin_port));
  } else {
    asio::ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &address.v6.sin6_addr, bytes.size());
    peer.text = "[" + asio::ip::address_v6(bytes).to_string() + "]:" + std::to_string(ntohs(address.v6.sin6_port));
  }
  return peer;
}

}  // namespace

struct HttpServer::State : std::enable_shared_from_this<HttpServer::State> {
  struct Listener {
    Descriptor socket;
    UnixListener place;              // its path is empty where it is TCP
    std::shared_ptr<TlsServer> tls;  // null: without TLS
  };

  State(Loop& l, HttpServerOptions options, HttpHandler handler)
      : loop(l),
        context(std::make_shared<ServerContext>(
            ServerContext{.loop = l, .options = options, .handler = std::move(handler), .include_deadline = {}, .on_closed = {}})),
        deadlines(l, [this](std::int64_t now_ms) { return check_deadlines(now_ms); }) {
    context->include_deadline = [this](std::int64_t deadline_ms) { deadlines.include(deadline_ms); };
    context->on_closed = [this](ServerConnection* closed) { connections.erase(closed); };
  }

  Loop& loop;
  std::shared_ptr<ServerContext> context;
  Deadlines deadlines;
  std::unordered_map<ServerConnection*, std::shared_ptr<ServerConnection>> connections;
  std::vector<std::shared_ptr<Listener>> listeners;

  std::int64_t check_deadlines(std::int64_t now_ms) {
    std::int64_t next_ms = kNever;
    for (auto it = connections.begin(); it != connections.end();) {
      const auto connection = it->second;
      ++it;  // the connection may erase itself
      next_ms = std::min(next_ms, connection->check_deadline(now_ms));
    }
    return next_ms;
  }

  Result<std::uint16_t> bind_tcp(const asio::ip::address& address, std::uint16_t port, std::shared_ptr<TlsServer> tls) {
    socklen_t size = 0;
    auto wanted = tcp_address(address, port, size);
    if (!wanted) return fail(std::move(wanted.error()));
    OwnedFd fd(::socket(wanted->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) return fail(system_error("socket", errno));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Accepted sockets inherit it: answers are small and nobody should wait for them.
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address.is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd.get(), &wanted->any, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
      auto error = system_error("cannot listen on " + address.to_string() + " port " + std::to_string(port), errno);
      error.hint = "choose another address or port, or stop what listens there";
      return fail(std::move(error));
    }
    SocketAddress bound{};
    socklen_t bound_size = sizeof bound;
    if (::getsockname(fd.get(), &bound.any, &bound_size) != 0) return fail(system_error("getsockname", errno));
    add_listener(fd.release(), {}, std::move(tls));
    return ntohs(address.is_v4() ? bound.v4.sin_port : bound.v6.sin6_port);
  }

  void add_listener(int fd, UnixListener place, std::shared_ptr<TlsServer> tls) {
    auto listener = std::make_shared<Listener>(Listener{Descriptor(loop.context(), fd), std::move(place), std::move(tls)});
    listeners.push_back(listener);
    wait_client(listener);
  }

  void wait_client(const std::shared_ptr<Listener>& listener) {
    listener->socket.async_wait(Descriptor::wait_read, [weak = weak_from_this(), listener](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self && listener->socket.is_open()) self->accept_some(listener);
    });
  }

  void accept_some(const std::shared_ptr<Listener>& listener) {
    for (int turn = 0; turn < kAcceptsAtOnce; ++turn) {
      SocketAddress address{};
      socklen_t size = sizeof address;
      OwnedFd fd(::accept4(listener->socket.native_handle(), &address.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.get() < 0) {
        if (errno == EINTR || errno == ECONNABORTED) continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK) break;
        // Out of descriptors or memory: the client waits in the kernel's queue, and we do not spin.
        loop.after_ms(kPauseWithoutResourcesMs, [weak = weak_from_this(), listener] {
          if (const auto self = weak.lock(); self && listener->socket.is_open()) self->accept_some(listener);
        });
        return;
      }
      admit(std::move(fd), address, listener->tls.get());
    }
    wait_client(listener);
  }

  void admit(OwnedFd&& fd, const SocketAddress& address, const TlsServer* tls) {
    if (connections.size() >= context->options.connections) {
      if (tls != nullptr) return;  // a refusal would cost a handshake
      static const auto full =
          refusal_bytes({503, ErrorCode::kUnavailable, "the gate has as many connections as it may have", "try again later"});
      ::send(fd.get(), full.data(), full.size(), MSG_NOSIGNAL);
      ::shutdown(fd.get(), SHUT_WR);
      return;
    }
    auto peer = peer_of(fd.get(), address);
    peer.is_tls = tls != nullptr;
    auto transport = tls != nullptr ? tls_transport(*tls, fd.get()) : plain_transport(fd.get());
    if (!transport) return;
    auto connection = open_server_connection(context, fd.get(), address.any.sa_family, std::move(peer), std::move(*transport));
    fd.release();
    connections.emplace(connection.get(), connection);
  }

  void close_listeners() {
    for (const auto& listener : listeners) {
      boost::system::error_code ignored;
      listener->socket.close(ignored);
      if (!listener->place.path.empty()) remove_unix_socket(listener->place);
    }
    listeners.clear();
  }

  Result<std::uint16_t> listen(const std::string& host, std::uint16_t port, const std::shared_ptr<TlsServer>& tls) {
    if (host == "localhost") {
      auto bound = bind_tcp(asio::ip::address_v4::loopback(), port, tls);
      // A client may try ::1 first; a machine may have no IPv6.
      if (bound) (void)bind_tcp(asio::ip::address_v6::loopback(), *bound, tls);
      return bound;
    }
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error) return fail(ErrorCode::kInvalid, "\"" + host + "\" is not an address to listen on", "give an IP address, or localhost");
    return bind_tcp(address, port, tls);
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
  state_->close_listeners();
  state_->for_each_connection([](ServerConnection& connection) { connection.close(); });
}

Result<std::uint16_t> HttpServer::listen_tcp(const std::string& host, std::uint16_t port) { return state_->listen(host, port, nullptr); }

Result<std::uint16_t> HttpServer::listen_tls(const std::string& host, std::uint16_t port, std::shared_ptr<TlsServer> tls) {
  if (!tls) return fail(ErrorCode::kInvalid, "there is no certificate to listen with", "configure one");
  return state_->listen(host, port, tls);
}

Status HttpServer::listen_unix(const std::string& path) {
  auto place = listen_unix_socket(path, S_IRUSR | S_IWUSR);
  if (!place) return fail(std::move(place.error()));
  const int fd = place->fd;
  state_->add_listener(fd, std::move(*place), nullptr);
  return {};
}

void HttpServer::drain() {
  state_->context->draining = true;
  state_->close_listeners();
  state_->for_each_connection([](ServerConnection& connection) { connection.drain(); });
}

std::size_t HttpServer::open_connections() const { return state_->connections.size(); }

}  // namespace interlock::net
