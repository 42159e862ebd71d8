// Takes apart an HTTP/1.1 head that HeadScanner found whole, into what http_stream.hpp calls a head: the target in its four forms
// (RFC 9112 §3.2), the length of the body (§6.3), what the connection is asked to do, and the headers that are for whoever comes next.
//
// Strict on purpose: a shape that two readers could take differently is refused (§11.2). Hop-by-hop headers and those that Connection names
// (RFC 9110 §7.6.1) are left out. No I/O.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_request_reader.hpp"
#include "net/http_stream.hpp"

namespace interlock::net {

struct RequestParts {
  RequestHead head;
  bool is_chunked = false;
  bool keep_alive = true;
  bool wants_continue = false;
};
// `head` with its blank line. The refusal's message says which rule was broken.
std::expected<RequestParts, Refusal> parse_request_parts(std::string_view head);

struct ResponseParts {
  int status = 0;
  Headers headers;
  std::optional<std::uint64_t> length;  // Content-Length
  bool is_chunked = false;
  bool keep_alive = true;
  std::string upgrade;  // what a 101 switches to
};
std::expected<ResponseParts, Error> parse_response_parts(std::string_view head);

// The lines of a trailer section; those that no trailer may hold (framing, routing, hop-by-hop: RFC 9110 §6.5.1) are left out.
Headers parse_trailers(std::string_view lines);

// host[:port] of a name, an IPv4 or a bracketed IPv6 address: no user, no percent-encoding, a port that is one. Not empty.
bool is_authority(std::string_view text);
// The same host, without regard to case, and the same port, `default_port` where one is left out.
bool same_authority(std::string_view a, std::string_view b, std::string_view default_port);

// A target as RFC 3986 writes it: no control byte, no space, no fragment; a byte that only some readers take is taken by none here.
bool is_target_text(std::string_view text);

// Whether all may be written as they are: names are tokens, and no value can end a line early.
bool is_writable(const Headers& headers);

}  // namespace interlock::net
