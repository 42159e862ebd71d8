#include "policy/url_parts.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace interlock::policy {
namespace {

constexpr std::size_t kMaxHostBytes = 253;

// A browser's view of itself, of this machine's files, or of another URL that it holds inside.
constexpr std::array<std::string_view, 14> kLocalSchemes{
    "blob", "brave",      "chrome", "chrome-extension", "chrome-untrusted", "devtools",   "edge", "extension",
    "file", "filesystem", "jar",    "javascript",       "moz-extension",    "view-source"};
constexpr std::array<std::string_view, 4> kLocalDomains{".localhost", ".local", ".internal", ".home.arpa"};

struct Network {
  std::uint32_t address;
  int bits;
};
constexpr std::array<Network, 9> kPrivateNetworks{{{0x00000000, 8},    // this host
                                                   {0x0a000000, 8},    // private
                                                   {0x64400000, 10},   // shared by carriers
                                                   {0x7f000000, 8},    // loopback
                                                   {0xa9fe0000, 16},   // link-local: clouds hand out credentials there
                                                   {0xac100000, 12},   // private
                                                   {0xc0000000, 24},   // protocol assignments
                                                   {0xc0a80000, 16},   // private
                                                   {0xf0000000, 4}}};  // reserved, broadcast

bool is_private_v4(std::uint32_t address) {
  return std::any_of(kPrivateNetworks.begin(), kPrivateNetworks.end(),
                     [&](const Network& network) { return (address ^ network.address) >> (32 - network.bits) == 0; });
}

bool is_private_v6(const std::uint8_t (&bytes)[16]) {
  static constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::uint8_t kTranslated[12] = {0, 0x64, 0xff, 0x9b};
  static constexpr std::uint8_t kZero[12] = {};
  const bool holds_v4 =
      std::memcmp(bytes, kMapped, 12) == 0 || std::memcmp(bytes, kTranslated, 12) == 0 || std::memcmp(bytes, kZero, 12) == 0;
  if (holds_v4) {
    const std::uint32_t v4 =
        (std::uint32_t{bytes[12]} << 24) | (std::uint32_t{bytes[13]} << 16) | (std::uint32_t{bytes[14]} << 8) | bytes[15];
    return is_private_v4(v4);  // :: and ::1 are in 0.0.0.0/8
  }
  const bool unique_local = (bytes[0] & 0xfe) == 0xfc;
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  return unique_local || link_local;
}

bool is_local_host(std::string_view host) {
  if (host.size() > kMaxHostBytes) return false;
  if (host.size() >= 2 && host.front() == '[') {
    std::uint8_t bytes[16];
    const std::string text(host.substr(1, host.size() - 2));
    return inet_pton(AF_INET6, text.c_str(), bytes) == 1 && is_private_v6(bytes);
  }
  const bool may_be_address = host.back() >= '0' && host.back() <= '9';
  if (may_be_address) {
    in_addr address{};
    if (inet_pton(AF_INET, std::string(host).c_str(), &address) == 1) return is_private_v4(ntohl(address.s_addr));
  }
  if (host.find('.') == std::string_view::npos) return true;
  return std::any_of(kLocalDomains.begin(), kLocalDomains.end(), [&](std::string_view domain) { return host.ends_with(domain); });
}

}  // namespace

UrlParts url_parts(std::string_view url) {
  UrlParts parts;
  const std::size_t colon = url.find(':');
  if (colon == std::string_view::npos) return {{}, {}, url};
  parts.scheme = url.substr(0, colon);
  std::string_view rest = url.substr(colon + 1);
  if (!rest.starts_with("//")) return {parts.scheme, {}, rest};
  rest.remove_prefix(2);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  parts.path = rest.substr(slash);
  parts.host = rest.substr(0, slash);
  const std::size_t port = parts.host.rfind(':');
  const bool has_port = port != std::string_view::npos && parts.host.find(']', port) == std::string_view::npos;
  if (has_port) parts.host = parts.host.substr(0, port);
  return parts;
}

bool is_local(const UrlParts& parts) {
  if (std::find(kLocalSchemes.begin(), kLocalSchemes.end(), parts.scheme) != kLocalSchemes.end()) return true;
  static constexpr std::array<std::string_view, 5> kNetworkSchemes{"ftp", "http", "https", "ws", "wss"};
  // The host of another scheme ("memo://insights") is the server's own word.
  if (std::find(kNetworkSchemes.begin(), kNetworkSchemes.end(), parts.scheme) == kNetworkSchemes.end()) return false;
  return parts.host.empty() || is_local_host(parts.host);
}

}  // namespace interlock::policy
