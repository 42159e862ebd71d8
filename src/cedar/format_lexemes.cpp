#include "cedar/format_lexemes.hpp"

#include <algorithm>

namespace interlock::cedar {
namespace {

std::string_view without_blanks_at_end(std::string_view text) {
  const std::size_t last = text.find_last_not_of(" \t\v\f");
  return text.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

// Sorts what stands between two tokens (blanks and comments alone) to the one before and the one behind.
void read_gap(std::string_view gap, Lexeme* previous, Lexeme& next) {
  std::size_t line_ends = previous == nullptr ? 1 : 0;  // since the last token or comment
  bool on_own_line = previous == nullptr;
  for (std::size_t at = 0; at < gap.size();) {
    if (gap.substr(at, 2) == "//") {
      const std::size_t end = std::min(gap.find_first_of("\r\n", at), gap.size());
      const std::string_view text = without_blanks_at_end(gap.substr(at, end - at));
      if (on_own_line) next.before.push_back({text, line_ends > 1});
      else previous->behind = text;
      on_own_line = true;
      line_ends = 0;
      at = end;
      continue;
    }
    if (gap[at] == '\n') {
      ++line_ends;
      on_own_line = true;
    } else if (gap[at] == '\r') {
      on_own_line = true;  // a carriage return alone ends a comment, too
    }
    ++at;
  }
  next.blank_before = line_ends > 1;
}

}  // namespace

std::vector<Lexeme> read_lexemes(std::string_view text) {
  std::vector<Lexeme> out;
  Lexer lexer(text);
  std::size_t end = 0;
  for (;;) {
    const Token token = lexer.next();
    Lexeme lexeme{.kind = token.kind, .text = token.text, .before = {}, .behind = {}};
    read_gap(text.substr(end, token.offset - end), out.empty() ? nullptr : &out.back(), lexeme);
    out.push_back(std::move(lexeme));
    if (token.kind == TokenKind::kEnd) return out;
    end = token.offset + token.text.size();
  }
}

bool same_lexemes(const std::vector<Lexeme>& a, const std::vector<Lexeme>& b) {
  auto same_comment = [](const Comment& x, const Comment& y) { return x.text == y.text; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const Lexeme& x, const Lexeme& y) {
    return x.kind == y.kind && x.text == y.text && x.behind == y.behind &&
           std::equal(x.before.begin(), x.before.end(), y.before.begin(), y.before.end(), same_comment);
  });
}

}  // namespace interlock::cedar
