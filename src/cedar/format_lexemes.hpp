// A policy text as tokens with the comments around them: what the formatter lays out. Private to the library.
#pragma once

#include <string_view>
#include <vector>

#include "cedar/lexer.hpp"

namespace interlock::cedar {

struct Comment {
  std::string_view text;      // with its //, without blanks at its end
  bool blank_before = false;  // an empty line stands before it
};

struct Lexeme {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  std::vector<Comment> before;  // on lines of their own
  std::string_view behind;      // on the token's own line; empty: none
  bool blank_before = false;    // an empty line stands before it (behind its comments)
};

// The last one is the end of the text, with the comments that stand before it. Views of `text`, which must be valid.
std::vector<Lexeme> read_lexemes(std::string_view text);

// Whether both say the same: all tokens, and all comments in their places.
bool same_lexemes(const std::vector<Lexeme>& a, const std::vector<Lexeme>& b);

}  // namespace interlock::cedar
