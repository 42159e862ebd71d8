#include "net/http_server_connection.hpp"

#include <sys/socket.h>

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "net/deadlines.hpp"
#include "net/http_request_reader.hpp"
#include "net/http_writer.hpp"

namespace interlock::net {
namespace {

namespace asio = boost::asio;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

constexpr std::size_t kReadBytes = 64 * 1024;
constexpr int kReadsAtOnce = 16;                    // then other connections get their turn
constexpr std::size_t kBacklogBytes = 64 * 1024;    // requests that came before the current one is answered: past it we stop reading
constexpr std::size_t kKeptBufferBytes = 4 * 1024;  // larger buffers are given back once empty
constexpr std::int64_t kLingerMs = 2'000;           // a refused client is read on for as long, so that it sees the refusal and no reset

// One buffer for all connections of a thread: bytes are taken before the next read.
std::array<char, kReadBytes>& read_buffer() {
  thread_local std::array<char, kReadBytes> buffer;
  return buffer;
}

void empty(std::string& buffer) {
  if (buffer.capacity() > kKeptBufferBytes) std::string().swap(buffer);
  else buffer.clear();
}

class Connection;

class Exchange final : public HttpExchange, public std::enable_shared_from_this<Exchange> {
 public:
  explicit Exchange(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}
  ~Exchange() override;
  void respond(int status, Headers headers, std::string body) override;
  void start(int status, Headers headers) override;
  bool write(std::string_view chunk) override;
  void end() override;
  void on_gone(std::function<void()> work) override;
  bool gone() const override { return gone_; }

  void become_gone(Loop& loop);

 private:
  std::shared_ptr<Connection> connection_;
  std::function<void()> gone_work_;
  bool gone_ = false;
  bool answered_ = false;
};

// What the answer to the current request must look like.
struct AnswerShape {
  bool to_head = false;
  bool to_http_1_0 = false;
  bool keep_alive = true;
  bool streaming = false;
  bool chunked = false;
};

class Connection final : public ServerConnection, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerContext> context, int fd, int address_family, Peer peer, std::unique_ptr<Transport> transport)
      : context_(std::move(context)),
        socket_(context_->loop.context(), asio::generic::stream_protocol(address_family, 0), fd),
        transport_(std::move(transport)),
        peer_(std::move(peer)),
        ready_(!peer_.is_tls),
        reader_(context_->options.header_bytes, context_->options.body_bytes) {}

  void begin() {
    set_deadline(Waiting::kFirstByte);
    wait_readable();
  }

  void close() override {
    if (closed_) return;
    closed_ = true;
    if (!busy()) transport_->say_goodbye();
    transport_.reset();
    boost::system::error_code ignored;
    socket_.close(ignored);
    std::string().swap(out_);
    std::string().swap(backlog_);
    deadline_ms_ = kNever;
    if (auto* owed = std::exchange(current_, nullptr)) owed->become_gone(context_->loop);
    context_->on_closed(this);
  }

  void drain() override {
    if (!busy() && reader_.state() == RequestReader::State::kIdle) close();
  }

  std::int64_t check_deadline(std::int64_t now_ms) override {
    if (now_ms < deadline_ms_) return deadline_ms_;
    deadline_ms_ = kNever;
    if (waiting_ == Waiting::kHead || waiting_ == Waiting::kBody) {
      const bool head = waiting_ == Waiting::kHead;
      refuse({408, ErrorCode::kTimeout, head ? "the head of the request took too long" : "the body of the request took too long",
              "send it without pauses"});
    } else {
      close();
    }
    return deadline_ms_;
  }

  // The answer: called by the current exchange alone.
  void respond(int status, const Headers& headers, std::string body) {
    const bool bodiless = status < 200 || status == 204 || status == 304;
    std::string head;
    head.reserve(256);
    write_head(head, status, headers, bodiless ? Framing::kNone : Framing::kLength, body.size());
    if (bodiless || shape_.to_head) body.clear();
    send(head, body);
    if (!closed_) finish_answer();
  }

  void start(int status, const Headers& headers) {
    shape_.streaming = true;
    shape_.chunked = !shape_.to_http_1_0;
    if (!shape_.chunked) shape_.keep_alive = false;
    write_head(out_, status, headers, shape_.chunked ? Framing::kChunked : Framing::kUntilClose, 0);
    flush_soon();
  }

  bool write(std::string_view chunk) {
    if (chunk.empty() || shape_.to_head) return true;
    if (out_sent_ > kReadBytes && out_sent_ > out_.size() / 2) {
      out_.erase(0, out_sent_);
      out_sent_ = 0;
    }
    if (shape_.chunked) write_chunk_size(out_, chunk.size());
    out_.append(chunk);
    if (shape_.chunked) out_.append("\r\n");
    if (unsent() > context_->options.queued_bytes && !waiting_writable_) flush();
    if (!closed_ && unsent() > context_->options.queued_bytes) close();
    if (closed_) return false;
    flush_soon();
    return true;
  }

  Loop& loop() { return context_->loop; }

  void end() {
    if (shape_.chunked && !shape_.to_head) out_.append(kLastChunk);
    current_ = nullptr;
    if (!waiting_writable_) flush();
    if (!closed_) finish_answer();
  }

 private:
  enum class Waiting : std::uint8_t { kFirstByte, kNextRequest, kHead, kBody, kHandler, kClientReads, kLingering };

  std::size_t unsent() const { return out_.size() - out_sent_; }
  bool busy() const { return current_ != nullptr || unsent() > 0; }

  void set_deadline(Waiting what) {
    const auto& options = context_->options;
    waiting_ = what;
    switch (what) {
      case Waiting::kHandler: deadline_ms_ = kNever; return;
      case Waiting::kFirstByte:
      case Waiting::kHead: deadline_ms_ = steady_ms() + options.header_timeout_ms; break;
      case Waiting::kBody: deadline_ms_ = steady_ms() + options.body_timeout_ms; break;
      case Waiting::kNextRequest:
      case Waiting::kClientReads: deadline_ms_ = steady_ms() + options.idle_timeout_ms; break;
      case Waiting::kLingering: deadline_ms_ = steady_ms() + kLingerMs; break;
    }
    context_->include_deadline(deadline_ms_);
  }

  // Each kind of waiting has one deadline, set when it begins.
  void begin_waiting(Waiting what) {
    if (waiting_ != what) set_deadline(what);
  }

  // --- reading ---

  void wait_readable() {
    if (closed_ || waiting_readable_ || peer_ended_ || backlog_.size() >= kBacklogBytes) return;
    waiting_readable_ = true;
    if (may_read_more_) {
      asio::post(context_->loop.context(), [self = shared_from_this()] { self->on_readable(); });
    } else {
      socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
        if (!error) self->on_readable();
      });
    }
  }

  void on_readable() {
    waiting_readable_ = false;
    if (closed_) return;
    if (ready_) read_some();
    else shake_hands();
  }

  // One deadline for all of it, which close() answers.
  void shake_hands() {
    switch (transport_->handshake().state) {
      case IoState::kWantRead: return wait_readable();
      case IoState::kWantWrite:
        return socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
          if (!error && !self->closed_) self->shake_hands();
        });
      case IoState::kDone: break;
      case IoState::kEnd:
      case IoState::kFailed: return close();
    }
    ready_ = true;
    peer_.certificates = transport_->peer_certificates();
    set_deadline(Waiting::kFirstByte);
    read_some();
  }

  void read_some() {
    auto& buffer = read_buffer();
    for (int turn = 0; turn < kReadsAtOnce && backlog_.size() < kBacklogBytes; ++turn) {
      const auto got = transport_->read(buffer.data(), buffer.size());
      may_read_more_ = got.state == IoState::kDone && got.may_have_more;
      if (got.state == IoState::kEnd) return take_end();
      if (got.state == IoState::kFailed) return close();
      if (got.state == IoState::kDone) take({buffer.data(), got.bytes});
      if (closed_) return;
      if (!may_read_more_) break;
    }
    wait_readable();
  }

  // The client sends no more. One that is owed an answer is taken to be gone, as a closed socket looks no different.
  void take_end() {
    if (current_ != nullptr || unsent() == 0) return close();
    peer_ended_ = true;
    close_after_ = true;
  }

  void take(std::string_view bytes) {
    if (lingering_) return;
    if (busy() || !backlog_.empty()) {  // never past what came before
      backlog_.append(bytes);
      return;
    }
    taking_ = true;
    while (!bytes.empty() && !closed_ && !lingering_) {
      if (busy() || close_after_) {
        backlog_.append(bytes);
        break;
      }
      bytes.remove_prefix(reader_.feed(bytes));
      unread_ = !bytes.empty();
      take_message();
    }
    taking_ = false;
  }

  void take_message() {
    switch (reader_.state()) {
      case RequestReader::State::kIdle: break;
      case RequestReader::State::kHead: begin_waiting(Waiting::kHead); break;
      case RequestReader::State::kBody:
        begin_waiting(Waiting::kBody);
        if (reader_.take_continue()) send("HTTP/1.1 100 Continue\r\n\r\n", {});
        break;
      case RequestReader::State::kComplete: dispatch(); break;
      case RequestReader::State::kRefused: refuse(reader_.refusal()); break;
    }
  }

  void dispatch() {
    auto received = reader_.take();
    auto& request = received.request;
    request.peer = peer_.text;
    request.peer_pid = peer_.pid;
    request.peer_uid = peer_.uid;
    request.is_tls = peer_.is_tls;
    request.peer_certificates = peer_.certificates;
    shape_ = {.to_head = request.method == "HEAD", .to_http_1_0 = received.is_http_1_0, .keep_alive = received.keep_alive};
    set_deadline(Waiting::kHandler);
    auto exchange = std::make_shared<Exchange>(shared_from_this());
    current_ = exchange.get();
    context_->handler(std::move(request), std::move(exchange));
  }

  // The answer is given, though perhaps not yet sent.
  void finish_answer() {
    current_ = nullptr;
    if (!shape_.keep_alive || context_->draining) close_after_ = true;
    if (unsent() == 0) answer_sent();
  }

  void answer_sent() {
    if (close_after_) {
      if (backlog_.empty() && !(taking_ && unread_)) close();
      else linger();
      return;
    }
    set_deadline(Waiting::kNextRequest);
    if (taking_ || (backlog_.empty() && waiting_readable_)) return;
    // Not from here: the handler that answers may be in the middle of something.
    asio::post(context_->loop.context(), [self = shared_from_this()] { self->take_backlog(); });
  }

  void take_backlog() {
    if (closed_ || busy()) return;
    if (!backlog_.empty()) {
      const auto bytes = std::exchange(backlog_, {});
      take(bytes);
    }
    wait_readable();
  }

  void refuse(const Refusal& refusal) {
    shape_.keep_alive = false;
    send(refusal_bytes(refusal), {});
    if (!closed_) linger();
  }

  // Closing at once, while the client still sends, would reset the connection and lose what it has not read.
  void linger() {
    lingering_ = true;
    std::string().swap(backlog_);
    set_deadline(Waiting::kLingering);
    if (unsent() == 0) end_writing();
    wait_readable();
  }

  void end_writing() {
    transport_->say_goodbye();
    ::shutdown(socket_.native_handle(), SHUT_WR);
  }

  // --- writing ---

  void write_head(std::string& out, int status, const Headers& headers, Framing framing, std::size_t length) {
    const bool close = !shape_.keep_alive || context_->draining;
    write_response_head(out, {.status = status,
                              .headers = headers,
                              .framing = framing,
                              .length = length,
                              .close = close,
                              .keep_alive_of_1_0 = shape_.to_http_1_0 && !close});
  }

  static bool is_or_may_be_sent(const IoResult& sent) { return sent.state == IoState::kDone || sent.state == IoState::kWantWrite; }

  // Sends now what the socket takes, in one call where it is plain, and queues the rest.
  void send(std::string_view head, std::string_view body) {
    for (bool may_send = unsent() == 0; may_send;) {
      const auto sent = transport_->write(head, body);
      if (!is_or_may_be_sent(sent)) return close();
      if (sent.bytes == head.size() + body.size()) return;
      body.remove_prefix(sent.bytes > head.size() ? sent.bytes - head.size() : 0);
      head.remove_prefix(std::min(sent.bytes, head.size()));
      may_send = sent.state == IoState::kDone && sent.may_have_more;
    }
    out_.append(head).append(body);
    wait_writable();
  }

  // All that is written in one turn of the loop leaves in one call.
  void flush_soon() {
    if (flush_posted_ || waiting_writable_) return;
    flush_posted_ = true;
    asio::post(context_->loop.context(), [self = shared_from_this()] {
      self->flush_posted_ = false;
      if (!self->closed_ && !self->waiting_writable_) self->flush();
    });
  }

  void flush() {
    while (unsent() > 0) {
      const auto sent = transport_->write(std::string_view(out_).substr(out_sent_), {});
      if (!is_or_may_be_sent(sent)) return close();
      out_sent_ += sent.bytes;
      if (sent.state == IoState::kWantWrite) return wait_writable();
    }
    out_sent_ = 0;
    empty(out_);
  }

  void wait_writable() {
    if (!lingering_) set_deadline(Waiting::kClientReads);
    if (waiting_writable_) return;
    waiting_writable_ = true;
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const boost::system::error_code& error) {
      self->waiting_writable_ = false;
      if (!error && !self->closed_) self->write_more();
    });
  }

  void write_more() {
    flush();
    if (closed_ || unsent() > 0) return;
    if (lingering_) end_writing();
    else if (current_ != nullptr) set_deadline(Waiting::kHandler);
    else if (reader_.state() == RequestReader::State::kBody) after_continue();
    else answer_sent();
  }

  void after_continue() {
    set_deadline(Waiting::kBody);
    take_backlog();
  }

  std::shared_ptr<ServerContext> context_;
  Socket socket_;
  std::unique_ptr<Transport> transport_;  // until it is closed
  Peer peer_;
  bool ready_;  // the handshake is over
  RequestReader reader_;
  std::string backlog_;  // came while an answer was owed
  std::string out_;
  std::size_t out_sent_ = 0;
  std::int64_t deadline_ms_ = kNever;
  Exchange* current_ = nullptr;  // the answer that is owed
  AnswerShape shape_;
  Waiting waiting_ = Waiting::kFirstByte;
  bool closed_ = false;
  bool taking_ = false;
  bool unread_ = false;  // while taking: bytes lie behind the current message
  bool lingering_ = false;
  bool close_after_ = false;
  bool peer_ended_ = false;
  bool may_read_more_ = false;  // no wait is needed for it
  bool waiting_readable_ = false;
  bool waiting_writable_ = false;
  bool flush_posted_ = false;
};

Exchange::~Exchange() {
  if (!answered_ && !gone_) connection_->close();
}

void Exchange::respond(int status, Headers headers, std::string body) {
  if (answered_ || gone_) return;
  answered_ = true;
  gone_work_ = nullptr;
  connection_->respond(status, headers, std::move(body));
}

void Exchange::start(int status, Headers headers) {
  if (answered_ || gone_) return;
  connection_->start(status, headers);
}

bool Exchange::write(std::string_view chunk) { return !answered_ && !gone_ && connection_->write(chunk); }

void Exchange::end() {
  if (answered_ || gone_) return;
  answered_ = true;
  gone_work_ = nullptr;
  connection_->end();
}

void Exchange::on_gone(std::function<void()> work) {
  gone_work_ = std::move(work);
  if (gone_ && gone_work_) become_gone(connection_->loop());
}

// Later, so that nobody is called back in the middle of a write.
void Exchange::become_gone(Loop& loop) {
  gone_ = true;
  if (!gone_work_) return;
  asio::post(loop.context(), [weak = weak_from_this()] {
    if (const auto self = weak.lock(); self && self->gone_work_) std::exchange(self->gone_work_, nullptr)();
  });
}

}  // namespace

std::shared_ptr<ServerConnection> open_server_connection(std::shared_ptr<ServerContext> context, int fd, int address_family, Peer peer,
                                                         std::unique_ptr<Transport> transport) {
  auto connection = std::make_shared<Connection>(std::move(context), fd, address_family, std::move(peer), std::move(transport));
  connection->begin();
  return connection;
}

std::string refusal_bytes(const Refusal& refusal) {
  const Headers headers{{"Content-Type", "application/json"}};
  const auto body = refusal_body(refusal);
  std::string out;
  write_response_head(out,
                      {.status = refusal.status, .headers = headers, .framing = Framing::kLength, .length = body.size(), .close = true});
  out += body;
  return out;
}

}  // namespace interlock::net
