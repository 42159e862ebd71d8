#include "net/stream_h2_session.hpp"

#include <algorithm>
#include <array>

#include "net/deadlines.hpp"
#include "net/stream_h2_callbacks.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kSettingsOfOneFrame = 32;   // RFC 9113 defines six
constexpr std::size_t kUnansweredFrames = 1'000;  // acknowledgements owed to one that does not read
constexpr std::size_t kOutboundFrames = 4'000;    // of all kinds, owed to one that does not read
constexpr std::size_t kContinuations = 8;         // of one header block
constexpr std::size_t kFrameBytes = 16 * 1024;    // SETTINGS_MAX_FRAME_SIZE as it stands
constexpr std::size_t kWindowBytes = 0x7fffffff;  // RFC 9113 §6.9.1
constexpr std::int64_t kLingerMs = 1'000;         // for the goodbye to be read
constexpr std::size_t kWindowUpdatesAtFirst = 1'000;
constexpr std::size_t kLibraryResets = 1'000'000;  // ours are counted here, with those that it makes us send

}  // namespace

bool RateBucket::take(std::int64_t now_ms) {
  const auto since = filled_ms_ == 0 ? 0 : std::max<std::int64_t>(0, now_ms - filled_ms_);
  const auto grown = static_cast<std::size_t>(since) * per_second_ / 1000;
  if (filled_ms_ == 0 || grown > 0) {
    tokens_ = std::min(most_, tokens_ + grown);
    filled_ms_ = now_ms;
  }
  if (tokens_ == 0) return false;
  --tokens_;
  return true;
}

// Nothing is sent while one lives: what is running is not to be entered again.
class H2Session::Inside {
 public:
  explicit Inside(H2Session& session) : session_(session), before_(session.inside_) { session.inside_ = true; }
  ~Inside() { session_.inside_ = before_; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  H2Session& session_;
  bool before_;
};

H2Session::H2Session(Loop& loop, const H2Limits& limits, Side side, std::shared_ptr<Wire> wire)
    : loop_(loop),
      limits_(limits),
      side_(side),
      wire_(std::move(wire)),
      resets_(limits.resets_per_second, limits.streams),
      control_frames_(limits.control_frames_per_second, limits.streams),
      window_updates_(kWindowUpdatesAtFirst),
      heard_ms_(steady_ms()) {
  nghttp2_option* options = nullptr;
  nghttp2_option_new(&options);
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_settings(options, kSettingsOfOneFrame);
  nghttp2_option_set_max_outbound_ack(options, kUnansweredFrames);
  nghttp2_option_set_max_continuations(options, std::max(kContinuations, limits.header_bytes / kFrameBytes + 1));
  nghttp2_option_set_max_send_header_block_length(options, std::size_t{2} * limits.header_bytes);
  nghttp2_option_set_stream_reset_rate_limit(options, kLibraryResets, kLibraryResets);
  if (side == Side::kServer) nghttp2_session_server_new2(&session_, h2_callbacks(), this, options);
  else nghttp2_session_client_new2(&session_, h2_callbacks(), this, options);
  nghttp2_option_del(options);
  const auto number = [](std::size_t value) { return static_cast<std::uint32_t>(value); };
  std::array<nghttp2_settings_entry, 5> settings{{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, number(limits.stream_window)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, number(limits.header_bytes)},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, number(limits.streams)},
  }};
  if (side == Side::kClient) settings[4].value = 0;  // of pushes
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<std::int32_t>(std::min(limits.streams * limits.stream_window, kWindowBytes)));
}

H2Session::~H2Session() { nghttp2_session_del(session_); }

void H2Session::begin(std::string_view first) {
  const auto self = shared_from_this();  // `first` may end it
  pump_soon();
  wire_->open(weak_from_this());
  if (!first.empty()) on_bytes(first);
}

std::int64_t H2Session::now_ms() { return now_ms_ != 0 ? now_ms_ : steady_ms(); }

H2Stream* H2Session::find(std::int32_t id) {
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

// --- what comes ----------------------------------------------------------------------------------------------------------------

void H2Session::on_bytes(std::string_view bytes) {
  if (phase_ != Phase::kOpen) return;  // until the goodbye is read, what still comes is nobody's
  now_ms_ = heard_ms_ = steady_ms();
  receive(bytes);
  now_ms_ = 0;
}

void H2Session::receive(std::string_view bytes) {
  ssize_t used = 0;
  told_ = false;
  {
    const Inside inside(*this);
    used = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  if (phase_ != Phase::kOpen) return;
  if (used == NGHTTP2_ERR_FLOODED) calm("a flood of frames that want an answer");
  else if (used == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS) calm("CONTINUATION frames without end");
  else if (used < 0) {
    told_ = true;
    on_refused(used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? "a connection that does not begin as HTTP/2" : "frames that are not HTTP/2");
    nghttp2_session_terminate_session(session_, NGHTTP2_PROTOCOL_ERROR);
  }
  pump();
  if (phase_ == Phase::kOpen && nghttp2_session_get_outbound_queue_size(session_) > kOutboundFrames) {
    on_refused("answers that are asked for and not read");
    close_with({ErrorCode::kTooLarge, "the other side does not read what it asks for", {}});
  }
}

void H2Session::take_body(H2Stream& stream, std::string_view chunk) {
  stream.came_bytes += chunk.size();
  stream.moved_ms = now_ms();
  if (stream.deaf_) return consume(stream, chunk.size());
  if (!stream.flowing_ || stream.held_ || !stream.in_.empty()) {
    stream.in_.append(chunk);
    return;
  }
  stream.on_body(chunk);
  consume(stream, chunk.size());
}

// Hands on what waited, and the end where all was taken.
void H2Session::deliver(H2Stream& stream) {
  const auto goes_on = [&] { return stream.flowing_ && !stream.held_ && !stream.deaf_ && phase_ == Phase::kOpen; };
  if (!stream.in_.empty() && goes_on()) {
    const auto chunk = std::exchange(stream.in_, {});
    stream.moved_ms = now_ms();
    stream.on_body(chunk);
    if (phase_ == Phase::kOpen) consume(stream, chunk.size());
  }
  if (stream.remote_ended && stream.in_.empty() && !stream.end_told_ && goes_on()) {
    stream.end_told_ = true;
    stream.on_body_end(std::move(stream.trailers_));
  }
}

void H2Session::deliver_soon(const H2Stream& stream) {
  if (stream.in_.empty() && !stream.remote_ended) return;
  loop_.post([self = shared_from_this(), id = stream.id] {
    auto* found = self->find(id);
    if (found == nullptr || self->phase_ != Phase::kOpen) return;
    {
      const Inside inside(*self);
      self->deliver(*found);
    }
    if (self->phase_ != Phase::kOpen) return;
    if (found->closed_ && (found->end_told_ || found->deaf_)) self->forget(id, NGHTTP2_NO_ERROR);
    self->pump();
  });
}

void H2Session::consume(const H2Stream& stream, std::size_t size) {
  if (phase_ != Phase::kOpen) return;
  if (stream.closed_) nghttp2_session_consume_connection(session_, size);
  else nghttp2_session_consume(session_, stream.id, size);
}

void H2Session::forget(std::int32_t id, std::uint32_t http2_error) {
  const auto at = streams_.find(id);
  if (at == streams_.end()) return;
  auto stream = std::move(at->second);
  streams_.erase(at);
  if (block_stream_ == stream.get()) block_stream_ = nullptr;
  if (!stream->in_.empty()) nghttp2_session_consume_connection(session_, stream->in_.size());
  const Inside inside(*this);
  stream->on_closed(http2_error, nullptr);
  on_stream_ended();
}

// --- bounds --------------------------------------------------------------------------------------------------------------------

void H2Session::count_control_frame() {
  if (!control_frames_.take(now_ms())) calm("a flood of frames that carry nothing");
}

void H2Session::calm(std::string_view rule) {
  if (calmed_) return;
  calmed_ = told_ = true;
  on_refused(rule);
  if (phase_ == Phase::kOpen) nghttp2_session_terminate_session(session_, NGHTTP2_ENHANCE_YOUR_CALM);
}

// --- for streams ---------------------------------------------------------------------------------------------------------------

void H2Session::flow(H2Stream& stream) {
  if (stream.flowing_) return;
  stream.flowing_ = true;
  stream.moved_ms = now_ms();
  deliver_soon(stream);
}

void H2Session::hold(H2Stream& stream, bool held) {
  if (stream.held_ == held) return;
  stream.held_ = held;
  stream.moved_ms = now_ms();
  if (!held) deliver_soon(stream);
}

bool H2Session::write(H2Stream& stream, std::string_view chunk) {
  if (phase_ != Phase::kOpen || stream.out_ends_ || stream.deaf_ || stream.closed_) return true;  // on_closed() says the rest
  if (!stream.owes_bytes()) {
    stream.moved_ms = now_ms();
    stream.out_.clear();
    stream.out_sent_ = 0;
  } else if (stream.out_sent_ > stream.out_.size() / 2) {
    stream.out_.erase(0, stream.out_sent_);
    stream.out_sent_ = 0;
  }
  stream.out_.append(chunk);
  nghttp2_session_resume_data(session_, stream.id);
  pump_soon();
  if (stream.out_.size() - stream.out_sent_ <= limits_.queued_bytes) return true;
  stream.wants_writable_ = true;
  return false;
}

void H2Session::end(H2Stream& stream, Headers trailers) {
  if (phase_ != Phase::kOpen || stream.out_ends_ || stream.closed_) return;
  stream.out_ends_ = true;
  stream.out_trailers_ = std::move(trailers);
  nghttp2_session_resume_data(session_, stream.id);
  pump_soon();
}

void H2Session::reset(H2Stream& stream, std::uint32_t http2_error) {
  if (stream.deaf_) return;
  stream.deaf_ = true;
  if (phase_ != Phase::kOpen) return;
  if (!stream.in_.empty()) consume(stream, std::exchange(stream.in_, {}).size());
  if (stream.closed_) return deliver_soon(stream);  // and is forgotten there
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, http2_error);
  pump_soon();
}

// --- for the sides -------------------------------------------------------------------------------------------------------------

void H2Session::submit_response(H2Stream& stream, const H2Fields& fields, bool has_body) {
  if (phase_ != Phase::kOpen || stream.deaf_ || stream.closed_) return;
  if (!has_body) stream.out_ends_ = true;
  const auto body = h2_body();
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(), has_body ? &body : nullptr);
  pump_soon();
}

void H2Session::submit_inform(H2Stream& stream, const H2Fields& fields) {
  if (phase_ != Phase::kOpen || stream.deaf_ || stream.closed_) return;
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(), fields.size(), nullptr);
  pump_soon();
}

bool H2Session::submit_request(std::unique_ptr<H2Stream> stream, const H2Fields& fields, bool has_body) {
  if (phase_ != Phase::kOpen) return false;
  const auto body = h2_body();
  const auto id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), has_body ? &body : nullptr, nullptr);
  if (id < 0) return false;  // all numbers are used, or the connection is ending
  stream->id = id;
  stream->flowing_ = true;
  stream->out_ends_ = !has_body;
  stream->moved_ms = now_ms();
  streams_[id] = std::move(stream);
  pump_soon();
  return true;
}

void H2Session::refuse(H2Stream& stream, std::string_view rule) {
  stream.refusal_told_ = true;
  on_refused(rule);
  reset(stream, NGHTTP2_PROTOCOL_ERROR);
}

void H2Session::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  pump_soon();
}

void H2Session::announce_end() {
  if (phase_ != Phase::kOpen) return;
  nghttp2_submit_shutdown_notice(session_);
  pump_soon();
}

void H2Session::refuse_new() {
  if (phase_ != Phase::kOpen) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR, nullptr, 0);
  pump_soon();
}

// --- what goes -----------------------------------------------------------------------------------------------------------------

// All that is submitted in one turn of the loop leaves together.
void H2Session::pump_soon() {
  if (phase_ != Phase::kOpen || pump_posted_ || inside_) return;
  pump_posted_ = true;
  loop_.post([self = shared_from_this()] {
    self->pump_posted_ = false;
    self->pump();
  });
}

void H2Session::pump() {
  if (phase_ != Phase::kOpen || inside_) return;
  // Where the socket takes a whole queue at once nobody tells that it has gone: what was left over for it goes on here.
  bool is_left_over = true;
  while (is_left_over && wire_->unsent() < kH2WireBytes) {
    {
      const Inside inside(*this);
      auto& queue = wire_->queue();
      is_left_over = false;
      while (true) {
        const std::uint8_t* bytes = nullptr;
        const auto made = nghttp2_session_mem_send(session_, &bytes);
        if (phase_ != Phase::kOpen) return;
        if (made < 0) return close_with({ErrorCode::kInternal, "the connection failed within", {}});
        if (made > 0) queue.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(made));
        is_left_over = wire_->unsent() >= kH2WireBytes;
        if (made == 0 || is_left_over) break;
      }
    }
    wire_->flush();
    if (phase_ != Phase::kOpen) return;
  }
  tell_writable();
  end_if_done();
}

void H2Session::tell_writable() {
  if (writable_.empty()) return;
  const auto ids = std::exchange(writable_, {});
  for (const auto id : ids) {
    auto* stream = find(id);
    if (phase_ != Phase::kOpen || stream == nullptr || !stream->wants_writable_ || stream->deaf_) continue;
    stream->wants_writable_ = false;
    const Inside inside(*this);
    stream->on_writable();
  }
  pump_soon();
}

void H2Session::on_sent() { pump(); }

// --- the end -------------------------------------------------------------------------------------------------------------------

void H2Session::on_end() { close_with({ErrorCode::kUnavailable, "the other side has closed the connection", {}}); }

void H2Session::on_lost(Error error) { close_with(error); }

// After a GOAWAY, sent or received, and the last stream, libnghttp2 wants nothing more. The other side gets a moment to read the goodbye:
// a socket that is closed over bytes that were not read takes back what was sent.
void H2Session::end_if_done() {
  if (phase_ != Phase::kOpen || inside_) return;
  if (nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0) return;
  for (const auto& [id, stream] : streams_) {
    if (stream->closed_ && !calmed_) return;  // what came for it is still being taken
  }
  phase_ = Phase::kEnding;
  linger_until_ms_ = now_ms() + kLingerMs;
  include_deadline(linger_until_ms_);
  wire_->end_writing();
  const auto dead = std::make_shared<decltype(streams_)>(std::move(streams_));
  streams_.clear();
  block_stream_ = nullptr;
  const Error why{ErrorCode::kUnavailable, "the connection has ended", {}};
  for (const auto& [id, stream] : *dead) stream->on_closed(NGHTTP2_CANCEL, &why);
  if (!dead->empty()) loop_.post([dead] {});
  on_goaway();
}

void H2Session::close_with(const Error& why) {
  if (phase_ == Phase::kClosed) return;
  const auto self = shared_from_this();  // a hook may let go of the last other hold
  phase_ = Phase::kClosed;
  linger_until_ms_ = kNever;
  wire_->close();
  // They may be running: destroyed later.
  const auto dead = std::make_shared<decltype(streams_)>(std::move(streams_));
  streams_.clear();
  block_stream_ = nullptr;
  for (const auto& [id, stream] : *dead) stream->on_closed(NGHTTP2_CANCEL, &why);
  if (!dead->empty()) loop_.post([dead] {});
  on_over();
}

std::int64_t H2Session::check_ending(std::int64_t now_ms) {
  if (phase_ == Phase::kEnding && linger_until_ms_ <= now_ms) close_with({ErrorCode::kUnavailable, "the connection has ended", {}});
  return phase_ == Phase::kEnding ? linger_until_ms_ : kNever;
}

Error h2_stream_error(std::uint32_t http2_error) {
  return {ErrorCode::kUnavailable, std::string("the stream was reset: ") + nghttp2_http2_strerror(http2_error), {}};
}

}  // namespace interlock::net
