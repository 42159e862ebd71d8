// Reads HTTP/1.1 messages out of a byte stream, as far as the benchmark's two ends need it: a head, then a body of a known
// length, chunked, or none. It trusts its peers: the gate's own parser is net/, this one must only cost little.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace interlock::bench {

struct HttpMessage {
  std::string first_line;  // request line or status line
  std::string head;        // the header lines, each ending with CRLF
  std::string body;
  std::string_view header(std::string_view name) const;  // empty where absent
  int status() const;                                    // of a status line
};

class HttpReader {
 public:
  // Feeds bytes; true once a whole message stands in `message`. Bytes behind it stay for the next one.
  bool feed(std::string_view bytes);
  // Moves on to the next message; true if the bytes kept already hold a whole one.
  bool next();
  bool head_is_complete() const { return state_ != State::kHead; }
  void reset();
  HttpMessage message;

 private:
  enum class State { kHead, kLength, kChunkSize, kChunkData, kTrailer, kDone };
  bool advance();
  bool read_head();
  std::string buffer_;
  std::size_t at_ = 0;
  std::size_t needed_ = 0;
  State state_ = State::kHead;
};

}  // namespace interlock::bench
