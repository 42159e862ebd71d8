#include "oauth/challenge.hpp"

#include <algorithm>

namespace interlock::oauth {
namespace {

bool is_token_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
bool is_token68_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("-._~+/").find(c) != std::string_view::npos;
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }
  char peek() const { return text_.empty() ? '\0' : text_.front(); }
  void skip_space() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
  }
  void skip_commas() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t' || text_.front() == ',')) text_.remove_prefix(1);
  }
  bool take(char c) {
    if (peek() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::string lower_token() {
    std::string out;
    for (; !text_.empty() && is_token_character(text_.front()); text_.remove_prefix(1)) out += lower(text_.front());
    return out;
  }
  std::string token() {
    std::string out;
    for (; !text_.empty() && is_token_character(text_.front()); text_.remove_prefix(1)) out += text_.front();
    return out;
  }
  std::optional<std::string> quoted() {
    std::string out;
    if (!take('"')) return std::nullopt;
    while (!text_.empty()) {
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == '"') return out;
      if (c == '\\') {
        if (text_.empty()) return std::nullopt;
        out += text_.front();
        text_.remove_prefix(1);
      } else {
        out += c;
      }
    }
    return std::nullopt;
  }
  // A token68 stands alone: it ends at a comma or at the end.
  bool take_token68() {
    auto rest = text_;
    while (!rest.empty() && is_token68_character(rest.front())) rest.remove_prefix(1);
    if (rest.size() == text_.size()) return false;
    while (!rest.empty() && rest.front() == '=') rest.remove_prefix(1);
    const auto end = rest.find_first_not_of(" \t");
    if (end != std::string_view::npos && rest[end] != ',') return false;
    text_ = rest;
    return true;
  }
  std::string_view rest() const { return text_; }
  void reset(std::string_view text) { text_ = text; }

 private:
  std::string_view text_;
};

// Parameters up to the next scheme or the end. False: the form is wrong.
bool read_parameters(Cursor& cursor, Challenge& challenge) {
  while (!cursor.at_end()) {
    const auto before = cursor.rest();
    auto name = cursor.lower_token();
    cursor.skip_space();
    if (name.empty()) return false;
    if (!cursor.take('=')) {
      cursor.reset(before);
      return true;  // the next scheme
    }
    cursor.skip_space();
    std::string value;
    if (cursor.peek() == '"') {
      auto text = cursor.quoted();
      if (!text) return false;
      value = std::move(*text);
    } else {
      value = cursor.token();
      if (value.empty()) return false;
    }
    const bool is_repeated =
        std::any_of(challenge.parameters.begin(), challenge.parameters.end(), [&](const auto& known) { return known.first == name; });
    if (is_repeated || challenge.parameters.size() == kChallengeParameters) return false;
    challenge.parameters.emplace_back(std::move(name), std::move(value));
    cursor.skip_space();
    if (!cursor.at_end() && cursor.peek() != ',') return false;
    cursor.skip_commas();
  }
  return true;
}

}  // namespace

std::string_view Challenge::get(std::string_view name) const {
  for (const auto& [known, value] : parameters)
    if (known == name) return value;
  return {};
}

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> out;
  if (field.size() > kChallengeBytes) return out;
  Cursor cursor(field);
  cursor.skip_commas();
  while (!cursor.at_end() && out.size() < kChallenges) {
    Challenge challenge;
    challenge.scheme = cursor.lower_token();
    if (challenge.scheme.empty()) return out;
    if (!cursor.at_end() && cursor.peek() != ' ' && cursor.peek() != ',') return out;
    cursor.skip_space();
    if (!cursor.at_end() && cursor.peek() != ',') {
      if (!cursor.take_token68() && !read_parameters(cursor, challenge)) return out;
    }
    cursor.skip_commas();
    out.push_back(std::move(challenge));
  }
  return out;
}

std::optional<Challenge> find_challenge(std::span<const std::string> fields) {
  for (const auto& field : fields) {
    for (auto& challenge : parse_challenges(field))
      if (challenge.scheme == "bearer" || challenge.scheme == "dpop") return std::move(challenge);
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> parse_scopes(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const auto scope = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (scope.empty()) continue;
    const bool fits = scope.size() <= kScopeBytes &&
                      std::all_of(scope.begin(), scope.end(), [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; });
    if (!fits) return std::nullopt;
    if (std::find(out.begin(), out.end(), scope) != out.end()) continue;
    if (out.size() == kScopes) return std::nullopt;
    out.emplace_back(scope);
  }
  return out;
}

std::string join_scopes(std::span<const std::string> scopes) {
  std::string out;
  for (const auto& scope : scopes) {
    if (!out.empty()) out += ' ';
    out += scope;
  }
  return out;
}

void add_scopes(std::vector<std::string>& scopes, std::span<const std::string> more) {
  for (const auto& scope : more)
    if (std::find(scopes.begin(), scopes.end(), scope) == scopes.end()) scopes.push_back(scope);
}

bool has_scopes(std::span<const std::string> scopes, std::span<const std::string> wanted) {
  return std::all_of(wanted.begin(), wanted.end(),
                     [&](const auto& scope) { return std::find(scopes.begin(), scopes.end(), scope) != scopes.end(); });
}

}  // namespace interlock::oauth
