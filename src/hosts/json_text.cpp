#include "hosts/json_text.hpp"

#include <algorithm>

#include "hosts/utf8.hpp"

namespace interlock::hosts {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// RFC 8259, and beside it: a byte order mark, // and /* */ comments, one comma after the last child.
class Reader {
 public:
  Reader(std::string_view file, std::string_view text) : file_(file), text_(text) {}

  Result<JsonNode> document() {
    at_ = byte_order_mark(text_).size();
    if (!trivia()) return failed();
    JsonNode root;
    if (!value(root, 0)) return failed();
    if (!trivia()) return failed();
    if (at_ != text_.size()) {
      wrong("nothing may follow the end of the document");
      return failed();
    }
    return root;
  }

 private:
  std::unexpected<Error> failed() const {
    return fail(code_, text_place(file_, text_, where_) + ": " + why_, "nothing was changed; mend the file first");
  }
  bool wrong(std::string why) { return wrong_at(at_, std::move(why)); }
  bool wrong_at(std::size_t where, std::string why, ErrorCode code = ErrorCode::kInvalid) {
    where_ = where;
    why_ = std::move(why);
    code_ = code;
    return false;
  }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool at_end() const { return at_ >= text_.size(); }

  bool trivia() {
    for (;;) {
      while (!at_end() && is_space(peek())) ++at_;
      if (peek() != '/' || (peek(1) != '/' && peek(1) != '*')) return true;
      const std::size_t began = at_;
      const bool line = peek(1) == '/';
      const auto ends = line ? text_.find('\n', at_) : text_.find("*/", at_ + 2);
      if (!line && ends == std::string_view::npos) return wrong_at(began, "this comment does not end");
      const auto stop = ends == std::string_view::npos ? text_.size() : (line ? ends : ends + 2);
      while (at_ < stop) {
        const auto bytes = utf8_sequence(text_.substr(at_));
        if (bytes == 0) return wrong("this is no UTF-8");
        at_ += bytes;
      }
    }
  }

  bool value(JsonNode& node, std::size_t depth) {
    if (depth > kJsonDepth) return wrong_at(at_, "this is nested deeper than " + std::to_string(kJsonDepth), ErrorCode::kTooLarge);
    node.begin = at_;
    if (at_end()) return wrong("a value is missing at the end");
    bool good = false;
    switch (peek()) {
      case '{': good = container(node, JsonNode::Kind::kObject, '}', depth); break;
      case '[': good = container(node, JsonNode::Kind::kArray, ']', depth); break;
      case '"':
        node.kind = JsonNode::Kind::kString;
        good = string(node.text);
        break;
      case 't': good = word(node, "true", JsonNode::Kind::kBool); break;
      case 'f': good = word(node, "false", JsonNode::Kind::kBool); break;
      case 'n': good = word(node, "null", JsonNode::Kind::kNull); break;
      default: good = number(node);
    }
    node.end = at_;
    return good;
  }

  bool word(JsonNode& node, std::string_view name, JsonNode::Kind kind) {
    if (text_.substr(at_, name.size()) != name) return wrong("this is no JSON value");
    at_ += name.size();
    node.kind = kind;
    return true;
  }

  bool digits() {
    const std::size_t began = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > began;
  }

  bool number(JsonNode& node) {
    node.kind = JsonNode::Kind::kNumber;
    const std::size_t began = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') ++at_;
    else if (!digits()) return wrong_at(began, "this is no JSON value");
    if (peek() == '.') {
      ++at_;
      if (!digits()) return wrong("digits are missing here");
    }
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return wrong("digits are missing here");
    }
    return true;
  }

  bool hex4(std::uint32_t& code) {
    code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = hex_digit(peek());
      if (digit < 0) return wrong("four hexadecimal digits are missing here");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "\"\\/bfnrt";
    static constexpr std::string_view kMeant = "\"\\/\b\f\n\r\t";
    ++at_;
    if (const auto found = kNames.find(peek()); !at_end() && found != std::string_view::npos) {
      out += kMeant[found];
      ++at_;
      return true;
    }
    if (peek() != 'u') return wrong("there is no such escape in JSON");
    ++at_;
    std::uint32_t code = 0;
    if (!hex4(code)) return false;
    if (code >= 0xD800 && code <= 0xDFFF) {
      std::uint32_t low = 0;
      if (code >= 0xDC00 || peek() != '\\' || peek(1) != 'u') return wrong("half a surrogate pair");
      at_ += 2;
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return wrong("half a surrogate pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(out, code);
    return true;
  }

  bool string(std::string& out) {
    const std::size_t began = at_++;
    while (peek() != '"' || at_end()) {
      if (at_end()) return wrong_at(began, "this text does not end");
      if (static_cast<unsigned char>(peek()) < 0x20) return wrong("a control character, or a line end, in a text");
      if (peek() == '\\') {
        if (!escape(out)) return false;
        continue;
      }
      const auto bytes = utf8_sequence(text_.substr(at_));
      if (bytes == 0) return wrong("this is no UTF-8");
      out.append(text_.substr(at_, bytes));
      at_ += bytes;
    }
    ++at_;
    return true;
  }

  bool container(JsonNode& node, JsonNode::Kind kind, char close, std::size_t depth) {
    node.kind = kind;
    const std::size_t began = at_++;
    for (;;) {
      if (!trivia()) return false;
      if (at_end()) return wrong_at(began, kind == JsonNode::Kind::kObject ? "this object does not end" : "this array does not end");
      if (peek() == close) break;
      if (!node.children.empty() && node.children.back().comma == JsonNode::kNone) return wrong("a comma is missing before this");
      JsonNode child;
      child.key_begin = at_;
      if (kind == JsonNode::Kind::kObject) {
        if (peek() != '"') return wrong("the name of a member is missing here");
        if (!string(child.key)) return false;
        if (!trivia()) return false;
        if (peek() != ':') return wrong("a colon is missing here");
        ++at_;
        if (!trivia()) return false;
      }
      if (!value(child, depth + 1)) return false;
      if (!trivia()) return false;
      if (peek() == ',') child.comma = at_++;
      node.children.push_back(std::move(child));
    }
    ++at_;
    return kind == JsonNode::Kind::kArray || names_differ(node);
  }

  bool names_differ(const JsonNode& node) {
    std::vector<const JsonNode*> sorted;
    sorted.reserve(node.children.size());
    for (const auto& child : node.children) sorted.push_back(&child);
    std::ranges::stable_sort(sorted, {}, [](const JsonNode* child) -> const std::string& { return child->key; });
    const auto twice = std::ranges::adjacent_find(sorted, {}, [](const JsonNode* child) -> const std::string& { return child->key; });
    if (twice == sorted.end()) return true;
    return wrong_at((*(twice + 1))->key_begin, "there are two members of this name, and readers differ in which one holds");
  }

  std::string_view file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t where_ = 0;
  std::string why_;
  ErrorCode code_ = ErrorCode::kInvalid;
};

}  // namespace

const JsonNode* JsonNode::member(std::string_view name) const {
  if (kind != Kind::kObject) return nullptr;
  const auto found = std::ranges::find(children, name, &JsonNode::key);
  return found == children.end() ? nullptr : &*found;
}

std::string JsonDocument::place(std::size_t offset) const { return text_place(file, text, offset); }

Result<JsonDocument> read_json_text(std::string file, std::string text) {
  if (text.size() > kJsonBytes) return fail(ErrorCode::kTooLarge, file + " is larger than " + std::to_string(kJsonBytes >> 20) + " MiB");
  auto root = Reader(file, text).document();
  if (!root) return fail(std::move(root.error()));
  return JsonDocument{std::move(file), std::move(text), std::move(*root)};
}

std::string spliced(std::string_view text, std::vector<Splice> splices) {
  std::ranges::stable_sort(splices, {}, &Splice::begin);
  std::string out;
  std::size_t done = 0;
  for (const auto& splice : splices) {
    out.append(text.substr(done, splice.begin - done));
    out.append(splice.text);
    done = splice.end;
  }
  out.append(text.substr(done));
  return out;
}

}  // namespace interlock::hosts
