// String escapes: \n \r \t \\ \0 \' \" \x41 \u{1F600}, and \* in patterns.
#include "cedar/escape.hpp"

#include <functional>

namespace interlock::cedar {
namespace {

constexpr std::uint32_t kLastCodePoint = 0x10ffff;
constexpr std::size_t kMaxUnicodeDigits = 6;

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void append_utf8(std::string& out, std::uint32_t c) {
  auto add = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xc0 | c >> 6);
    add(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    add(0xe0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3f));
    add(0x80 | (c & 0x3f));
  } else {
    add(0xf0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3f));
    add(0x80 | (c >> 6 & 0x3f));
    add(0x80 | (c & 0x3f));
  }
}

// Reads one escape at raw[at] == '\\' into `out` and moves `at` behind it.
std::expected<void, EscapeError> read_escape(std::string_view raw, std::size_t& at, std::string& out) {
  std::size_t start = at;
  auto bad = [&](std::string message) { return std::unexpected(EscapeError{start, std::move(message)}); };
  if (at + 1 >= raw.size()) return bad("a `\\` at the end of a string escapes nothing");
  char kind = raw[at + 1];
  at += 2;
  switch (kind) {
    case 'n': out += '\n'; return {};
    case 'r': out += '\r'; return {};
    case 't': out += '\t'; return {};
    case '\\': out += '\\'; return {};
    case '0': out += '\0'; return {};
    case '\'': out += '\''; return {};
    case '"': out += '"'; return {};
    case 'x': {
      int high = at < raw.size() ? hex_value(raw[at]) : -1;
      int low = at + 1 < raw.size() ? hex_value(raw[at + 1]) : -1;
      if (high < 0 || low < 0) return bad("`\\x` needs two hexadecimal digits");
      if (high > 7) return bad("`\\x` goes up to 7f; write larger characters as `\\u{...}`");
      out += static_cast<char>(high * 16 + low);
      at += 2;
      return {};
    }
    case 'u': {
      if (at >= raw.size() || raw[at] != '{') return bad("`\\u` needs its digits in braces, as in `\\u{e9}`");
      ++at;
      std::uint32_t value = 0;
      std::size_t digits = 0;
      for (;; ++at) {
        if (at >= raw.size()) return bad("`\\u{` is not closed");
        char c = raw[at];
        if (c == '}') break;
        if (c == '_' && digits > 0) continue;
        if (hex_value(c) < 0) return bad("`\\u{...}` holds something other than hexadecimal digits");
        if (++digits > kMaxUnicodeDigits) return bad("`\\u{...}` has more than six digits");
        value = value * 16 + static_cast<std::uint32_t>(hex_value(c));
      }
      ++at;
      if (digits == 0) return bad("`\\u{}` names no character");
      if (value > kLastCodePoint) return bad("`\\u{...}` goes up to 10ffff");
      if (value >= 0xd800 && value <= 0xdfff) return bad("`\\u{...}` names half of a surrogate pair");
      append_utf8(out, value);
      return {};
    }
    default: return bad("unknown escape; the escapes are \\n \\r \\t \\\\ \\0 \\' \\\" \\x41 \\u{e9}");
  }
}

}  // namespace

std::expected<std::string, EscapeError> unescape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t at = 0; at < raw.size();) {
    if (raw[at] == '\\') {
      if (auto done = read_escape(raw, at, out); !done) return std::unexpected(done.error());
      continue;
    }
    if (raw[at] == '\r') return std::unexpected(EscapeError{at, "a bare carriage return in a string; write `\\r`"});
    out += raw[at++];
  }
  return out;
}

std::expected<Pattern, EscapeError> unescape_pattern(std::string_view raw) {
  Pattern pattern;
  pattern.runs.emplace_back();
  for (std::size_t at = 0; at < raw.size();) {
    if (raw.substr(at, 2) == "\\*") {
      pattern.runs.back() += '*';
      at += 2;
    } else if (raw[at] == '\\') {
      // `\u{2a}` and `\x2a` are a star like any other, and so a wildcard, as upstream has it.
      std::string one;
      if (auto done = read_escape(raw, at, one); !done) return std::unexpected(done.error());
      if (one == "*") {
        pattern.runs.emplace_back();
      } else {
        pattern.runs.back() += one;
      }
    } else if (raw[at] == '*') {
      pattern.runs.emplace_back();
      ++at;
    } else {
      if (raw[at] == '\r') return std::unexpected(EscapeError{at, "a bare carriage return in a string; write `\\r`"});
      pattern.runs.back() += raw[at++];
    }
  }
  return pattern;
}

bool matches(const Pattern& pattern, std::string_view text) {
  const std::vector<std::string>& runs = pattern.runs;
  if (runs.size() == 1) return text == runs[0];
  const std::string& first = runs.front();
  const std::string& last = runs.back();
  if (text.size() < first.size() + last.size() || !text.starts_with(first) || !text.ends_with(last)) return false;
  // Between the fixed ends each run takes its leftmost place: no later choice can be better. UTF-8 makes a match of whole
  // characters out of a match of bytes.
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (std::size_t i = 1; i + 1 < runs.size(); ++i) {
    std::size_t found = text.find(runs[i]);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + runs[i].size());
  }
  return true;
}

std::string quoted(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\0': out += "\\0"; break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += "\\x";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[c & 0xf];
        } else {
          out += c;
        }
    }
  }
  out += '"';
  return out;
}

bool is_valid_utf8(std::string_view text, std::size_t* bad_offset) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  std::size_t at = 0;
  while (at < text.size()) {
    unsigned char lead = byte(at);
    std::size_t length = lead < 0x80                   ? 1
                         : lead >= 0xc2 && lead < 0xe0 ? 2
                         : lead >= 0xe0 && lead < 0xf0 ? 3
                         : lead >= 0xf0 && lead < 0xf5 ? 4
                                                       : 0;
    bool ok = length > 0 && at + length <= text.size();
    for (std::size_t i = 1; ok && i < length; ++i) ok = (byte(at + i) & 0xc0) == 0x80;
    if (ok && length == 3) ok = !(lead == 0xe0 && byte(at + 1) < 0xa0) && !(lead == 0xed && byte(at + 1) >= 0xa0);
    if (ok && length == 4) ok = !(lead == 0xf0 && byte(at + 1) < 0x90) && !(lead == 0xf4 && byte(at + 1) >= 0x90);
    if (!ok) {
      if (bad_offset != nullptr) *bad_offset = at;
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace interlock::cedar
