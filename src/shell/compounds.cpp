// Compound commands and functions (POSIX XCU 2.9.4, 2.9.5; Bash 3.2.5).
#include "shell/parser.hpp"

namespace interlock::shell {

bool Parser::expect_word(std::string_view word) {
  skip_newlines();
  if (reserved_here() != word) {
    complain(std::string(word) + " is missing");
    return false;
  }
  at_ += word.size();
  return true;
}

std::optional<Command> Parser::parse_compound(std::string_view word) {
  if (peek() == '(') {
    if (peek(1) == '(' && is_bash()) {
      const auto before = at_;
      at_ += 2;
      if (auto text = scan_arithmetic()) return parse_arithmetic_command(*text);
      at_ = before;
    }
    return parse_subshell();
  }
  if (word.empty()) return std::nullopt;
  if (word == "{") return parse_group();
  if (word == "if") return parse_if();
  if (word == "while" || word == "until") return parse_loop(Command::Kind::kWhile);
  if (word == "for") return parse_for();
  if (word == "case") return parse_case();
  if (!is_bash()) return std::nullopt;
  if (word == "select") return parse_for();
  if (word == "[[") return parse_test();
  if (word == "coproc") return parse_coproc();
  if (word == "function") {
    at_ += word.size();
    skip_blanks();
    auto name = parse_word(WordPlace::kPlain).literal();
    if (!name || name->empty()) {
      complain("a function's name is missing");
      return Command{};
    }
    skip_blanks();
    if (take("(")) {
      skip_blanks();
      if (!take(")")) complain("a ) is missing behind a function's name");
    }
    return parse_function(std::move(*name));
  }
  return std::nullopt;
}

Command Parser::parse_subshell() {
  Command out;
  out.kind = Command::Kind::kSubshell;
  ++at_;
  out.lists.push_back(parse_list({}, ")"));
  if (!failed() && !take(")")) complain("a ) is missing");
  if (!failed() && out.lists[0].items.empty()) complain("an empty subshell");
  return out;
}

Command Parser::parse_group() {
  Command out;
  out.kind = Command::Kind::kGroup;
  ++at_;
  out.lists.push_back(parse_list({"}"}, {}));
  (void)expect_word("}");
  return out;
}

Command Parser::parse_if() {
  Command out;
  out.kind = Command::Kind::kIf;
  at_ += 2;
  for (;;) {
    out.lists.push_back(parse_list({"then"}, {}));
    if (!expect_word("then")) return out;
    out.lists.push_back(parse_list({"elif", "else", "fi"}, {}));
    skip_newlines();
    const auto word = reserved_here();
    if (failed() || word.empty()) return out;
    at_ += word.size();
    if (word == "elif") continue;
    if (word == "else") {
      out.lists.push_back(parse_list({"fi"}, {}));
      (void)expect_word("fi");
    }
    return out;
  }
}

Command Parser::parse_loop(Command::Kind kind) {
  Command out;
  out.kind = kind;
  at_ += 5;  // while, until
  out.lists.push_back(parse_list({"do"}, {}));
  parse_body(out);
  return out;
}

// do ... done, or, of a for, { ... }.
void Parser::parse_body(Command& out) {
  skip_newlines();
  if (reserved_here() == "{") {
    auto group = parse_group();
    for (auto& list : group.lists) out.lists.push_back(std::move(list));
    return;
  }
  if (!expect_word("do")) return;
  out.lists.push_back(parse_list({"done"}, {}));
  (void)expect_word("done");
}

// for and select.
Command Parser::parse_for() {
  Command out;
  out.kind = Command::Kind::kFor;
  out.text = reserved_here();
  at_ += out.text.size();
  skip_blanks();
  if (starts("((") && is_bash()) {
    at_ += 2;
    auto text = scan_arithmetic();
    if (!text) {
      complain("the )) of a for is missing");
      return out;
    }
    out = parse_arithmetic_command(*text);
    out.kind = Command::Kind::kForArith;
    skip_blanks();
    (void)take(";");
    parse_body(out);
    return out;
  }
  auto name = parse_word(WordPlace::kPlain).literal();
  if (!name || name->empty()) {
    complain("a for has no name");
    return out;
  }
  out.name = std::move(*name);
  skip_newlines();
  if (reserved_here() == "in") {
    at_ += 2;
    out.has_words = true;
    while (!failed()) {
      skip_blanks();
      if (at_end() || peek() == ';' || peek() == '\n') break;
      const auto before = at_;
      out.words.push_back(parse_word(WordPlace::kPlain));
      if (at_ == before && !failed()) complain(std::string("unexpected ") + peek() + " in a for");
    }
  }
  skip_blanks();
  (void)take(";");
  parse_body(out);
  return out;
}

Command Parser::parse_case() {
  Command out;
  out.kind = Command::Kind::kCase;
  at_ += 4;
  skip_blanks();
  out.words.push_back(parse_word(WordPlace::kPlain));
  if (!expect_word("in")) return out;
  for (;;) {
    skip_newlines();
    if (at_end()) complain("esac is missing");
    if (failed()) return out;
    if (reserved_here() == "esac") break;
    (void)take("(");
    std::vector<Word> patterns;
    do {
      skip_blanks();
      const auto before = at_;
      patterns.push_back(parse_word(WordPlace::kPlain));
      if (at_ == before && !failed()) complain("a pattern of case is missing");
      skip_blanks();
    } while (!failed() && take("|"));
    if (!failed() && !take(")")) complain("a ) is missing behind a pattern of case");
    out.patterns.push_back(std::move(patterns));
    out.lists.push_back(parse_list({"esac"}, ";;"));
    skip_newlines();
    if (failed() || reserved_here() == "esac") break;
    if (!take(";;&") && !take(";;") && !take(";&")) complain("a ;; is missing");
  }
  (void)expect_word("esac");
  return out;
}

Command Parser::parse_arithmetic_command(const std::string& text) {
  Command out;
  out.kind = Command::Kind::kArithmetic;
  out.text = text;
  Word word;
  word.pieces = pieces_of(text);
  out.words.push_back(std::move(word));
  return out;
}

// [[ ... ]]: words and operators in their order.
Command Parser::parse_test() {
  Command out;
  out.kind = Command::Kind::kTest;
  at_ += 2;
  bool pattern = false;
  while (!failed()) {
    skip_newlines();
    if (at_end()) complain("]] is missing");
    if (failed()) break;
    if (starts("]]") && (at_ + 2 >= text_.size() || is_meta(peek(2)))) {
      at_ += 2;
      break;
    }
    Word word;
    word.offset = at_;
    if (!pattern && (starts("&&") || starts("||"))) {
      append_text(word.pieces, text_.substr(at_, 2), true);
      at_ += 2;
    } else if (!pattern && std::string_view("()<>").contains(peek()) && peek(1) != '(') {
      append_text(word.pieces, text_.substr(at_, 1), true);
      ++at_;
    } else if (!pattern && (peek() == '(' || peek() == ')')) {
      append_text(word.pieces, text_.substr(at_, 1), true);
      ++at_;
    } else {
      const auto before = at_;
      word = parse_word(pattern ? WordPlace::kPattern : WordPlace::kTest);
      if (at_ == before && !failed()) complain(std::string("unexpected ") + peek() + " in [[ ]]");
    }
    pattern = word.pieces.size() == 1 && word.pieces[0].kind == Piece::Kind::kText && word.pieces[0].text == "=~";
    out.words.push_back(std::move(word));
  }
  return out;
}

Command Parser::parse_function(std::string name) {
  Command out;
  out.kind = Command::Kind::kFunction;
  out.name = std::move(name);
  skip_newlines();
  auto body = parse_compound(reserved_here());
  if (!body) {
    if (!failed()) complain("the body of the function " + out.name + " is missing");
    return out;
  }
  parse_redirections(body->redirections);
  Script list;
  Script::Item item;
  item.pipeline.commands.push_back(std::move(*body));
  item.pipeline.both_outputs.push_back(false);
  list.items.push_back(std::move(item));
  out.lists.push_back(std::move(list));
  return out;
}

// coproc [NAME] command: a name only stands before a compound command.
Command Parser::parse_coproc() {
  Command out;
  out.kind = Command::Kind::kCoproc;
  at_ += 6;
  skip_blanks();
  const auto before = at_;
  if (reserved_here().empty() && is_name_start(peek())) {
    auto name = parse_word(WordPlace::kPlain).literal();
    skip_blanks();
    if (name &&
        (peek() == '(' || reserved_here() == "{" || reserved_here() == "while" || reserved_here() == "for" || reserved_here() == "if"))
      out.name = *name;
    else if (!failed()) at_ = before;
  }
  Script list;
  Script::Item item;
  item.pipeline.commands.push_back(parse_command());
  item.pipeline.both_outputs.push_back(false);
  list.items.push_back(std::move(item));
  out.lists.push_back(std::move(list));
  return out;
}

}  // namespace interlock::shell
