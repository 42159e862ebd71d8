// Typed reading of a tree: what is expected, where it is wrong, and what was probably meant.
#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/time.hpp"
#include "yaml/document.hpp"

namespace interlock::yaml {
namespace {

const Node kNothing;

// Longer words are not compared: the table below is quadratic.
constexpr std::size_t kMaxComparedWord = 64;

// Optimal string alignment: inserted, deleted, changed and swapped letters.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return "a text";
    case Node::Kind::kSequence: return "a list";
    case Node::Kind::kMap: return "a map";
  }
  return "nothing";
}

std::string join(std::span<const std::string_view> words) {
  std::string out;
  for (const auto word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace

std::string nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > kMaxComparedWord) return {};
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  std::string_view found;
  for (const auto candidate : known) {
    if (candidate.size() > kMaxComparedWord) continue;
    const std::size_t away = distance(word, candidate);
    if (away < best && away < candidate.size()) {
      best = away;
      found = candidate;
    }
  }
  return std::string(found);
}

std::string Reader::place(const Node& at) const { return source_name_ + ':' + std::to_string(at.line) + ':' + std::to_string(at.column); }

void Reader::complain(const Node& at, std::string message, std::string hint, ErrorCode code) {
  if (error_) return;
  error_ = Error{code, place(at) + ": " + std::move(message), std::move(hint)};
}

std::string Reader::text(const Node& node, std::string_view what) {
  if (failed()) return {};
  if (node.kind != Node::Kind::kScalar) {
    complain(node, "`" + std::string(what) + "` must be a text, but is " + std::string(kind_name(node)));
    return {};
  }
  if (!expand) return node.text;
  auto expanded = expand(node.text);
  if (!expanded) {
    complain(node, "`" + std::string(what) + "`: " + expanded.error().message, expanded.error().hint, expanded.error().code);
    return {};
  }
  return std::move(*expanded);
}

std::vector<std::string> Reader::texts(const Node& node, std::string_view what, std::size_t at_most) {
  std::vector<std::string> out;
  if (failed()) return out;
  if (node.kind != Node::Kind::kSequence) {
    complain(node, "`" + std::string(what) + "` must be a list, but is " + std::string(kind_name(node)), "write [a, b]");
    return out;
  }
  if (node.items.size() > at_most) {
    complain(node, "`" + std::string(what) + "` has more than " + std::to_string(at_most) + " items", {}, ErrorCode::kTooLarge);
    return out;
  }
  for (const Node& item : node.items) out.push_back(text(item, what));
  return out;
}

bool Reader::flag(const Node& node, std::string_view what) {
  const std::string word = text(node, what);
  if (failed()) return false;
  const bool is_text = node.quoted && word == node.text;  // what was expanded had to be quoted
  if (word == "true" && !is_text) return true;
  if (word == "false" && !is_text) return false;
  complain(node, "`" + std::string(what) + "` must be true or false", is_text ? "without quotes" : "");
  return false;
}

std::int64_t Reader::integer(const Node& node, std::string_view what, std::int64_t least, std::int64_t most) {
  const std::string word = text(node, what);
  if (failed()) return least;
  std::int64_t number = 0;
  const bool is_text = node.quoted && word == node.text;  // what was expanded had to be quoted
  const auto [end, bad] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (is_text || bad != std::errc{} || end != word.data() + word.size()) {
    complain(node, "`" + std::string(what) + "` must be a whole number", is_text ? "without quotes" : "");
    return least;
  }
  if (number < least || number > most) {
    complain(node, "`" + std::string(what) + "` must be from " + std::to_string(least) + " to " + std::to_string(most));
    return least;
  }
  return number;
}

std::int64_t Reader::duration_ms(const Node& node, std::string_view what, std::int64_t least, std::int64_t most) {
  const std::string word = text(node, what);
  if (failed()) return least;
  const auto duration = parse_duration_ms(word);
  if (!duration) {
    complain(node, "`" + std::string(what) + "` must be a duration", "write a number and a unit: 250ms, 30s, 5m, 8h, 7d");
    return least;
  }
  if (*duration < least || *duration > most) {
    complain(node, "`" + std::string(what) + "` must be from " + std::to_string(least) + "ms to " + std::to_string(most) + "ms");
    return least;
  }
  return *duration;
}

std::size_t Reader::choice(const Node& node, std::string_view what, std::span<const std::string_view> names) {
  const std::string word = text(node, what);
  if (failed()) return 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == word) return i;
  }
  const std::string near = nearest(word, names);
  complain(node, "`" + std::string(what) + "` can't be `" + node.text + "`; it is one of " + join(names),
           near.empty() ? std::string{} : "did you mean `" + near + "`?");
  return 0;
}

Map::Map(Reader& reader, const Node& node, std::string what) : reader_(reader), node_(node), what_(std::move(what)) {
  if (node.kind != Node::Kind::kMap) {
    reader.complain(node, (what_.empty() ? "the file" : "`" + what_ + "`") + " must be a map, but is " + std::string(kind_name(node)),
                    "write key: value");
  }
}

std::string Map::what_of(std::string_view key) const { return what_.empty() ? std::string(key) : what_ + "." + std::string(key); }

const Node* Map::find(std::string_view key) {
  asked_.push_back(key);
  const Node* node = node_.find(key);
  return node == nullptr || node->kind == Node::Kind::kNull ? nullptr : node;
}

const Node& Map::require(std::string_view key) {
  const Node* node = find(key);
  if (node != nullptr) return *node;
  reader_.complain(node_, "`" + what_of(key) + "` is missing");
  return kNothing;
}

std::string Map::text(std::string_view key, std::string fallback) {
  const Node* node = find(key);
  return node == nullptr ? std::move(fallback) : reader_.text(*node, what_of(key));
}

std::vector<std::string> Map::texts(std::string_view key, std::size_t at_most) {
  const Node* node = find(key);
  return node == nullptr ? std::vector<std::string>{} : reader_.texts(*node, what_of(key), at_most);
}

bool Map::flag(std::string_view key, bool fallback) {
  const Node* node = find(key);
  return node == nullptr ? fallback : reader_.flag(*node, what_of(key));
}

std::int64_t Map::integer(std::string_view key, std::int64_t fallback, std::int64_t least, std::int64_t most) {
  const Node* node = find(key);
  return node == nullptr ? fallback : reader_.integer(*node, what_of(key), least, most);
}

std::int64_t Map::duration_ms(std::string_view key, std::int64_t fallback_ms, std::int64_t least_ms, std::int64_t most_ms) {
  const Node* node = find(key);
  return node == nullptr ? fallback_ms : reader_.duration_ms(*node, what_of(key), least_ms, most_ms);
}

void Map::close() {
  for (const Node& key : node_.keys) {
    if (std::find(asked_.begin(), asked_.end(), key.text) != asked_.end()) continue;
    const std::string near = nearest(key.text, asked_);
    reader_.complain(key, "unknown key `" + what_of(key.text) + "`",
                     near.empty() ? "known here: " + join(asked_) : "did you mean `" + near + "`?");
    return;
  }
}

}  // namespace interlock::yaml
