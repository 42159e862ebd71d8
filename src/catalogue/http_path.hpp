// Paths and queries of HTTP requests in the one form that connectors compare, and that is sent on: what is decided is what the server
// reads.
//
// What readers understand differently is refused or left unknown, never guessed. Refused: dot segments in any spelling, empty segments,
// backslashes, control characters, bad escapes. Left to no ordinary parameter of a template (catalogue/operation_tree.hpp): escaped slashes
// and backslashes, `;` parameters, escapes of escapes. Pure functions; any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kMaxHttpPathBytes = 16'384;
inline constexpr std::size_t kMaxHttpSegments = 256;
inline constexpr std::size_t kMaxQueryBytes = std::size_t{1} << 16;
inline constexpr std::size_t kMaxQueryNames = 1'000;  // of a query or a form

// RFC 3986 §6.2.2: escapes of unreserved characters, `:` and `@` undone, the other escapes in upper case; an empty path is "/". kInvalid,
// with what to do, where it starts with no slash or holds what is refused above. "*" (OPTIONS) stays.
Result<std::string> normal_http_path(std::string_view path);

// The text of one segment of a normal path, escapes undone; nullopt where readers differ on it. `slashes`: an escaped slash may be in it,
// as long as no part between slashes is empty or a dot segment.
std::optional<std::string> segment_text(std::string_view segment, bool slashes);

// A query, or a form body (application/x-www-form-urlencoded), as an object of texts; a name that is there several times has an array of
// them, in order. Names such as a[b] stay as they are. nullopt: bad escapes, text that is no UTF-8, or too much.
std::optional<json::object> read_form(std::string_view text, std::size_t at_most_bytes = kMaxQueryBytes);

}  // namespace interlock::catalogue
