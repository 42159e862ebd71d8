#include "net/http_head_scanner.hpp"

#include <algorithm>
#include <array>

namespace interlock::net {
namespace {

constexpr bool is_token_char(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
}

constexpr auto kTokenChars = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = c < 128 && c > 32 && is_token_char(static_cast<unsigned char>(c));
  return table;
}();

constexpr auto kControlBytes = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 256; ++c) table[c] = (c < 0x20 && c != '\t') || c == 0x7f;
  return table;
}();

}  // namespace

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return kTokenChars[static_cast<unsigned char>(c)]; });
}

bool is_field_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return kControlBytes[static_cast<unsigned char>(c)]; });
}

HeadScanner::Found HeadScanner::bad(const char* problem) {
  problem_ = problem;
  return Found::kBad;
}

HeadScanner::Found HeadScanner::scan(std::string_view head) {
  // A head begins with a method or a version: what begins otherwise (a TLS hello, say) need not be waited for.
  if (next_ == 0 && !head.empty() && !kTokenChars[static_cast<unsigned char>(head.front())])
    return bad("the message does not begin with a token");
  while (next_ < head.size()) {
    if (next_ == line_begin_ && has_line_ && (head[next_] == ' ' || head[next_] == '\t')) return bad("a folded header line");
    while (next_ < head.size() && !kControlBytes[static_cast<unsigned char>(head[next_])]) ++next_;
    if (next_ == head.size()) break;
    if (head[next_] == '\n') return bad("a line ends with LF alone");
    if (head[next_] != '\r') return bad("a control byte in the head");
    if (next_ + 1 == head.size()) break;
    if (head[next_ + 1] != '\n') return bad("a CR without LF");
    const bool blank = next_ == line_begin_;
    next_ += 2;
    line_begin_ = next_;
    has_line_ = true;
    if (blank) return Found::kEnd;
  }
  return Found::kMore;
}

}  // namespace interlock::net
