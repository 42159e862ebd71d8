#include "net/http_body_decoder.hpp"

#include <algorithm>
#include <limits>

#include "net/http_head_scanner.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kFrameBytes = 8 * 1024;  // a chunk's size line with its extensions, or all trailers

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t BodyDecoder::next(std::string_view bytes, std::string_view& data) {
  data = {};
  if (phase_ == Phase::kUntilEnd) {
    data = bytes;
    return bytes.size();
  }
  if (phase_ == Phase::kLength || phase_ == Phase::kData) {
    data = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    left_ -= data.size();
    if (left_ == 0) {
      if (phase_ == Phase::kLength) state_ = State::kDone;
      phase_ = phase_ == Phase::kLength ? Phase::kDone : Phase::kDataCr;
    }
    return data.size();
  }
  std::size_t used = 0;
  while (used < bytes.size() && state_ == State::kMore && phase_ != Phase::kData) take_frame_byte(bytes[used++]);
  return used;
}

void BodyDecoder::take_frame_byte(char c) {
  if (++frame_bytes_ > kFrameBytes) {
    state_ = State::kFrameTooLong;
    return;
  }
  const auto go = [this](bool valid, Phase next) {
    if (valid) phase_ = next;
    else state_ = State::kMalformed;
  };
  const std::string_view text(&c, 1);
  if (phase_ >= Phase::kTrailerName || (phase_ == Phase::kTrailerBegin && c != '\r')) trailers_.push_back(c);
  switch (phase_) {
    case Phase::kSizeBegin: left_ = 0; [[fallthrough]];
    case Phase::kSize:
      if (const int digit = hex_digit(c); digit >= 0) {
        go(left_ <= std::numeric_limits<std::uint64_t>::max() >> 4, Phase::kSize);
        left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
      } else if (c == ';') {
        go(phase_ == Phase::kSize, Phase::kExtension);
      } else {
        go(phase_ == Phase::kSize && c == '\r', Phase::kSizeLf);
      }
      return;
    case Phase::kExtension: return go(c == '\r' || is_field_value(text), c == '\r' ? Phase::kSizeLf : Phase::kExtension);
    case Phase::kSizeLf:
      go(c == '\n', Phase::kData);
      if (state_ == State::kMore) take_size();
      return;
    case Phase::kDataCr: return go(c == '\r', Phase::kDataLf);
    case Phase::kDataLf: frame_bytes_ = 0; return go(c == '\n', Phase::kSizeBegin);
    case Phase::kTrailerBegin: return go(c == '\r' || is_token(text), c == '\r' ? Phase::kEndLf : Phase::kTrailerName);
    case Phase::kTrailerName: return go(c == ':' || is_token(text), c == ':' ? Phase::kTrailerValue : Phase::kTrailerName);
    case Phase::kTrailerValue: return go(c == '\r' || is_field_value(text), c == '\r' ? Phase::kTrailerLf : Phase::kTrailerValue);
    case Phase::kTrailerLf: return go(c == '\n', Phase::kTrailerBegin);
    case Phase::kEndLf:
      trailers_.pop_back();
      go(c == '\n', Phase::kDone);
      if (state_ == State::kMore) state_ = State::kDone;
      return;
    case Phase::kDone:
    case Phase::kLength:
    case Phase::kUntilEnd:
    case Phase::kData: return;
  }
}

void BodyDecoder::take_size() {
  frame_bytes_ = 0;
  if (left_ == 0) {
    phase_ = Phase::kTrailerBegin;
  } else if (left_ > allowed_) {
    state_ = State::kTooLarge;
  } else {
    allowed_ -= left_;
  }
}

}  // namespace interlock::net
