// The form in which two http(s) URLs are compared (RFC 9449 §4.3, RFC 3986 §6.2.2 and §6.2.3): scheme and host in lower case, no default
// port, dot segments resolved, percent-encodings in upper case and only where they are needed, no query, no fragment. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace interlock::jose {

inline constexpr std::size_t kUrlBytes = 8 * 1024;

// nullopt: no http(s) URL with a host, or one that readers may take differently (user information, bytes that a URL cannot hold,
// malformed percent-encodings, a port that is no number up to 65535).
std::optional<std::string> comparable_url(std::string_view url);

}  // namespace interlock::jose
