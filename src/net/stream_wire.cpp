#include "net/stream_wire.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Descriptor = asio::posix::basic_stream_descriptor<asio::io_context::executor_type>;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsAtOnce = 16;                    // then other connections get their turn
constexpr std::size_t kUncopiedBytes = 16 * 1024;   // what is at least as long goes to the socket from where it lies
constexpr std::size_t kKeptBufferBytes = 4 * 1024;  // larger buffers are given back once empty
constexpr std::size_t kCompactBytes = 64 * 1024;    // sent bytes at the front of the queue that are worth moving the rest for

// One buffer for all wires of a thread: bytes are taken before the next read.
std::array<char, kReadBytes>& read_buffer() {
  thread_local std::array<char, kReadBytes> buffer;
  return buffer;
}

class SocketWire final : public Wire {
 public:
  SocketWire(Loop& loop, int fd, std::unique_ptr<Transport> transport)
      : loop_(loop), descriptor_(loop.context(), fd), transport_(std::move(transport)) {}

  // --- handshake ---

  void handshake(std::function<void(Status)> done) override {
    shaken_ = std::move(done);
    post([](SocketWire& wire) { wire.shake_hands(); });
  }

  // --- reading ---

  void open(std::weak_ptr<WireUser> user) override {
    user_ = std::move(user);
    opened_ = true;
    read_soon();
  }

  void pause(bool paused) override {
    if (paused_ == paused) return;
    paused_ = paused;
    if (!paused) read_soon();
  }

  // --- writing ---

  void write(std::string_view bytes) override {
    if (closed_ || lost_) return;
    if (!waiting_writable_) {
      if (!push(bytes)) return;
    }
    queue_.append(bytes);
    if (!queue_.empty()) wait_writable();
  }

  void append(std::string_view bytes) override {
    if (closed_ || lost_) return;
    if (bytes.size() >= kUncopiedBytes) return write(bytes);
    compact();
    queue_.append(bytes);
    flush_soon();
  }

  std::string& queue() override { return queue_; }

  void flush() override {
    if (!waiting_writable_ && unsent() > 0) write({});
  }

  std::size_t unsent() const override { return queue_.size() - sent_; }

  std::uint64_t sent_bytes() const override { return sent_bytes_; }

  void end_writing() override {
    if (closed_ || ending_) return;
    ending_ = true;
    flush();
    finish_ending();
  }

  // --- the end ---

  void close() override {
    if (closed_) return;
    if (!lost_ && !ending_ && unsent() == 0) transport_->say_goodbye();
    forget();
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }

  bool closed() const override { return closed_; }
  bool looks_usable() override { return !closed_ && !lost_ && transport_->looks_usable(); }
  Transport& transport() override { return *transport_; }

  Parts release() override {
    Parts parts{descriptor_.release(), std::move(transport_)};
    forget();
    return parts;
  }

 private:
  void forget() {
    closed_ = true;
    transport_.reset();
    user_.reset();
    shaken_ = nullptr;
    std::string().swap(queue_);
    sent_ = 0;
  }

  std::shared_ptr<SocketWire> self() { return std::static_pointer_cast<SocketWire>(shared_from_this()); }

  template <typename Work>
  void post(Work work) {
    asio::post(loop_.context(), [self = self(), work] {
      if (!self->closed_) work(*self);
    });
  }

  template <typename Work>
  void wait_for(Descriptor::wait_type what, Work work) {
    descriptor_.async_wait(what, [self = self(), work](const boost::system::error_code& error) {
      if (!error && !self->closed_) work(*self);
    });
  }

  void shake_hands() {
    switch (transport_->handshake().state) {
      case IoState::kWantRead: return wait_for(Descriptor::wait_read, [](SocketWire& wire) { wire.shake_hands(); });
      case IoState::kWantWrite: return wait_for(Descriptor::wait_write, [](SocketWire& wire) { wire.shake_hands(); });
      case IoState::kDone: return std::exchange(shaken_, nullptr)({});
      case IoState::kEnd:
      case IoState::kFailed: return std::exchange(shaken_, nullptr)(fail(transport_->problem()));
    }
  }

  bool may_read() const { return opened_ && !paused_ && !ended_ && !closed_; }

  // Without a wait: TLS may hold bytes that no wait tells of.
  void read_soon() {
    if (reading_ || !may_read()) return;
    reading_ = true;
    post([](SocketWire& wire) { wire.read_some(); });
  }

  void wait_readable() {
    if (reading_ || !may_read()) return;
    reading_ = true;
    wait_for(Descriptor::wait_read, [](SocketWire& wire) { wire.read_some(); });
  }

  void read_some() {
    reading_ = false;
    auto& buffer = read_buffer();
    for (int turn = 0; turn < kReadsAtOnce; ++turn) {
      if (!may_read()) return;
      const auto got = transport_->read(buffer.data(), buffer.size());
      const auto user = user_.lock();
      if (!user) return close();
      switch (got.state) {
        case IoState::kDone:
          user->on_bytes({buffer.data(), got.bytes});
          if (!got.may_have_more) return wait_readable();
          break;
        case IoState::kWantRead: return wait_readable();
        case IoState::kWantWrite: return wait_for(Descriptor::wait_write, [](SocketWire& wire) { wire.read_soon(); });
        case IoState::kEnd: ended_ = true; return user->on_end();
        case IoState::kFailed: return fail_with(transport_->problem());
      }
    }
    read_soon();
  }

  // Sends the queue and `bytes` behind it, as far as the socket takes them, and takes what was sent off `bytes`. False: it failed.
  bool push(std::string_view& bytes) {
    while (unsent() + bytes.size() > 0) {
      const auto queued = std::string_view(queue_).substr(sent_);
      const auto sent = queued.empty() ? transport_->write(bytes, {}) : transport_->write(queued, bytes);
      if (sent.state == IoState::kFailed || sent.state == IoState::kEnd) {
        lose_soon();
        return false;
      }
      sent_bytes_ += sent.bytes;
      if (sent.bytes < queued.size()) {
        sent_ += sent.bytes;
      } else {
        bytes.remove_prefix(sent.bytes - queued.size());
        empty_queue();
      }
      if (sent.state != IoState::kDone) break;
      if (!sent.may_have_more) break;
    }
    compact();
    return true;
  }

  void empty_queue() {
    sent_ = 0;
    if (queue_.capacity() > kKeptBufferBytes) std::string().swap(queue_);
    else queue_.clear();
  }

  void compact() {
    if (sent_ < kCompactBytes || sent_ < queue_.size() / 2) return;
    queue_.erase(0, sent_);
    sent_ = 0;
  }

  void flush_soon() {
    if (flush_posted_ || waiting_writable_) return;
    flush_posted_ = true;
    post([](SocketWire& wire) {
      wire.flush_posted_ = false;
      wire.flush();
    });
  }

  void wait_writable() {
    if (waiting_writable_) return;
    waiting_writable_ = true;
    wait_for(Descriptor::wait_write, [](SocketWire& wire) {
      wire.waiting_writable_ = false;
      wire.flush();
      if (wire.closed_ || wire.lost_ || wire.unsent() > 0) return;
      wire.finish_ending();
      if (const auto user = wire.user_.lock()) user->on_sent();
    });
  }

  void finish_ending() {
    if (!ending_ || unsent() > 0 || closed_ || lost_) return;
    transport_->say_goodbye();
    ::shutdown(descriptor_.native_handle(), SHUT_WR);
  }

  // Nothing can be written any more. Who writes is not called back for it; and what came before comes first: perhaps an answer says why.
  void lose_soon() {
    if (lost_) return;
    lost_ = true;
    post([error = transport_->problem()](SocketWire& wire) {
      wire.read_what_came();
      if (!wire.closed_) wire.fail_with(error);
    });
  }

  void read_what_came() {
    auto& buffer = read_buffer();
    for (int turn = 0; turn < kReadsAtOnce && may_read(); ++turn) {
      const auto got = transport_->read(buffer.data(), buffer.size());
      const auto user = user_.lock();
      if (got.state != IoState::kDone || !user) return;
      user->on_bytes({buffer.data(), got.bytes});
    }
  }

  void fail_with(const Error& error) {
    const auto user = user_.lock();
    lost_ = true;
    close();
    if (user) user->on_lost(error);
  }

  Loop& loop_;
  Descriptor descriptor_;
  std::unique_ptr<Transport> transport_;  // until it is closed
  std::weak_ptr<WireUser> user_;
  std::function<void(Status)> shaken_;
  std::string queue_;
  std::size_t sent_ = 0;  // of the queue
  std::uint64_t sent_bytes_ = 0;
  bool opened_ = false;
  bool paused_ = false;
  bool reading_ = false;  // a read is posted or waited for
  bool ended_ = false;    // by the other side
  bool waiting_writable_ = false;
  bool flush_posted_ = false;
  bool ending_ = false;  // by us
  bool lost_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<Wire> Wire::make(Loop& loop, int fd, std::unique_ptr<Transport> transport) {
  return std::make_shared<SocketWire>(loop, fd, std::move(transport));
}

}  // namespace interlock::net
