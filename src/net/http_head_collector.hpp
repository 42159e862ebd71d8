// Collects the head of a message that comes in pieces, within a bound; one that comes whole is not copied. What all readers of HTTP/1.1
// begin with. No I/O. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "net/http_head_scanner.hpp"

namespace interlock::net {

class HeadCollector {
 public:
  enum class Found : std::uint8_t { kMore, kEnd, kBad, kTooLong };

  // Takes bytes up to the end of the head, `used` of them. After kEnd: head() until the next feed().
  Found feed(std::string_view bytes, std::size_t limit_bytes, std::size_t& used);
  std::string_view head() const { return head_; }
  bool has_line() const { return scanner_.has_line(); }
  const char* problem() const { return scanner_.problem(); }
  void restart();  // for the next head

 private:
  HeadScanner scanner_;
  std::string pending_;
  std::string_view head_;
};

}  // namespace interlock::net
