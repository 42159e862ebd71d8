// ${...}, $((...)), $(...) and backquotes (POSIX XCU 2.6; Bash 3.5).
#include <array>

#include "shell/parser.hpp"

namespace interlock::shell {
namespace {

// The longest first.
constexpr std::array<std::string_view, 26> kOperators = {":-", ":=", ":?", ":+", "##", "%%", "//", "/#", "/%", "^^", ",,", "~~", "-",
                                                         "=",  "?",  "+",  "#",  "%",  "/",  "^",  ",",  "~",  ":",  "@",  "*",  "!"};

}  // namespace

// The pieces up to an unquoted `closer`, which is taken. In double quotes a single quote is a character.
std::vector<Piece> Parser::parse_until(char closer, bool quoted) {
  std::vector<Piece> out;
  std::size_t parens = 0;
  while (!failed()) {
    if (at_end()) {
      complain(std::string("a ") + closer + " is missing");
      break;
    }
    if (skip_continuation()) continue;
    const char c = peek();
    if (c == closer && parens == 0) {
      ++at_;
      break;
    }
    if (closer == ')' && (c == '(' || c == ')')) c == '(' ? ++parens : --parens;
    if (c == '\\') {
      if (at_ + 1 >= text_.size()) {
        complain(std::string("a ") + closer + " is missing");
        break;
      }
      append_text(out, text_.substr(at_ + 1, 1), true);
      at_ += 2;
    } else if (c == '\'' && !quoted) {
      parse_single_quotes(out);
    } else if (c == '"') {
      ++at_;
      parse_double_quotes(out);
    } else if (c == '$' || c == '`') {
      parse_expansion(out, quoted);
    } else if ((c == '<' || c == '>') && peek(1) == '(' && !quoted && is_bash()) {
      Piece piece;
      piece.kind = Piece::Kind::kProcess;
      piece.op = c;
      at_ += 2;
      piece.script = parse_substitution();
      out.push_back(std::move(piece));
    } else {
      append_text(out, text_.substr(at_++, 1), quoted);
    }
  }
  return out;
}

void Parser::parse_braced_parameter(std::vector<Piece>& out, bool quoted) {
  const Deeper deeper(*this);
  if (failed()) return;
  Piece piece;
  piece.kind = Piece::Kind::kParameter;
  piece.quoted = quoted;
  at_ += 2;
  // ${#name} is a length; ${#} and ${#-...} are of the parameter #.
  if (peek() == '#' &&
      (is_name_start(peek(1)) || (peek(1) >= '0' && peek(1) <= '9') ||
       ((peek(1) == '@' || peek(1) == '*' || peek(1) == '?' || peek(1) == '!' || peek(1) == '-' || peek(1) == '$' || peek(1) == '#') &&
        peek(2) == '}'))) {
    piece.op = "#length";
    ++at_;
  } else if (peek() == '!' && peek(1) != '}' && is_bash()) {
    piece.indirect = true;
    ++at_;
  }
  const auto start = at_;
  if (is_name_start(peek())) {
    while (is_name_part(peek())) ++at_;
  } else if (peek() >= '0' && peek() <= '9') {
    while (peek() >= '0' && peek() <= '9') ++at_;
  } else if (peek() != '\0' && std::string_view("@*#?-$!").contains(peek())) {
    ++at_;
  }
  piece.text = text_.substr(start, at_ - start);
  if (piece.text.empty()) return complain("${ is followed by no name");
  if (peek() == '[') {
    ++at_;
    piece.argument = parse_until(']', quoted);
    if (piece.op.empty()) piece.op = "[";
  }
  if (peek() != '}') {
    const auto subscript = std::move(piece.argument);
    std::string op;
    for (const auto candidate : kOperators) {
      if (!starts(candidate)) continue;
      op = candidate;
      break;
    }
    if (op.empty() && !failed()) return complain("${" + piece.text + " has an operator that is not known");
    at_ += op.size();
    piece.argument = parse_until('}', quoted);
    // What an index expands is expanded, too; an element is never known.
    for (const auto& one : subscript) piece.argument.push_back(one);
    piece.op = piece.op == "[" ? "[" + op : op;
  } else {
    ++at_;
  }
  out.push_back(std::move(piece));
}

// From behind "((" (or "[") to its end, as text; nullopt: it is no arithmetic, a subshell in a substitution say.
std::optional<std::string> Parser::scan_arithmetic() {
  const auto start = at_;
  std::size_t parens = 0;
  for (auto at = start; at < text_.size(); ++at) {
    const char c = text_[at];
    if (c == '\\') {
      ++at;
    } else if (c == '\'' || c == '"') {
      const auto end = text_.find(c, at + 1);
      if (end == std::string_view::npos) return std::nullopt;
      at = end;
    } else if (c == '(') {
      ++parens;
    } else if (c == ')') {
      if (parens > 0) {
        --parens;
      } else if (at + 1 < text_.size() && text_[at + 1] == ')') {
        at_ = at + 2;
        return std::string(text_.substr(start, at - start));
      } else {
        return std::nullopt;
      }
    }
  }
  return std::nullopt;
}

bool Parser::parse_arithmetic(std::vector<Piece>& out, bool quoted) {
  const Deeper deeper(*this);
  if (failed()) return true;
  const auto before = at_;
  Piece piece;
  piece.kind = Piece::Kind::kArithmetic;
  piece.quoted = quoted;
  if (peek(1) == '[') {
    at_ += 2;
    const auto start = at_;
    piece.argument = parse_until(']', true);
    piece.text = failed() ? std::string() : std::string(text_.substr(start, at_ - start - 1));
    out.push_back(std::move(piece));
    return true;
  }
  at_ += 3;
  auto text = scan_arithmetic();
  if (!text) {
    at_ = before;
    return false;
  }
  piece.argument = pieces_of(*text);
  piece.text = std::move(*text);
  out.push_back(std::move(piece));
  return true;
}

// What expands in a text that stands in quotes.
std::vector<Piece> Parser::pieces_of(const std::string& text) {
  Parser inner(text, dialect_, budget_);
  auto out = inner.parse_quoted_text(false);
  if (inner.error() && !error_) complain(inner.error()->code, inner.error()->message);
  return out;
}

// Behind "$(": a list up to its parenthesis. Here-documents of the command around it do not begin in it.
std::shared_ptr<const Script> Parser::parse_substitution() {
  const Deeper deeper(*this);
  if (failed()) return std::make_shared<Script>();
  auto outer = std::exchange(pending_, {});
  auto script = std::make_shared<Script>(parse_list({}, ")"));
  if (!failed() && !take(")")) complain("a ) is missing");
  if (!pending_.empty() && !failed()) complain("a here-document does not end before its substitution does");
  pending_ = std::move(outer);
  return script;
}

std::shared_ptr<const Script> Parser::parse_backquotes(bool quoted) {
  const Deeper deeper(*this);
  if (failed()) return std::make_shared<Script>();
  std::string inside;
  ++at_;
  for (;;) {
    if (at_end()) {
      complain("a ` has no end");
      return std::make_shared<Script>();
    }
    const char c = text_[at_++];
    if (c == '`') break;
    if (c != '\\' || at_end()) {
      inside += c;
      continue;
    }
    const char next = text_[at_++];
    if (next != '$' && next != '`' && next != '\\' && !(quoted && next == '"')) inside += '\\';
    inside += next;
  }
  Parser inner(inside, dialect_, budget_);
  auto script = std::make_shared<Script>(inner.parse_all());
  if (inner.error()) complain(inner.error()->code, "in backquotes: " + inner.error()->message);
  return script;
}

}  // namespace interlock::shell
