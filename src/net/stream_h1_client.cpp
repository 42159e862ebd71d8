// One HTTP/1.1 connection towards a server: one call at a time, none before the one before it is answered.
#include <utility>

#include "net/http_flow.hpp"
#include "net/http_writer.hpp"
#include "net/stream_connection.hpp"

namespace interlock::net {
namespace {

constexpr std::int64_t kFreshMs = 500;  // servers keep an idle connection for longer

class Connection final : public StreamClientConnection,
                         public ClientLane,
                         public WireUser,
                         public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire)
      : context_(std::move(context)), wire_(std::move(wire)), flow_(context_->limits.header_bytes) {}

  void begin() { wire_->open(weak_from_this()); }

  // --- StreamClientConnection ---

  std::size_t room() const override { return closed_ || call_ ? 0 : 1; }
  // An end is told of by the wire, which reads all the time; one that has just come is looked for where it is likely.
  bool looks_usable() override { return !closed_ && (steady_ms() - idle_since_ms_ < kFreshMs || wire_->looks_usable()); }

  void carry(std::shared_ptr<StreamCall> call) override {
    call_ = std::move(call);
    call_->carried_by(this);
    idle_since_ms_ = kNever;
    held_ = got_bytes_ = congested_ = request_ended_ = false;
    const auto& head = call_->head;
    flow_.expect(head.method == "HEAD", head.upgrade);
    left_ = head.length;
    chunked_ = !head.length;
    const bool has_body = left_.value_or(1) > 0;
    // A method that means a body says so where there is none (RFC 9110 §8.6).
    const bool says_none = head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
    write_stream_request_head(wire_->queue(), head.method, head.target, head.authority,
                              {.headers = head.headers,
                               .framing = chunked_                ? Framing::kChunked
                                          : has_body || says_none ? Framing::kLength
                                                                  : Framing::kNone,
                               .length = left_.value_or(0),
                               .upgrade = head.upgrade});
    hold(call_->held());
    const auto early = call_->take_early_body();
    if (!early.empty()) (void)write(early);
    if (!has_body) request_ended_ = true;
    if (call_->ended()) end(call_->take_early_trailers());
    if (early.empty()) return wire_->append({});
    wire_->flush();
    congested_ = true;  // the caller may have been told to wait
    if (wire_->unsent() == 0) context_->loop.post([self = shared_from_this(), call = call_] { self->say_writable(call); });
  }

  void close() override {
    if (closed_) return;
    if (const auto call = detach()) call->drop();
    leave();
  }

  std::int64_t check_deadline(std::int64_t now_ms) override {
    const auto at_ms = idle_since_ms_ == kNever || call_ ? kNever : idle_since_ms_ + context_->limits.idle_ms;
    if (now_ms < at_ms) return at_ms;
    close();
    return kNever;
  }

  // --- ClientLane ---

  bool write(std::string_view chunk) override {
    if (closed_ || request_ended_ || chunk.empty()) return true;
    if (left_ && chunk.size() > *left_) {
      lose_soon("more was written than the length that was told");
      return true;
    }
    if (left_) *left_ -= chunk.size();
    if (chunked_) write_chunk_size(wire_->queue(), chunk.size());
    wire_->append(chunk);
    if (chunked_) wire_->append("\r\n");
    if (wire_->unsent() <= context_->limits.queued_bytes) return true;
    wire_->flush();
    congested_ = wire_->unsent() > context_->limits.queued_bytes;
    return !congested_;
  }

  void end(Headers trailers) override {
    if (closed_ || request_ended_) return;
    if (left_.value_or(0) > 0) return lose_soon("less was written than the length that was told");
    if (chunked_) write_last_chunk(wire_->queue(), trailers);
    request_ended_ = true;
    wire_->flush();
  }

  void hold(bool held) override {
    if (held_ == held || closed_) return;
    held_ = held;
    if (held) return wire_->pause(true);
    // What came before goes first.
    context_->loop.post([self = shared_from_this()] { self->go_on(); });
  }

  void cut() override {
    (void)detach();
    leave();
  }

  HttpVersion version() const override { return HttpVersion::k1_1; }

  // --- WireUser ---

  void on_bytes(std::string_view bytes) override {
    if (!backlog_.empty()) backlog_.append(bytes);
    else take(bytes);
  }

  void on_end() override {
    if (!call_) return leave();
    if (repeat()) return;
    flow_.end();
    if (flow_.state() == ResponseFlow::State::kComplete) return complete(false);
    fail_call(flow_.error());
  }

  void on_lost(Error error) override {
    if (!call_) return leave();
    if (repeat()) return;
    fail_call(error);
  }

  void on_sent() override {
    if (call_) say_writable(call_);
  }

 private:
  std::shared_ptr<StreamCall> detach() {
    if (call_) call_->lane = nullptr;
    return std::exchange(call_, nullptr);
  }

  void leave() {
    if (closed_) return;
    const auto self = shared_from_this();
    closed_ = true;
    if (wire_) wire_->close();
    std::string().swap(backlog_);
    context_->on_closed(this);
  }

  void fail_call(const Error& error) {
    const auto self = shared_from_this();
    const auto call = detach();
    leave();
    if (call) {
      const auto where = call->to.scheme + "://" + call->head.authority;
      call->lose({error.code, where + ": " + error.message, error.hint});
    }
  }

  // The caller is inside one of our functions.
  void lose_soon(const char* why) {
    context_->loop.post([self = shared_from_this(), call = call_, why] {
      if (self->call_ == call) self->fail_call({ErrorCode::kInvalid, why, {}});
    });
    request_ended_ = true;
  }

  // A kept connection that ended before it said anything may have been closed before the request came.
  bool repeat() {
    if (got_bytes_ || !reused_ || !call_->may_repeat()) return false;
    auto call = detach();
    call->repeated = true;
    leave();
    context_->on_repeat(std::move(call));
    return true;
  }

  void say_writable(const std::shared_ptr<StreamCall>& call) {
    if (call_ == call && std::exchange(congested_, false) && !request_ended_) call->writable();
  }

  void go_on() {
    if (closed_ || held_) return;
    if (call_ && (!backlog_.empty() || flow_.state() == ResponseFlow::State::kComplete)) {
      const auto bytes = std::exchange(backlog_, {});
      take(bytes);
    }
    if (!closed_ && !held_) wire_->pause(false);
  }

  void take(std::string_view bytes) {
    if (!call_) return leave();  // nothing was asked
    const auto self = shared_from_this();
    const auto call = call_;
    got_bytes_ = true;
    while (call_ == call && !closed_) {
      const bool has_ended = flow_.state() == ResponseFlow::State::kComplete;
      if (!has_ended && bytes.empty()) return;
      if (held_ && flow_.state() != ResponseFlow::State::kHead) {
        backlog_ = bytes;
        return;
      }
      if (has_ended) return complete(bytes.empty());
      const bool was_head = flow_.state() == ResponseFlow::State::kHead;
      std::string_view data;
      bytes.remove_prefix(flow_.feed(bytes, data));
      take_step(call, was_head, data, bytes);
    }
  }

  void take_step(const std::shared_ptr<StreamCall>& call, bool was_head, std::string_view data, std::string_view rest) {
    auto& parts = flow_.parts();
    switch (flow_.state()) {
      case ResponseFlow::State::kHead: return;
      case ResponseFlow::State::kFailed: return fail_call(flow_.error());
      case ResponseFlow::State::kInterim: flow_.resume(); return call->inform(parts.status, std::move(parts.headers));
      case ResponseFlow::State::kSwitched: return hand_over(rest);
      case ResponseFlow::State::kBody:
      case ResponseFlow::State::kComplete:
        if (was_head) call->head_came(parts.status, std::move(parts.headers), parts.is_chunked ? std::nullopt : parts.length);
        else if (!data.empty()) call->data(data);
    }
  }

  void hand_over(std::string_view rest) {
    const auto call = detach();
    auto bytes = byte_stream(context_->loop, std::move(wire_), std::string(rest), context_->limits.queued_bytes);
    leave();
    call->upgrade(std::move(flow_.parts().headers), std::move(bytes));
  }

  void complete(bool nothing_follows) {
    const auto self = shared_from_this();
    const auto call = detach();
    auto trailers = flow_.trailers();
    if (nothing_follows && request_ended_ && flow_.keep_alive() && wire_->unsent() == 0) {
      reused_ = true;
      idle_since_ms_ = steady_ms();
      context_->include_deadline(idle_since_ms_ + context_->limits.idle_ms);
      context_->on_room(this);
    } else {
      leave();
    }
    call->finish(std::move(trailers));
  }

  std::shared_ptr<StreamClientContext> context_;
  std::shared_ptr<Wire> wire_;  // null: handed over
  ResponseFlow flow_;
  std::shared_ptr<StreamCall> call_;
  std::string backlog_;                // came while the caller holds
  std::optional<std::uint64_t> left_;  // of a request whose length was told
  std::int64_t idle_since_ms_ = kNever;
  bool chunked_ = false;
  bool held_ = false;
  bool got_bytes_ = false;
  bool congested_ = false;
  bool request_ended_ = false;
  bool reused_ = false;
  bool closed_ = false;
};

}  // namespace

std::shared_ptr<StreamClientConnection> open_h1_client(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire) {
  auto connection = std::make_shared<Connection>(std::move(context), std::move(wire));
  connection->begin();
  return connection;
}

}  // namespace interlock::net
