#include "net/http_flow.hpp"

#include <algorithm>
#include <limits>

namespace interlock::net {
namespace {

constexpr int kInterims = 16;  // 1xx heads before an answer
constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

Refusal bad(std::string message) {
  return {400, ErrorCode::kInvalid, std::move(message), "send a well-formed HTTP/1.1 request (RFC 9112)"};
}

}  // namespace

// ---- requests ----

std::size_t RequestFlow::feed(std::string_view bytes, std::string_view& data) {
  data = {};
  if (state_ == State::kIdle) {
    if (const auto used = feed_idle(bytes); used > 0) return used;
    state_ = State::kHead;
  }
  if (state_ == State::kHead) return feed_head(bytes);
  const auto used = body_.next(bytes, data);
  switch (body_.state()) {
    case BodyDecoder::State::kMore: break;
    case BodyDecoder::State::kDone: state_ = State::kComplete; break;
    case BodyDecoder::State::kMalformed:
    case BodyDecoder::State::kTooLarge: refuse(bad("the request has a malformed chunk")); break;
    case BodyDecoder::State::kFrameTooLong:
      refuse({431, ErrorCode::kTooLarge, "the request has a chunk's size line, or trailers, that are too long", "send shorter ones"});
      break;
  }
  return used;
}

// Empty lines before a request are skipped (RFC 9112 §2.2). 0: the request begins.
std::size_t RequestFlow::feed_idle(std::string_view bytes) {
  if (half_line_) {
    half_line_ = false;
    if (bytes.front() == '\n') return 1;
    refuse(bad("malformed request: a CR without LF"));
    return bytes.size();
  }
  if (bytes.starts_with("\r\n")) return 2;
  half_line_ = bytes == "\r";
  return half_line_ ? 1 : 0;
}

std::size_t RequestFlow::feed_head(std::string_view bytes) {
  std::size_t used = 0;
  switch (collector_.feed(bytes, header_bytes_, used)) {
    case HeadCollector::Found::kMore: return used;
    case HeadCollector::Found::kBad: refuse(bad(std::string("malformed request: ") + collector_.problem())); return used;
    case HeadCollector::Found::kTooLong:
      refuse({collector_.has_line() ? 431 : 414, ErrorCode::kTooLarge,
              "the head of the request is over " + std::to_string(header_bytes_) + " bytes", "send fewer or shorter headers"});
      return used;
    case HeadCollector::Found::kEnd: break;
  }
  auto parsed = parse_request_parts(collector_.head());
  collector_.restart();
  if (!parsed) {
    refuse(std::move(parsed.error()));
    return used;
  }
  parts_ = std::move(*parsed);
  body_ = parts_.is_chunked ? BodyDecoder::chunked(kEndless) : BodyDecoder::length(*parts_.head.length);
  state_ = body_.state() == BodyDecoder::State::kDone ? State::kComplete : State::kBody;
  return used;
}

void RequestFlow::refuse(Refusal refusal) {
  refusal_ = std::move(refusal);
  state_ = State::kRefused;
}

void RequestFlow::next() { state_ = State::kIdle; }

// ---- responses ----

void ResponseFlow::expect(bool to_head, std::string upgrade) {
  state_ = State::kHead;
  to_head_ = to_head;
  upgrade_ = std::move(upgrade);
  interims_ = 0;
}

std::size_t ResponseFlow::feed(std::string_view bytes, std::string_view& data) {
  data = {};
  if (state_ == State::kHead) return feed_head(bytes);
  const auto used = body_.next(bytes, data);
  if (body_.state() == BodyDecoder::State::kDone) state_ = State::kComplete;
  else if (body_.state() != BodyDecoder::State::kMore) fail_with(ErrorCode::kInvalid, "the server's answer has a malformed chunk");
  return used;
}

std::size_t ResponseFlow::feed_head(std::string_view bytes) {
  std::size_t used = 0;
  switch (collector_.feed(bytes, header_bytes_, used)) {
    case HeadCollector::Found::kMore: break;
    case HeadCollector::Found::kBad:
      fail_with(ErrorCode::kInvalid, std::string("the server's answer is malformed: ") + collector_.problem());
      break;
    case HeadCollector::Found::kTooLong:
      fail_with(ErrorCode::kTooLarge, "the head of the server's answer is over " + std::to_string(header_bytes_) + " bytes");
      break;
    case HeadCollector::Found::kEnd:
      take_head();
      collector_.restart();
      break;
  }
  return used;
}

void ResponseFlow::take_head() {
  auto parsed = parse_response_parts(collector_.head());
  if (!parsed) return fail_with(parsed.error().code, std::move(parsed.error().message));
  parts_ = std::move(*parsed);
  if (parts_.status == 101) {
    if (upgrade_.empty() || !equal_ignoring_case(parts_.upgrade, upgrade_))
      return fail_with(ErrorCode::kInvalid, "the server's answer has a switch of protocols that was not asked for");
    state_ = State::kSwitched;
    return;
  }
  if (parts_.status < 200) {
    if (++interims_ > kInterims) return fail_with(ErrorCode::kInvalid, "the server sends interim answers without end");
    state_ = State::kInterim;
    return;
  }
  // RFC 9112 §6.3
  if (to_head_ || parts_.status == 204 || parts_.status == 304) body_ = BodyDecoder::none();
  else if (parts_.is_chunked) body_ = BodyDecoder::chunked(kEndless);
  else if (parts_.length) body_ = BodyDecoder::length(*parts_.length);
  else body_ = BodyDecoder::until_end();
  state_ = body_.state() == BodyDecoder::State::kDone ? State::kComplete : State::kBody;
}

void ResponseFlow::resume() { state_ = State::kHead; }

void ResponseFlow::end() {
  if (state_ == State::kBody && body_.ends_with_connection()) {
    state_ = State::kComplete;
  } else if (state_ == State::kHead || state_ == State::kBody) {
    fail_with(ErrorCode::kUnavailable, state_ == State::kHead ? "the server closed the connection before it answered"
                                                              : "the server closed the connection in the middle of its answer");
  }
}

void ResponseFlow::fail_with(ErrorCode code, std::string message) {
  state_ = State::kFailed;
  error_ = {code, std::move(message), {}};
}

}  // namespace interlock::net
