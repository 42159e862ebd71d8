#include "catalogue/graphql.hpp"

#include <string>

namespace interlock::catalogue {
namespace {

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_name_start(c) || (c >= '0' && c <= '9'); }

// The document as a row of words and brackets; strings and comments are passed over.
class Outline {
 public:
  explicit Outline(std::string_view text) : text_(text) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  // The next word or mark; empty at the end, or where `broken()`.
  std::string_view next() {
    while (!text_.empty() && !broken_) {
      const char c = text_.front();
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',') {
        text_.remove_prefix(1);
      } else if (c == '#') {
        const std::size_t end = text_.find_first_of("\r\n");
        text_ = end == std::string_view::npos ? std::string_view{} : text_.substr(end);
      } else if (c == '"') {
        pass_string();
        return broken_ ? std::string_view{} : std::string_view("\"");
      } else if (is_name_start(c)) {
        std::size_t end = 1;
        while (end < text_.size() && is_name(text_[end])) ++end;
        return take(end);
      } else if (std::string_view("!$&()[]{}.:=@|-+0123456789").find(c) != std::string_view::npos) {
        return take(1);
      } else {
        broken_ = true;
      }
    }
    return {};
  }
  bool broken() const { return broken_; }

 private:
  std::string_view take(std::size_t count) {
    const std::string_view out = text_.substr(0, count);
    text_.remove_prefix(count);
    return out;
  }

  void pass_string() {
    if (text_.starts_with("\"\"\"")) {
      for (std::size_t at = 3; at < text_.size(); ++at) {
        if (text_.substr(at).starts_with("\\\"\"\"")) {
          at += 3;
        } else if (text_.substr(at).starts_with("\"\"\"")) {
          text_.remove_prefix(at + 3);
          return;
        }
      }
    } else {
      for (std::size_t at = 1; at < text_.size(); ++at) {
        if (text_[at] == '\n' || text_[at] == '\r') break;
        if (text_[at] == '\\') {
          ++at;
        } else if (text_[at] == '"') {
          text_.remove_prefix(at + 1);
          return;
        }
      }
    }
    broken_ = true;
  }

  std::string_view text_;
  bool broken_ = false;
};

char closing(char open) { return open == '(' ? ')' : open == '[' ? ']' : '}'; }

// Passes over one definition, up to the brace that closes its selection. `first` is a brace where the definition starts with it.
bool pass_definition(Outline& outline, std::string_view first) {
  std::string open;
  for (std::string_view word = first;; word = outline.next()) {
    if (word.empty()) return false;
    const char c = word.front();
    if (c == '(' || c == '[' || c == '{') {
      if (open.size() >= kMaxGraphqlDepth) return false;
      open += closing(c);
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c) return false;
      open.pop_back();
      if (open.empty() && c == '}') return true;
    }
  }
}

}  // namespace

std::string_view graphql_kind_name(GraphqlKind kind) {
  switch (kind) {
    case GraphqlKind::kQuery: return "query";
    case GraphqlKind::kMutation: return "mutation";
    case GraphqlKind::kSubscription: return "subscription";
    case GraphqlKind::kUnknown: break;
  }
  return "unknown";
}

GraphqlKind graphql_kind(std::string_view document) {
  Outline outline(document);
  GraphqlKind kind = GraphqlKind::kQuery;
  bool any = false;
  for (std::string_view word = outline.next(); !word.empty(); word = outline.next()) {
    const bool shorthand = word == "{";
    const bool fragment = word == "fragment";
    if (word == "mutation" || word == "subscription") {
      if (kind == GraphqlKind::kQuery) kind = word == "mutation" ? GraphqlKind::kMutation : GraphqlKind::kSubscription;
    } else if (!shorthand && !fragment && word != "query") {
      return GraphqlKind::kUnknown;
    }
    any = any || !fragment;
    if (!pass_definition(outline, shorthand ? word : outline.next())) return GraphqlKind::kUnknown;
  }
  return any && !outline.broken() ? kind : GraphqlKind::kUnknown;
}

GraphqlKind graphql_kind_of_body(const json::value* body) {
  const json::object* object = body == nullptr ? nullptr : body->if_object();
  const auto document = object == nullptr ? std::nullopt : json::string_at(*object, "query");
  return document ? graphql_kind(*document) : GraphqlKind::kUnknown;
}

}  // namespace interlock::catalogue
