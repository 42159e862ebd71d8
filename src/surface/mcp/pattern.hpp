// The `pattern` keyword of JSON Schema: ECMA-262 regular expressions over untrusted text, with a bound on the work.
//
// PCRE2 behind one .cpp, because real schemas use look-ahead, which RE2 leaves out; its match limit bounds what a hostile
// expression can cost. Immutable after compile; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/result.hpp"

namespace interlock::mcp {

class Pattern {
 public:
  enum class Found : std::uint8_t { kYes, kNo, kTooCostly };

  static Result<std::unique_ptr<const Pattern>> compile(std::string_view expression);
  virtual ~Pattern() = default;
  // Is there a match anywhere in `text` (valid UTF-8)? Patterns are not anchored (JSON Schema 2020-12 validation §6.3.3).
  virtual Found find(std::string_view text) const = 0;
};

}  // namespace interlock::mcp
