// The gRPC server: its listeners and its set of connections. What happens on one is grpc_server_connection.cpp's.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <unordered_map>
#include <vector>

#include "net/deadlines.hpp"
#include "net/grpc.hpp"
#include "net/grpc_server_connection.hpp"
#include "net/unix_socket.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr int kAcceptsAtOnce = 64;                      // then the connections there are get their turn
constexpr std::int64_t kPauseWithoutResourcesMs = 100;  // no descriptor or memory was left for a connection

struct Listener {
  Descriptor socket;
  UnixListener place;
};

}  // namespace

struct GrpcServer::State : std::enable_shared_from_this<GrpcServer::State> {
  State(Loop& l, GrpcOptions options, GrpcHandler handler)
      : loop(l),
        context(std::make_shared<GrpcServerContext>(GrpcServerContext{l, options, std::move(handler), {}})),
        deadlines(l, [this](std::int64_t now_ms) { return end_stalled(now_ms); }) {
    context->on_closed = [this](GrpcConnection* closed) { connections.erase(closed); };
  }

  Loop& loop;
  std::shared_ptr<GrpcServerContext> context;
  Deadlines deadlines;
  std::unordered_map<GrpcConnection*, std::shared_ptr<GrpcConnection>> connections;
  std::vector<std::shared_ptr<Listener>> listeners;

  template <typename Work>
  void for_each_connection(Work work) {
    for (auto at = connections.begin(); at != connections.end();) {
      const auto connection = at->second;
      ++at;  // the connection may erase itself
      work(*connection);
    }
  }

  std::int64_t end_stalled(std::int64_t now_ms) {
    const auto limit_ms = context->options.idle_timeout_ms;
    std::int64_t next_ms = kNever;
    for_each_connection([&](GrpcConnection& connection) {
      const auto since_ms = connection.stalled_since_ms();
      if (since_ms != kNever && now_ms - since_ms >= limit_ms) return connection.end();
      next_ms = std::min(next_ms, (since_ms == kNever ? now_ms : since_ms) + limit_ms);
    });
    return next_ms;
  }

  void wait_client(const std::shared_ptr<Listener>& listener) {
    listener->socket.async_wait(Descriptor::wait_read, [weak = weak_from_this(), listener](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!error && self && listener->socket.is_open()) self->accept_some(listener);
    });
  }

  void accept_some(const std::shared_ptr<Listener>& listener) {
    for (int turn = 0; turn < kAcceptsAtOnce; ++turn) {
      const int fd = ::accept4(listener->socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        admit(fd);
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      loop.after_ms(kPauseWithoutResourcesMs, [weak = weak_from_this(), listener] {
        if (const auto self = weak.lock(); self && listener->socket.is_open()) self->accept_some(listener);
      });
      return;
    }
    wait_client(listener);
  }

  void admit(int fd) {
    if (connections.size() >= context->options.connections) {
      ::close(fd);  // a gRPC client takes it for UNAVAILABLE and tries again with growing pauses
      return;
    }
    const auto connection = open_grpc_server_connection(context, fd);
    connections.emplace(connection.get(), connection);
    deadlines.include(steady_ms() + context->options.idle_timeout_ms);
    connection->begin();
  }
};

GrpcServer::GrpcServer(Loop& loop, GrpcOptions options, GrpcHandler handler)
    : state_(std::make_shared<State>(loop, options, std::move(handler))) {}

GrpcServer::~GrpcServer() {
  for (const auto& listener : state_->listeners) {
    boost::system::error_code ignored;
    listener->socket.close(ignored);
    remove_unix_socket(listener->place);
  }
  state_->for_each_connection([](GrpcConnection& connection) { connection.end(); });
}

Status GrpcServer::listen_unix(const std::string& path, unsigned mode) {
  auto place = listen_unix_socket(path, static_cast<mode_t>(mode));
  if (!place) return fail(std::move(place.error()));
  auto listener = std::make_shared<Listener>(Listener{Descriptor(state_->loop.context(), place->fd), *place});
  state_->listeners.push_back(listener);
  state_->wait_client(listener);
  return {};
}

}  // namespace interlock::net
