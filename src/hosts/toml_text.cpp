#include "hosts/toml_text.hpp"

#include <algorithm>
#include <map>

#include "hosts/utf8.hpp"

namespace interlock::hosts {
namespace {

bool is_key_char(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

// What a path has been used for: https://toml.io/en/v1.0.0#table, #keyvalue-pair.
class Names {
 public:
  // False: it cannot be defined here.
  bool table(const TomlKey& key) {
    if (!parents(key, key.size() - 1, Use::kImplied)) return false;
    auto& use = uses_[path(key, key.size())];
    if (use != Use::kNone && use != Use::kImplied) return false;
    use = Use::kTable;
    return true;
  }
  bool table_of_array(const TomlKey& key) {
    if (!parents(key, key.size() - 1, Use::kImplied)) return false;
    const auto plain = path(key, key.size());
    auto& use = uses_[plain];
    if (use != Use::kNone && use != Use::kArray) return false;
    use = Use::kArray;
    ++elements_[plain];
    return true;
  }
  // `table`: how many names of `key` are of the table that it stands in.
  bool value(const TomlKey& key, std::size_t table) {
    if (!parents(key, key.size() - 1, Use::kDotted, table)) return false;
    auto& use = uses_[path(key, key.size())];
    if (use != Use::kNone) return false;
    use = Use::kValue;
    return true;
  }

 private:
  enum class Use : std::uint8_t { kNone, kImplied, kDotted, kTable, kArray, kValue };

  // Names in front are tables, or the last element of an array of tables.
  bool parents(const TomlKey& key, std::size_t count, Use as, std::size_t from = 0) {
    for (std::size_t i = 1; i <= count; ++i) {
      auto& use = uses_[path(key, i)];
      if (use == Use::kValue) return false;
      if (i <= from) continue;
      if (as == Use::kDotted && (use == Use::kTable || use == Use::kArray || use == Use::kImplied)) return false;
      if (use == Use::kNone) use = as;
    }
    return true;
  }
  std::string path(const TomlKey& key, std::size_t count) const {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
      if (const auto array = elements_.find(out); i > 0 && array != elements_.end()) out += '\1' + std::to_string(array->second);
      out += '\0' + key[i];
    }
    return out;
  }
  std::map<std::string, Use> uses_;
  std::map<std::string, std::size_t> elements_;
};

class Reader {
 public:
  Reader(std::string_view file, std::string_view text) : file_(file), text_(text) {}

  Result<std::vector<TomlStatement>> statements() {
    std::vector<TomlStatement> out;
    at_ = byte_order_mark(text_).size();
    while (next()) {
      TomlStatement statement;
      statement.begin = line_begin_;
      if (!one(statement)) return failed();
      statement.end = at_;
      out.push_back(std::move(statement));
    }
    if (!why_.empty()) return failed();
    return out;
  }

 private:
  std::unexpected<Error> failed() const {
    return fail(code_, text_place(file_, text_, where_) + ": " + why_, "nothing was changed; mend the file first");
  }
  bool wrong_at(std::size_t where, std::string why, ErrorCode code = ErrorCode::kInvalid) {
    where_ = where;
    why_ = std::move(why);
    code_ = code;
    return false;
  }
  bool wrong(std::string why) { return wrong_at(at_, std::move(why)); }
  bool at_end() const { return at_ >= text_.size(); }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool at_line_end() const { return peek() == '\n' || (peek() == '\r' && peek(1) == '\n'); }
  void blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  bool comment() {
    if (peek() != '#') return true;
    while (!at_end() && !at_line_end()) {
      const auto bytes = utf8_sequence(text_.substr(at_));
      if (bytes == 0) return wrong("this is no UTF-8");
      if (is_control(peek())) return wrong("a control character in a comment");
      at_ += bytes;
    }
    return true;
  }
  static bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }
  void line_end() {
    if (peek() == '\r') ++at_;
    if (peek() == '\n') ++at_;
  }

  // To the next statement; false at the end, or where `why_` says so.
  bool next() {
    for (;;) {
      line_begin_ = at_;
      blanks();
      if (!comment()) return false;
      if (at_end()) return false;
      if (!at_line_end()) return true;
      line_end();
    }
  }

  bool one(TomlStatement& statement) {
    const std::size_t began = at_;
    if (starts("[[")) {
      statement.kind = TomlStatement::Kind::kTableOfArray;
      at_ += 2;
      if (!header(statement, "]]")) return false;
      if (!names_.table_of_array(statement.path)) return wrong_at(began, "this is defined already as something else");
    } else if (peek() == '[') {
      statement.kind = TomlStatement::Kind::kTable;
      ++at_;
      if (!header(statement, "]")) return false;
      if (!names_.table(statement.path)) return wrong_at(began, "this table is defined already");
    } else {
      if (!pair(statement.key, statement.value, 0)) return false;
      statement.path = table_;
      statement.path.insert(statement.path.end(), statement.key.begin(), statement.key.end());
      if (!names_.value(statement.path, table_.size())) return wrong_at(began, "this key is defined already");
    }
    blanks();
    if (!comment()) return false;
    if (!at_end() && !at_line_end()) return wrong("a line end is missing here");
    line_end();
    return true;
  }

  bool header(TomlStatement& statement, std::string_view close) {
    if (!key(statement.key)) return false;
    if (!starts(close)) return wrong("`" + std::string(close) + "` is missing here");
    at_ += close.size();
    table_ = statement.path = statement.key;
    return true;
  }

  bool key(TomlKey& out) {
    for (;;) {
      blanks();
      std::string part;
      if (peek() == '"' && !at_end()) {
        if (!basic(part)) return false;
      } else if (peek() == '\'') {
        if (!literal(part)) return false;
      } else {
        while (is_key_char(peek())) part += text_[at_++];
        if (part.empty()) return wrong("a key is missing here");
      }
      out.push_back(std::move(part));
      if (out.size() > kTomlDepth) return wrong_at(at_, "this key has too many parts", ErrorCode::kTooLarge);
      blanks();
      if (peek() != '.') return true;
      ++at_;
    }
  }

  bool pair(TomlKey& out, TomlValue& value, std::size_t depth) {
    if (!key(out)) return false;
    if (peek() != '=') return wrong("`=` is missing here");
    ++at_;
    blanks();
    return read(value, depth);
  }

  bool read(TomlValue& out, std::size_t depth) {
    if (depth > kTomlDepth) return wrong_at(at_, "this is nested too deeply", ErrorCode::kTooLarge);
    out.begin = at_;
    bool good = false;
    if (at_end() || at_line_end()) return wrong("a value is missing here");
    if (peek() == '"' || peek() == '\'') {
      out.kind = TomlValue::Kind::kString;
      good = string(out.text);
    } else if (peek() == '[') {
      good = array(out, depth);
    } else if (peek() == '{') {
      good = table(out, depth);
    } else {
      good = bare(out);
    }
    out.end = at_;
    return good;
  }

  bool bare(TomlValue& out) {
    const std::size_t began = at_;
    const auto good = [](char c) { return is_key_char(c) || c == '+' || c == '.' || c == ':'; };
    while (good(peek())) ++at_;
    // A date and a time may have a space between them.
    if (at_ - began == 10 && peek() == ' ' && peek(1) >= '0' && peek(1) <= '9') {
      ++at_;
      while (good(peek())) ++at_;
    }
    out.text = text_.substr(began, at_ - began);
    const std::string_view text = out.text;
    const bool number = !text.empty() && ((text[0] >= '0' && text[0] <= '9') || text[0] == '+' || text[0] == '-');
    if (text == "true" || text == "false" || text == "inf" || text == "nan" || number) return true;
    return wrong_at(began, "this is no TOML value");
  }

  bool string(std::string& out) {
    if (starts("\"\"\"")) return several_lines(out, "\"\"\"");
    if (starts("'''")) return several_lines(out, "'''");
    return peek() == '"' ? basic(out) : literal(out);
  }

  bool character(std::string& out) {
    const auto bytes = utf8_sequence(text_.substr(at_));
    if (bytes == 0) return wrong("this is no UTF-8");
    if (is_control(peek())) return wrong("a control character, or a line end, in a text");
    out.append(text_.substr(at_, bytes));
    at_ += bytes;
    return true;
  }

  bool basic(std::string& out) {
    const std::size_t began = at_++;
    for (;;) {
      if (at_end()) return wrong_at(began, "this text does not end");
      if (peek() == '"') return ++at_, true;
      if (peek() == '\\' ? !escape(out) : !character(out)) return false;
    }
  }

  bool literal(std::string& out) {
    const std::size_t began = at_++;
    for (;;) {
      if (at_end()) return wrong_at(began, "this text does not end");
      if (peek() == '\'') return ++at_, true;
      if (!character(out)) return false;
    }
  }

  bool several_lines(std::string& out, std::string_view quotes) {
    const std::size_t began = at_;
    at_ += 3;
    if (at_line_end()) line_end();
    for (;;) {
      if (at_end()) return wrong_at(began, "this text does not end");
      if (starts(quotes)) {
        at_ += 3;
        // Up to two quotes of the text may stand before the three that end it.
        for (int i = 0; i < 2 && peek() == quotes[0]; ++i, ++at_) out += quotes[0];
        return true;
      }
      if (at_line_end()) {
        out += '\n';
        line_end();
      } else if (quotes[0] == '"' && peek() == '\\') {
        if (!line_escape(out)) return false;
      } else if (!character(out)) {
        return false;
      }
    }
  }

  // A backslash at a line's end takes the white space behind it along.
  bool line_escape(std::string& out) {
    const std::size_t began = at_++;
    blanks();
    if (!at_line_end()) {
      at_ = began;
      return escape(out);
    }
    while (at_line_end() || peek() == ' ' || peek() == '\t') at_line_end() ? line_end() : blanks();
    return true;
  }

  bool escape(std::string& out) {
    static constexpr std::string_view kNames = "btnfr\"\\";
    static constexpr std::string_view kMeant = "\b\t\n\f\r\"\\";
    ++at_;
    if (const auto found = kNames.find(peek()); !at_end() && found != std::string_view::npos) {
      out += kMeant[found];
      ++at_;
      return true;
    }
    const int digits = peek() == 'u' ? 4 : peek() == 'U' ? 8 : 0;
    if (digits == 0) return wrong("there is no such escape in TOML");
    ++at_;
    std::uint32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const int digit = hex_digit(peek());
      if (digit < 0) return wrong("hexadecimal digits are missing here");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return wrong("this is no Unicode character");
    append_utf8(out, code);
    return true;
  }

  // Between the items of an array: white space, comments, line ends.
  bool array_space() {
    for (;;) {
      blanks();
      if (!comment()) return false;
      if (!at_line_end()) return true;
      line_end();
    }
  }

  bool array(TomlValue& out, std::size_t depth) {
    out.kind = TomlValue::Kind::kArray;
    const std::size_t began = at_++;
    for (;;) {
      if (!array_space()) return false;
      if (at_end()) return wrong_at(began, "this array does not end");
      if (peek() == ']') return ++at_, true;
      if (!read(out.items.emplace_back(), depth + 1)) return false;
      if (!array_space()) return false;
      if (peek() == ',') ++at_;
      else if (peek() != ']') return at_end() ? wrong_at(began, "this array does not end") : wrong("a comma is missing here");
    }
  }

  bool table(TomlValue& out, std::size_t depth) {
    out.kind = TomlValue::Kind::kTable;
    const std::size_t began = at_++;
    Names names;
    blanks();
    if (peek() == '}') return ++at_, true;
    for (;;) {
      blanks();
      auto& entry = out.entries.emplace_back();
      entry.begin = at_;
      if (!pair(entry.key, entry.value, depth + 1)) return false;
      if (!names.value(entry.key, 0)) return wrong_at(entry.begin, "this key is defined already");
      blanks();
      if (peek() == '}') return ++at_, true;
      if (peek() != ',') return at_end() ? wrong_at(began, "this table does not end") : wrong("a comma is missing here");
      ++at_;
    }
  }

  std::string_view file_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_begin_ = 0;
  TomlKey table_;
  Names names_;
  std::size_t where_ = 0;
  std::string why_;
  ErrorCode code_ = ErrorCode::kInvalid;
};

}  // namespace

const TomlValue* TomlValue::at(std::string_view key) const {
  const auto found = std::ranges::find_if(entries, [&](const Entry& entry) { return entry.key.size() == 1 && entry.key[0] == key; });
  return found == entries.end() ? nullptr : &found->value;
}

std::string TomlDocument::place(std::size_t offset) const { return text_place(file, text, offset); }

Result<TomlDocument> read_toml_text(std::string file, std::string text) {
  if (text.size() > kTomlBytes) return fail(ErrorCode::kTooLarge, file + " is larger than " + std::to_string(kTomlBytes >> 20) + " MiB");
  auto statements = Reader(file, text).statements();
  if (!statements) return fail(std::move(statements.error()));
  return TomlDocument{std::move(file), std::move(text), std::move(*statements)};
}

std::string toml_key_text(std::string_view key) {
  if (!key.empty() && std::ranges::all_of(key, is_key_char)) return std::string(key);
  return toml_string_text(key);
}

std::string toml_string_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out.append({'\\', c});
    else if (byte < 0x20 || byte == 0x7F) out.append({'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 15]});
    else out += c;
  }
  return out + "\"";
}

}  // namespace interlock::hosts
