// One simple command of the walk: its words, what it is given to read and write, and whether the shell itself knows it.
#include <algorithm>

#include "shell/parser.hpp"
#include "shell/walk.hpp"

namespace interlock::shell {
namespace {

constexpr std::string_view kNowhere[] = {"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty", "/dev/stdin", "/dev/zero", "/dev/full"};
constexpr std::size_t kCalls = 8;
constexpr std::size_t kOutputBytes = std::size_t{1} << 20;

// \n, \x41, \0101, \c: as echo -e and printf's %b have them. nullopt: it stops the output, or is not known.
std::optional<std::string> with_escapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char kind = text[++i];
    static constexpr std::string_view kFrom = "abefnrtv\\";
    static constexpr std::string_view kTo = "\a\b\033\f\n\r\t\v\\";
    if (const auto simple = kFrom.find(kind); simple != std::string_view::npos) {
      out += kTo[simple];
    } else if (kind == 'x' || (kind >= '0' && kind <= '7')) {
      const int base = kind == 'x' ? 16 : 8;
      auto at = kind == 'x' || kind == '0' ? i + 1 : i;
      int value = 0;
      int count = 0;
      for (; at < text.size() && count < (kind == 'x' ? 2 : 3); ++at, ++count) {
        const char c = text[at];
        const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
        if (digit >= base) break;
        value = value * base + digit;
      }
      out += static_cast<char>(value);
      i = at - 1;
    } else if (kind == 'c') {
      return out;
    } else {
      out += '\\';
      out += kind;
    }
  }
  return out;
}

// printf with %s, %b, %%, and numbers that are text anyway.
std::optional<std::string> printed(const std::vector<std::string>& words) {
  if (words.empty() || words[0].starts_with("-")) return std::nullopt;
  std::string out;
  std::size_t next = 1;
  do {
    const auto before = next;
    auto format = words[0];
    std::string literal;
    for (std::size_t i = 0; i < format.size(); ++i) {
      if (format[i] != '%') {
        literal += format[i];
        continue;
      }
      if (++i == format.size()) return std::nullopt;
      const auto expanded = with_escapes(literal);
      if (!expanded) return std::nullopt;
      out += *expanded;
      literal.clear();
      if (format[i] == '%') {
        out += '%';
        continue;
      }
      if (!std::string_view("sbdiq").contains(format[i])) return std::nullopt;
      const auto word = next < words.size() ? words[next++] : std::string();
      if (format[i] == 'q') return std::nullopt;
      const auto value = format[i] == 'b' ? with_escapes(word) : std::optional(word);
      if (!value) return std::nullopt;
      out += *value;
    }
    const auto expanded = with_escapes(literal);
    if (!expanded) return std::nullopt;
    out += *expanded;
    if (next == before) break;
  } while (next < words.size() && out.size() < kOutputBytes);
  return out;
}

}  // namespace

// What echo and printf write.
std::optional<std::string> Walk::output_of(const std::vector<Value>& argv) const {
  std::vector<std::string> words;
  for (const auto& value : argv) {
    if (!value.text || value.glob || value.may_split) return std::nullopt;
    words.push_back(*value.text);
  }
  if (words.empty() || state_.functions.contains(words[0])) return std::nullopt;
  if (words[0] == "printf" || words[0] == "/usr/bin/printf") return printed({words.begin() + 1, words.end()});
  if (words[0] != "echo" && words[0] != "/bin/echo") return std::nullopt;
  bool newline = true;
  bool escapes = false;
  std::size_t at = 1;
  for (; at < words.size() && words[at].size() > 1 && words[at][0] == '-' && words[at].find_first_not_of("neE", 1) == std::string::npos;
       ++at) {
    for (const char c : words[at].substr(1)) {
      if (c == 'n') newline = false;
      else escapes = c == 'e';
    }
  }
  std::string out;
  for (auto i = at; i < words.size(); ++i) out += (i > at ? " " : "") + words[i];
  if (escapes) {
    auto expanded = with_escapes(out);
    if (!expanded) return std::nullopt;
    out = std::move(*expanded);
  }
  return newline ? out + "\n" : out;
}

void Walk::redirections(const std::vector<Redirection>& list, const Place& place, RunCommand& run) {
  using Kind = Redirection::Kind;
  for (const auto& one : list) {
    substitutions(one.target, place);
    if (!one.variable.empty()) state_.set(one.variable, std::nullopt);
    if (one.kind == Kind::kDuplicate) continue;
    if (one.kind == Kind::kHereDocument || one.kind == Kind::kHereString) {
      if (one.body) substitutions(*one.body, place);
      auto input = expander().single(one.kind == Kind::kHereString ? one.target : *one.body);
      if (one.kind == Kind::kHereString && input.text) *input.text += '\n';
      if (one.descriptor <= 0) run.input = std::move(input);
      continue;
    }
    auto path = expander().single(one.target);
    if (path.text && std::ranges::find(kNowhere, *path.text) != std::end(kNowhere)) continue;
    if (path.text && path.text->starts_with("/dev/fd/")) continue;
    if (one.kind == Kind::kRead || one.kind == Kind::kReadWrite) run.redirections.push_back({Access::Kind::kRead, path});
    if (one.kind == Kind::kWrite || one.kind == Kind::kReadWrite) run.redirections.push_back({Access::Kind::kWrite, path});
    if (one.kind == Kind::kAppend) run.redirections.push_back({Access::Kind::kAppend, std::move(path)});
  }
}

void Walk::simple(const Simple& simple, const Place& place) {
  if (is_full()) return;
  for (const auto& word : simple.words) substitutions(word, place);
  for (const auto& one : simple.assignments) {
    substitutions(one.value, place);
    if (one.index) substitutions(*one.index, place);
    for (const auto& element : one.elements) substitutions(element, place);
  }
  RunCommand run;
  for (const auto& word : simple.words) {
    for (auto& value : expander().fields(word)) run.argv.push_back(std::move(value));
  }
  redirections(simple.redirections, place, run);

  const bool known_name = !run.argv.empty() && run.argv[0].text && !run.argv[0].glob && !run.argv[0].may_split;
  const auto name = known_name ? *run.argv[0].text : std::string();
  static constexpr std::string_view kDeclaring[] = {"declare", "typeset", "local", "export", "readonly"};
  const bool persists = run.argv.empty() || std::ranges::find(kDeclaring, name) != std::end(kDeclaring);
  for (const auto& one : simple.assignments) {
    auto value = one.array || one.index ? Value{.text = {}, .written = one.name + "=(...)", .prefix = {}} : expander().single(one.value);
    if (!persists) watch_variable(one.name, run.unknowable);
    run.environment.emplace_back(one.name, std::move(value));
    if (persists) assign(one, place);
  }
  if (persists && !run.argv.empty()) run.environment.clear();
  if (run.argv.empty()) {
    if (simple.words.empty() && run.redirections.empty()) {
      // Assignments alone run nothing; those that change what runs are told of by assign().
      return;
    }
    if (!simple.words.empty()) run.unknowable.push_back("its words are all empty, as far as can be told");
    return emit(std::move(run), simple, place);
  }
  if (!known_name) {
    run.unknowable.push_back("the program's name is not known before it runs: " + run.argv[0].written);
    // Whatever it is may be the shell's own.
    emit(std::move(run), simple, place);
    state_.forget_all();
    return;
  }
  if (const auto function = state_.functions.find(name); function != state_.functions.end()) {
    const auto argv = run.argv;
    const bool perhaps = state_.perhaps_functions.contains(name);
    run.function = name;
    // The call itself runs nothing; its redirections do.
    if (perhaps || !run.redirections.empty()) {
      if (!perhaps) run.argv.clear();
      emit(std::move(run), simple, place);
    }
    return call(name, argv, place);
  }
  std::vector<std::string> reasons;
  const auto argv = run.argv;
  auto found = std::move(run.unknowable);
  emit(std::move(run), simple, place);
  const auto own = out_.commands.size() - 1;
  builtin(argv, simple, place, reasons);
  for (auto& reason : found) reasons.push_back(std::move(reason));
  if (own < out_.commands.size()) out_.commands[own].unknowable = std::move(reasons);
}

void Walk::call(const std::string& name, const std::vector<Value>& argv, const Place& place) {
  const auto body = state_.functions[name];
  if (std::ranges::find(calling_, name) != calling_.end() || calling_.size() >= kCalls) {
    // Its body is in the result already.
    forget_assigned(body->lists[0]);
    return;
  }
  Place inside = place;
  inside.function = name;
  const auto positional = state_.positional;
  std::vector<std::string> words;
  bool known = true;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    known = known && argv[i].text && !argv[i].glob && !argv[i].may_split;
    if (known) words.push_back(*argv[i].text);
  }
  state_.positional = known ? std::optional(words) : std::nullopt;
  calling_.push_back(name);
  list(body->lists[0], inside);
  calling_.pop_back();
  state_.positional = positional;
}

void Walk::emit(RunCommand run, const Simple& simple, const Place& place) {
  if (out_.commands.size() >= limits_.commands) return;
  for (const auto* outer : place.around) {
    // What a compound around it reads, it may read; what the compound opens was told once.
    for (const auto& one : *outer) {
      if ((one.kind == Redirection::Kind::kHereDocument || one.kind == Redirection::Kind::kHereString) && one.descriptor <= 0 && !run.input)
        run.input = expander().single(one.kind == Redirection::Kind::kHereString ? one.target : *one.body);
    }
  }
  run.cwd = state_.cwd;
  run.from_pipe = place.from_pipe;
  run.pipe_from = place.pipe_from;
  run.background = place.background;
  run.conditional = place.conditional;
  if (run.function.empty()) run.function = place.function;
  run.offset = simple.offset;
  out_.commands.push_back(std::move(run));
}

}  // namespace interlock::shell
