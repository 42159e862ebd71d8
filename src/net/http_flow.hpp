// Turns the bytes of one connection into messages whose bodies flow: the framing of HTTP/1.1 for http_stream.hpp, both directions, free of
// I/O, so that it can be fuzzed. Nothing of a body is copied or kept: each feed() gives the part of the bytes that is body. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_body_decoder.hpp"
#include "net/http_head.hpp"
#include "net/http_head_collector.hpp"

namespace interlock::net {

class RequestFlow {
 public:
  // kBody and kComplete: the head is there.
  enum class State : std::uint8_t { kIdle, kHead, kBody, kComplete, kRefused };

  explicit RequestFlow(std::size_t header_bytes) : header_bytes_(header_bytes) {}

  // Takes some of `bytes`, at least one, and returns how many; stops behind a head. `data`: what of them is body. Not in kComplete,
  // kRefused.
  std::size_t feed(std::string_view bytes, std::string_view& data);
  State state() const { return state_; }
  RequestParts& parts() { return parts_; }
  Headers trailers() const { return parse_trailers(body_.trailer_lines()); }  // in kComplete
  const Refusal& refusal() const { return refusal_; }
  void next();  // in kComplete: the next request may come

 private:
  std::size_t header_bytes_;
  State state_ = State::kIdle;
  HeadCollector collector_;
  BodyDecoder body_ = BodyDecoder::none();
  RequestParts parts_;
  Refusal refusal_;
  bool half_line_ = false;  // a CR before the request

  std::size_t feed_idle(std::string_view bytes);
  std::size_t feed_head(std::string_view bytes);
  void refuse(Refusal refusal);
};

class ResponseFlow {
 public:
  // kInterim: a 1xx head is there; resume() goes on. kSwitched: 101, what follows is no HTTP. kBody, kComplete: the head is there.
  enum class State : std::uint8_t { kHead, kInterim, kSwitched, kBody, kComplete, kFailed };

  explicit ResponseFlow(std::size_t header_bytes) : header_bytes_(header_bytes) {}

  // A request was sent whose answer comes now. `upgrade`: what it asks to switch to; empty: nothing.
  void expect(bool to_head, std::string upgrade);
  // As RequestFlow's. Not in kInterim, kSwitched, kComplete, kFailed.
  std::size_t feed(std::string_view bytes, std::string_view& data);
  void resume();  // in kInterim
  void end();     // the connection has ended in good order: completes a body that goes on until then, fails everything else
  State state() const { return state_; }
  ResponseParts& parts() { return parts_; }
  Headers trailers() const { return parse_trailers(body_.trailer_lines()); }
  const Error& error() const { return error_; }
  bool keep_alive() const { return parts_.keep_alive && !body_.ends_with_connection(); }

 private:
  std::size_t header_bytes_;
  State state_ = State::kHead;
  bool to_head_ = false;
  std::string upgrade_;
  HeadCollector collector_;
  BodyDecoder body_ = BodyDecoder::none();
  ResponseParts parts_;
  Error error_;
  int interims_ = 0;

  std::size_t feed_head(std::string_view bytes);
  void take_head();
  void fail_with(ErrorCode code, std::string message);
};

}  // namespace interlock::net
