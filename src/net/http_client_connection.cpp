#include "net/http_client_connection.hpp"

#include <netinet/tcp.h>

#include <array>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <optional>

#include "net/http_transport.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsAtOnce = 16;  // then other connections get their turn

std::array<char, kReadBytes>& read_buffer() {
  thread_local std::array<char, kReadBytes> buffer;
  return buffer;
}

class Connection final : public ClientConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ClientContext> context, const Url& url)
      : context_(std::move(context)),
        origin_(origin_of(url)),
        host_(url.host),
        port_(url.port),
        secure_(url.scheme == "https"),
        resolver_(context_->loop.context()),
        socket_(context_->loop.context()) {}

  const std::string& origin() const override { return origin_; }
  bool looks_usable() override { return !closed_ && transport_ && transport_->looks_usable(); }

  void carry(std::shared_ptr<ClientCall> call) override {
    call_ = std::move(call);
    call_->connection = this;
    reader_.emplace(context_->options.header_bytes, call_->is_head(), *call_);
    got_bytes_ = false;
    sent_ = 0;
    if (ready_) {
      reused_ = true;
      set_deadline(call_->deadline_ms());
      send_request();
    } else {
      set_deadline(std::min(call_->deadline_ms(), steady_ms() + context_->options.connect_timeout_ms));
      connect();
    }
  }

  void close() override {
    if (closed_) return;
    closed_ = true;
    const auto self = shared_from_this();
    const auto call = detach();
    if (!call && ready_) transport_->say_goodbye();
    if (call) call->drop();
    transport_.reset();
    boost::system::error_code ignored;
    socket_.close(ignored);
    resolver_.cancel();
    deadline_ms_ = kNever;
    context_->on_closed(this);
  }

  std::int64_t check_deadline(std::int64_t now_ms) override {
    if (now_ms < deadline_ms_) return deadline_ms_;
    if (call_ && ready_ && call_->deadline_ms() > now_ms) return deadline_ms_ = call_->deadline_ms();  // the head has come
    deadline_ms_ = kNever;
    // Later: those who are told may change what is being walked through.
    asio::post(context_->loop.context(), [self = shared_from_this(), call = call_] {
      if (self->closed_ || self->call_ != call) return;
      if (!call) return self->close();
      self->fail_call({ErrorCode::kTimeout,
                       self->origin_ + (self->ready_ ? " does not answer in time" : std::string(kUnreachable) + " in time"),
                       "check that the server runs and is reachable"});
    });
    return kNever;
  }

 private:
  void set_deadline(std::int64_t deadline_ms) {
    deadline_ms_ = deadline_ms;
    if (deadline_ms != kNever) context_->include_deadline(deadline_ms);
  }

  std::shared_ptr<ClientCall> detach() {
    if (call_) call_->connection = nullptr;
    return std::exchange(call_, nullptr);
  }

  void fail_call(Error error) {
    const auto call = detach();
    close();
    if (call) call->finish(std::unexpected(std::move(error)));
  }

  // --- connecting ---

  void connect() {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host_, error);
    if (!error) {
      socket_.async_connect({address, port_},
                            [self = shared_from_this()](const boost::system::error_code& failed) { self->connected(failed); });
      return;
    }
    resolver_.async_resolve(
        host_, std::to_string(port_), Resolver::numeric_service,
        [self = shared_from_this()](const boost::system::error_code& failed, const Resolver::results_type& found) {
          if (self->closed_) return;
          if (failed)
            return self->fail_call(
                {ErrorCode::kUnavailable,
                 self->origin_ + std::string(kUnreachable) + ": the name " + self->host_ + " is not found: " + failed.message(),
                 "check the server's address"});
          asio::async_connect(self->socket_, found, [self](const boost::system::error_code& refused, const asio::ip::tcp::endpoint&) {
            self->connected(refused);
          });
        });
  }

  void connected(boost::system::error_code error) {
    if (closed_) return;
    if (!error) socket_.native_non_blocking(true, error);
    if (error)
      return fail_call({ErrorCode::kUnavailable, origin_ + std::string(kUnreachable) + ": " + error.message(),
                        "check that the server runs and is reachable"});
    socket_.set_option(asio::ip::tcp::no_delay(true), error);
    socket_.set_option(asio::socket_base::keep_alive(true), error);  // a stream may be silent for hours
    auto opened = open_transport();
    if (!opened) return fail_call(std::move(opened.error()));
    transport_ = std::move(*opened);
    shake_hands();
  }

  Result<std::unique_ptr<Transport>> open_transport() {
    if (!secure_) return plain_transport(socket_.native_handle());
    auto tls = context_->tls();
    if (!tls) return fail(std::move(tls.error()));
    return tls_transport(std::move(*tls), socket_.native_handle(), host_);
  }

  void shake_hands() {
    switch (transport_->handshake().state) {
      case IoState::kWantRead: return wait_for(Socket::wait_read, &Connection::shake_hands);
      case IoState::kWantWrite: return wait_for(Socket::wait_write, &Connection::shake_hands);
      case IoState::kDone: break;
      case IoState::kEnd:
      case IoState::kFailed: {
        auto problem = transport_->problem();
        return fail_call({problem.code, origin_ + std::string(kUnreachable) + ": " + problem.message, std::move(problem.hint)});
      }
    }
    ready_ = true;
    set_deadline(call_->deadline_ms());
    wait_readable();
    send_request();
  }

  void wait_for(Socket::wait_type what, void (Connection::*then)()) {
    socket_.async_wait(what, [self = shared_from_this(), then](const boost::system::error_code& error) {
      if (!error && !self->closed_) (self.get()->*then)();
    });
  }

  // --- sending ---

  void send_request() {
    if (!call_ || waiting_writable_) return;
    const auto first = call_->wire(0);
    const auto second = call_->wire(1);
    while (!all_sent()) {
      const auto result = sent_ < first.size() ? transport_->write(first.substr(sent_), second)
                                               : transport_->write(second.substr(sent_ - first.size()), {});
      if (result.state == IoState::kDone) {
        sent_ += result.bytes;
        continue;
      }
      if (result.state == IoState::kWantWrite) wait_writable();
      // Else the server has closed: perhaps after an early answer, which the next read tells.
      return;
    }
  }

  bool all_sent() const { return sent_ == call_->wire(0).size() + call_->wire(1).size(); }

  void wait_writable() {
    waiting_writable_ = true;
    wait_for(Socket::wait_write, &Connection::on_writable);
  }
  void on_writable() {
    waiting_writable_ = false;
    send_request();
  }

  // --- receiving ---

  void wait_readable() {
    if (closed_ || waiting_readable_) return;
    waiting_readable_ = true;
    wait_for(Socket::wait_read, &Connection::read_some);
  }

  void read_some() {
    waiting_readable_ = false;
    auto& buffer = read_buffer();
    for (int turn = 0; turn < kReadsAtOnce; ++turn) {
      const auto result = transport_->read(buffer.data(), buffer.size());
      switch (result.state) {
        case IoState::kDone:
          take({buffer.data(), result.bytes});
          if (closed_) return;
          if (!result.may_have_more) return wait_readable();
          break;
        case IoState::kWantRead:
        case IoState::kWantWrite: return wait_readable();
        case IoState::kEnd:
        case IoState::kFailed: return ended(result.state == IoState::kFailed);
      }
    }
    // TLS may hold bytes that no wait would tell of.
    waiting_readable_ = true;
    asio::post(context_->loop.context(), [self = shared_from_this()] {
      if (!self->closed_) self->read_some();
    });
  }

  void take(std::string_view bytes) {
    if (!call_) return close();  // nothing was asked
    got_bytes_ = true;
    const auto call = call_;  // a handler that cancels it may let go of the last other hold on it
    const auto used = reader_->feed(bytes);
    if (closed_) return;
    switch (reader_->state()) {
      case ResponseReader::State::kHead:
      case ResponseReader::State::kBody: break;
      case ResponseReader::State::kComplete: complete(used == bytes.size() && all_sent() && reader_->keep_alive()); break;
      case ResponseReader::State::kFailed:
        fail_call({reader_->error().code, origin_ + ": " + reader_->error().message, reader_->error().hint});
        break;
      case ResponseReader::State::kStopped: close(); break;
    }
  }

  void complete(bool reusable) {
    const auto call = detach();
    if (reusable) {
      set_deadline(steady_ms() + context_->options.idle_ms);
      context_->on_free(this);
    } else {
      close();
    }
    call->finish({});
  }

  void ended(bool failed) {
    if (!call_) return close();
    if (!got_bytes_ && reused_ && !call_->retried) {
      auto call = detach();
      call->retried = true;
      close();
      return context_->on_retry(std::move(call));
    }
    // What was reset, or a TLS stream without a goodbye, has been cut: only an orderly end completes a body.
    if (!failed) reader_->end();
    if (reader_->state() == ResponseReader::State::kComplete) return complete(false);
    const auto message = failed ? transport_->problem().message : reader_->error().message;
    fail_call({ErrorCode::kUnavailable, origin_ + ": " + message, "try again; see the server's own log if it persists"});
  }

  std::shared_ptr<ClientContext> context_;
  std::string origin_;
  std::string host_;
  std::uint16_t port_;
  bool secure_;
  Resolver resolver_;
  Socket socket_;
  std::unique_ptr<Transport> transport_;
  std::shared_ptr<ClientCall> call_;
  std::optional<ResponseReader> reader_;
  std::int64_t deadline_ms_ = kNever;
  std::size_t sent_ = 0;  // of the request
  bool ready_ = false;
  bool reused_ = false;
  bool got_bytes_ = false;
  bool closed_ = false;
  bool waiting_readable_ = false;
  bool waiting_writable_ = false;
};

}  // namespace

std::shared_ptr<ClientConnection> make_client_connection(std::shared_ptr<ClientContext> context, const Url& url) {
  return std::make_shared<Connection>(std::move(context), url);
}

}  // namespace interlock::net
