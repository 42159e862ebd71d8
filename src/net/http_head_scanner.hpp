// Finds the end of an HTTP/1.1 head in bytes that come in pieces, and refuses at once what a strict reader must not take as one:
// bare LF, bare CR, control bytes, folded lines (RFC 9112 §2.2, §5.2). Each byte is looked at once. No I/O, no allocation.
#pragma once

#include <cstddef>
#include <string_view>

namespace interlock::net {

class HeadScanner {
 public:
  enum class Found : unsigned char { kMore, kEnd, kBad };

  // `head` is all of the head so far, from its first byte; what earlier calls have seen is not looked at again.
  Found scan(std::string_view head);
  // After kEnd: the size of the head with its blank line.
  std::size_t size() const { return next_; }
  // Whether the first line is complete.
  bool has_line() const { return has_line_; }
  // After kBad: what is wrong, a constant text.
  const char* problem() const { return problem_; }

 private:
  std::size_t next_ = 0;        // the first byte not looked at
  std::size_t line_begin_ = 0;  // of the line that next_ is in
  bool has_line_ = false;
  const char* problem_ = "";
  Found bad(const char* problem);
};

bool is_token(std::string_view text);        // RFC 9110 §5.6.2
bool is_field_value(std::string_view text);  // RFC 9110 §5.5: no control bytes but tab

}  // namespace interlock::net
