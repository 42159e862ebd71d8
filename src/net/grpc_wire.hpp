// gRPC's own bytes above HTTP/2: messages with their length, the text of a status, timeouts. No I/O; any split gives the same.
//
// Source: gRPC PROTOCOL-HTTP2 ("Requests", "Responses"), statuscodes.md, http-grpc-status-mapping.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/grpc.hpp"

namespace interlock::net {

inline constexpr std::size_t kGrpcPrefixBytes = 5;          // a flag, and the length as four bytes, big end first
inline constexpr std::size_t kGrpcStatusTextBytes = 4'096;  // of a status that we send, before encoding: it travels in a header
inline constexpr std::int64_t kGrpcLongestTimeoutMs = 365LL * 86'400'000;  // a longer wish is as good as none, and no timer overflows

class GrpcMessageReader {
 public:
  explicit GrpcMessageReader(std::size_t message_bytes) : message_bytes_(message_bytes) {}

  // Calls `on_message` for each whole message; it may say to stop by returning false. A status that is not kOk ends the stream:
  // kResourceExhausted past the bound (told before the bytes come), kUnimplemented for a compressed message, kInternal for nonsense.
  GrpcStatus feed(std::string_view bytes, const std::function<bool(std::string_view message)>& on_message);

  std::size_t held_bytes() const { return partial_.size(); }
  bool between_messages() const { return partial_.empty(); }

 private:
  std::size_t message_bytes_;
  std::string partial_;  // the prefix and what has come of the message
};

void append_grpc_message(std::string& out, std::string_view message);

// grpc-message: percent-encoded but for printable ASCII. Decoding takes any bytes; what is no escape stays as it is.
std::string encode_grpc_text(std::string_view text);
std::string decode_grpc_text(std::string_view text);

// "100m" and so on, at most eight digits; milliseconds, rounded up. nullopt: malformed.
std::optional<std::int64_t> parse_grpc_timeout(std::string_view text);

// "application/grpc", or with "+proto"; parameters may follow.
bool is_grpc_content_type(std::string_view value);

// "0" to "16" in decimal; other numbers are kUnknown, as a later version may define them. nullopt: no number.
std::optional<GrpcCode> parse_grpc_code(std::string_view text);

GrpcCode grpc_code_of_http_status(std::string_view status);
GrpcCode grpc_code_of_http2_error(std::uint32_t error_code);

}  // namespace interlock::net
