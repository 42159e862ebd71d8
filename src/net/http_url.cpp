// Takes http and https URLs apart (RFC 3986, RFC 9110 §4.2), strictly: what a reader further on could understand differently is
// refused, such as user names, fragments, and hosts that are no plain name.
#include <arpa/inet.h>

#include <charconv>

#include "net/http_client.hpp"

namespace interlock::net {
namespace {

constexpr std::size_t kUrlBytes = 8 * 1024;
constexpr std::size_t kHostBytes = 253;  // RFC 1035 §2.3.4, as text

std::unexpected<Error> bad(std::string_view text, const char* why) {
  return fail(ErrorCode::kInvalid, "\"" + std::string(text.substr(0, 200)) + "\" is not a URL to call: " + why,
              "write it as http://HOST:PORT/PATH or https://HOST/PATH");
}

bool is_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= kHostBytes && host.front() != '.' && host.find("..") == std::string_view::npos &&
         std::all_of(host.begin(), host.end(), [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_target(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    } else if (!is_alphanumeric(text[i]) && std::string_view("-._~!$&'()*+,;=:@/?").find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  const auto whole = text;
  if (text.size() > kUrlBytes) return bad(whole, "it is too long");
  Url url;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return bad(whole, "it has no scheme");
  if (const auto scheme = text.substr(0, scheme_end); equal_ignoring_case(scheme, "http")) url.scheme = "http";
  else if (equal_ignoring_case(scheme, "https")) url.scheme = "https";
  else return bad(whole, "its scheme is neither http nor https");
  text.remove_prefix(scheme_end + 3);

  const auto authority_end = text.find_first_of("/?#");
  auto authority = text.substr(0, authority_end);
  const auto target = authority_end == std::string_view::npos ? std::string_view() : text.substr(authority_end);
  if (authority.find('@') != std::string_view::npos) return bad(whole, "it holds a user name; give credentials as headers");
  if (target.find('#') != std::string_view::npos) return bad(whole, "it holds a fragment");
  if (!is_target(target)) return bad(whole, "its path or query holds a character that must be percent-encoded");

  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return bad(whole, "its IPv6 address is not closed");
    url.host = std::string(authority.substr(1, end - 1));
    in6_addr address;
    if (::inet_pton(AF_INET6, url.host.c_str(), &address) != 1) return bad(whole, "its IPv6 address is not valid");
    authority.remove_prefix(end + 1);
  } else {
    url.host = std::string(authority.substr(0, authority.find(':')));
    if (!is_name(url.host)) return bad(whole, "its host is not valid");
    authority.remove_prefix(url.host.size());
  }
  std::transform(url.host.begin(), url.host.end(), url.host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });

  url.port = url.scheme == "https" ? 443 : 80;
  if (!authority.empty()) {
    const auto port = authority.substr(1);
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (authority.front() != ':' || error != std::errc() || end != port.data() + port.size() || url.port == 0)
      return bad(whole, "its port is not a number from 1 to 65535");
  }
  url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
  return url;
}

}  // namespace interlock::net
