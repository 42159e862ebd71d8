// Writes HTTP/1.1 heads. What a handler or a caller passes in cannot end a line early: invalid headers are left out. No I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.hpp"

namespace interlock::net {

std::string_view reason_phrase(int status);

// "Tue, 24 Nov 2026 20:00:00 GMT"; made once a second.
std::string_view http_date();

enum class Framing : std::uint8_t {
  kLength,      // Content-Length is written
  kChunked,     // Transfer-Encoding: chunked is written
  kUntilClose,  // nothing is written: HTTP/1.0 streams
  kNone,        // no body may follow: 1xx, 204, 304
};

struct ResponseHead {
  int status = 200;
  const Headers& headers;  // those about framing and the connection are ours: they are skipped
  Framing framing = Framing::kLength;
  std::size_t length = 0;
  bool close = false;              // says Connection: close
  bool keep_alive_of_1_0 = false;  // says Connection: keep-alive
};
void write_response_head(std::string& out, const ResponseHead& head);

// `length`: nullopt writes none (a GET has no body).
void write_request_head(std::string& out, std::string_view method, std::string_view target, std::string_view host, const Headers& headers,
                        std::optional<std::size_t> length);

// Heads of streams (net/http_stream.hpp): the headers were found writable, those of a hop are left out, Date is kept where there is one.
struct StreamHead {
  const Headers& headers;
  Framing framing = Framing::kNone;
  std::uint64_t length = 0;
  std::string_view upgrade{};     // says Connection: Upgrade, and this
  std::string_view connection{};  // says Connection: this
};
void write_stream_response_head(std::string& out, int status, const StreamHead& head);
void write_stream_request_head(std::string& out, std::string_view method, std::string_view target, std::string_view host,
                               const StreamHead& head);

// "1a\r\n": what stands before a chunk; "\r\n" stands after it.
void write_chunk_size(std::string& out, std::size_t size);
// The end of a chunked body, with the trailers that may stand in one.
void write_last_chunk(std::string& out, const Headers& trailers);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace interlock::net
