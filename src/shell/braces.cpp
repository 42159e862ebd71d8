// {a,b} and {1..3} (Bash 3.5.1): done on the text, before anything in it is looked at.
#include <charconv>
#include <cstdlib>

#include "shell/values.hpp"

namespace interlock::shell {
namespace {

constexpr std::size_t kResults = 4'096;
constexpr int kNested = 64;

// One character, or a piece that is taken as a whole.
struct Unit {
  char c = '\0';
  bool quoted = false;
  const Piece* piece = nullptr;
  bool is(char what) const { return piece == nullptr && !quoted && c == what; }
};
using Units = std::vector<Unit>;

Units units_of(const std::vector<Piece>& pieces) {
  Units out;
  for (const auto& piece : pieces) {
    if (piece.kind != Piece::Kind::kText) out.push_back({.piece = &piece});
    else if (piece.text.empty()) out.push_back({.quoted = piece.quoted, .piece = &piece});
    else
      for (const char c : piece.text) out.push_back({.c = c, .quoted = piece.quoted});
  }
  return out;
}

std::vector<Piece> pieces_of(const Units& units) {
  std::vector<Piece> out;
  for (const auto& unit : units) {
    if (unit.piece != nullptr) {
      out.push_back(*unit.piece);
    } else if (!out.empty() && out.back().kind == Piece::Kind::kText && out.back().quoted == unit.quoted && !out.back().text.empty()) {
      out.back().text += unit.c;
    } else {
      Piece piece;
      piece.quoted = unit.quoted;
      piece.text = unit.c;
      out.push_back(std::move(piece));
    }
  }
  return out;
}

std::optional<long> number_in(std::string_view text) {
  long out = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
  return bad == std::errc() && end == text.data() + text.size() && std::labs(out) < 1'000'000'000 ? std::optional(out) : std::nullopt;
}

// {1..5}, {a..e}, {1..9..2}: nullopt, it is no sequence.
std::optional<std::vector<std::string>> sequence_of(const Units& inside) {
  std::string text;
  for (const auto& unit : inside) {
    if (unit.piece != nullptr || unit.quoted) return std::nullopt;
    text += unit.c;
  }
  const auto first = text.find("..");
  if (first == std::string::npos) return std::nullopt;
  const auto second = text.find("..", first + 2);
  const auto from = text.substr(0, first);
  const auto to = text.substr(first + 2, second == std::string::npos ? std::string::npos : second - first - 2);
  long step = 1;
  if (second != std::string::npos) {
    const auto given = number_in(std::string_view(text).substr(second + 2));
    if (!given) return std::nullopt;
    step = std::labs(*given) == 0 ? 1 : std::labs(*given);
  }
  auto low = number_in(from);
  auto high = number_in(to);
  const bool letters = !low && !high && from.size() == 1 && to.size() == 1;
  if (letters) {
    low = static_cast<unsigned char>(from[0]);
    high = static_cast<unsigned char>(to[0]);
  }
  if (!low || !high) return std::nullopt;
  // Padding with zeros as wide as the widest of the two.
  const auto is_padded = [](std::string_view word) {
    return word.starts_with("0") ? word.size() > 1 : word.starts_with("-0") && word.size() > 2;
  };
  const std::size_t width = !letters && (is_padded(from) || is_padded(to)) ? std::max(from.size(), to.size()) : 0;
  std::vector<std::string> out;
  const long way = *low <= *high ? step : -step;
  for (long value = *low; way > 0 ? value <= *high : value >= *high; value += way) {
    if (out.size() > kResults) return std::vector<std::string>(kResults + 1);
    if (letters) {
      out.emplace_back(1, static_cast<char>(value));
      continue;
    }
    auto number = std::to_string(std::labs(value));
    while (number.size() + (value < 0 ? 1 : 0) < width) number.insert(number.begin(), '0');
    out.push_back((value < 0 ? "-" : "") + number);
  }
  return out;
}

// False: too many.
bool expand(const Units& word, int depth, std::vector<Units>& out) {
  if (depth > kNested) return false;
  for (std::size_t open = 0; open < word.size(); ++open) {
    if (!word[open].is('{')) continue;
    if (open > 0 && word[open - 1].is('$')) continue;
    std::vector<std::size_t> commas;
    int nested = 0;
    std::size_t close = open + 1;
    for (; close < word.size(); ++close) {
      if (word[close].is('{')) ++nested;
      else if (word[close].is('}') && nested-- == 0) break;
      else if (word[close].is(',') && nested == 0) commas.push_back(close);
    }
    if (close >= word.size()) continue;  // it is no brace expansion; one further on may be
    const auto at = [&](std::size_t i) { return word.begin() + static_cast<std::ptrdiff_t>(i); };
    const Units before(word.begin(), at(open));
    const Units after(at(close + 1), word.end());
    std::vector<Units> choices;
    if (commas.empty()) {
      const auto sequence = sequence_of(Units(at(open + 1), at(close)));
      if (!sequence) continue;
      if (sequence->size() > kResults) return false;
      for (const auto& text : *sequence) {
        Units one;
        for (const char c : text) one.push_back({.c = c});
        choices.push_back(std::move(one));
      }
    } else {
      auto start = open + 1;
      commas.push_back(close);
      for (const auto end : commas) {
        if (!expand(Units(at(start), at(end)), depth + 1, choices)) return false;
        start = end + 1;
      }
    }
    std::vector<Units> tails;
    if (!expand(after, depth + 1, tails)) return false;
    for (const auto& choice : choices) {
      for (const auto& tail : tails) {
        if (out.size() >= kResults) return false;
        auto& one = out.emplace_back(before);
        one.insert(one.end(), choice.begin(), choice.end());
        one.insert(one.end(), tail.begin(), tail.end());
      }
    }
    return true;
  }
  if (out.size() >= kResults) return false;
  out.push_back(word);
  return true;
}

}  // namespace

std::optional<std::vector<std::vector<Piece>>> expand_braces(const std::vector<Piece>& pieces) {
  bool any = false;
  for (const auto& piece : pieces)
    any = any || (piece.kind == Piece::Kind::kText && !piece.quoted && piece.text.find('{') != std::string::npos);
  if (!any) return std::vector<std::vector<Piece>>{pieces};
  std::vector<Units> words;
  if (!expand(units_of(pieces), 0, words)) return std::nullopt;
  std::vector<std::vector<Piece>> out;
  for (const auto& word : words) {
    auto one = pieces_of(word);
    if (!one.empty()) out.push_back(std::move(one));  // an empty one that is not quoted is no word
  }
  return out;
}

}  // namespace interlock::shell
