// Where a message's body ends, and what of the bytes is body: a length, chunks (RFC 9112 §7.1), or all until the connection ends.
// Strict, because a chunk that two readers see differently smuggles a request. No I/O; any split gives the same. Nothing is allocated but
// for trailers (RFC 9112 §7.1.2), which are bounded and kept as text until somebody takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace interlock::net {

class BodyDecoder {
 public:
  enum class State : std::uint8_t { kMore, kDone, kMalformed, kTooLarge, kFrameTooLong };

  static BodyDecoder none() { return BodyDecoder(Phase::kDone, 0); }
  static BodyDecoder length(std::uint64_t bytes) { return BodyDecoder(bytes == 0 ? Phase::kDone : Phase::kLength, bytes); }
  static BodyDecoder chunked(std::uint64_t limit_bytes) { return BodyDecoder(Phase::kSizeBegin, limit_bytes); }
  static BodyDecoder until_end() { return BodyDecoder(Phase::kUntilEnd, 0); }

  // Takes some of `bytes`, at least one, and returns how many; `data` is the part of them that is body. Only in kMore.
  std::size_t next(std::string_view bytes, std::string_view& data);
  State state() const { return state_; }
  bool ends_with_connection() const { return phase_ == Phase::kUntilEnd; }
  // In kDone: the lines of the trailers, each with its CRLF, well-formed by their bytes; empty: there are none.
  std::string_view trailer_lines() const { return trailers_; }

 private:
  enum class Phase : std::uint8_t {
    kDone,
    kLength,
    kUntilEnd,
    kSizeBegin,
    kSize,
    kExtension,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kTrailerBegin,
    kTrailerName,
    kTrailerValue,
    kTrailerLf,
    kEndLf
  };
  BodyDecoder(Phase phase, std::uint64_t count)
      : phase_(phase), state_(phase == Phase::kDone ? State::kDone : State::kMore), left_(count), allowed_(count) {}

  Phase phase_;
  State state_;
  std::uint64_t left_;           // of the body, or of the current chunk; while its size is read: that size so far
  std::uint64_t allowed_;        // of all chunks yet to come
  std::size_t frame_bytes_ = 0;  // of the current size line, or of the trailers
  std::string trailers_;
  void take_frame_byte(char c);
  void take_size();
};

}  // namespace interlock::net
