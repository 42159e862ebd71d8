// Turns the bytes of one connection into one response: the client's framing, free of I/O, so that it can be fuzzed. Interim (1xx)
// responses are skipped. What a strict reader must not guess about (two lengths, unknown codings, bare LF) is an error. One thread.
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

// Gets the parts of a response as they come. Each returns false to stop the reader.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;
  virtual bool on_response_head(int status, Headers headers) = 0;
  virtual bool on_response_data(std::string_view chunk) = 0;
};

class ResponseReader {
 public:
  enum class State : std::uint8_t { kHead, kBody, kComplete, kFailed, kStopped };

  // `to_head`: the request was a HEAD, so no body comes, whatever the headers say.
  ResponseReader(std::size_t header_bytes, bool to_head, ResponseSink& sink);
  ResponseReader(const ResponseReader&) = delete;
  ResponseReader& operator=(const ResponseReader&) = delete;

  // Takes bytes up to the end of the response and returns how many; all of them in kHead and kBody.
  std::size_t feed(std::string_view bytes);
  // The connection has ended: completes a body that goes on until then, fails everything else.
  void end();
  State state() const { return state_; }
  const Error& error() const { return error_; }
  // In kComplete: the connection may carry another request.
  bool keep_alive() const { return state_ == State::kComplete && keep_alive_; }

 private:
  std::size_t header_bytes_;
  bool to_head_;
  ResponseSink& sink_;
  State state_ = State::kHead;
  bool keep_alive_ = false;
  HeadCollector collector_;
  BodyDecoder body_ = BodyDecoder::none();
  Error error_;
  int interim_ = 0;  // 1xx responses so far

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void parse_head(std::string_view head);
  void fail_with(ErrorCode code, std::string message);
};

}  // namespace interlock::net
