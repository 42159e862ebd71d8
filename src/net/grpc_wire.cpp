#include "net/grpc_wire.hpp"

#include <algorithm>
#include <charconv>

#include "net/http.hpp"

namespace interlock::net {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::size_t length_of(std::string_view prefix) {
  std::size_t length = 0;
  for (const char byte : prefix.substr(1, 4)) length = length << 8 | static_cast<std::uint8_t>(byte);
  return length;
}

}  // namespace

GrpcStatus GrpcMessageReader::feed(std::string_view bytes, const std::function<bool(std::string_view message)>& on_message) {
  while (!bytes.empty()) {
    if (partial_.size() < kGrpcPrefixBytes) {
      const auto take = std::min(bytes.size(), kGrpcPrefixBytes - partial_.size());
      partial_.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
      if (partial_.size() < kGrpcPrefixBytes) return {};
      if (partial_[0] == 1) return {GrpcCode::kUnimplemented, "compressed messages are not taken: send them with grpc-encoding: identity"};
      if (partial_[0] != 0) return {GrpcCode::kInternal, "the flag before a message is neither 0 nor 1"};
      if (length_of(partial_) > message_bytes_) {
        return {GrpcCode::kResourceExhausted, "a message of " + std::to_string(length_of(partial_)) + " bytes is larger than the " +
                                                  std::to_string(message_bytes_) + " that are taken"};
      }
    }
    const auto wanted = length_of(partial_) + kGrpcPrefixBytes - partial_.size();
    const auto take = std::min(bytes.size(), wanted);
    partial_.append(bytes.substr(0, take));
    bytes.remove_prefix(take);
    if (take < wanted) return {};
    const auto whole = std::exchange(partial_, {});
    if (!on_message(std::string_view(whole).substr(kGrpcPrefixBytes))) return {};
  }
  return {};
}

void append_grpc_message(std::string& out, std::string_view message) {
  const auto length = static_cast<std::uint32_t>(message.size());
  out.push_back('\0');
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift));
  out.append(message);
}

std::string encode_grpc_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text.substr(0, kGrpcStatusTextBytes)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte <= 0x7e && c != '%') {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHexDigits[byte >> 4]);
      out.push_back(kHexDigits[byte & 15]);
    }
  }
  return out;
}

std::string decode_grpc_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const int high = text[at] == '%' && at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[at + 2]) : -1;
    if (low < 0) {
      out.push_back(text[at]);
      continue;
    }
    out.push_back(static_cast<char>(high << 4 | low));
    at += 2;
  }
  return out;
}

std::optional<std::int64_t> parse_grpc_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : text.substr(0, text.size() - 1)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  std::int64_t timeout_ms = 0;
  switch (text.back()) {
    case 'H': timeout_ms = value * 3'600'000; break;
    case 'M': timeout_ms = value * 60'000; break;
    case 'S': timeout_ms = value * 1'000; break;
    case 'm': timeout_ms = value; break;
    case 'u': timeout_ms = (value + 999) / 1'000; break;
    case 'n': timeout_ms = (value + 999'999) / 1'000'000; break;
    default: return std::nullopt;
  }
  return std::min(timeout_ms, kGrpcLongestTimeoutMs);
}

bool is_grpc_content_type(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (value.size() < kType.size() || !equal_ignoring_case(value.substr(0, kType.size()), kType)) return false;
  const auto rest = value.substr(kType.size());
  return rest.empty() || rest == "+proto" || rest.starts_with("+proto;") || rest.starts_with(';');
}

std::optional<GrpcCode> parse_grpc_code(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number <= static_cast<unsigned>(GrpcCode::kUnauthenticated) ? static_cast<GrpcCode>(number) : GrpcCode::kUnknown;
}

GrpcCode grpc_code_of_http_status(std::string_view status) {
  if (status == "400") return GrpcCode::kInternal;
  if (status == "401") return GrpcCode::kUnauthenticated;
  if (status == "403") return GrpcCode::kPermissionDenied;
  if (status == "404") return GrpcCode::kUnimplemented;
  if (status == "429" || status == "502" || status == "503" || status == "504") return GrpcCode::kUnavailable;
  return GrpcCode::kUnknown;
}

GrpcCode grpc_code_of_http2_error(std::uint32_t error_code) {
  switch (error_code) {
    case 0x7: return GrpcCode::kUnavailable;        // REFUSED_STREAM
    case 0x8: return GrpcCode::kCancelled;          // CANCEL
    case 0xb: return GrpcCode::kResourceExhausted;  // ENHANCE_YOUR_CALM
    case 0xc: return GrpcCode::kPermissionDenied;   // INADEQUATE_SECURITY
    default: return GrpcCode::kInternal;
  }
}

}  // namespace interlock::net
