// Lists, pipelines, simple commands, redirections and here-documents (POSIX XCU 2.7, 2.9, 2.10).
#include <algorithm>
#include <array>

#include "shell/parser.hpp"

namespace interlock::shell {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.size() <= 9 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr std::array<std::string_view, 9> kClosers = {"then", "else", "elif", "fi", "do", "done", "esac", "}", "in"};

// Commands whose arguments may be assignments of arrays.
constexpr std::array<std::string_view, 5> kDeclaring = {"declare", "typeset", "local", "export", "readonly"};

}  // namespace

// `stops`: reserved words before which it ends; `closer`: ")", or ";;" for the arms of a case, whose fall-through forms count, too.
Script Parser::parse_list(std::initializer_list<std::string_view> stops, std::string_view closer) {
  Script out;
  while (!failed()) {
    skip_newlines();
    if (at_end()) {
      if (stops.size() > 0) complain(std::string(*(stops.end() - 1)) + " is missing");
      break;
    }
    if (peek() == ')') {
      if (closer != ")") complain("a ) that closes nothing");
      break;
    }
    if (starts(";;") || starts(";&")) {
      if (closer != ";;") complain("a ;; outside of case");
      break;
    }
    const auto word = reserved_here();
    if (std::ranges::find(stops, word) != stops.end() && !word.empty()) break;
    if (std::ranges::find(kClosers, word) != kClosers.end() && word != "in") {
      complain(std::string(word) + " stands where a command is expected");
      break;
    }
    Script::Item item;
    item.pipeline = parse_pipeline();
    skip_blanks();
    if (starts(";;") || starts(";&")) {
      out.items.push_back(std::move(item));
      continue;
    }
    if (take("&&")) item.join = Script::Join::kAnd;
    else if (take("||")) item.join = Script::Join::kOr;
    else if (peek() == '&') item.join = Script::Join::kBackground, ++at_;
    else if (peek() == ';') ++at_;
    else if (!at_end() && peek() != '\n' && peek() != ')') complain(std::string("unexpected ") + peek());
    const bool continues = item.join == Script::Join::kAnd || item.join == Script::Join::kOr;
    out.items.push_back(std::move(item));
    if (!continues) continue;
    skip_newlines();
    if (at_end() || peek() == ')' || peek() == ';' || peek() == '&' || peek() == '|') complain("a command is missing behind && or ||");
  }
  return out;
}

Pipeline Parser::parse_pipeline() {
  Pipeline out;
  for (;;) {
    skip_blanks();
    const auto word = reserved_here();
    if (word == "!") {
      at_ += 1;
      out.negated = !out.negated;
    } else if (word == "time" && is_bash()) {
      at_ += 4;
      out.timed = true;
      skip_blanks();
      if (starts("-p") && (is_meta(peek(2)) || at_ + 2 >= text_.size())) at_ += 2;
    } else {
      break;
    }
  }
  skip_blanks();
  // `!` and `time` alone are commands.
  if ((out.negated || out.timed) && (at_end() || peek() == ';' || peek() == '\n' || peek() == ')')) return out;
  while (!failed()) {
    out.commands.push_back(parse_command());
    skip_blanks();
    if (peek() != '|' || peek(1) == '|') {
      out.both_outputs.push_back(false);
      break;
    }
    const bool both = is_bash() && peek(1) == '&';
    at_ += both ? 2 : 1;
    out.both_outputs.push_back(both);
    skip_newlines();
    if (at_end()) complain("a command is missing behind |");
  }
  return out;
}

Command Parser::parse_command() {
  const Deeper deeper(*this);
  if (failed()) return {};
  skip_blanks();
  if (auto compound = parse_compound(reserved_here())) {
    parse_redirections(compound->redirections);
    skip_blanks();
    return std::move(*compound);
  }
  return parse_simple();
}

Command Parser::parse_simple() {
  Command out;
  out.simple.offset = at_;
  if (++budget_.commands > budget_.limits.commands)
    complain(ErrorCode::kTooLarge, "more than " + std::to_string(budget_.limits.commands) + " commands");
  auto& simple = out.simple;
  bool declares = false;
  while (!failed()) {
    skip_blanks();
    if (at_end() || peek() == '\n') break;
    if (parse_redirection(simple.redirections)) continue;
    const char c = peek();
    if (c == '(' && simple.words.size() == 1 && simple.assignments.empty() && simple.redirections.empty()) {
      const auto before = at_;
      ++at_;
      skip_blanks();
      auto name = simple.words[0].literal();
      if (take(")") && name) {
        --budget_.commands;
        return parse_function(std::move(*name));
      }
      at_ = before;
    }
    if ((c == '<' || c == '>') ? peek(1) != '(' : is_meta(c)) break;
    if ((simple.words.empty() || declares) && parse_assignment(simple.assignments)) continue;
    simple.words.push_back(parse_word(WordPlace::kPlain));
    if (simple.words.size() == 1) {
      const auto name = simple.words[0].literal();
      declares = is_bash() && name && std::ranges::find(kDeclaring, *name) != kDeclaring.end();
    }
  }
  if (simple.words.empty() && simple.assignments.empty() && simple.redirections.empty() && !failed())
    complain(at_end() ? std::string("a command is missing") : std::string("unexpected ") + peek());
  return out;
}

// name=word, name+=word, name[index]=word, name=(...)
bool Parser::parse_assignment(std::vector<Assignment>& out) {
  auto at = at_;
  if (at >= text_.size() || !is_name_start(text_[at])) return false;
  while (at < text_.size() && is_name_part(text_[at])) ++at;
  const auto name = text_.substr(at_, at - at_);
  std::size_t index_end = 0;
  if (is_bash() && at < text_.size() && text_[at] == '[') {
    // The index ends at its own bracket, before which no blank and no operator stands unquoted.
    std::size_t depth = 0;
    auto end = at;
    for (; end < text_.size(); ++end) {
      const char c = text_[end];
      if (c == '[') ++depth;
      else if (c == ']' && --depth == 0) break;
      else if (c == '\\') ++end;
      else if (c == '\'' || c == '"') {
        end = text_.find(c, end + 1);
        if (end == std::string_view::npos) return false;
      } else if (is_meta(c) && c != '(' && c != ')') return false;
    }
    if (end >= text_.size()) return false;
    index_end = end;
    at = end + 1;
  }
  const bool append = at + 1 < text_.size() && text_[at] == '+' && text_[at + 1] == '=' && is_bash();
  if (append) ++at;
  if (at >= text_.size() || text_[at] != '=') return false;
  Assignment one;
  one.name = name;
  one.append = append;
  if (index_end != 0) {
    at_ += name.size() + 1;
    Word index;
    index.offset = at_;
    index.pieces = parse_until(']', true);
    one.index = std::move(index);
  }
  if (failed()) return true;
  at_ = at + 1;
  if (peek() == '(' && is_bash()) parse_array(one);
  else one.value = parse_word(WordPlace::kAssignment);
  out.push_back(std::move(one));
  return true;
}

void Parser::parse_array(Assignment& out) {
  const Deeper deeper(*this);
  if (failed()) return;
  out.array = true;
  ++at_;
  while (!failed()) {
    skip_newlines();
    if (at_end()) return complain("the ) of an array is missing");
    if (take(")")) return;
    if (peek() == '[') {
      // [index]=value: what the index expands counts as an element, which is never known.
      ++at_;
      Word index;
      index.offset = at_;
      index.pieces = parse_until(']', true);
      if (!take("=") && !take("+=")) {
        append_text(index.pieces, "]", false);
        out.elements.push_back(std::move(index));
        continue;
      }
      auto value = parse_word(WordPlace::kAssignment);
      value.pieces.insert(value.pieces.end(), std::make_move_iterator(index.pieces.begin()), std::make_move_iterator(index.pieces.end()));
      Piece unknown;
      unknown.kind = Piece::Kind::kParameter;
      unknown.text = "@";
      value.pieces.push_back(std::move(unknown));
      out.elements.push_back(std::move(value));
      continue;
    }
    const auto before = at_;
    out.elements.push_back(parse_word(WordPlace::kPlain));
    if (at_ == before && !failed()) complain(std::string("unexpected ") + peek() + " in an array");
  }
}

void Parser::parse_redirections(std::vector<Redirection>& out) {
  do skip_blanks();
  while (!failed() && parse_redirection(out));
}

bool Parser::parse_redirection(std::vector<Redirection>& out) {
  auto at = at_;
  Redirection one;
  if (at < text_.size() && text_[at] >= '0' && text_[at] <= '9') {
    while (at < text_.size() && text_[at] >= '0' && text_[at] <= '9') ++at;
    const auto digits = text_.substr(at_, at - at_);
    if (at >= text_.size() || (text_[at] != '<' && text_[at] != '>') || !is_digits(digits)) return false;
    one.descriptor = std::stoi(std::string(digits));
  } else if (is_bash() && at < text_.size() && text_[at] == '{' && at + 1 < text_.size() && is_name_start(text_[at + 1])) {
    auto end = at + 1;
    while (end < text_.size() && is_name_part(text_[end])) ++end;
    if (end + 1 >= text_.size() || text_[end] != '}' || (text_[end + 1] != '<' && text_[end + 1] != '>')) return false;
    one.variable = text_.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  const auto rest = text_.substr(at);
  const bool both = is_bash() && (rest.starts_with("&>") || rest.starts_with("&>>"));
  if (!rest.starts_with('<') && !rest.starts_with('>') && !both) return false;
  // <( and >( begin a word.
  if (one.descriptor < 0 && one.variable.empty() && is_bash() && (rest.starts_with("<(") || rest.starts_with(">("))) return false;

  struct Operator {
    std::string_view text;
    Redirection::Kind kind;
    bool bash;
  };
  using Kind = Redirection::Kind;
  static constexpr std::array<Operator, 13> kOperators = {{{"<<<", Kind::kHereString, true},
                                                           {"<<-", Kind::kHereDocument, false},
                                                           {"<<", Kind::kHereDocument, false},
                                                           {"<&", Kind::kDuplicate, false},
                                                           {"<>", Kind::kReadWrite, false},
                                                           {"<", Kind::kRead, false},
                                                           {">>", Kind::kAppend, false},
                                                           {">&", Kind::kDuplicate, false},
                                                           {">|", Kind::kWrite, false},
                                                           {">", Kind::kWrite, false},
                                                           {"&>>", Kind::kAppend, true},
                                                           {"&>", Kind::kWrite, true},
                                                           {"", Kind::kRead, false}}};
  const auto* op = std::ranges::find_if(
      kOperators, [&](const Operator& candidate) { return rest.starts_with(candidate.text) && (!candidate.bash || is_bash()); });
  at_ = at + op->text.size();
  one.kind = op->kind;
  skip_blanks();
  if (one.kind == Redirection::Kind::kHereDocument) {
    const auto start = at_;
    const auto word = parse_word(WordPlace::kPlain);
    // The delimiter is the word as it is written, without its quotes; nothing in it expands.
    PendingHere here;
    here.strip_tabs = op->text == "<<-";
    here.body = std::make_shared<Word>();
    for (const auto& piece : word.pieces) {
      if (piece.kind != Piece::Kind::kText) return complain("the delimiter of a here-document expands"), true;
      here.delimiter += piece.text;
      here.quoted = here.quoted || piece.quoted;
    }
    if (at_ == start) return complain("the delimiter of a here-document is missing"), true;
    one.body = here.body;
    pending_.push_back(std::move(here));
  } else {
    const auto start = at_;
    one.target = parse_word(WordPlace::kPlain);
    if (at_ == start && !failed()) complain("the target of a redirection is missing");
    // >&word with a file's name is bash's older &>.
    if (one.kind == Redirection::Kind::kDuplicate && op->text == ">&" && one.descriptor < 0 && one.variable.empty()) {
      const auto target = one.target.literal();
      if (!target || (!is_digits(*target) && *target != "-" &&
                      !(target->ends_with('-') && is_digits(std::string_view(*target).substr(0, target->size() - 1)))))
        one.kind = Redirection::Kind::kWrite;
    }
  }
  out.push_back(std::move(one));
  return true;
}

// Behind the newline of the line that they were begun on, in their order.
void Parser::read_here_documents() {
  for (auto& here : std::exchange(pending_, {})) {
    std::string body;
    bool ended = false;
    while (!at_end() && !ended) {
      auto end = text_.find('\n', at_);
      if (end == std::string_view::npos) end = text_.size();
      auto line = text_.substr(at_, end - at_);
      at_ = std::min(end + 1, text_.size());
      if (here.strip_tabs) line.remove_prefix(std::min(line.find_first_not_of('\t'), line.size()));
      // In an unquoted one a line that ends in a backslash goes on in the next, and so does its search for the end.
      ended = line == here.delimiter;
      if (!ended) (body += line) += '\n';
    }
    auto& pieces = here.body->pieces;
    if (here.quoted) append_text(pieces, body, true);
    else pieces = pieces_of(body);
    if (failed()) return;
  }
}

}  // namespace interlock::shell
