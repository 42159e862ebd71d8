#include "catalogue/http_path.hpp"

#include <algorithm>

namespace interlock::catalogue {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte of the escape that starts at `at`, or -1.
int escaped_at(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size() || text[at] != '%') return -1;
  const int high = hex_digit(text[at + 1]);
  const int low = hex_digit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool is_unreserved(int c) {  // RFC 3986 §2.3
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}
// Those, and what stands for itself in a segment and is escaped by many clients all the same.
bool needs_no_escape(int c) { return is_unreserved(c) || c == ':' || c == '@'; }
bool is_control(int c) { return c < 0x20 || c == 0x7f; }

// Characters that stand for themselves in a path: RFC 3986 §3.3, and those that browsers leave as they are.
bool stands_in_path(char c) {
  constexpr std::string_view kOthers = "!$&'()*+,;=:@/|^`{}[]\"<>";
  return is_unreserved(static_cast<unsigned char>(c)) || kOthers.find(c) != std::string_view::npos;
}

std::unexpected<Error> refused(std::string what, std::string hint) {
  return fail(ErrorCode::kInvalid, "the path of the request " + std::move(what), std::move(hint));
}

bool is_dots(std::string_view segment) { return segment == "." || segment == ".."; }

// What is between slashes: servers drop parameters after `;` before they compare, so "..;x" is a dot segment to some.
Status check_segments(std::string_view path) {
  std::size_t count = 0;
  for (std::size_t at = 1; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (++count > kMaxHttpSegments) return fail(ErrorCode::kTooLarge, "the path of the request has too many parts");
    if (segment.empty() && end != path.size()) return refused("has an empty part, which servers read differently", "write one slash");
    if (is_dots(segment.substr(0, segment.find(';')))) {
      return refused("goes up by a dot segment", "ask for the path that is meant, without . and ..");
    }
    at = end + 1;
  }
  return {};
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return false;
    }
    const auto second = length > 1 ? static_cast<unsigned char>(text[i + 1]) : 0;
    // Overlong forms, surrogates, and what is beyond U+10FFFF (RFC 3629 §4).
    if ((lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) || (lead == 0xF0 && second < 0x90) ||
        (lead == 0xF4 && second > 0x8F)) {
      return false;
    }
    i += length;
  }
  return true;
}

std::optional<std::string> form_text(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '%') {
      out += raw[i] == '+' ? ' ' : raw[i];
      continue;
    }
    const int byte = escaped_at(raw, i);
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  if (!is_utf8(out)) return std::nullopt;
  return out;
}

}  // namespace

Result<std::string> normal_http_path(std::string_view path) {
  if (path.empty()) return "/";
  if (path == "*") return "*";
  if (path.front() != '/') return refused("starts with no slash", "write /...");
  if (path.size() > kMaxHttpPathBytes) return fail(ErrorCode::kTooLarge, "the path of the request is too long");
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!stands_in_path(path[i])) return refused("holds a character that must be escaped", "percent-encode it (RFC 3986 2.1)");
      out += path[i];
      continue;
    }
    const int byte = escaped_at(path, i);
    if (byte < 0) return refused("has a percent sign that starts no escape", "write %25 for the sign itself");
    if (is_control(byte)) return refused("holds an escaped control character", "leave it out");
    if (needs_no_escape(byte)) {
      out += static_cast<char>(byte);
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out += '%';
      out += kDigits[static_cast<std::size_t>(byte) / 16];
      out += kDigits[static_cast<std::size_t>(byte) % 16];
    }
    i += 2;
  }
  if (auto checked = check_segments(out); !checked) return fail(std::move(checked.error()));
  return out;
}

std::optional<std::string> segment_text(std::string_view segment, bool slashes) {
  std::string out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    int byte = static_cast<unsigned char>(segment[i]);
    if (byte == ';') return std::nullopt;
    if (byte == '%') {
      byte = escaped_at(segment, i);
      i += 2;
      if (byte < 0 || is_control(byte) || byte == '\\' || (byte == '/' && !slashes)) return std::nullopt;
    }
    out += static_cast<char>(byte);
    // An escape of an escape: a server that unescapes twice reads another text.
    if (out.size() >= 3 && escaped_at(out, out.size() - 3) >= 0) return std::nullopt;
  }
  if (!is_utf8(out)) return std::nullopt;
  for (std::size_t at = 0; at <= out.size();) {
    const std::size_t end = std::min(out.find('/', at), out.size());
    const std::string_view part = std::string_view(out).substr(at, end - at);
    if (part.empty() || is_dots(part)) return std::nullopt;
    at = end + 1;
  }
  return out;
}

std::optional<json::object> read_form(std::string_view text, std::size_t at_most_bytes) {
  json::object out;
  if (text.size() > at_most_bytes) return std::nullopt;
  std::size_t count = 0;
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (pair.empty()) continue;
    if (++count > kMaxQueryNames) return std::nullopt;
    const std::size_t equals = pair.find('=');
    auto name = form_text(pair.substr(0, equals));
    auto value = form_text(equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1));
    if (!name || !value) return std::nullopt;
    json::value& at = out[*name];
    if (at.is_null()) {
      at = *value;
    } else if (at.is_array()) {
      at.get_array().emplace_back(*value);
    } else {
      at = json::array{std::move(at), json::value(*value)};
    }
  }
  return out;
}

}  // namespace interlock::catalogue
