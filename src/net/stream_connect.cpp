#include "net/stream_connect.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <optional>

#include "net/deadlines.hpp"
#include "net/listener.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::int64_t kOneAddressMs = 2'000;  // before the next is tried, where there is one

class Attempt final : public Connecting, public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(Loop& loop, Destination to, bool secure, std::int64_t timeout_ms, std::function<void(Result<std::shared_ptr<Wire>>)> done)
      : loop_(loop), to_(std::move(to)), secure_(secure), deadline_ms_(steady_ms() + timeout_ms), done_(std::move(done)) {}

  // Later, so that `done` comes from the loop alone.
  void begin() {
    loop_.post([self = shared_from_this()] {
      if (self->done_) self->try_next();
    });
  }

  void cancel() override {
    done_ = nullptr;
    stop();
  }

 private:
  void stop() {
    loop_.cancel(timer_);
    timer_ = 0;
    socket_.reset();
    if (wire_) wire_->close();
    wire_ = nullptr;
  }

  void finish(Result<std::shared_ptr<Wire>> result) {
    const auto self = shared_from_this();
    const auto done = std::exchange(done_, nullptr);
    if (result) wire_ = nullptr;
    stop();
    if (done) done(std::move(result));
  }

  std::string where() const {
    return to_.scheme + "://" + (to_.host.find(':') == std::string::npos ? to_.host : "[" + to_.host + "]") + ":" +
           std::to_string(to_.port);
  }

  void fail_with(ErrorCode code, const std::string& message, std::string hint) {
    finish(fail(code, where() + " cannot be reached: " + message, std::move(hint)));
  }

  void try_next() {
    socket_.reset();
    const auto left_ms = deadline_ms_ - steady_ms();
    if (next_ == to_.addresses.size() || left_ms <= 0) {
      return fail_with(timed_out_ ? ErrorCode::kTimeout : ErrorCode::kUnavailable, problem_, "check that the server runs and is reachable");
    }
    const auto& address = to_.addresses[next_++];
    loop_.cancel(timer_);
    timer_ = loop_.after_ms(next_ < to_.addresses.size() ? std::min(kOneAddressMs, left_ms) : left_ms, [weak = weak_from_this()] {
      if (const auto self = weak.lock(); self && self->done_) self->late();
    });
    connect(address);
  }

  void late() {
    timed_out_ = true;
    problem_ = "it does not answer in time";
    if (wire_) return fail_with(ErrorCode::kTimeout, "the TLS handshake took too long", "check that the server speaks TLS there");
    try_next();
  }

  void connect(const Address& address) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (address.v6) {
      auto* to = reinterpret_cast<sockaddr_in6*>(&storage);
      to->sin6_family = AF_INET6;
      to->sin6_port = htons(to_.port);
      std::memcpy(&to->sin6_addr, address.bytes.data(), 16);
      size = sizeof *to;
    } else {
      auto* to = reinterpret_cast<sockaddr_in*>(&storage);
      to->sin_family = AF_INET;
      to->sin_port = htons(to_.port);
      std::memcpy(&to->sin_addr, address.bytes.data(), 4);
      size = sizeof *to;
    }
    OwnedFd fd(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd.get() < 0) return failed_with(errno);
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);  // a stream may be silent for hours
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), size) == 0) return connected(std::move(fd));
    if (errno != EINPROGRESS) return failed_with(errno);
    socket_.emplace(loop_.context(), fd.release());
    socket_->async_wait(Descriptor::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
      if (error || !self->done_ || !self->socket_) return;
      int problem = 0;
      socklen_t problem_size = sizeof problem;
      ::getsockopt(self->socket_->native_handle(), SOL_SOCKET, SO_ERROR, &problem, &problem_size);
      if (problem != 0) return self->failed_with(problem);
      self->connected(OwnedFd(self->socket_->release()));
    });
  }

  void failed_with(int error) {
    timed_out_ = false;
    problem_ = std::strerror(error);
    try_next();
  }

  void connected(OwnedFd fd) {
    socket_.reset();
    auto transport = secure_ ? tls_transport(to_.tls, fd.get(), to_.host, to_.http2) : plain_transport(fd.get());
    if (!transport) return finish(fail(std::move(transport.error())));
    auto wire = Wire::make(loop_, fd.release(), std::move(*transport));
    if (!secure_) return finish(std::move(wire));
    wire_ = std::move(wire);
    wire_->handshake([self = shared_from_this()](Status shaken) {
      if (!self->done_) return;
      if (shaken) return self->finish(Result<std::shared_ptr<Wire>>(self->wire_));
      self->fail_with(shaken.error().code, shaken.error().message, shaken.error().hint);
    });
  }

  Loop& loop_;
  Destination to_;
  bool secure_;
  std::int64_t deadline_ms_;
  std::function<void(Result<std::shared_ptr<Wire>>)> done_;  // null: over
  std::optional<Descriptor> socket_;                         // while it connects
  std::shared_ptr<Wire> wire_;                               // while it shakes hands
  std::size_t next_ = 0;
  TimerId timer_ = 0;
  bool timed_out_ = false;
  std::string problem_ = "it has no address";
};

}  // namespace

std::shared_ptr<Connecting> start_connecting(Loop& loop, Destination to, bool secure, std::int64_t timeout_ms,
                                             std::function<void(Result<std::shared_ptr<Wire>>)> done) {
  auto attempt = std::make_shared<Attempt>(loop, std::move(to), secure, timeout_ms, std::move(done));
  attempt->begin();
  return attempt;
}

}  // namespace interlock::net
