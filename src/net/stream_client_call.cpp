// One call of StreamClient, whichever connection carries it: what the caller writes before there is one, and the caller's handlers.
#include <utility>

#include "net/stream_connection.hpp"

namespace interlock::net {

StreamCall::StreamCall(Destination destination, ClientHead request, ClientStreamHandlers handlers, std::size_t queued_bytes)
    : to(std::move(destination)), head(std::move(request)), handlers_(std::move(handlers)), queued_bytes_(queued_bytes) {}

bool StreamCall::write(std::string_view chunk) {
  if (over_ || ended_) return true;
  if (lane != nullptr) return lane->write(chunk);
  early_body_.append(chunk);
  return early_body_.size() <= queued_bytes_;
}

void StreamCall::end(Headers trailers) {
  if (over_ || ended_) return;
  ended_ = true;
  if (lane != nullptr) return lane->end(std::move(trailers));
  early_trailers_ = std::move(trailers);
}

void StreamCall::hold(bool held) {
  held_ = held;
  if (!over_ && lane != nullptr) lane->hold(held);
}

void StreamCall::cut() {
  if (over_) return;
  const auto self = shared_from_this();
  drop();
  if (leave_queue) std::exchange(leave_queue, nullptr)(this);
  if (auto* carrier = std::exchange(lane, nullptr)) carrier->cut();
}

HttpVersion StreamCall::version() const { return lane == nullptr ? version_ : lane->version(); }

void StreamCall::carried_by(ClientLane* by) {
  lane = by;
  version_ = by->version();
}

bool StreamCall::may_repeat() const {
  const bool is_safe = head.method == "GET" || head.method == "HEAD" || head.method == "OPTIONS";
  return is_safe && head.length == 0 && head.upgrade.empty() && !repeated && !over_;
}

template <typename Work>
void StreamCall::call(Work&& work) {
  if (over_) return;
  const auto self = shared_from_this();
  ++calling_;
  work();
  --calling_;
  let_go();
}

// What the handlers hold may hold this call. None is destroyed while it runs.
void StreamCall::let_go() {
  if (over_ && calling_ == 0) handlers_ = {};
}

void StreamCall::inform(int status, Headers headers) {
  call([&] {
    if (handlers_.on_inform) handlers_.on_inform(status, std::move(headers));
  });
}

void StreamCall::head_came(int status, Headers headers, std::optional<std::uint64_t> length) {
  call([&] {
    if (handlers_.on_head) handlers_.on_head(status, std::move(headers), length);
  });
}

void StreamCall::data(std::string_view chunk) {
  call([&] {
    if (handlers_.body.on_data) handlers_.body.on_data(chunk);
  });
}

void StreamCall::writable() {
  call([&] {
    if (handlers_.on_writable) handlers_.on_writable();
  });
}

void StreamCall::finish(Headers trailers) {
  call([&] {
    over_ = true;
    if (handlers_.body.on_end) handlers_.body.on_end(std::move(trailers));
  });
}

void StreamCall::lose(Error error) {
  call([&] {
    over_ = true;
    if (handlers_.body.on_lost) handlers_.body.on_lost(std::move(error));
  });
}

void StreamCall::upgrade(Headers headers, std::unique_ptr<ByteStream> bytes) {
  call([&] {
    over_ = true;
    if (handlers_.on_upgrade) handlers_.on_upgrade(std::move(headers), std::move(bytes));
  });
}

void StreamCall::drop() {
  over_ = true;
  let_go();
}

}  // namespace interlock::net
