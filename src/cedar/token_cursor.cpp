// Token handling that every grammar needs.
#include "cedar/token_cursor.hpp"

#include "cedar/escape.hpp"

namespace interlock::cedar {

bool TokenCursor::start() {
  std::size_t bad = 0;
  if (!is_valid_utf8(source_.text(), &bad)) {
    return report(static_cast<std::uint32_t>(bad), "the text is not valid UTF-8 here", "save the file as UTF-8");
  }
  advance();
  return true;
}

void TokenCursor::advance() {
  previous_end_ = current_.offset + static_cast<std::uint32_t>(current_.text.size());
  current_ = lexer_.next();
}

bool TokenCursor::take(TokenKind kind) {
  if (!at(kind)) return false;
  advance();
  return true;
}

bool TokenCursor::take_word(std::string_view word) {
  if (!at_word(word)) return false;
  advance();
  return true;
}

std::string TokenCursor::found() const {
  switch (current_.kind) {
    case TokenKind::kEnd: return "the end of the text";
    case TokenKind::kString: return current_.text.size() > 40 ? "a string" : "the string " + std::string(current_.text);
    default: return "`" + std::string(current_.text.substr(0, 40)) + "`";
  }
}

bool TokenCursor::report(std::uint32_t offset, std::string message, std::string hint) {
  diagnostics_.add(source_.diagnose(offset, std::move(message), std::move(hint)));
  return false;
}

bool TokenCursor::report_expected(std::string_view what, std::string_view hint) {
  if (at(TokenKind::kError)) return report(current_.offset, lexer_.error());
  return report(current_.offset, "expected " + std::string(what) + ", found " + found(), std::string(hint));
}

bool TokenCursor::expect(TokenKind kind, std::string_view what, std::string_view hint) { return take(kind) || report_expected(what, hint); }

bool TokenCursor::read_string(std::string& out) {
  std::string_view raw = current_.text.substr(1, current_.text.size() - 2);
  auto text = unescape(raw);
  if (!text) return report(current_.offset + 1 + static_cast<std::uint32_t>(text.error().offset), text.error().message);
  out = std::move(*text);
  advance();
  return true;
}

bool TokenCursor::read_annotations(std::vector<Annotation>& annotations) {
  while (at(TokenKind::kAt)) {
    Annotation annotation;
    Place place = source_.place(current_.offset);
    annotation.line = place.line;
    annotation.column = place.column;
    std::uint32_t offset = current_.offset;
    advance();
    if (!at(TokenKind::kIdentifier)) return report_expected("the annotation's name after `@`");
    annotation.name = current_.text;
    advance();
    if (take(TokenKind::kOpenParen)) {
      if (!at(TokenKind::kString))
        return report_expected("the annotation's value, a string", "an annotation without a value has no parentheses: @name");
      if (!read_string(annotation.value)) return false;
      annotation.has_value = true;
      if (!expect(TokenKind::kCloseParen, "`)` after the annotation's value")) return false;
    }
    for (const Annotation& other : annotations) {
      if (other.name == annotation.name) return report(offset, "the annotation `@" + annotation.name + "` is given twice");
    }
    annotations.push_back(std::move(annotation));
  }
  return true;
}

}  // namespace interlock::cedar
