// Escapes of string literals and patterns: read as Cedar reads them, written so that they read back. Private to the library.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::cedar {

struct EscapeError {
  std::size_t offset;  // of the byte at fault, in the text between the quotes
  std::string message;
};

// `raw` is what stands between the quotes.
std::expected<std::string, EscapeError> unescape(std::string_view raw);

// A `like` pattern: literal runs with wildcards between them. "a*b" is {"a", "b"}, "*" is {"", ""}, "abc" is {"abc"}.
struct Pattern {
  std::vector<std::string> runs;
};
std::expected<Pattern, EscapeError> unescape_pattern(std::string_view raw);
bool matches(const Pattern& pattern, std::string_view text);

// The text as a Cedar string literal with its quotes.
std::string quoted(std::string_view text);

bool is_valid_utf8(std::string_view text, std::size_t* bad_offset = nullptr);

}  // namespace interlock::cedar
