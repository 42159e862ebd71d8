#include "net/listener.hpp"

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
#include <vector>

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

SocketAddress tcp_address(const asio::ip::address& address, std::uint16_t port, socklen_t& size) {
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

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

struct Listeners::State : std::enable_shared_from_this<Listeners::State> {
  struct Listener {
    Descriptor socket;
    UnixListener place;  // its path is empty where it is TCP
    OnClient on_client;
  };

  explicit State(Loop& l) : loop(l) {}
  Loop& loop;
  std::vector<std::shared_ptr<Listener>> all;

  Result<std::uint16_t> bind_tcp(const asio::ip::address& address, std::uint16_t port, OnClient on_client) {
    socklen_t size = 0;
    const auto wanted = tcp_address(address, port, size);
    OwnedFd fd(::socket(wanted.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) return fail(system_error("socket", errno));
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    // Accepted sockets inherit it: answers are small and nobody should wait for them.
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (address.is_v6()) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd.get(), &wanted.any, size) != 0 || ::listen(fd.get(), kBacklog) != 0) {
      auto error = system_error("cannot listen on " + address.to_string() + " port " + std::to_string(port), errno);
      error.hint = "choose another address or port, or stop what listens there";
      return fail(std::move(error));
    }
    SocketAddress bound{};
    socklen_t bound_size = sizeof bound;
    if (::getsockname(fd.get(), &bound.any, &bound_size) != 0) return fail(system_error("getsockname", errno));
    add(fd.release(), {}, std::move(on_client));
    return ntohs(address.is_v4() ? bound.v4.sin_port : bound.v6.sin6_port);
  }

  void add(int fd, UnixListener place, OnClient on_client) {
    auto listener = std::make_shared<Listener>(Listener{Descriptor(loop.context(), fd), std::move(place), std::move(on_client)});
    all.push_back(listener);
    wait_client(listener);
  }

  void wait_client(const std::shared_ptr<Listener>& listener) {
    listener->socket.async_wait(Descriptor::wait_read, [weak = weak_from_this(), listener](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self && listener->socket.is_open()) self->accept_some(listener);
    });
  }

  void accept_some(const std::shared_ptr<Listener>& listener) {
    for (int turn = 0; turn < kAcceptsAtOnce && listener->socket.is_open(); ++turn) {
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
      auto peer = peer_of(fd.get(), address);
      listener->on_client(std::move(fd), address.any.sa_family, std::move(peer));
    }
    if (listener->socket.is_open()) wait_client(listener);
  }

  void close() {
    for (const auto& listener : all) {
      boost::system::error_code ignored;
      listener->socket.close(ignored);
      if (!listener->place.path.empty()) remove_unix_socket(listener->place);
    }
    all.clear();
  }
};

Listeners::Listeners(Loop& loop) : state_(std::make_shared<State>(loop)) {}
Listeners::~Listeners() { close(); }
void Listeners::close() { state_->close(); }

std::shared_ptr<void> Listeners::adopt(OwnedFd listening, OnClient on_client) {
  const int flags = ::fcntl(listening.get(), F_GETFL);
  ::fcntl(listening.get(), F_SETFL, flags | O_NONBLOCK);
  state_->add(listening.release(), {}, std::move(on_client));
  const std::weak_ptr<State> weak = state_;
  const std::weak_ptr<State::Listener> adopted = state_->all.back();
  return {nullptr, [weak, adopted](void*) {
            const auto state = weak.lock();
            const auto listener = adopted.lock();
            if (!state || !listener) return;
            boost::system::error_code ignored;
            listener->socket.close(ignored);
            std::erase(state->all, listener);
          }};
}

Result<std::uint16_t> Listeners::listen_tcp(const std::string& host, std::uint16_t port, OnClient on_client) {
  if (host == "localhost") {
    auto bound = state_->bind_tcp(asio::ip::address_v4::loopback(), port, on_client);
    // A client may try ::1 first; a machine may have no IPv6.
    if (bound) (void)state_->bind_tcp(asio::ip::address_v6::loopback(), *bound, on_client);
    return bound;
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (error) return fail(ErrorCode::kInvalid, "\"" + host + "\" is not an address to listen on", "give an IP address, or localhost");
  return state_->bind_tcp(address, port, std::move(on_client));
}

Status Listeners::listen_unix(const std::string& path, OnClient on_client) {
  auto place = listen_unix_socket(path, S_IRUSR | S_IWUSR);
  if (!place) return fail(std::move(place.error()));
  const int fd = place->fd;
  state_->add(fd, std::move(*place), std::move(on_client));
  return {};
}

}  // namespace interlock::net
