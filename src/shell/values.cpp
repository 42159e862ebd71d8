#include "shell/values.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>

#include "shell/parser.hpp"

namespace interlock::shell {
namespace {

constexpr std::size_t kFields = 65'536;
constexpr std::size_t kValueBytes = std::size_t{1} << 20;
constexpr std::string_view kDefaultSeparators = " \t\n";

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 9 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// ${x#pattern} and the like on a known value.
std::string without_affix(const std::string& value, const std::string& pattern, std::string_view op) {
  const bool longest = op.size() == 2;
  const bool prefix = op[0] == '#';
  const auto matches = [&](std::string_view part) { return ::fnmatch(pattern.c_str(), std::string(part).c_str(), 0) == 0; };
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const auto length = longest ? value.size() - i : i;
    const auto part = prefix ? std::string_view(value).substr(0, length) : std::string_view(value).substr(value.size() - length);
    if (matches(part)) return prefix ? value.substr(length) : value.substr(0, value.size() - length);
  }
  return value;
}

std::string in_case(std::string value, std::string_view op) {
  const bool upper = op[0] == '^';
  const auto count = op.size() == 2 ? value.size() : std::min<std::size_t>(1, value.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (upper && value[i] >= 'a' && value[i] <= 'z') value[i] = static_cast<char>(value[i] - 32);
    if (!upper && value[i] >= 'A' && value[i] <= 'Z') value[i] = static_cast<char>(value[i] + 32);
  }
  return value;
}

}  // namespace

std::string written_of(const std::vector<Piece>& pieces) {
  std::string out;
  for (const auto& piece : pieces) {
    switch (piece.kind) {
      case Piece::Kind::kText: out += piece.text; break;
      case Piece::Kind::kParameter:
        out += piece.op.empty() && !piece.indirect ? "$" + piece.text : "${" + piece.text + piece.op + "...}";
        break;
      case Piece::Kind::kCommand: out += "$(...)"; break;
      case Piece::Kind::kArithmetic: out += "$((" + piece.text + "))"; break;
      case Piece::Kind::kProcess: out += piece.op + "(...)"; break;
    }
    if (out.size() > 400) return out.substr(0, 400) + "...";
  }
  return out;
}

// At the front of a word: ~, ~/x and ~+; of others' homes nothing is known.
std::optional<std::string> Expander::tilde(std::string_view text, std::size_t& taken) const {
  const auto end = std::min(text.find('/'), text.size());
  taken = end;
  const auto name = text.substr(1, end - 1);
  if (name.empty()) return state_.value_of("HOME");
  if (name == "+") return state_.cwd;
  return std::nullopt;
}

std::vector<Expander::Part> Expander::parts_of(const std::vector<Piece>& pieces, bool with_tilde) {
  std::vector<Part> out;
  for (const auto& piece : pieces) {
    const bool first = &piece == &pieces.front();
    switch (piece.kind) {
      case Piece::Kind::kText: {
        std::string_view text = piece.text;
        if (first && with_tilde && !piece.quoted && text.starts_with('~')) {
          std::size_t taken = 0;
          out.push_back({tilde(text, taken), true, false});
          text.remove_prefix(taken);
        }
        out.push_back({std::string(text), piece.quoted, false});
        break;
      }
      case Piece::Kind::kParameter: out.push_back({parameter(piece), piece.quoted, !piece.quoted}); break;
      case Piece::Kind::kCommand: out.push_back({piece.script ? output_(*piece.script) : std::nullopt, piece.quoted, !piece.quoted}); break;
      case Piece::Kind::kArithmetic: out.push_back({arithmetic(piece), piece.quoted, !piece.quoted}); break;
      case Piece::Kind::kProcess: out.push_back({std::nullopt, true, false}); break;
    }
  }
  return out;
}

// Of $(( )) only what is a number already; whatever it assigns is not known any more.
std::optional<std::string> Expander::arithmetic(const Piece& piece) {
  std::string_view text = piece.text;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_name_start(text[i])) {
      ++i;
      continue;
    }
    auto end = i;
    while (end < text.size() && is_name_part(text[end])) ++end;
    // x=1, x++, x+=2, --x: it is enough that the text holds an assignment at all.
    if (text.find('=') != std::string_view::npos || text.find("++") != std::string_view::npos || text.find("--") != std::string_view::npos)
      state_.set(std::string(text.substr(i, end - i)), std::nullopt);
    i = end;
  }
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return is_number(text) && !text.starts_with('0') ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<std::string> Expander::parameter(const Piece& piece) {
  std::optional<std::string> value;
  if (is_number(piece.text) && piece.text != "0") {
    const auto at = static_cast<std::size_t>(std::stoul(piece.text));
    if (state_.positional) value = at <= state_.positional->size() ? (*state_.positional)[at - 1] : std::string();
  } else if (piece.text == "#") {
    if (state_.positional) value = std::to_string(state_.positional->size());
  } else if (piece.text == "@" || piece.text == "*") {
    if (state_.positional) {
      std::string all;
      for (const auto& one : *state_.positional) all += (all.empty() ? "" : " ") + one;
      value = std::move(all);
    }
  } else {
    value = state_.value_of(piece.text);
  }
  if (piece.indirect) {
    if (!value || !piece.op.empty()) return std::nullopt;
    return state_.value_of(*value);
  }
  const auto& op = piece.op;
  if (op.empty()) return value;
  if (op.starts_with('[')) return std::nullopt;
  if (op == "#length")
    return value && std::ranges::all_of(*value, [](char c) { return static_cast<unsigned char>(c) < 0x80; })
               ? std::optional(std::to_string(value->size()))
               : std::nullopt;
  if (op == ":-" || op == "-" || op == ":=" || op == "=" || op == ":?" || op == "?" || op == ":+" || op == "+") {
    const auto word = single(piece.argument);
    const bool plus = op.ends_with('+');
    const bool missing = value && value->empty() && op.starts_with(':');
    if (op.ends_with('=')) {
      if (!value) state_.set(piece.text, std::nullopt);
      else if (missing) state_.set(piece.text, word.text);
    }
    if (!value) return std::nullopt;
    if (plus) return missing ? std::optional(std::string()) : word.text;
    return missing ? word.text : value;
  }
  const auto argument = single(piece.argument);
  if (!value || !argument.text || value->size() > kValueBytes) return std::nullopt;
  if (op[0] == '#' || op[0] == '%') return value->size() > 4'096 ? std::nullopt : std::optional(without_affix(*value, *argument.text, op));
  if ((op[0] == '^' || op[0] == ',') && argument.text->empty()) return in_case(*value, op);
  if (op == "/" || op == "//") {
    const auto slash = argument.text->find('/');
    const auto from = argument.text->substr(0, slash);
    const auto to = slash == std::string::npos ? std::string() : argument.text->substr(slash + 1);
    if (from.empty() || from.find_first_of("*?[\\") != std::string::npos || to.find('&') != std::string::npos) return std::nullopt;
    std::string out = *value;
    for (std::size_t at = out.find(from); at != std::string::npos && out.size() < kValueBytes; at = out.find(from, at + to.size())) {
      out.replace(at, from.size(), to);
      if (op.size() == 1) break;
    }
    return out;
  }
  if (op == ":") {
    const auto colon = argument.text->find(':');
    const auto from = argument.text->substr(0, colon);
    const auto count = colon == std::string::npos ? std::string("999999999") : argument.text->substr(colon + 1);
    if (!is_number(from) || !is_number(count) || std::ranges::any_of(*value, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
      return std::nullopt;
    const auto start = static_cast<std::size_t>(std::stoul(from));
    return start > value->size() ? std::string() : value->substr(start, std::stoul(count));
  }
  return std::nullopt;
}

Value Expander::single(const Word& word) { return single(word.pieces); }

Value Expander::single(const std::vector<Piece>& pieces) {
  Value out;
  out.written = written_of(pieces);
  std::string text;
  bool known = true;
  for (auto& part : parts_of(pieces, true)) {
    if (!part.text) known = false;
    if (!known) break;
    text += *part.text;
  }
  if (known) out.text = std::move(text);
  else out.prefix = std::move(text);
  return out;
}

std::vector<Value> Expander::fields(const Word& word) {
  std::vector<Value> out;
  const auto words = expand_braces(word.pieces);
  const auto written = written_of(word.pieces);
  if (!words) {
    Value many;
    many.written = written;
    many.may_split = true;
    return {many};
  }
  for (const auto& pieces : *words) {
    if (out.size() > kFields) break;
    fields_of(pieces, words->size() == 1 ? written : written_of(pieces), out);
  }
  return out;
}

void Expander::fields_of(const std::vector<Piece>& pieces, std::string_view written, std::vector<Value>& out) {
  // "$@" alone is each of them.
  if (pieces.size() == 1 && pieces[0].kind == Piece::Kind::kParameter && pieces[0].text == "@" && pieces[0].op.empty() &&
      pieces[0].quoted && state_.positional) {
    for (const auto& one : *state_.positional) out.push_back({.text = one, .written = one, .prefix = {}});
    return;
  }
  const auto separators = state_.variables.contains("IFS") ? state_.value_of("IFS") : std::optional(std::string(kDefaultSeparators));
  Value field;
  std::string text;
  bool known = true;
  bool is_word = false;  // a quoted part makes one, even an empty one
  const auto add = [&](std::string_view more) {
    if (known) text += more;
  };
  // Arrays and "$@" are any number of words, quoted or not.
  const bool is_list = std::ranges::any_of(
      pieces, [](const Piece& piece) { return piece.kind == Piece::Kind::kParameter && (piece.text == "@" || piece.op.starts_with('[')); });
  const auto end_field = [&] {
    if (!is_word && known && text.empty()) return;
    field.written = written;
    // A bracket that nothing closes is itself: the command `[`.
    if (known && text.find_first_of("*?]") == std::string::npos) field.glob = false;
    if (known) field.text = text;
    else field.prefix = text;
    if (out.size() < kFields) out.push_back(std::move(field));
    field = {};
    text.clear();
    known = true;
    is_word = false;
  };
  for (const auto& part : parts_of(pieces, true)) {
    if (!part.text) {
      known = false;
      field.may_split = field.may_split || part.splits || is_list;
      is_word = is_word || !part.splits;
      continue;
    }
    if (part.quoted) {
      is_word = true;
      add(*part.text);
      continue;
    }
    if (part.text->find_first_of("*?[") != std::string::npos) field.glob = true;
    if (!part.splits) {
      is_word = is_word || !part.text->empty();
      add(*part.text);
      continue;
    }
    if (!separators) {
      if (!part.text->empty()) {
        known = false;
        field.may_split = true;
      }
      continue;
    }
    // What an expansion gave is split; other separators than white space make empty fields, which nothing here needs to tell apart.
    std::size_t at = 0;
    while (at <= part.text->size()) {
      const auto stop = std::min(part.text->find_first_of(*separators, at), part.text->size());
      const auto piece = std::string_view(*part.text).substr(at, stop - at);
      if (!piece.empty()) {
        is_word = true;
        add(piece);
        if (piece.find_first_of("*?[") != std::string_view::npos) field.glob = true;
      }
      if (stop == part.text->size()) break;
      end_field();
      at = stop + 1;
    }
  }
  if (!known && !is_word) is_word = true;
  end_field();
}

}  // namespace interlock::shell
