// TOML 1.0 as a text that belongs to somebody: read strictly into its statements, each with its place, so that whoever edits takes out or
// puts in whole statements and leaves every other byte alone.
//
// Refused (kInvalid, "FILE:LINE:COLUMN"): what is no TOML, a table or key defined twice, invalid UTF-8; kTooLarge: more than kTomlBytes or
// kTomlDepth. Numbers and dates are not judged beyond their characters: nothing here needs their value. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace interlock::hosts {

inline constexpr std::size_t kTomlBytes = std::size_t{4} << 20;
inline constexpr std::size_t kTomlDepth = 64;

using TomlKey = std::vector<std::string>;

struct TomlValue {
  enum class Kind : std::uint8_t { kString, kBare, kArray, kTable };  // kBare: a number, a boolean, a date
  struct Entry;
  Kind kind = Kind::kBare;
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;              // kString: without escapes; kBare: as it stands
  std::vector<TomlValue> items;  // kArray
  std::vector<Entry> entries;    // kTable, in line

  // The value at `key` of an in-line table; nullptr: there is none.
  const TomlValue* at(std::string_view key) const;
};
struct TomlValue::Entry {
  std::size_t begin = 0;  // of the key; the value's end is the entry's
  TomlKey key;
  TomlValue value;
};

struct TomlStatement {
  enum class Kind : std::uint8_t { kTable, kTableOfArray, kValue };  // [a.b], [[a.b]], a.b = 1
  Kind kind = Kind::kValue;
  std::size_t begin = 0;  // of its first line
  std::size_t end = 0;    // behind its last line's end
  TomlKey key;            // as written
  TomlKey path;           // with the table that it stands in
  TomlValue value;        // kValue
};

struct TomlDocument {
  std::string file;
  std::string text;
  std::vector<TomlStatement> statements;
  std::string place(std::size_t offset) const;
};

Result<TomlDocument> read_toml_text(std::string file, std::string text);

// "a-b", or quoted where it must be.
std::string toml_key_text(std::string_view key);
std::string toml_string_text(std::string_view text);

}  // namespace interlock::hosts
