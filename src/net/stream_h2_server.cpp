// The server's side of HTTP/2: requests as ServerStream, refusals, deadlines, the graceful end.
#include <array>
#include <charconv>

#include "net/http_request_reader.hpp"
#include "net/http_writer.hpp"
#include "net/stream_h2_session.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kStreamWindow = std::size_t{64} << 10;
constexpr std::int64_t kAnnouncedEndMs = 1'000;  // for new streams to come that were under way when the end was announced

class Connection;
class Face;

std::string status_text(int status) { return std::to_string(status >= 100 && status <= 999 ? status : 500); }

// One request as the connection has it. It outlives its face when the answer is given and still on its way.
class Exchange final : public H2Stream {
 public:
  void on_body(std::string_view chunk) override {
    const auto handlers = body;  // it may be let go of meanwhile
    if (handlers && handlers->on_data) handlers->on_data(chunk);
  }
  void on_body_end(Headers trailers) override {
    const auto handlers = std::exchange(body, nullptr);
    if (handlers && handlers->on_end) handlers->on_end(std::move(trailers));
  }
  void on_writable() override {
    const auto work = writable;
    if (work && *work) (*work)();
  }
  void on_closed(std::uint32_t http2_error, const Error* lost) override;

  Face* face = nullptr;
  std::shared_ptr<BodyHandlers> body;
  std::shared_ptr<std::function<void()>> writable;
  std::function<void()> gone;
  std::optional<std::uint64_t> owed;  // of the answer's body, where its length is told
  bool to_head = false;
  bool expects_continue = false;
  bool answered = false;
  bool complete = false;  // the answer, as far as we have to add to it
  bool cut = false;
};

class Connection final : public H2Session, public StreamServerConnection {
 public:
  Connection(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire, StreamPeer peer)
      : H2Session(context->loop,
                  {.header_bytes = context->limits.header_bytes,
                   .streams = context->limits.streams,
                   .stream_window = kStreamWindow,
                   .queued_bytes = context->limits.queued_bytes,
                   .resets_per_second = context->limits.resets_per_second,
                   .control_frames_per_second = context->limits.control_frames_per_second},
                  Side::kServer, std::move(wire)),
        context_(std::move(context)),
        peer_(std::move(peer)),
        idle_since_ms_(steady_ms()),
        began_ms_(idle_since_ms_) {
    context_->include_deadline(began_ms_ + context_->limits.header_timeout_ms);
  }

  const StreamPeer& peer() const { return peer_; }

  // --- StreamServerConnection ---
  void close() override { close_with({ErrorCode::kUnavailable, "the connection was cut", {}}); }
  void drain() override {
    if (draining_ || phase() != Phase::kOpen) return;
    draining_ = true;
    refuse_at_ms_ = steady_ms() + kAnnouncedEndMs;
    announce_end();
    context_->include_deadline(refuse_at_ms_);
  }
  std::int64_t check_deadline(std::int64_t now_ms) override;

  // --- for exchanges ---
  void answer(Exchange& exchange, int status, const Headers& headers, std::optional<std::uint64_t> length);
  void inform(Exchange& exchange, int status, const Headers& headers);
  bool write_body(Exchange& exchange, std::string_view chunk);
  void end_body(Exchange& exchange, Headers trailers);
  void answer_refusal(Exchange& exchange, const Refusal& refusal, std::string_view rule);
  void stall(Exchange& exchange);

 private:
  // --- H2Session ---
  std::unique_ptr<H2Stream> make_stream() override {
    idle_since_ms_ = kNever;
    context_->include_deadline(now_ms() + context_->limits.stall_timeout_ms);
    context_->include_deadline(now_ms() + context_->limits.header_timeout_ms);
    return std::make_unique<Exchange>();
  }
  void on_block(H2Stream& stream, H2Block& block, bool ends) override;
  void on_large_block(H2Stream& stream) override {
    answer_refusal(static_cast<Exchange&>(stream),
                   {431, ErrorCode::kTooLarge, "the header fields are over " + std::to_string(context_->limits.header_bytes) + " bytes",
                    "send fewer or shorter ones"},
                   "header fields that are too large");
  }
  void on_refused(std::string_view rule) override {
    if (context_->handlers.on_refused) context_->handlers.on_refused(peer_, rule);
  }
  void on_stream_ended() override {
    if (!streams().empty()) return;
    idle_since_ms_ = now_ms();
    context_->include_deadline(idle_since_ms_ + context_->limits.idle_timeout_ms);
  }
  void on_ping_answered() override {
    if (draining_ && refuse_at_ms_ != kNever) {
      refuse_at_ms_ = kNever;
      refuse_new();
    }
  }
  void include_deadline(std::int64_t deadline_ms) override { context_->include_deadline(deadline_ms); }
  void on_over() override { context_->on_closed(this); }

  bool is_stalled(const Exchange& exchange) const { return exchange.owes_bytes() || (exchange.body && exchange.wants_bytes()); }

  std::shared_ptr<StreamServerContext> context_;
  StreamPeer peer_;
  H2Fields fields_;
  std::int64_t idle_since_ms_;
  std::int64_t began_ms_;
  std::int64_t refuse_at_ms_ = kNever;  // after an announced end
  bool draining_ = false;
};

// What the surface holds.
class Face final : public ServerStream {
 public:
  Face(std::shared_ptr<Connection> connection, Exchange& exchange, RequestHead head)
      : connection_(std::move(connection)), exchange_(&exchange), head_(std::move(head)) {
    exchange.face = this;
  }
  ~Face() override {
    cut();
    if (exchange_ != nullptr) exchange_->face = nullptr;
  }
  void leave() { exchange_ = nullptr; }  // the exchange is over

  const RequestHead& head() const override { return head_; }
  const StreamPeer& peer() const override { return connection_->peer(); }

  void receive(BodyHandlers handlers) override {
    if (exchange_ == nullptr) {
      // The client was gone before: said from the loop, as all else.
      connection_->loop().post([lost = std::move(handlers.on_lost)] {
        if (lost) lost({ErrorCode::kUnavailable, "the client is gone", {}});
      });
      return;
    }
    if (exchange_->body) return;
    exchange_->body = std::make_shared<BodyHandlers>(std::move(handlers));
    if (exchange_->expects_continue && !exchange_->answered && exchange_->came_bytes == 0 && !exchange_->remote_ended)
      connection_->inform(*exchange_, 100, {});
    connection_->flow(*exchange_);
  }
  void hold(bool held) override {
    if (exchange_ != nullptr) connection_->hold(*exchange_, held);
  }
  void on_gone(std::function<void()> work) override {
    if (exchange_ != nullptr) exchange_->gone = std::move(work);
    else if (work) connection_->loop().post(std::move(work));
  }
  void inform(int status, Headers headers) override {
    if (exchange_ != nullptr && !exchange_->answered && status > 101 && status < 200) connection_->inform(*exchange_, status, headers);
  }
  void answer(int status, Headers headers, std::optional<std::uint64_t> length) override {
    if (exchange_ != nullptr) connection_->answer(*exchange_, status, headers, length);
  }
  bool write(std::string_view chunk) override { return exchange_ == nullptr || connection_->write_body(*exchange_, chunk); }
  void on_writable(std::function<void()> work) override {
    if (exchange_ != nullptr) exchange_->writable = std::make_shared<std::function<void()>>(std::move(work));
  }
  void end(Headers trailers) override {
    if (exchange_ != nullptr) connection_->end_body(*exchange_, std::move(trailers));
  }
  void cut() override {
    if (exchange_ == nullptr || exchange_->complete || exchange_->cut) return;
    exchange_->cut = true;
    connection_->reset(*exchange_, exchange_->answered ? NGHTTP2_INTERNAL_ERROR : NGHTTP2_CANCEL);
  }
  Result<std::unique_ptr<ByteStream>> take_over(int, Headers) override {
    return fail(ErrorCode::kUnsupported, "a stream of HTTP/2 cannot be taken over as bytes", "use HTTP/1.1 for tunnels and upgrades");
  }

 private:
  std::shared_ptr<Connection> connection_;
  Exchange* exchange_;
  RequestHead head_;
};

void Exchange::on_closed(std::uint32_t http2_error, const Error* lost) {
  const auto handlers = std::exchange(body, nullptr);
  const auto left = std::exchange(gone, nullptr);
  const bool was_complete = complete && !owes_bytes() && (lost == nullptr && http2_error == NGHTTP2_NO_ERROR);
  if (face != nullptr) std::exchange(face, nullptr)->leave();
  if (cut) return;
  if (handlers && handlers->on_lost) handlers->on_lost(lost != nullptr ? *lost : h2_stream_error(http2_error));
  if (!was_complete && left) left();
}

// --- requests ------------------------------------------------------------------------------------------------------------------

void Connection::on_block(H2Stream& stream, H2Block& block, bool ends) {
  auto& exchange = static_cast<Exchange&>(stream);
  RequestHead head;
  if (const char* rule = block.take_request(ends, head, exchange.expects_continue)) {
    exchange.cut = true;
    return H2Session::refuse(exchange, rule);
  }
  exchange.to_head = head.method == "HEAD";
  if (head.method == "CONNECT") {
    return answer_refusal(exchange, {405, ErrorCode::kUnsupported, "CONNECT is not served in HTTP/2", "open the tunnel in HTTP/1.1"},
                          "CONNECT in HTTP/2");
  }
  auto face = std::make_shared<Face>(std::static_pointer_cast<Connection>(shared_from_this()), exchange, std::move(head));
  context_->handlers.on_request(std::move(face));
}

void Connection::answer_refusal(Exchange& exchange, const Refusal& refusal, std::string_view rule) {
  on_refused(rule);
  const auto body = refusal_body(refusal);
  answer(exchange, refusal.status, {{"content-type", "application/json"}}, body.size());
  (void)write_body(exchange, body);
  end_body(exchange, {});
}

// --- answers -------------------------------------------------------------------------------------------------------------------

void Connection::inform(Exchange& exchange, int status, const Headers& headers) {
  const auto text = status_text(status);
  fields_.clear();
  fields_.add(":status", text);
  fields_.add(headers);
  submit_inform(exchange, fields_);
}

void Connection::answer(Exchange& exchange, int status, const Headers& headers, std::optional<std::uint64_t> length) {
  if (exchange.answered || exchange.cut) return;
  exchange.answered = true;
  const auto text = status_text(status);
  std::array<char, 24> digits;
  fields_.clear();
  fields_.add(":status", text);
  fields_.add(headers);
  if (!headers.get("date")) fields_.add("date", http_date());
  const bool is_bare = status == 204 || status == 304 || exchange.to_head;
  if (length && status != 204) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *length).ptr;
    fields_.add("content-length", {digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  const bool has_body = !is_bare && length != std::optional<std::uint64_t>(0);
  if (has_body) exchange.owed = length;
  else exchange.complete = true;
  submit_response(exchange, fields_, has_body);
}

bool Connection::write_body(Exchange& exchange, std::string_view chunk) {
  if (!exchange.answered || exchange.complete || exchange.cut) return true;
  if (exchange.owed && chunk.size() > *exchange.owed) {
    // More than was told: the client must not take it for whole.
    exchange.cut = true;
    reset(exchange, NGHTTP2_INTERNAL_ERROR);
    return true;
  }
  if (exchange.owed) *exchange.owed -= chunk.size();
  return write(exchange, chunk);
}

void Connection::end_body(Exchange& exchange, Headers trailers) {
  if (!exchange.answered || exchange.complete || exchange.cut) return;
  if (exchange.owed && *exchange.owed > 0) {
    exchange.cut = true;
    return reset(exchange, NGHTTP2_INTERNAL_ERROR);
  }
  exchange.complete = true;
  end(exchange, std::move(trailers));
}

// The client neither sends nor takes what is owed to it.
void Connection::stall(Exchange& exchange) {
  const auto handlers = std::exchange(exchange.body, nullptr);
  const auto left = std::exchange(exchange.gone, nullptr);
  exchange.cut = true;
  reset(exchange, NGHTTP2_CANCEL);
  if (handlers && handlers->on_lost) handlers->on_lost({ErrorCode::kTimeout, "the client has stalled", {}});
  if (left) left();
}

// --- time ----------------------------------------------------------------------------------------------------------------------

std::int64_t Connection::check_deadline(std::int64_t now_ms) {
  const auto& limits = context_->limits;
  if (phase() != Phase::kOpen) return check_ending(now_ms);
  auto next = kNever;
  const auto is_due = [&](std::int64_t since_ms, std::int64_t timeout_ms) {
    if (since_ms == kNever) return false;
    if (since_ms + timeout_ms <= now_ms) return true;
    next = std::min(next, since_ms + timeout_ms);
    return false;
  };
  if ((!has_settings() && is_due(began_ms_, limits.header_timeout_ms)) || is_due(block_since_ms(), limits.header_timeout_ms)) {
    on_refused("a head that does not come to its end in time");
    close();
    return kNever;
  }
  if (is_due(idle_since_ms_, limits.idle_timeout_ms)) {
    idle_since_ms_ = kNever;
    refuse_new();
    next = std::min(next, now_ms + kAnnouncedEndMs);
  }
  if (is_due(refuse_at_ms_, 0)) on_ping_answered();
  std::vector<Exchange*> stalled;
  for (const auto& [id, stream] : streams()) {
    auto& exchange = static_cast<Exchange&>(*stream);
    if (is_stalled(exchange) && is_due(exchange.moved_ms, limits.stall_timeout_ms)) stalled.push_back(&exchange);
    else if (!is_stalled(exchange)) next = std::min(next, now_ms + limits.stall_timeout_ms);
  }
  for (auto* exchange : stalled) stall(*exchange);
  return next;
}

}  // namespace

std::shared_ptr<StreamServerConnection> open_h2_server(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire,
                                                       StreamPeer peer, std::string_view first) {
  auto connection = std::make_shared<Connection>(std::move(context), std::move(wire), std::move(peer));
  connection->begin(first);
  return connection;
}

}  // namespace interlock::net
