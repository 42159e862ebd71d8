// JSON as a text that belongs to somebody: read strictly, with comments, trailing commas and a byte order mark where they stand, and
// changed in place, so that every byte that is not asked for stays.
//
// A Document is the text and a tree of places in it. Each edit gives a whole new text, which is read again before the next one. What is put
// in takes on the look of what is around it: indentation, line ends, spaces, trailing commas. Taking out what was put in gives the bytes
// back as they were, save for white space in a container that was empty. Comments are never taken out. Pure; any thread.
//
// Refused (kInvalid, with "FILE:LINE:COLUMN"): what is no JSON, two members of one name, invalid UTF-8, control characters in text;
// kTooLarge: more than kJsonBytes or kJsonDepth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::hosts {

inline constexpr std::size_t kJsonBytes = std::size_t{16} << 20;  // ~/.claude.json grows with use, to some megabytes
inline constexpr std::size_t kJsonDepth = 100;

struct JsonNode {
  enum class Kind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::size_t begin = 0;  // of the value
  std::size_t end = 0;
  std::size_t key_begin = 0;  // of a member: of its name; of an element: `begin`
  std::string key;            // of a member, without escapes
  std::string text;           // kString, without escapes
  std::size_t comma = kNone;  // the comma after it
  std::vector<JsonNode> children;

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  bool is(Kind wanted) const { return kind == wanted; }
  const JsonNode* member(std::string_view name) const;  // nullptr: there is none, or this is no object
};

struct JsonDocument {
  std::string file;  // for errors
  std::string text;
  JsonNode root;

  std::string_view raw(const JsonNode& node) const { return std::string_view(text).substr(node.begin, node.end - node.begin); }
  bool is_true(const JsonNode& node) const { return raw(node) == "true"; }
  // "FILE:LINE:COLUMN", from 1, columns in bytes.
  std::string place(std::size_t offset) const;
};

Result<JsonDocument> read_json_text(std::string file, std::string text);

// A stretch of a text and what stands there instead.
struct Splice {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string text;
};
// `splices` do not overlap; any order.
std::string spliced(std::string_view text, std::vector<Splice> splices);

// `container` with one child more, after those that it has; `key` where it is an object.
std::vector<Splice> adding(const JsonDocument& document, const JsonNode& container, std::optional<std::string_view> key,
                           const json::value& value);
// `container` without the child at `index`.
std::vector<Splice> taking_out(const JsonDocument& document, const JsonNode& container, std::size_t index);
// `node` with another value, in the look of the old one.
Splice replacing(const JsonDocument& document, const JsonNode& node, const json::value& value);

// A document of ours: two spaces, and a line end at the end.
std::string json_file_text(const json::value& value);

}  // namespace interlock::hosts
