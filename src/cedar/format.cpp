// Where lines may break, by the grammar. The text has been parsed before, so that here every token is the one that must come;
// nesting is as deep as the parser allows, and chains are walked by loops.
#include "cedar/format.hpp"

#include <algorithm>
#include <span>

#include "cedar/format_layout.hpp"
#include "cedar/format_lexemes.hpp"
#include "cedar/parser.hpp"

namespace interlock::cedar {
namespace {

using Parts = std::vector<PartId>;

class Formatter {
 public:
  Formatter(std::span<const Lexeme> lexemes, std::size_t width) : lexemes_(lexemes), width_(width) {}

  std::string format() {
    while (!at(TokenKind::kEnd)) write_policy();
    write_comments();
    return std::move(out_);
  }

 private:
  const Lexeme& here() const { return lexemes_[at_]; }
  bool at(TokenKind kind) const { return here().kind == kind; }
  bool at_word(std::string_view word) const { return at(TokenKind::kIdentifier) && here().text == word; }

  // --- between policies ------------------------------------------------------------------------------------------------

  void write_policy() {
    const bool follows_policy = !out_.empty() && here().before.empty();
    write_comments();
    if (follows_policy || (!out_.empty() && here().blank_before)) out_ += '\n';
    layout_ = Layout();
    comments_written_ = true;
    out_ += layout_.print(policy(), width_);
    out_ += '\n';
  }

  // Those before the current token. Behind a policy they get an empty line, except where they stand under it and apart from
  // what follows.
  void write_comments() {
    const std::vector<Comment>& comments = here().before;
    const auto next_block =
        std::find_if(comments.begin() + (comments.empty() ? 0 : 1), comments.end(), [](const Comment& one) { return one.blank_before; });
    const bool stays_under_policy = next_block != comments.end() || here().blank_before || at(TokenKind::kEnd);
    for (std::size_t i = 0; i < comments.size(); ++i) {
      const bool blank = comments[i].blank_before || (i == 0 && !stays_under_policy);
      if (!out_.empty() && blank) out_ += '\n';
      out_ += comments[i].text;
      out_ += '\n';
    }
  }

  // --- tokens ----------------------------------------------------------------------------------------------------------

  // The current token, with the comments around it.
  PartId token() {
    const Lexeme& lexeme = lexemes_[at_++];
    Parts parts;
    if (!comments_written_) append_before(parts, lexeme);
    comments_written_ = false;
    parts.push_back(layout_.text(lexeme.text));
    if (!lexeme.behind.empty()) parts.push_back(layout_.comment_behind(lexeme.behind));
    return layout_.sequence(std::move(parts));
  }

  void append_before(Parts& parts, const Lexeme& lexeme) {
    for (const Comment& comment : lexeme.before) parts.push_back(layout_.comment_before(comment.text));
  }

  PartId words(std::initializer_list<PartId> parts) { return layout_.sequence(Parts(parts)); }
  PartId space() { return layout_.text(" "); }

  // What stands between brackets: tight on one line, or each item on a line of its own.
  template <typename Item>
  PartId bracketed(Item item, bool is_padded = false) {
    const TokenKind close = at(TokenKind::kOpenParen)     ? TokenKind::kCloseParen
                            : at(TokenKind::kOpenBracket) ? TokenKind::kCloseBracket
                                                          : TokenKind::kCloseBrace;
    const PartId open = token();
    Parts inner;
    auto gap = [&] { return is_padded ? layout_.line() : layout_.soft_line(); };
    bool is_first = true;
    while (!at(close)) {
      inner.push_back(is_first ? gap() : layout_.line());
      is_first = false;
      inner.push_back(item());
      if (at(TokenKind::kComma)) inner.push_back(token());
    }
    // Comments before the closing bracket belong to what stands inside.
    if (!here().before.empty()) {
      if (is_first) inner.push_back(gap());
      append_before(inner, here());
      comments_written_ = true;
    }
    const bool is_empty = inner.empty();
    Parts parts{open, layout_.nest(layout_.sequence(std::move(inner)))};
    if (!is_empty) parts.push_back(gap());
    parts.push_back(token());
    return layout_.group(layout_.sequence(std::move(parts)));
  }

  // --- policies --------------------------------------------------------------------------------------------------------

  PartId policy() {
    Parts parts;
    while (at(TokenKind::kAt)) {
      parts.push_back(annotation());
      parts.push_back(layout_.hard_line());
    }
    parts.push_back(token());
    parts.push_back(space());
    parts.push_back(bracketed([&] { return scope_part(); }));
    while (!at(TokenKind::kSemicolon)) {
      parts.push_back(layout_.hard_line());
      parts.push_back(token());
      parts.push_back(space());
      parts.push_back(bracketed([&] { return expression(); }, true));
    }
    parts.push_back(token());
    return layout_.sequence(std::move(parts));
  }

  PartId annotation() {
    Parts parts{token(), token()};
    if (at(TokenKind::kOpenParen)) {
      for (int i = 0; i < 3; ++i) parts.push_back(token());  // ( "value" )
    }
    return layout_.sequence(std::move(parts));
  }

  PartId scope_part() {
    Parts parts{token()};
    while (!at(TokenKind::kComma) && !at(TokenKind::kCloseParen)) {
      parts.push_back(space());
      parts.push_back(at_word("is") || at_word("in") || at(TokenKind::kEqual) ? token() : scope_value());
    }
    return layout_.group(layout_.sequence(std::move(parts)));
  }

  PartId scope_value() {
    if (at(TokenKind::kOpenBracket) || at(TokenKind::kOpenParen)) return bracketed([&] { return scope_value(); });
    return at(TokenKind::kSlot) ? token() : name();
  }

  // --- expressions -----------------------------------------------------------------------------------------------------

  PartId expression() { return at_word("if") ? conditional() : chain(TokenKind::kOr); }

  PartId conditional() {
    Parts parts;
    for (int i = 0; i < 3; ++i) {
      if (i > 0) parts.push_back(layout_.line());
      parts.push_back(token());
      parts.push_back(space());
      parts.push_back(layout_.nest(expression()));
    }
    return layout_.group(layout_.sequence(std::move(parts)));
  }

  // a || b || c, or a && b && c: on one line, or each term on its own with the operator at the end.
  PartId chain(TokenKind separator) {
    auto term = [&] { return separator == TokenKind::kOr ? chain(TokenKind::kAnd) : relation(); };
    const PartId first = term();
    if (!at(separator)) return first;
    const bool is_inside = separator == TokenKind::kAnd;
    Parts parts{first};
    while (at(separator)) {
      parts.push_back(space());
      parts.push_back(token());
      parts.push_back(layout_.line());
      // A term that breaks, too, is told from the next by its indentation.
      const PartId next = term();
      parts.push_back(is_inside ? next : layout_.nest(next));
    }
    return layout_.group(layout_.sequence(std::move(parts)));
  }

  PartId relation() {
    const PartId left = sum();
    if (at_word("has")) {
      Parts parts{left, space(), token(), space(), token()};
      while (at(TokenKind::kDot)) {
        parts.push_back(token());
        parts.push_back(token());
      }
      return layout_.sequence(std::move(parts));
    }
    if (at_word("is")) {
      Parts parts{left, space(), token(), space(), name()};
      if (at_word("in")) {
        parts.push_back(space());
        parts.push_back(token());
        parts.push_back(layout_.nest(words({layout_.line(), sum()})));
      }
      return layout_.group(layout_.sequence(std::move(parts)));
    }
    static constexpr TokenKind kRelations[] = {TokenKind::kEqual,     TokenKind::kNotEqual, TokenKind::kLess,
                                               TokenKind::kLessEqual, TokenKind::kGreater,  TokenKind::kGreaterEqual};
    const bool is_relation =
        at_word("in") || at_word("like") || std::find(std::begin(kRelations), std::end(kRelations), here().kind) != std::end(kRelations);
    if (!is_relation) return left;
    const PartId operation = token();
    // A list behind its operator begins on the operator's line.
    if (at(TokenKind::kOpenBracket)) return layout_.group(words({left, space(), operation, space(), sum()}));
    const PartId right = sum();
    return layout_.group(words({left, space(), operation, layout_.nest(words({layout_.line(), right}))}));
  }

  PartId sum() {
    const PartId first = unary();
    auto is_operator = [&] { return at(TokenKind::kPlus) || at(TokenKind::kMinus) || at(TokenKind::kStar); };
    if (!is_operator()) return first;
    Parts parts{first};
    while (is_operator()) {
      parts.push_back(space());
      parts.push_back(token());
      parts.push_back(layout_.nest(words({layout_.line(), unary()})));
    }
    return layout_.group(layout_.sequence(std::move(parts)));
  }

  PartId unary() {
    Parts parts;
    while (at(TokenKind::kBang) || at(TokenKind::kMinus)) parts.push_back(token());
    parts.push_back(member());
    return layout_.sequence(std::move(parts));
  }

  PartId member() {
    Parts parts{primary()};
    for (;;) {
      if (at(TokenKind::kDot)) {
        parts.push_back(token());
        parts.push_back(token());
      } else if (at(TokenKind::kOpenBracket)) {
        for (int i = 0; i < 3; ++i) parts.push_back(token());  // [ "name" ]
      } else if (at(TokenKind::kOpenParen)) {
        parts.push_back(bracketed([&] { return expression(); }));
      } else {
        return layout_.sequence(std::move(parts));
      }
    }
  }

  PartId primary() {
    if (at(TokenKind::kOpenBracket) || at(TokenKind::kOpenParen)) return bracketed([&] { return expression(); });
    if (at(TokenKind::kOpenBrace)) return bracketed([&] { return field(); });
    return name();
  }

  PartId field() {
    const PartId key = token();
    const PartId colon = token();
    return words({key, colon, space(), expression()});
  }

  // One token, or A::B::"id".
  PartId name() {
    Parts parts{token()};
    while (at(TokenKind::kPath)) {
      parts.push_back(token());
      parts.push_back(token());
    }
    return layout_.sequence(std::move(parts));
  }

  std::span<const Lexeme> lexemes_;
  const std::size_t width_;
  std::size_t at_ = 0;
  Layout layout_;
  std::string out_;
  bool comments_written_ = false;  // those before the current token
};

}  // namespace

Result<std::string> format_policies(const PolicySource& source, const FormatOptions& options, std::vector<Diagnostic>* all) {
  const LoadOptions bounds;
  if (source.text.size() > bounds.max_source_bytes) {
    return fail(ErrorCode::kTooLarge, source.name + ": the file has " + std::to_string(source.text.size()) + " bytes, more than " +
                                          std::to_string(bounds.max_source_bytes));
  }
  Diagnostics diagnostics(bounds.max_diagnostics);
  const SourceText text(source.name, source.text);
  std::vector<PolicySyntax> policies;
  Parser(text, diagnostics).parse_policies(policies, bounds.max_policies);
  if (!diagnostics.empty()) {
    if (all != nullptr) *all = diagnostics.kept();
    return std::unexpected(diagnostics.error());
  }
  const std::vector<Lexeme> lexemes = read_lexemes(text.text());
  std::string out = Formatter(lexemes, options.width).format();
  if (!same_lexemes(lexemes, read_lexemes(out))) {
    return fail(ErrorCode::kInternal, source.name + ": the formatter would have changed more than blanks, so it changed nothing",
                "please report this file");
  }
  return out;
}

}  // namespace interlock::cedar
