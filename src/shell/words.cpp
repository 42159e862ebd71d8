// Words: quoting, and where an expansion begins (POSIX XCU 2.2, 2.3; Bash 3.1.2).
#include "shell/parser.hpp"

namespace interlock::shell {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18 & 7));
    out += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

int digit_of(char c, int base) {
  const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
  return value < base ? value : -1;
}

}  // namespace

bool Parser::ends_word(WordPlace place, std::size_t parens) const {
  if (at_end()) return true;
  const char c = peek();
  // A regular expression's own parentheses and bars are not the shell's.
  if (place == WordPlace::kPattern && (c == '(' || c == ')' || c == '|' || c == '<' || c == '>' || c == '&'))
    return c == ')' ? parens == 0 : c == '&';
  if (place == WordPlace::kPattern && parens > 0 && is_blank(c)) return false;
  return is_meta(c);
}

Word Parser::parse_word(WordPlace place) {
  Word out;
  out.offset = at_;
  std::size_t parens = 0;
  while (!failed()) {
    if (skip_continuation()) continue;
    const char c = peek();
    if (is_bash() && (c == '<' || c == '>') && peek(1) == '(' && place != WordPlace::kPattern) {
      Piece piece;
      piece.kind = Piece::Kind::kProcess;
      piece.op = c;
      at_ += 2;
      piece.script = parse_substitution();
      out.pieces.push_back(std::move(piece));
      continue;
    }
    if (ends_word(place, parens)) break;
    if (place == WordPlace::kPattern && (c == '(' || c == ')')) c == '(' ? ++parens : --parens;
    if (c == '\\') {
      ++at_;
      if (at_end()) append_text(out.pieces, "\\", true);
      else append_text(out.pieces, text_.substr(at_++, 1), true);
    } else if (c == '\'') {
      parse_single_quotes(out.pieces);
    } else if (c == '"') {
      ++at_;
      parse_double_quotes(out.pieces);
    } else if (c == '$' || c == '`') {
      parse_expansion(out.pieces, false);
    } else if (std::string_view("?*+@!").contains(c) && peek(1) == '(' && is_bash() && place != WordPlace::kPattern) {
      parse_extended_glob(out.pieces);
    } else {
      append_text(out.pieces, text_.substr(at_++, 1), false);
    }
  }
  return out;
}

void Parser::parse_single_quotes(std::vector<Piece>& out) {
  const auto end = text_.find('\'', at_ + 1);
  if (end == std::string_view::npos) return complain("a ' has no end");
  append_text(out, text_.substr(at_ + 1, end - at_ - 1), true);
  at_ = end + 1;
}

// $'...': escapes as in C (Bash 3.1.2.4).
void Parser::parse_ansi_quotes(std::vector<Piece>& out) {
  std::string text;
  const auto number = [&](int base, int most) {
    std::uint32_t value = 0;
    for (int i = 0; i < most && digit_of(peek(), base) >= 0; ++i)
      value = value * static_cast<std::uint32_t>(base) + static_cast<std::uint32_t>(digit_of(text_[at_++], base));
    return value;
  };
  for (;;) {
    if (at_end()) return complain("a $' has no end");
    const char c = text_[at_++];
    if (c == '\'') break;
    if (c != '\\' || at_end()) {
      text += c;
      continue;
    }
    const char kind = text_[at_++];
    static constexpr std::string_view kFrom = "abeEfnrtv\\'\"?";
    static constexpr std::string_view kTo = "\a\b\033\033\f\n\r\t\v\\'\"?";
    if (const auto simple = kFrom.find(kind); simple != std::string_view::npos) {
      text += kTo[simple];
    } else if (kind == 'x') {
      text += static_cast<char>(number(16, 2));
    } else if (kind == 'u' || kind == 'U') {
      append_utf8(text, number(16, kind == 'u' ? 4 : 8));
    } else if (kind >= '0' && kind <= '7') {
      --at_;
      text += static_cast<char>(number(8, 3));
    } else if (kind == 'c' && !at_end()) {
      text += static_cast<char>(text_[at_++] & 0x1f);
    } else {
      text += '\\';
      text += kind;
    }
  }
  // What stands behind a NUL does not reach a program.
  if (const auto nul = text.find('\0'); nul != std::string::npos) text.resize(nul);
  append_text(out, text, true);
}

void Parser::parse_double_quotes(std::vector<Piece>& out) {
  const Deeper deeper(*this);
  if (failed()) return;
  auto pieces = parse_quoted_text(true);
  if (pieces.empty()) append_text(out, "", true);
  for (auto& piece : pieces) {
    if (piece.kind == Piece::Kind::kText) append_text(out, piece.text, true);
    else out.push_back(std::move(piece));
  }
}

std::vector<Piece> Parser::parse_quoted_text(bool double_quotes_end) {
  std::vector<Piece> out;
  for (;;) {
    if (at_end()) {
      if (double_quotes_end) complain("a \" has no end");
      return out;
    }
    const char c = peek();
    if (c == '"' && double_quotes_end) {
      ++at_;
      return out;
    }
    if (c == '\\') {
      const char next = peek(1);
      if (next == '\n') {
        at_ += 2;
      } else if (next == '$' || next == '`' || next == '\\' || (next == '"' && double_quotes_end)) {
        append_text(out, text_.substr(at_ + 1, 1), true);
        at_ += 2;
      } else {
        append_text(out, "\\", true);
        ++at_;
      }
    } else if (c == '$' || c == '`') {
      parse_expansion(out, true);
    } else {
      append_text(out, text_.substr(at_++, 1), true);
    }
  }
}

// ?(a|b) and the like: a pattern, whose alternatives may hold expansions.
void Parser::parse_extended_glob(std::vector<Piece>& out) {
  const Deeper deeper(*this);
  if (failed()) return;
  append_text(out, text_.substr(at_, 2), false);
  at_ += 2;
  for (auto& piece : parse_until(')', false)) out.push_back(std::move(piece));
  append_text(out, ")", false);
}

void Parser::parse_expansion(std::vector<Piece>& out, bool quoted) {
  Piece piece;
  piece.quoted = quoted;
  if (peek() == '`') {
    piece.kind = Piece::Kind::kCommand;
    piece.script = parse_backquotes(quoted);
    out.push_back(std::move(piece));
    return;
  }
  const char next = peek(1);
  if (next == '\'' && !quoted && is_bash()) {
    at_ += 2;
    return parse_ansi_quotes(out);
  }
  if (next == '"' && !quoted && is_bash()) {
    at_ += 2;
    return parse_double_quotes(out);
  }
  if (next == '{') return parse_braced_parameter(out, quoted);
  if (next == '(') {
    if (peek(2) == '(' && parse_arithmetic(out, quoted)) return;
    at_ += 2;
    piece.kind = Piece::Kind::kCommand;
    piece.script = parse_substitution();
    out.push_back(std::move(piece));
    return;
  }
  if (next == '[' && is_bash() && parse_arithmetic(out, quoted)) return;
  piece.kind = Piece::Kind::kParameter;
  if (is_name_start(next)) {
    auto end = at_ + 1;
    while (end < text_.size() && is_name_part(text_[end])) ++end;
    piece.text = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end;
  } else if (next != '\0' && std::string_view("0123456789@*#?-$!").contains(next)) {
    piece.text = next;
    at_ += 2;
  } else {
    append_text(out, "$", true);
    ++at_;
    return;
  }
  out.push_back(std::move(piece));
}

}  // namespace interlock::shell
