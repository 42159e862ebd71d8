#include "surface/http/target.hpp"

#include <algorithm>
#include <charconv>

#include "catalogue/http_path.hpp"
#include "net/resolver.hpp"

namespace interlock::http {
namespace {

constexpr std::size_t kHostBytes = 253;

std::unexpected<Error> odd(std::string what) {
  return fail(ErrorCode::kInvalid, std::move(what), "write scheme://host[:port]/path with a plain host name");
}

std::uint16_t port_of(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

bool read_port(std::string_view text, std::uint16_t& out) {
  const bool digits = !text.empty() && text.size() <= 5 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && out != 0;
}

// Its last label is a number, decimal or hexadecimal: no name of a host is so (RFC 3696 §2).
bool is_numeric(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return false;
  const auto dot = host.rfind('.');
  auto last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  if (last.starts_with("0x")) return last.substr(2).find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return last.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::string Target::authority() const {
  std::string out = host.find(':') == std::string::npos ? host : '[' + host + ']';
  if (port != port_of(scheme)) out += ':' + std::to_string(port);
  return out;
}

Status read_authority(std::string_view text, std::uint16_t default_port, Target& out) {
  std::string_view host = text;
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return odd("the host is a bracket that does not close");
    host = text.substr(1, end - 1);
    const auto rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return odd("something stands behind the host");
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
    const auto address = net::parse_address(host);
    if (!address || !address->v6) return odd("the host in brackets is no IPv6 address");
    out.host = net::address_text(*address);
  } else {
    const auto colon = text.find(':');
    has_port = colon != std::string_view::npos;
    host = text.substr(0, colon);
    port = has_port ? text.substr(colon + 1) : std::string_view();
    if (host.empty() || host.size() > kHostBytes) return odd("the host is empty or too long");
    out.host.clear();
    for (const char c : host) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
      if (c >= 'A' && c <= 'Z') out.host += static_cast<char>(c - 'A' + 'a');
      else if (plain) out.host += c;
      else return odd("the host has a character that no host name has");
    }
    if (out.host.ends_with('.')) out.host.pop_back();  // the root's own dot names the same host
    if (out.host.empty() || out.host.front() == '.' || out.host.find("..") != std::string::npos) return odd("the host has an empty label");
  }
  // "127.1", "0x7f.1", "2130706433": to some readers an address, and to rules a name (RFC 6943 §3.1.1).
  if (is_numeric(out.host) && !net::parse_address(out.host)) return odd("the host is an address in a form that readers take differently");
  out.port = default_port;
  if (has_port && !read_port(port, out.port)) return odd("the port is no number from 1 to 65535");
  if (out.port == 0) return odd("the port is missing");
  return {};
}

Status read_path(std::string_view target, Target& out) {
  const auto mark = target.find('?');
  out.has_query = mark != std::string_view::npos;
  out.query = out.has_query ? target.substr(mark + 1) : std::string_view();
  if (target.find('#') != std::string_view::npos) return odd("the target has a fragment");
  auto path = catalogue::normal_http_path(target.substr(0, mark));
  if (!path) return fail(std::move(path.error()));
  out.path = std::move(*path);
  return {};
}

bool pattern_holds(std::string_view pattern, const Target& target) {
  if (pattern == "*") return true;
  // An IPv6 address has colons of its own, and stands in brackets where a port follows.
  std::string_view host = pattern;
  const auto colon = pattern.rfind(':');
  const bool has_port = colon != std::string_view::npos && (pattern.find(':') == colon || pattern[colon - 1] == ']');
  if (has_port) {
    std::uint16_t port = 0;
    if (!read_port(pattern.substr(colon + 1), port) || port != target.port) return false;
    host = pattern.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.starts_with("*.")) return host == target.host;
  return target.host.size() > host.size() - 1 && target.host.ends_with(host.substr(1));
}

}  // namespace interlock::http
