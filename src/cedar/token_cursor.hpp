// Walking over tokens and reporting what was expected: what the parsers of policies and schemas share. Private to the library.
#pragma once

#include <string>
#include <string_view>

#include "cedar/lexer.hpp"
#include "cedar/source.hpp"

namespace interlock::cedar {

class TokenCursor {
 protected:
  TokenCursor(const SourceText& source, Diagnostics& diagnostics) : source_(source), diagnostics_(diagnostics), lexer_(source.text()) {}

  // Reports text that is not UTF-8; otherwise stands on the first token.
  bool start();
  void advance();
  bool at(TokenKind kind) const { return current_.kind == kind; }
  bool at_word(std::string_view word) const { return current_.kind == TokenKind::kIdentifier && current_.text == word; }
  bool take(TokenKind kind);
  bool take_word(std::string_view word);
  bool expect(TokenKind kind, std::string_view what, std::string_view hint = {});
  std::string found() const;
  bool report(std::uint32_t offset, std::string message, std::string hint = {});  // always false
  bool report_expected(std::string_view what, std::string_view hint = {});        // at the current token; always false
  // The current token must be a string; its text goes to `out` and the cursor behind it.
  bool read_string(std::string& out);
  // @name or @name("value"), any number; a name given twice is reported.
  bool read_annotations(std::vector<Annotation>& annotations);

  const SourceText& source_;
  Diagnostics& diagnostics_;
  Lexer lexer_;
  Token current_;
  std::uint32_t previous_end_ = 0;
};

}  // namespace interlock::cedar
