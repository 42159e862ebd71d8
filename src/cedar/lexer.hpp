// Text to tokens. Private to the library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace interlock::cedar {

enum class TokenKind : std::uint8_t {
  kEnd,
  kError,
  kIdentifier,  // keywords too: which words are reserved depends on the place
  kNumber,
  kString,
  kSlot,
  kAt,
  kDot,
  kComma,
  kSemicolon,
  kColon,
  kPath,
  kOpenParen,
  kCloseParen,
  kOpenBrace,
  kCloseBrace,
  kOpenBracket,
  kCloseBracket,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kAssign,
  kOr,
  kAnd,
  kPlus,
  kMinus,
  kStar,
  kSlash,
  kPercent,
  kBang,
  kQuestion,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t offset = 0;
  std::string_view text;  // as written; a string with its quotes
};

// Splits a text that is valid UTF-8 and smaller than 4 GiB. After an error token it goes on behind the fault.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();
  // What the last kError token is about.
  const std::string& error() const { return error_; }

 private:
  void skip_blanks();
  Token token(TokenKind kind, std::size_t length);
  Token fault(std::size_t length, std::string message);
  Token string_token();

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
};

bool is_identifier(std::string_view text);
// The words that can't be names: true false if then else in is has like.
bool is_reserved_word(std::string_view word);
// `__cedar`, which belongs to the language.
bool is_reserved_name(std::string_view word);

}  // namespace interlock::cedar
