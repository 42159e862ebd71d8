// Where a request wants to go, in the one form that is decided on, connected to and sent: scheme, host, port, path, query.
//
// What readers understand differently is refused, never mended (RFC 9112 §3.2, catalogue/http_path.hpp). Pure functions; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock::http {

struct Target {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case, an address without brackets
  std::uint16_t port = 0;
  std::string path;
  std::string query;  // without '?'
  bool has_query = false;

  std::string authority() const;  // as Host is sent: the port where it is not the scheme's own
  std::string request_target() const { return has_query ? path + '?' + query : path; }
};

// "host:port", the port required where `default_port` is 0. kInvalid: a user, odd characters, no port.
Status read_authority(std::string_view text, std::uint16_t default_port, Target& out);
// `target`: "/path?query" of the request line. kInvalid.
Status read_path(std::string_view target, Target& out);

// "api.github.com", "*.example.com", "host:8443", "*": whether it speaks of the target.
bool pattern_holds(std::string_view pattern, const Target& target);

}  // namespace interlock::http
