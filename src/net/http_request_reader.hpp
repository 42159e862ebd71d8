// Turns the bytes of one connection into requests: the server's framing, free of I/O, so that it can be fuzzed. Beast's parser
// takes the head apart; this reader adds what a gate needs on top: bounds, and a refusal of every shape that two readers could
// understand differently (RFC 9112 §6.3, §11.2). One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/http_body_decoder.hpp"
#include "net/http_head_collector.hpp"

namespace interlock::net {

// An HTTP answer that refuses a message; its connection is closed after it.
struct Refusal {
  int status = 400;
  ErrorCode code = ErrorCode::kInvalid;
  std::string message;
  std::string hint;
};
std::string refusal_body(const Refusal& refusal);  // {"error":{"code","message","hint"}}

struct ReceivedRequest {
  HttpRequest request;
  bool keep_alive = true;
  bool is_http_1_0 = false;
};

class RequestReader {
 public:
  enum class State : std::uint8_t { kIdle, kHead, kBody, kComplete, kRefused };

  RequestReader(std::size_t header_bytes, std::size_t body_bytes);
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  // Takes bytes, at most up to the end of the current message, and returns how many: at least one, unless the state becomes
  // kRefused. Not to be called in kComplete and kRefused.
  std::size_t feed(std::string_view bytes);
  State state() const { return state_; }

  // True once a message: the client waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1).
  bool take_continue();
  const Refusal& refusal() const { return refusal_; }
  // In kComplete: the message; the reader is then kIdle and holds no memory of it.
  ReceivedRequest take();

 private:
  std::size_t header_bytes_;
  std::size_t body_bytes_;
  State state_ = State::kIdle;
  bool wants_continue_ = false;
  bool half_line_ = false;  // a CR before the request
  HeadCollector collector_;
  BodyDecoder body_ = BodyDecoder::none();
  ReceivedRequest message_;
  Refusal refusal_;

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void parse_head(std::string_view head);
  void refuse(Refusal refusal);
};

}  // namespace interlock::net
