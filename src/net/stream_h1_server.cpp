// One HTTP/1.1 connection towards a client: requests one after another, each answered before the next is looked at (RFC 9112 §9.3.2).
#include <algorithm>
#include <utility>

#include "net/http_flow.hpp"
#include "net/http_server_connection.hpp"
#include "net/http_writer.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kBacklogBytes = 64 * 1024;  // what came before it could be used: past it we stop reading
constexpr std::int64_t kLingerMs = 2'000;         // a client that still sends is read on for as long, so that it sees the answer, no reset

class Connection;

class Stream final : public ServerStream, public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::shared_ptr<Connection> connection, RequestHead head) : connection_(std::move(connection)), head_(std::move(head)) {}
  ~Stream() override;
  const RequestHead& head() const override { return head_; }
  const StreamPeer& peer() const override;
  void receive(BodyHandlers handlers) override;
  void hold(bool held) override;
  void on_gone(std::function<void()> work) override;
  void inform(int status, Headers headers) override;
  void answer(int status, Headers headers, std::optional<std::uint64_t> length) override;
  bool write(std::string_view chunk) override;
  void on_writable(std::function<void()> work) override { writable_ = std::move(work); }
  void end(Headers trailers) override;
  void cut() override;
  Result<std::unique_ptr<ByteStream>> take_over(int status, Headers headers) override;

  // --- for the connection ---
  void data(std::string_view chunk) {
    call([&] {
      if (body_.on_data) body_.on_data(chunk);
    });
  }
  void body_ended(Headers trailers) {
    call([&] {
      if (auto work = std::exchange(body_.on_end, nullptr)) work(std::move(trailers));
    });
  }
  void writable() {
    call([&] {
      if (writable_) writable_();
    });
  }
  // The answer is complete, or no longer wanted: nobody is called any more.
  void done() {
    over_ = true;
    gone_ = nullptr;
    let_go();
  }
  // Later, so that nobody is called back in the middle of something.
  void become_gone(Loop& loop, Error error);
  bool body_is_over() const { return !body_.on_end; }

 private:
  std::shared_ptr<Connection> connection_;
  RequestHead head_;
  BodyHandlers body_;
  std::function<void()> gone_;
  std::function<void()> writable_;
  int calling_ = 0;
  bool over_ = false;

  template <typename Work>
  void call(Work work) {
    ++calling_;
    work();
    --calling_;
    let_go();
  }
  // What the handlers hold may hold this stream. None is destroyed while it runs.
  void let_go() {
    if (!over_ || calling_ > 0) return;
    body_ = {};
    writable_ = nullptr;
  }
};

class Connection final : public StreamServerConnection, public WireUser, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire, StreamPeer peer)
      : context_(std::move(context)), wire_(std::move(wire)), peer_(std::move(peer)), flow_(context_->limits.header_bytes) {}

  void begin(std::string_view first) {
    wait_until(context_->limits.header_timeout_ms);
    wire_->open(weak_from_this());
    if (first.empty()) return;
    backlog_ = first;
    pump_soon();
  }

  Loop& loop() { return context_->loop; }
  const StreamPeer& peer() const { return peer_; }

  // --- StreamServerConnection ---

  void close() override { close_for({ErrorCode::kUnavailable, "the client's connection was closed", {}}); }

  void drain() override {
    if (current_ == nullptr && flow_.state() == RequestFlow::State::kIdle && backlog_.empty() && wire_->unsent() == 0) close();
  }

  std::int64_t check_deadline(std::int64_t now_ms) override {
    const auto at_ms = deadline_ms();
    if (now_ms < at_ms) return at_ms;
    if (const auto sent = wire_->sent_bytes(); wire_->unsent() > 0 && sent != sent_before_) {  // slow is not still
      sent_before_ = sent;
      moved_ms_ = now_ms;
      return deadline_ms();
    }
    const Error late{ErrorCode::kTimeout, "the client stopped in the middle of a message", {}};
    if (!lingering_ && flow_.state() == RequestFlow::State::kHead) {
      refuse({408, ErrorCode::kTimeout, "the head of the request took too long", "send it without pauses"});
      return deadline_ms();
    }
    close_for(late);
    return kNever;
  }

  // --- WireUser ---

  void on_bytes(std::string_view bytes) override {
    if (lingering_ || closed_) return;
    moved_ms_ = steady_ms();
    if (!backlog_.empty() || !may_take()) {
      backlog_.append(bytes);
      return set_pause();
    }
    take(bytes);
  }

  // A client that is owed an answer is taken to be gone, as a closed socket looks no different.
  void on_end() override {
    if (current_ != nullptr || wire_->unsent() == 0) return close_for({ErrorCode::kUnavailable, "the client closed the connection", {}});
    close_after_ = true;
  }

  void on_lost(Error error) override { close_for(std::move(error)); }

  void on_sent() override {
    if (closed_) return;
    moved_ms_ = steady_ms();
    if (std::exchange(congested_, false) && current_ != nullptr) {
      const auto stream = current_->shared_from_this();
      stream->writable();
    } else if (std::exchange(answer_queued_, false)) {
      answer_sent();
    }
  }

  // --- of the current stream ---

  void receive() {
    receiving_ = true;
    moved_ms_ = steady_ms();
    if (flow_.state() == RequestFlow::State::kBody) {
      if (std::exchange(wants_continue_, false) && backlog_.empty() && rest_.empty() && !answered_)
        wire_->write("HTTP/1.1 100 Continue\r\n\r\n");
      arm();
    }
    set_pause();
    pump_soon();
  }

  void hold(bool held) {
    if (held_ == held) return;
    held_ = held;
    moved_ms_ = steady_ms();
    set_pause();
    if (!held) {
      arm();
      pump_soon();
    }
  }

  void inform(int status, const Headers& headers) {
    if (answered_ || to_1_0_ || status < 100 || status > 199 || status == 101 || !is_writable(headers)) return;
    if (status == 100) wants_continue_ = false;
    write_stream_response_head(wire_->queue(), status, {.headers = headers});
    wire_->append({});
  }

  void answer(int status, const Headers& headers, std::optional<std::uint64_t> length) {
    if (answered_) return;
    if (status < 200 || status > 999 || !is_writable(headers)) {
      tell_refused("an answer that cannot be written: a header holds CR, LF or NUL, or the status is none");
      return refuse({502, ErrorCode::kInvalid, "the answer has a header that cannot be written", "the server's answer is at fault"}, false);
    }
    answered_ = true;
    left_ = length;
    bodiless_ = to_head_ || status == 204 || status == 304;
    // A body that nobody asked for would have to be read, whatever its length, before the next request.
    if (!receiving_ && flow_.state() == RequestFlow::State::kBody) keep_alive_ = false;
    Framing framing = Framing::kNone;
    if (length && status != 204) framing = Framing::kLength;
    else if (!bodiless_) framing = to_1_0_ ? Framing::kUntilClose : Framing::kChunked;
    chunked_ = framing == Framing::kChunked;
    if (framing == Framing::kUntilClose || context_->draining) keep_alive_ = false;
    const std::string_view connection = !keep_alive_ ? "close" : to_1_0_ ? "keep-alive" : "";
    write_stream_response_head(wire_->queue(), status,
                               {.headers = headers, .framing = framing, .length = length.value_or(0), .connection = connection});
    wire_->append({});
  }

  bool write(std::string_view chunk) {
    if (!answered_ || bodiless_ || chunk.empty()) return true;
    if (left_ && chunk.size() > *left_) {
      close();
      return true;
    }
    if (left_) *left_ -= chunk.size();
    if (wire_->unsent() == 0) moved_ms_ = steady_ms();
    if (chunked_) write_chunk_size(wire_->queue(), chunk.size());
    wire_->append(chunk);
    if (chunked_) wire_->append("\r\n");
    if (closed_ || wire_->unsent() <= context_->limits.queued_bytes) return true;
    wire_->flush();
    congested_ = wire_->unsent() > context_->limits.queued_bytes;
    if (congested_) arm();
    return !congested_;
  }

  void end(const Headers& trailers) {
    if (!answered_) return close();
    if (!bodiless_ && left_.value_or(0) > 0) return close();  // the client must not take it for whole
    if (chunked_) write_last_chunk(wire_->queue(), trailers);
    finish_current();
    wire_->flush();
    if (closed_) return;
    if (wire_->unsent() == 0) return answer_sent();
    answer_queued_ = true;
    moved_ms_ = steady_ms();
    arm();
  }

  Result<std::unique_ptr<ByteStream>> take_over(int status, const Headers& headers) {
    const auto& head = current_->head();
    const bool is_connect = head.method == "CONNECT";
    if (answered_ || !is_writable(headers)) return fail(ErrorCode::kInvalid, "the connection cannot be handed over any more");
    if (is_connect ? status < 200 || status > 299 : status != 101 || head.upgrade.empty())
      return fail(ErrorCode::kInvalid, "only a CONNECT, or an upgrade that was asked for, hands the connection over");
    auto came = std::move(backlog_).append(rest_);
    if (is_connect && !came.empty())
      return fail(ErrorCode::kInvalid, "the client did not wait for the answer to its CONNECT", "send nothing before it");
    wire_->pause(true);
    write_stream_response_head(wire_->queue(), status,
                               {.headers = headers, .upgrade = is_connect ? std::string_view() : std::string_view(head.upgrade)});
    wire_->flush();
    auto bytes = byte_stream(context_->loop, std::move(wire_), std::move(came), context_->limits.queued_bytes);
    finish_current();
    leave();
    return bytes;
  }

  // The stream was dropped without an answer, or cut.
  void give_up() { close(); }

 private:
  void leave() {
    closed_ = true;
    std::string().swap(backlog_);
    rest_ = {};
    context_->on_closed(this);
  }

  void close_for(Error error) {
    if (closed_) return;
    const auto self = shared_from_this();
    wire_->close();
    auto* owed = std::exchange(current_, nullptr);
    if (owed != nullptr) owed->become_gone(context_->loop, std::move(error));
    leave();
  }

  // --- deadlines ---

  void wait_until(std::int64_t from_now_ms) {
    fixed_deadline_ms_ = steady_ms() + from_now_ms;
    arm();
  }
  void arm() {
    if (const auto at_ms = deadline_ms(); at_ms != kNever) context_->include_deadline(at_ms);
  }
  std::int64_t deadline_ms() const {
    if (closed_) return kNever;
    if (lingering_ || (current_ == nullptr && wire_->unsent() == 0)) return fixed_deadline_ms_;
    const bool body_flows = receiving_ && !held_ && flow_.state() == RequestFlow::State::kBody;
    return body_flows || wire_->unsent() > 0 ? moved_ms_ + context_->limits.stall_timeout_ms : kNever;
  }

  // --- reading ---

  bool may_take() const {
    if (taking_ || closed_ || lingering_ || close_after_) return false;
    switch (flow_.state()) {
      case RequestFlow::State::kIdle:
      case RequestFlow::State::kHead: return current_ == nullptr && wire_->unsent() == 0;
      case RequestFlow::State::kBody: return receiving_ && !held_;
      case RequestFlow::State::kComplete:
      case RequestFlow::State::kRefused: return false;
    }
    return false;
  }

  void set_pause() {
    if (closed_) return;
    wire_->pause(!lingering_ && (backlog_.size() >= kBacklogBytes || (held_ && flow_.state() == RequestFlow::State::kBody)));
  }

  void pump_soon() {
    if (pump_posted_) return;
    pump_posted_ = true;
    context_->loop.post([self = shared_from_this()] {
      self->pump_posted_ = false;
      self->pump();
    });
  }

  void pump() {
    if (closed_ || taking_) return;
    if (!backlog_.empty() && may_take()) {
      const auto bytes = std::exchange(backlog_, {});
      take(bytes);
    } else {
      say_body_ended();
    }
    set_pause();
  }

  void take(std::string_view bytes) {
    const auto self = shared_from_this();
    while (!bytes.empty() && may_take()) {
      std::string_view data;
      const auto before = flow_.state();
      bytes.remove_prefix(flow_.feed(bytes, data));
      rest_ = bytes;
      taking_ = true;
      take_step(before, data);
      taking_ = false;
    }
    rest_ = {};
    if (closed_ || lingering_) return;
    backlog_.insert(0, bytes);
    say_body_ended();
    set_pause();
    if (!backlog_.empty() && may_take()) pump_soon();
  }

  void take_step(RequestFlow::State before, std::string_view data) {
    using State = RequestFlow::State;
    const auto now = flow_.state();
    if (now == State::kRefused) return refuse_request();
    if (now == State::kHead) {
      if (before == State::kIdle) wait_until(context_->limits.header_timeout_ms);
      return;
    }
    if ((before == State::kIdle || before == State::kHead) && now != State::kIdle) return dispatch();
    if (!data.empty() && current_ != nullptr) {
      const auto stream = current_->shared_from_this();
      stream->data(data);
    }
  }

  void dispatch() {
    auto& parts = flow_.parts();
    to_head_ = parts.head.method == "HEAD";
    to_1_0_ = parts.head.version == HttpVersion::k1_0;
    keep_alive_ = parts.keep_alive;
    wants_continue_ = parts.wants_continue;
    receiving_ = held_ = answered_ = congested_ = bodiless_ = chunked_ = false;
    auto stream = std::make_shared<Stream>(shared_from_this(), std::move(parts.head));
    current_ = stream.get();
    context_->handlers.on_request(std::move(stream));
  }

  void say_body_ended() {
    if (flow_.state() != RequestFlow::State::kComplete || !receiving_ || current_ == nullptr || current_->body_is_over()) return;
    const auto stream = current_->shared_from_this();
    stream->body_ended(flow_.trailers());
  }

  // --- the end of an answer ---

  void finish_current() {
    if (auto* owed = std::exchange(current_, nullptr)) owed->done();
  }

  void answer_sent() {
    if (flow_.state() != RequestFlow::State::kComplete) return linger();  // its body was not read to the end
    if (!keep_alive_ || close_after_ || context_->draining) {
      if (backlog_.empty() && rest_.empty()) close();
      else linger();
      return;
    }
    flow_.next();
    wait_until(context_->limits.idle_timeout_ms);
    if (!taking_ && !backlog_.empty()) pump_soon();
    set_pause();
  }

  void tell_refused(std::string_view rule) {
    constexpr std::string_view kSubject = "the request has ";
    if (rule.starts_with(kSubject)) rule.remove_prefix(kSubject.size());
    if (context_->handlers.on_refused) context_->handlers.on_refused(peer_, rule);
  }

  void refuse_request() {
    const auto refusal = flow_.refusal();
    const auto self = shared_from_this();
    tell_refused(refusal.message);
    if (closed_) return;
    if (answered_ && current_ != nullptr) return close_for({ErrorCode::kInvalid, refusal.message, refusal.hint});
    refuse(refusal);
  }

  // Answers in place of whoever would have.
  void refuse(const Refusal& refusal, bool is_request = true) {
    if (auto* owed = std::exchange(current_, nullptr)) {
      if (is_request) owed->become_gone(context_->loop, {refusal.code, refusal.message, refusal.hint});
      else owed->done();
    }
    wire_->write(refusal_bytes(refusal));
    if (!closed_) linger();
  }

  // Closing at once, while the client still sends, would reset the connection and lose what it has not read.
  void linger() {
    if (lingering_) return;
    lingering_ = true;
    std::string().swap(backlog_);
    wire_->end_writing();
    wait_until(kLingerMs);
    set_pause();
  }

  std::shared_ptr<StreamServerContext> context_;
  std::shared_ptr<Wire> wire_;
  StreamPeer peer_;
  RequestFlow flow_;
  std::string backlog_;
  std::string_view rest_;              // while taking: what lies behind the current message
  Stream* current_ = nullptr;          // whose answer is owed
  std::optional<std::uint64_t> left_;  // of an answer whose length was told
  std::int64_t fixed_deadline_ms_ = kNever;
  std::int64_t moved_ms_ = 0;
  std::uint64_t sent_before_ = 0;  // as it was when somebody looked whether anything moves
  bool to_head_ = false;
  bool to_1_0_ = false;
  bool keep_alive_ = true;
  bool wants_continue_ = false;
  bool receiving_ = false;
  bool held_ = false;
  bool answered_ = false;
  bool bodiless_ = false;
  bool chunked_ = false;
  bool congested_ = false;      // on_writable is owed
  bool answer_queued_ = false;  // it is complete, and not yet sent
  bool taking_ = false;
  bool pump_posted_ = false;
  bool close_after_ = false;
  bool lingering_ = false;
  bool closed_ = false;
};

Stream::~Stream() {
  if (!over_) connection_->give_up();
}

const StreamPeer& Stream::peer() const { return connection_->peer(); }

void Stream::receive(BodyHandlers handlers) {
  if (over_ || body_.on_end) return;
  body_ = std::move(handlers);
  if (!body_.on_end) body_.on_end = [](Headers) {};
  connection_->receive();
}

void Stream::hold(bool held) {
  if (!over_) connection_->hold(held);
}

void Stream::on_gone(std::function<void()> work) { gone_ = std::move(work); }

void Stream::inform(int status, Headers headers) {
  if (!over_) connection_->inform(status, headers);
}

void Stream::answer(int status, Headers headers, std::optional<std::uint64_t> length) {
  if (!over_) connection_->answer(status, headers, length);
}

bool Stream::write(std::string_view chunk) { return over_ || connection_->write(chunk); }

void Stream::end(Headers trailers) {
  if (!over_) connection_->end(trailers);
}

void Stream::cut() {
  if (over_) return;
  done();
  connection_->give_up();
}

Result<std::unique_ptr<ByteStream>> Stream::take_over(int status, Headers headers) {
  if (over_) return fail(ErrorCode::kUnavailable, "the client is gone");
  const auto self = shared_from_this();
  return connection_->take_over(status, headers);
}

void Stream::become_gone(Loop& loop, Error error) {
  if (over_) return;
  over_ = true;
  const auto self = weak_from_this().lock();
  if (!self) return;  // nobody waits for it any more
  loop.post([self, error = std::move(error)] {
    if (auto lost = std::exchange(self->body_.on_lost, nullptr); lost && !self->body_is_over()) lost(error);
    if (auto gone = std::exchange(self->gone_, nullptr)) gone();
    self->let_go();
  });
}

}  // namespace

std::shared_ptr<StreamServerConnection> open_h1_server(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire,
                                                       StreamPeer peer, std::string_view first) {
  auto connection = std::make_shared<Connection>(std::move(context), std::move(wire), std::move(peer));
  connection->begin(first);
  return connection;
}

}  // namespace interlock::net
