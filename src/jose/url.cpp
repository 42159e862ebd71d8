#include "jose/url.hpp"

#include <charconv>

#include "base/hash.hpp"

namespace interlock::jose {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool is_unreserved(char c) { return is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~'; }
bool is_in_path(char c) { return is_unreserved(c) || std::string_view("!$&'()*+,;=:@/").contains(c); }

// Host and port without the default one; nullopt where they are malformed.
std::optional<std::string> comparable_authority(std::string_view authority, std::string_view default_port) {
  const bool is_literal = authority.starts_with('[');
  const auto end = is_literal ? authority.find(']') : authority.find(':');
  if (is_literal && end == std::string_view::npos) return std::nullopt;
  const auto host = authority.substr(0, is_literal ? end + 1 : end);
  auto port = host.size() < authority.size() ? authority.substr(host.size()) : std::string_view();
  if (host.empty() || (is_literal && host.size() < 4)) return std::nullopt;
  std::string out;
  for (const char c : is_literal ? host.substr(1, host.size() - 2) : host) {
    if (!(is_literal ? is_alphanumeric(c) || c == ':' || c == '.' : is_unreserved(c))) return std::nullopt;
    out += lower(c);
  }
  if (is_literal) out = "[" + out + "]";
  if (port.empty()) return out;
  if (port[0] != ':') return std::nullopt;
  port.remove_prefix(1);
  if (port.empty()) return out;
  unsigned number = 0;
  const auto [last, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc() || last != port.data() + port.size() || number > 65535) return std::nullopt;
  const auto text = std::to_string(number);
  return text == default_port ? out : out + ":" + text;
}

// Percent-encodings as RFC 3986 §6.2.2.1 and §6.2.2.2 want them.
std::optional<std::string> comparable_encoding(std::string_view path) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      if (!is_in_path(path[i])) return std::nullopt;
      out += path[i];
      continue;
    }
    const auto byte = i + 2 < path.size() ? from_hex(path.substr(i + 1, 2)) : std::nullopt;
    if (!byte) return std::nullopt;
    const char c = (*byte)[0];
    if (is_unreserved(c)) {
      out += c;
    } else {
      out += '%';
      out += kDigits[static_cast<unsigned char>(c) >> 4];
      out += kDigits[static_cast<unsigned char>(c) & 15];
    }
    i += 2;
  }
  return out;
}

// RFC 3986 §5.2.4, for a path that begins with '/'.
std::string without_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const auto end = path.find('/', 1);
    const auto segment = path.substr(0, end);
    const bool is_last = end == std::string_view::npos;
    path = is_last ? std::string_view() : path.substr(end);
    if (segment == "/.") {
      if (is_last) out += '/';
    } else if (segment == "/..") {
      const auto parent = out.rfind('/');
      out.resize(parent == std::string::npos ? 0 : parent);
      if (is_last) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

}  // namespace

std::optional<std::string> comparable_url(std::string_view url) {
  if (url.size() > kUrlBytes) return std::nullopt;
  url = url.substr(0, url.find('#'));
  url = url.substr(0, url.find('?'));
  const auto colon = url.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  std::string scheme;
  for (const char c : url.substr(0, colon)) scheme += lower(c);
  if (scheme != "http" && scheme != "https") return std::nullopt;
  url.remove_prefix(colon + 3);
  const auto slash = url.find('/');
  const auto authority = comparable_authority(url.substr(0, slash), scheme == "https" ? "443" : "80");
  const auto path = comparable_encoding(slash == std::string_view::npos ? std::string_view("/") : url.substr(slash));
  if (!authority || !path) return std::nullopt;
  return scheme + "://" + *authority + without_dot_segments(*path);
}

}  // namespace interlock::jose
