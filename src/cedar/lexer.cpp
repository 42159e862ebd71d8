// Cedar's tokens: identifiers, numbers, strings, slots and punctuation; blanks as Unicode has them, and // comments.
#include "cedar/lexer.hpp"

#include <algorithm>
#include <array>

namespace interlock::cedar {
namespace {

bool starts_identifier(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_identifier(char c) { return starts_identifier(c) || is_digit(c); }

// The length in bytes of the Unicode blank at the start of `text`; 0 when there is none.
std::size_t blank_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  if ((byte(0) >= 9 && byte(0) <= 13) || byte(0) == ' ') return text.empty() ? 0 : 1;
  if (byte(0) == 0xc2 && (byte(1) == 0x85 || byte(1) == 0xa0)) return 2;  // U+0085 U+00A0
  if (byte(0) == 0xe1 && byte(1) == 0x9a && byte(2) == 0x80) return 3;    // U+1680
  if (byte(0) == 0xe2 && byte(1) == 0x80 &&
      ((byte(2) >= 0x80 && byte(2) <= 0x8a) || byte(2) == 0xa8 ||  // U+2000..200A
       byte(2) == 0xa9 || byte(2) == 0xaf))                        // U+2028 2029 202F
    return 3;
  if (byte(0) == 0xe2 && byte(1) == 0x81 && byte(2) == 0x9f) return 3;  // U+205F
  if (byte(0) == 0xe3 && byte(1) == 0x80 && byte(2) == 0x80) return 3;  // U+3000
  return 0;
}

std::size_t character_length(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0) == 0x80) ++length;
  return length;
}

struct Mark {
  std::string_view text;
  TokenKind kind;
};
// Longer marks before their beginnings.
constexpr std::array<Mark, 28> kMarks = {{
    {"::", TokenKind::kPath},         {"==", TokenKind::kEqual},       {"!=", TokenKind::kNotEqual}, {"<=", TokenKind::kLessEqual},
    {">=", TokenKind::kGreaterEqual}, {"||", TokenKind::kOr},          {"&&", TokenKind::kAnd},      {"@", TokenKind::kAt},
    {".", TokenKind::kDot},           {",", TokenKind::kComma},        {";", TokenKind::kSemicolon}, {":", TokenKind::kColon},
    {"(", TokenKind::kOpenParen},     {")", TokenKind::kCloseParen},   {"{", TokenKind::kOpenBrace}, {"}", TokenKind::kCloseBrace},
    {"[", TokenKind::kOpenBracket},   {"]", TokenKind::kCloseBracket}, {"<", TokenKind::kLess},      {">", TokenKind::kGreater},
    {"=", TokenKind::kAssign},        {"+", TokenKind::kPlus},         {"-", TokenKind::kMinus},     {"*", TokenKind::kStar},
    {"/", TokenKind::kSlash},         {"%", TokenKind::kPercent},      {"!", TokenKind::kBang},      {"?", TokenKind::kQuestion},
}};

}  // namespace

void Lexer::skip_blanks() {
  for (;;) {
    if (std::size_t blank = blank_length(text_.substr(at_, 3)); blank > 0) {
      at_ += blank;
    } else if (text_.substr(at_, 2) == "//") {
      at_ = std::min(text_.find_first_of("\r\n", at_), text_.size());
    } else {
      return;
    }
  }
}

Token Lexer::token(TokenKind kind, std::size_t length) {
  Token made{kind, static_cast<std::uint32_t>(at_), text_.substr(at_, length)};
  at_ += length;
  return made;
}

Token Lexer::fault(std::size_t length, std::string message) {
  error_ = std::move(message);
  return token(TokenKind::kError, length);
}

Token Lexer::string_token() {
  std::size_t end = at_ + 1;
  while (end < text_.size() && text_[end] != '"') {
    if (text_[end] == '\\') {
      if (end + 1 < text_.size() && text_[end + 1] == '\n') return fault(end - at_, "a `\\` before the end of a line escapes nothing");
      ++end;
    }
    ++end;
  }
  if (end >= text_.size()) return fault(text_.size() - at_, "this string is not closed");
  return token(TokenKind::kString, end + 1 - at_);
}

Token Lexer::next() {
  skip_blanks();
  if (at_ >= text_.size()) return token(TokenKind::kEnd, 0);
  std::string_view rest = text_.substr(at_);
  char c = rest[0];
  auto run = [&](std::size_t from, auto belongs) {
    std::size_t length = from;
    while (length < rest.size() && belongs(rest[length])) ++length;
    return length;
  };
  if (starts_identifier(c)) return token(TokenKind::kIdentifier, run(1, continues_identifier));
  if (is_digit(c)) return token(TokenKind::kNumber, run(1, is_digit));
  if (c == '"') return string_token();
  if (c == '?' && rest.size() > 1 && starts_identifier(rest[1])) return token(TokenKind::kSlot, run(2, continues_identifier));
  for (const Mark& mark : kMarks) {
    if (rest.starts_with(mark.text)) return token(mark.kind, mark.text.size());
  }
  if (c == '&' || c == '|') return fault(1, std::string("a single `") + c + "` is no operator; write `" + c + c + "`");
  if (c == '\'') return fault(1, "strings are written with double quotes");
  if (rest.starts_with("\xef\xbb\xbf")) return fault(3, "a byte order mark; save the file as plain UTF-8");
  if (c == '\0') return fault(1, "a NUL byte");
  return fault(character_length(rest), "the character `" + std::string(rest.substr(0, character_length(rest))) + "` begins nothing here");
}

bool is_identifier(std::string_view text) {
  return !text.empty() && starts_identifier(text[0]) && std::all_of(text.begin(), text.end(), continues_identifier);
}

bool is_reserved_word(std::string_view word) {
  static constexpr std::string_view kReserved[] = {"true", "false", "if", "then", "else", "in", "is", "has", "like"};
  return std::find(std::begin(kReserved), std::end(kReserved), word) != std::end(kReserved);
}

bool is_reserved_name(std::string_view word) { return word == "__cedar"; }

}  // namespace interlock::cedar
