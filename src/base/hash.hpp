// SHA-256 and the text encodings of bytes (RFC 4648). Pure functions; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interlock {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view bytes);
// SHA-256 over the concatenation of the parts.
Digest sha256(std::initializer_list<std::string_view> parts);
Digest hmac_sha256(std::string_view key, std::string_view bytes);

inline std::string_view as_bytes(const Digest& d) { return {reinterpret_cast<const char*>(d.data()), d.size()}; }

std::string to_hex(std::string_view bytes);
inline std::string to_hex(const Digest& d) { return to_hex(as_bytes(d)); }
std::optional<std::string> from_hex(std::string_view text);

std::string base64_encode(std::string_view bytes);                   // RFC 4648 §4, padded
std::string base64url_encode(std::string_view bytes);                // RFC 4648 §5, unpadded
std::optional<std::string> base64_decode(std::string_view text);     // strict: padded, no white space
std::optional<std::string> base64url_decode(std::string_view text);  // strict: unpadded

// Compares in time that depends on the lengths only.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace interlock
