// The client's side of HTTP/2: the calls of a pool, many at once on one connection.
#include <algorithm>
#include <array>
#include <charconv>

#include "net/stream_h2_session.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kStreamWindow = std::size_t{256} << 10;  // servers are far: a window is what fits in a round trip
constexpr std::size_t kStreamsAtOnce = 64;                     // of one connection, whatever the server allows
constexpr std::size_t kStreamsBeforeSettings = 1;              // until the server says how many it takes
constexpr std::size_t kControlFramesPerSecond = 500;
constexpr std::size_t kResetsPerSecond = 100;
constexpr int kInterims = 16;  // 1xx of one answer
// A server that says nothing while it owes something is asked whether it is there.
constexpr std::int64_t kPingAfterMs = 30'000;
constexpr std::int64_t kPingAnswerMs = 15'000;

class Connection;

class Lane final : public H2Stream, public ClientLane {
 public:
  Lane(Connection& connection, std::shared_ptr<StreamCall> call) : connection_(connection), call_(std::move(call)) {
    to_head_ = call_->head.method == "HEAD";
    owed_ = call_->head.length;
    ended_ = owed_ == std::uint64_t{0};
  }

  // --- H2Stream ---
  void on_body(std::string_view chunk) override {
    if (const auto call = call_) call->data(chunk);
  }
  void on_body_end(Headers trailers) override;
  void on_writable() override {
    if (const auto call = call_) call->writable();
  }
  void on_closed(std::uint32_t http2_error, const Error* lost) override;

  // --- ClientLane ---
  bool write(std::string_view chunk) override;
  void end(Headers trailers) override;
  void hold(bool held) override;
  void cut() override;
  HttpVersion version() const override { return HttpVersion::k2; }

  void on_block(H2Block& block, bool ends);
  void fail_with(Error error);        // resets it
  std::optional<std::uint64_t> owed;  // of the request's body, where its length is told

 private:
  // The call, for its last word.
  std::shared_ptr<StreamCall> let_go() {
    auto call = std::exchange(call_, nullptr);
    if (call) call->lane = nullptr;
    return call;
  }

  Connection& connection_;  // that owns it
  std::shared_ptr<StreamCall> call_;
  std::optional<std::uint64_t> owed_;  // of the request's body, where its length is told
  bool to_head_ = false;
  bool ended_ = false;  // the request
  bool heard_ = false;  // something of the answer came
  int interims_ = 0;
};

class Connection final : public H2Session, public StreamClientConnection {
 public:
  Connection(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire)
      : H2Session(context->loop,
                  {.header_bytes = context->limits.header_bytes,
                   .streams = kStreamsAtOnce,
                   .stream_window = kStreamWindow,
                   .queued_bytes = context->limits.queued_bytes,
                   .resets_per_second = kResetsPerSecond,
                   .control_frames_per_second = kControlFramesPerSecond},
                  Side::kClient, std::move(wire)),
        context_(std::move(context)),
        idle_since_ms_(steady_ms()) {}

  // --- StreamClientConnection ---
  void carry(std::shared_ptr<StreamCall> call) override;
  std::size_t room() const override {
    if (phase() != Phase::kOpen || going_) return 0;
    return allowed_ > active_ ? allowed_ - active_ : 0;
  }
  bool looks_usable() override { return phase() == Phase::kOpen && !going_; }
  void close() override {
    silent_ = true;
    close_with({ErrorCode::kUnavailable, "the connection was cut", {}});
  }
  std::int64_t check_deadline(std::int64_t now_ms) override;

  // --- for lanes ---
  StreamClientContext& context() { return *context_; }
  bool is_silent() const { return silent_; }

 private:
  // --- H2Session ---
  void on_block(H2Stream& stream, H2Block& block, bool ends) override { static_cast<Lane&>(stream).on_block(block, ends); }
  void on_large_block(H2Stream& stream) override {
    static_cast<Lane&>(stream).fail_with(
        {ErrorCode::kTooLarge, "the head of the server's answer is over " + std::to_string(context_->limits.header_bytes) + " bytes", {}});
  }
  void on_refused(std::string_view) override {}  // the calls are told
  void on_stream_ended() override {
    --active_;
    if (active_ == 0) idle_since_ms_ = now_ms();
    if (active_ == 0) context_->include_deadline(idle_since_ms_ + context_->limits.idle_ms);
    tell_room();
  }
  void on_settings() override {
    const auto theirs = nghttp2_session_get_remote_settings(session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    allowed_ = std::min<std::size_t>(theirs, kStreamsAtOnce);
    tell_room();
  }
  void on_goaway() override { going_ = true; }
  void on_ping_answered() override { pinged_ms_ = kNever; }
  void include_deadline(std::int64_t deadline_ms) override { context_->include_deadline(deadline_ms); }
  void on_over() override { context_->on_closed(this); }

  // From the loop: the pool may carry() at once, which is not for the inside of libnghttp2.
  void tell_room() {
    if (room_posted_ || room() == 0) return;
    room_posted_ = true;
    loop().post([self = std::static_pointer_cast<Connection>(shared_from_this())] {
      self->room_posted_ = false;
      if (self->room() > 0) self->context_->on_room(self.get());
    });
  }

  std::shared_ptr<StreamClientContext> context_;
  H2Fields fields_;
  std::size_t allowed_ = kStreamsBeforeSettings;
  std::size_t active_ = 0;
  std::int64_t idle_since_ms_;
  std::int64_t asked_ms_ = 0;  // when the last call was sent
  std::int64_t pinged_ms_ = kNever;
  bool going_ = false;  // no further call
  bool room_posted_ = false;
  bool silent_ = false;
};

// --- one call ------------------------------------------------------------------------------------------------------------------

void Lane::on_block(H2Block& block, bool ends) {
  const auto call = call_;
  if (!call) return;
  heard_ = true;
  const int status = block.status();
  Headers headers;
  std::optional<std::uint64_t> length;
  if (const char* rule = block.take_response(ends, to_head_, headers, length))
    return fail_with({ErrorCode::kInvalid, std::string("the server's answer has ") + rule, {}});
  if (status >= 200) return call->head_came(status, std::move(headers), length);
  if (++interims_ > kInterims) return fail_with({ErrorCode::kInvalid, "the server sends interim answers without end", {}});
  call->inform(status, std::move(headers));
}

void Lane::on_body_end(Headers trailers) {
  const auto call = let_go();
  if (!call) return;
  if (!ended_) connection_.reset(*this, NGHTTP2_CANCEL);  // the rest of the request is nobody's
  call->finish(std::move(trailers));
}

void Lane::on_closed(std::uint32_t http2_error, const Error* lost) {
  const auto call = let_go();
  if (!call || call->is_over()) return;
  if (connection_.is_silent()) return call->drop();
  // REFUSED_STREAM, or a number over GOAWAY's: the server has done nothing of it (RFC 9113 §8.7). A lost connection is another matter.
  const bool is_untouched = lost == nullptr && http2_error == NGHTTP2_REFUSED_STREAM && call->head.length == std::uint64_t{0};
  if (!heard_ && !call->repeated && (is_untouched || (lost != nullptr && call->may_repeat()))) {
    call->repeated = true;
    return connection_.context().on_repeat(call);
  }
  call->lose(lost != nullptr ? *lost : h2_stream_error(http2_error));
}

bool Lane::write(std::string_view chunk) {
  if (!call_ || ended_) return true;
  if (owed_ && chunk.size() > *owed_) {
    fail_with({ErrorCode::kInternal, "more of the request's body was written than its length told", {}});
    return true;
  }
  if (owed_) *owed_ -= chunk.size();
  return connection_.write(*this, chunk);
}

void Lane::end(Headers trailers) {
  if (!call_ || ended_) return;
  if (owed_.value_or(0) > 0) return fail_with({ErrorCode::kInternal, "less of the request's body was written than its length told", {}});
  ended_ = true;
  connection_.end(*this, std::move(trailers));
}

void Lane::hold(bool held) { connection_.hold(*this, held); }

void Lane::cut() {
  const auto call = let_go();  // the caller's hold may be the last
  connection_.reset(*this, NGHTTP2_CANCEL);
}

void Lane::fail_with(Error error) {
  const auto call = let_go();
  connection_.reset(*this, NGHTTP2_CANCEL);
  if (call) call->lose(std::move(error));
}

// --- the connection ------------------------------------------------------------------------------------------------------------

void Connection::carry(std::shared_ptr<StreamCall> call) {
  const auto& head = call->head;
  const bool has_body = head.length != std::uint64_t{0};
  std::array<char, 24> digits;
  fields_.clear();
  fields_.add(":method", head.method);
  fields_.add(":scheme", call->to.scheme);
  fields_.add(":authority", head.authority);
  fields_.add(":path", head.target);
  fields_.add(head.headers);
  if (head.length && (has_body || head.method == "POST" || head.method == "PUT" || head.method == "PATCH")) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *head.length).ptr;
    fields_.add("content-length", {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  auto made = std::make_unique<Lane>(*this, call);
  auto* lane = made.get();
  if (!submit_request(std::move(made), fields_, has_body)) {
    going_ = true;
    if (call->repeated) return call->lose({ErrorCode::kUnavailable, "the connection takes no further request", {}});
    call->repeated = true;
    return context_->on_repeat(std::move(call));
  }
  ++active_;
  idle_since_ms_ = kNever;
  asked_ms_ = now_ms();
  context_->include_deadline(asked_ms_ + kPingAfterMs);
  call->carried_by(lane);
  if (call->held()) lane->hold(true);
  if (!has_body) return;
  const auto early = call->take_early_body();
  if (!early.empty()) (void)lane->write(early);
  if (call->ended()) lane->end(call->take_early_trailers());
}

std::int64_t Connection::check_deadline(std::int64_t now_ms) {
  if (phase() != Phase::kOpen) return check_ending(now_ms);
  if (active_ == 0) {
    const auto due = idle_since_ms_ == kNever ? kNever : idle_since_ms_ + context_->limits.idle_ms;
    if (due > now_ms) return due;
    going_ = true;
    refuse_new();
    return kNever;
  }
  if (pinged_ms_ != kNever && heard_ms() > pinged_ms_) pinged_ms_ = kNever;
  if (pinged_ms_ != kNever) {
    if (pinged_ms_ + kPingAnswerMs > now_ms) return pinged_ms_ + kPingAnswerMs;
    close_with({ErrorCode::kTimeout, "the server does not answer", {}});
    return kNever;
  }
  const auto quiet_until_ms = std::max(heard_ms(), asked_ms_) + kPingAfterMs;
  if (quiet_until_ms > now_ms) return quiet_until_ms;
  pinged_ms_ = now_ms;
  ping();
  return now_ms + kPingAnswerMs;
}

}  // namespace

std::shared_ptr<StreamClientConnection> open_h2_client(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire) {
  auto connection = std::make_shared<Connection>(std::move(context), std::move(wire));
  connection->begin({});
  return connection;
}

}  // namespace interlock::net
