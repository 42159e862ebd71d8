// A compressed answer made plain as it flows, so that it can be searched: gzip and deflate (RFC 9110 §8.4.1), with a bound on how much it
// may grow. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/result.hpp"

namespace interlock::http {

class Decoder {
 public:
  // nullptr: a coding that is not known here. `ratio`: plain bytes a compressed one, beyond a first megabyte.
  static std::unique_ptr<Decoder> of(std::string_view coding, std::size_t ratio);
  virtual ~Decoder() = default;
  // Gives what comes out in pieces. kTooLarge: it grows too much; kInvalid: it is no such stream. After an error it is of no use.
  virtual Status feed(std::string_view bytes, const std::function<void(std::string_view plain)>& give) = 0;
  // The stream is over: kInvalid where it was cut.
  virtual Status finish() = 0;
};

}  // namespace interlock::http
