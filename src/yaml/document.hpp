// YAML with places: a document as a plain tree whose every node knows its line and column, and readers that check it.
//
// yaml-cpp stands behind document.cpp alone. Bounds hold before memory is spent: text size, depth, and the number of nodes
// after aliases are copied in, so that a file of nested aliases is an error and not a gigabyte. One document a file; duplicate
// keys, keys that are not plain text, and tags other than the core ones are errors. Any thread; nothing throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace interlock::yaml {

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMap };
  Kind kind = Kind::kNull;
  bool quoted = false;  // a scalar in quotes, or a block: text, never a number or a truth value
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  std::string text;         // kScalar
  std::vector<Node> items;  // kSequence; of a map: the values, beside `keys`
  std::vector<Node> keys;   // kMap: scalars, unique
  const Node* find(std::string_view key) const;
};

struct Limits {
  std::size_t size_bytes = std::size_t{1} << 20;
  std::size_t nodes = 100'000;
  std::size_t depth = 32;
};

// An empty text is a null node.
Result<Node> parse(std::string_view text, std::string_view source_name, Limits limits = {});

// The word of `known` that `word` was probably meant to be; empty when none is near.
std::string nearest(std::string_view word, std::span<const std::string_view> known);

// Collects the first complaint about one source; after it, everything reads as a default and nothing more is said.
class Reader {
 public:
  explicit Reader(std::string source_name) : source_name_(std::move(source_name)) {}
  // Called on every text before it is understood; an error's message is put at the text's place.
  std::function<Result<std::string>(std::string_view)> expand;

  void complain(const Node& at, std::string message, std::string hint = {}, ErrorCode code = ErrorCode::kInvalid);
  bool failed() const { return error_.has_value(); }
  const std::optional<Error>& error() const { return error_; }
  std::string place(const Node& at) const;  // "file:line:column"

  std::string text(const Node& node, std::string_view what);
  std::vector<std::string> texts(const Node& node, std::string_view what, std::size_t at_most);  // a sequence of scalars
  bool flag(const Node& node, std::string_view what);
  std::int64_t integer(const Node& node, std::string_view what, std::int64_t least, std::int64_t most);
  std::int64_t duration_ms(const Node& node, std::string_view what, std::int64_t least, std::int64_t most);
  // The position of the text in `names`.
  std::size_t choice(const Node& node, std::string_view what, std::span<const std::string_view> names);

 private:
  std::string source_name_;
  std::optional<Error> error_;
};

// One map being read: keys are asked for by name, and close() complains about the ones that nobody asked for.
class Map {
 public:
  Map(Reader& reader, const Node& node, std::string what);

  // Null where the key is absent or its value is empty.
  const Node* find(std::string_view key);
  const Node& require(std::string_view key);  // complains where it is absent, and gives a null node
  std::string text(std::string_view key, std::string fallback = {});
  std::vector<std::string> texts(std::string_view key, std::size_t at_most);
  bool flag(std::string_view key, bool fallback);
  std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t most);
  std::int64_t duration_ms(std::string_view key, std::int64_t fallback_ms, std::int64_t least_ms, std::int64_t most_ms);
  template <typename E>
  E choice(std::string_view key, E fallback, std::initializer_list<std::pair<std::string_view, E>> names) {
    const Node* node = find(key);
    if (node == nullptr) return fallback;
    std::vector<std::string_view> words;
    for (const auto& name : names) words.push_back(name.first);
    const std::size_t at = reader_.choice(*node, what_of(key), words);
    return reader_.failed() ? fallback : (names.begin() + static_cast<std::ptrdiff_t>(at))->second;
  }
  void close();

  const Node& node() const { return node_; }
  std::string what_of(std::string_view key) const;  // "servers.files.cwd"

 private:
  Reader& reader_;
  const Node& node_;
  std::string what_;
  std::vector<std::string_view> asked_;
};

}  // namespace interlock::yaml
