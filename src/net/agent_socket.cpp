#include "net/agent_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <unordered_map>

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t kHeadBytes = 4;
constexpr std::size_t kReadBytes = 64 * 1024;
constexpr std::size_t kUnreadBytes = std::size_t{128} << 20;  // of all connections together: frames that are not whole yet
constexpr std::size_t kQueuedBytes = std::size_t{16} << 20;   // answers that one client does not read
constexpr std::size_t kFrameDepth = 128;                      // of the JSON

std::uint32_t length_at(std::string_view bytes) {
  std::uint32_t out = 0;
  for (std::size_t i = 0; i < kHeadBytes; ++i) out |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return out;
}

void append_length(std::string& out, std::size_t length) {
  for (std::size_t i = 0; i < kHeadBytes; ++i) out += static_cast<char>((length >> (8 * i)) & 0xff);
}

}  // namespace

struct AgentListener::State : std::enable_shared_from_this<AgentListener::State> {
  class Connection;

  State(Loop& l, AgentLimits given, AgentHandlers on) : loop(l), limits(given), handlers(std::move(on)), listeners(l) {}

  void take(OwnedFd fd, Peer peer);
  void forget(const std::shared_ptr<Connection>& connection);

  Loop& loop;
  AgentLimits limits;
  AgentHandlers handlers;
  Listeners listeners;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections;
  std::size_t unread = 0;
};

class AgentListener::State::Connection final : public AgentConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(const std::shared_ptr<State>& owner, OwnedFd fd, Peer peer)
      : owner_(owner), socket_(owner->loop.context(), fd.release()), peer_(std::move(peer)) {}
  ~Connection() override { close(); }

  const Peer& peer() const override { return peer_; }
  bool gone() const override { return !socket_.is_open(); }

  void answer(const json::object& message) override {
    if (gone()) return;
    const auto text = json::write(message);
    if (text.size() > kAgentFrameBytes || out_.size() - sent_ + text.size() > kQueuedBytes + kAgentFrameBytes) return close();
    append_length(out_, text.size());
    out_ += text;
    if (!writing_) write_some();
  }

  void close() override {
    if (gone()) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    if (const auto owner = owner_.lock()) {
      owner->loop.cancel(frame_timer_);
      owner->unread -= in_.size();
      // Whoever closes may stand in the middle of a handler of this connection.
      if (const auto self = weak_from_this().lock()) owner->loop.post([owner, self] { owner->forget(self); });
    }
    in_.clear();
    arrived_.clear();
  }

  void wait_readable() {
    if (gone()) return;
    socket_.async_wait(Descriptor::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->read_some();
    });
  }

 private:
  void read_some() {
    const auto owner = owner_.lock();
    if (!owner || gone()) return;
    std::array<char, kReadBytes> bytes;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kAgentDescriptors)> control;
    iovec piece{bytes.data(), bytes.size()};
    msghdr head{};
    head.msg_iov = &piece;
    head.msg_iovlen = 1;
    head.msg_control = control.data();
    head.msg_controllen = control.size();
    const auto got = ::recvmsg(socket_.native_handle(), &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return wait_readable();
    for (auto* part = CMSG_FIRSTHDR(&head); got > 0 && part != nullptr; part = CMSG_NXTHDR(&head, part)) {
      if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
      const auto count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
        arrived_.emplace_back(fd);
      }
    }
    const bool too_many = (head.msg_flags & MSG_CTRUNC) != 0 || arrived_.size() > kAgentDescriptors;
    if (got <= 0 || too_many) return close();
    in_.append(bytes.data(), static_cast<std::size_t>(got));
    owner->unread += static_cast<std::size_t>(got);
    if (owner->unread > kUnreadBytes) return close();
    take_frames(*owner);
    if (gone()) return;
    // A frame that has begun must end in time; one that is whole needs no clock.
    if (in_.empty()) {
      owner->loop.cancel(std::exchange(frame_timer_, 0));
    } else if (frame_timer_ == 0) {
      frame_timer_ = owner->loop.after_ms(owner->limits.frame_timeout_ms, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->close();
      });
    }
    wait_readable();
  }

  void take_frames(State& owner) {
    const auto self = shared_from_this();
    std::size_t at = 0;
    while (!gone() && in_.size() - at >= kHeadBytes) {
      const std::size_t length = length_at(std::string_view(in_).substr(at));
      if (length < 2 || length > kAgentFrameBytes) return close();
      if (in_.size() - at < kHeadBytes + length) break;
      auto message =
          json::parse(std::string_view(in_).substr(at + kHeadBytes, length), {.size_bytes = kAgentFrameBytes, .depth = kFrameDepth});
      if (!message || !message->is_object()) return close();
      at += kHeadBytes + length;
      // Descriptors are of the frame that came last: nothing else is on its way while some are sent.
      std::vector<OwnedFd> descriptors;
      if (in_.size() - at == 0) descriptors = std::exchange(arrived_, {});
      owner.handlers.on_message(self, std::move(message->get_object()), std::move(descriptors));
    }
    if (gone()) return;
    in_.erase(0, at);
    owner.unread -= at;
    if (at > 0 && !in_.empty()) owner.loop.cancel(std::exchange(frame_timer_, 0));
  }

  void write_some() {
    while (sent_ < out_.size()) {
      const auto wrote = ::send(socket_.native_handle(), out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        writing_ = true;
        socket_.async_wait(Descriptor::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
          self->writing_ = false;
          if (!error) self->write_some();
        });
        return;
      }
      if (wrote <= 0) return close();
      sent_ += static_cast<std::size_t>(wrote);
    }
    out_.clear();
    sent_ = 0;
  }

  std::weak_ptr<State> owner_;
  Descriptor socket_;
  Peer peer_;
  std::string in_;
  std::vector<OwnedFd> arrived_;
  std::string out_;
  std::size_t sent_ = 0;
  bool writing_ = false;
  TimerId frame_timer_ = 0;
};

void AgentListener::State::take(OwnedFd fd, Peer peer) {
  if (connections.size() >= limits.connections) return;  // closed: whoever is turned away is told by its own end
  const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(fd), std::move(peer));
  connections.emplace(connection.get(), connection);
  connection->wait_readable();
}

void AgentListener::State::forget(const std::shared_ptr<Connection>& connection) {
  if (connections.erase(connection.get()) > 0 && handlers.on_gone) handlers.on_gone(connection);
}

AgentListener::AgentListener(Loop& loop, AgentLimits limits, AgentHandlers handlers)
    : state_(std::make_shared<State>(loop, limits, std::move(handlers))) {}

AgentListener::~AgentListener() {
  state_->listeners.close();
  state_->handlers = {};
  for (const auto& [_, connection] : std::exchange(state_->connections, {})) connection->close();
}

Status AgentListener::listen(const std::string& path) {
  return state_->listeners.listen_unix(path, [weak = std::weak_ptr(state_)](OwnedFd fd, int, Peer peer) {
    if (const auto state = weak.lock()) state->take(std::move(fd), std::move(peer));
  });
}

}  // namespace interlock::net
