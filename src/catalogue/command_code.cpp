#include "catalogue/command_code.hpp"

#include <algorithm>
#include <optional>

namespace interlock::catalogue {
namespace {

constexpr std::size_t kMaxFindings = 256;
constexpr std::size_t kMaxArguments = 256;  // of a call

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Walks the text of a program: words with their dots, and texts in quotes. Comments are read as code, which finds too much, never less.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  void step() { ++at_; }
  void skip_blanks() {
    while (!done() && is_blank(text_[at_])) ++at_;
  }
  // "os.path.remove", "fs::remove", "File.delete": the last two names.
  std::string chain() {
    std::string out;
    while (!done()) {
      if (is_word(text_[at_])) {
        out += text_[at_++];
      } else if (!out.empty() && text_[at_] == '.' && at_ + 1 < text_.size() && is_word(text_[at_ + 1])) {
        out += text_[at_++];
      } else if (!out.empty() && text_.substr(at_).starts_with("::")) {
        out += '.';
        at_ += 2;
      } else {
        break;
      }
    }
    return out;
  }
  bool at_quote() const { return peek() == '"' || peek() == '\'' || peek() == '`'; }
  // The text in quotes that starts here; escapes of the quote and of \n, \t, \xHH are read, since they hide names.
  std::string quoted() {
    const char quote = text_[at_++];
    std::string out;
    if (text_.substr(at_).starts_with(std::string(2, quote)) && quote != '`') {  // Python's """
      at_ += 2;
      const std::size_t end = text_.find(std::string(3, quote), at_);
      out = std::string(text_.substr(at_, end == std::string_view::npos ? end : end - at_));
      at_ = end == std::string_view::npos ? text_.size() : end + 3;
      return out;
    }
    while (!done() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
        escape(out);
      } else {
        out += text_[at_++];
      }
    }
    if (!done()) ++at_;
    return out;
  }

 private:
  static int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  }
  void escape(std::string& out) {
    const char letter = text_[at_ + 1];
    at_ += 2;
    if (letter == 'x' && at_ + 1 < text_.size() && hex(text_[at_]) >= 0 && hex(text_[at_ + 1]) >= 0) {
      out += static_cast<char>(hex(text_[at_]) * 16 + hex(text_[at_ + 1]));
      at_ += 2;
    } else if (letter == 'n') {
      out += '\n';
    } else if (letter == 't') {
      out += '\t';
    } else {
      out += letter;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

struct Arguments {
  std::vector<std::string> texts;  // in their order, those in a list among them
  bool plain = true;               // all that there is are texts
  bool shell = false;              // shell=True, { shell: true }
};

// What stands between the parentheses, or after a call without them (Perl, Ruby) up to the statement's end.
Arguments read_arguments(Scanner& scan) {
  Arguments out;
  scan.skip_blanks();
  const bool parentheses = scan.peek() == '(';
  if (parentheses) scan.step();
  int depth = 1;
  while (!scan.done() && depth > 0 && out.texts.size() < kMaxArguments) {
    const char c = scan.peek();
    if (scan.at_quote()) {
      out.texts.push_back(scan.quoted());
    } else if (c == '(' || c == '[') {
      ++depth;
      scan.step();
    } else if (c == ')' || c == ']') {
      --depth;
      scan.step();
    } else if (!parentheses && (c == ';' || c == '\n' || c == '}')) {
      break;
    } else if (is_word(c)) {
      const std::string word = scan.chain();
      if (word == "shell") out.shell = true;
      out.plain = false;
    } else {
      if (c == '+' || c == '%') out.plain = false;
      scan.step();
    }
  }
  return out;
}

const CodeCall* find_call(const TextMap<CodeCall>& calls, std::string_view chain) {
  for (std::string_view rest = chain;;) {
    if (const auto found = calls.find(rest); found != calls.end()) return &found->second;
    const std::size_t dot = rest.find('.');
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  // `from os import remove`: by its last name alone.
  if (chain.find('.') == std::string_view::npos) {
    for (const auto& [name, call] : calls) {
      const std::size_t dot = name.rfind('.');
      if (dot != std::string::npos && std::string_view(name).substr(dot + 1) == chain) return &call;
    }
  }
  return nullptr;
}

void add_finding(const CodeCall& call, Arguments arguments, std::vector<CodeFinding>& out) {
  if (arguments.texts.empty() || out.size() >= kMaxFindings) return;
  if (call.role == Role::kCommand) {
    // One text is a line for a shell where the language takes it so, else the program itself.
    const bool line = arguments.texts.size() == 1 || arguments.shell;
    if (line) out.push_back({Role::kScript, false, {arguments.texts.front()}});
    else out.push_back({Role::kCommand, false, std::move(arguments.texts)});
    return;
  }
  if (call.role == Role::kWrite && !call.every && arguments.texts.size() > 1 && arguments.texts[1].size() <= 3) {
    // open(path, mode): only some modes write.
    const bool writes = arguments.texts[1].find_first_of("wax+>") != std::string::npos;
    out.push_back({writes ? Role::kWrite : Role::kRead, false, {arguments.texts.front()}});
    return;
  }
  const std::size_t count = call.every ? arguments.texts.size() : 1;
  for (std::size_t i = 0; i < count; ++i) out.push_back({call.role, call.recursive, {arguments.texts[i]}});
}

// Past the text that `delimiter` ends; npos: nothing does, or a bracket expression holds it, which not every reader takes alike.
std::size_t past_delimited(std::string_view text, std::size_t at, char delimiter, bool is_pattern) {
  bool in_brackets = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == delimiter) {
      return in_brackets ? std::string_view::npos : at + 1;
    } else if (is_pattern && c == '[') {
      in_brackets = true;
    } else if (c == ']') {
      in_brackets = false;
    }
  }
  return std::string_view::npos;
}

bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

// A sed program of s, y, p, d, q and their like, with addresses: nothing of it reaches a file or a shell.
bool is_harmless_sed(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (is_blank(c) || is_one_of(c, ";{},!$~+0123456789pdqQ=nNDPgGhHxlz")) {
      ++i;
    } else if (c == '/') {
      i = past_delimited(text, i + 1, '/', true);
      if (i == std::string_view::npos) return false;
      while (i < text.size() && is_one_of(text[i], "IM")) ++i;
    } else if ((c == 's' || c == 'y') && i + 1 < text.size()) {
      const char delimiter = text[i + 1];
      i = past_delimited(text, i + 2, delimiter, c == 's');
      if (i != std::string_view::npos) i = past_delimited(text, i, delimiter, false);
      if (i == std::string_view::npos) return false;
      while (i < text.size() && is_one_of(text[i], "gpiImM0123456789")) ++i;
      if (i < text.size() && !is_blank(text[i]) && text[i] != ';' && text[i] != '}') return false;  // e and w among them
    } else if (is_one_of(c, "btT:")) {                                                              // a label
      i = std::min(text.find_first_of(";}\n", i), text.size());
    } else if (is_one_of(c, "aic#")) {  // text, or a comment, to the line's end
      i = std::min(text.find('\n', i), text.size());
    } else {
      return false;
    }
  }
  return true;
}

// An awk program without system(), pipes, redirections, getline and extensions.
bool is_harmless_awk(std::string_view text) {
  bool prints = false;
  char before = ';';  // what stands before, blanks aside
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++i;
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    // It divides after a value, and begins a pattern elsewhere. After these it may be either: then nothing that follows may hide code.
    if (c == '/' && is_one_of(before, "+-)]") && text.find_first_of("\"#", i) != std::string_view::npos) return false;
    if (c == '/' && !is_word(before) && !is_one_of(before, "+-)]\"")) {
      i = past_delimited(text, i + 1, '/', true);
      if (i == std::string_view::npos) return false;
    } else if (c == '"') {
      const std::size_t end = past_delimited(text, i + 1, '"', false);
      if (end == std::string_view::npos || text.substr(i, end - i).find('\n') != std::string_view::npos) return false;
      i = end;
    } else if (is_word(c)) {
      std::size_t end = i;
      while (end < text.size() && is_word(text[end])) ++end;
      const std::string_view word = text.substr(i, end - i);
      if (word == "system" || word == "getline") return false;
      if (word == "print" || word == "printf") prints = true;
      i = end;
      if (word == "print" || word == "printf" || word == "return" || word == "in" || word == "case" || word == "exit") {
        before = ',';  // a value may follow
        continue;
      }
    } else if (c == '@' || (c == '>' && prints)) {
      return false;
    } else if (c == '|') {
      if (!text.substr(i).starts_with("||")) return false;
      i += 2;
    } else {
      if (is_one_of(c, ";}\n")) prints = false;
      ++i;
    }
    before = text[i - 1];
  }
  return true;
}

}  // namespace

CodeReading read_inline_code(const CommandBook& book, std::string_view language, std::string_view text) {
  CodeReading out;
  if (language == "sed") {
    out.harmless = is_harmless_sed(text);
    return out;
  }
  if (language == "awk" && is_harmless_awk(text)) {
    out.harmless = true;
    return out;
  }
  const auto calls = book.languages.find(language);
  if (calls == book.languages.end()) return out;
  Scanner scan(text);
  std::string before;
  while (!scan.done() && out.findings.size() < kMaxFindings) {
    if (scan.at_quote()) {
      const bool runs = scan.peek() == '`' && (language == "ruby" || language == "perl" || language == "php");
      std::string inside = scan.quoted();
      if (runs) out.findings.push_back({Role::kScript, false, {std::move(inside)}});
      // require('child_process').execSync(...), Path('x').unlink(): what is called on it is found by its last name.
      else before = std::move(inside);
      continue;
    }
    if (!is_word(scan.peek())) {
      if (scan.peek() == ';' || scan.peek() == '\n') before.clear();
      scan.step();
      continue;
    }
    const std::string chain = scan.chain();
    const CodeCall* call = find_call(calls->second, chain);
    if (call == nullptr) continue;
    Arguments arguments = read_arguments(scan);
    if (arguments.texts.empty() && !before.empty()) arguments.texts.push_back(before);
    add_finding(*call, std::move(arguments), out.findings);
  }
  return out;
}

}  // namespace interlock::catalogue
