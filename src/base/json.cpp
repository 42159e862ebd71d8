#include "base/json.hpp"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace interlock::json {
namespace {

void write_number_to(std::string& out, double d);

// Builds a value; counts the keys, to see duplicates, and refuses integers beyond 64 bits, which Boost.JSON makes doubles of.
struct StrictHandler {
  static constexpr std::size_t max_object_size = std::size_t{1} << 22;
  static constexpr std::size_t max_array_size = std::size_t{1} << 26;
  static constexpr std::size_t max_key_size = std::size_t{1} << 20;
  static constexpr std::size_t max_string_size = std::size_t{1} << 31;

  unsigned char scratch[1024];
  boost::json::value_stack stack{boost::json::storage_ptr(), scratch, sizeof scratch};
  std::size_t keys = 0;
  bool big_integer = false;
  std::string number_text;

  bool on_document_begin(boost::json::error_code&) { return true; }
  bool on_document_end(boost::json::error_code&) { return true; }
  bool on_object_begin(boost::json::error_code&) { return true; }
  bool on_object_end(std::size_t n, boost::json::error_code&) {
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(boost::json::error_code&) { return true; }
  bool on_array_end(std::size_t n, boost::json::error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_key_part(boost::json::string_view s, std::size_t, boost::json::error_code&) {
    stack.push_chars(s);
    return true;
  }
  bool on_key(boost::json::string_view s, std::size_t, boost::json::error_code&) {
    ++keys;
    stack.push_key(s);
    return true;
  }
  bool on_string_part(boost::json::string_view s, std::size_t, boost::json::error_code&) {
    stack.push_chars(s);
    return true;
  }
  bool on_string(boost::json::string_view s, std::size_t, boost::json::error_code&) {
    stack.push_string(s);
    return true;
  }
  bool on_number_part(boost::json::string_view s, boost::json::error_code&) {
    number_text.append(s.data(), s.size());
    return true;
  }
  bool on_int64(std::int64_t i, boost::json::string_view, boost::json::error_code&) {
    number_text.clear();
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, boost::json::string_view, boost::json::error_code&) {
    number_text.clear();
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, boost::json::string_view s, boost::json::error_code& ec) {
    number_text.append(s.data(), s.size());
    const bool looks_like_integer = number_text.find_first_of(".eE") == std::string::npos && number_text != "-0";
    // Boost.JSON 1.81 may be off by one unit in the last place; from_chars rounds correctly.
    std::from_chars(number_text.data(), number_text.data() + number_text.size(), d);
    // Digits beyond 64 bits are taken where they are what a double is written as (1e20): then none is lost.
    bool is_exact = !looks_like_integer;
    if (looks_like_integer && std::isfinite(d)) {
      std::string written;
      write_number_to(written, d);
      is_exact = written == number_text;
    }
    number_text.clear();
    if (!is_exact || !std::isfinite(d)) {
      big_integer = true;
      ec = boost::json::error::not_exact;
      return false;
    }
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, boost::json::error_code&) {
    stack.push_bool(b);
    return true;
  }
  bool on_null(boost::json::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(boost::json::string_view, boost::json::error_code&) { return true; }
  bool on_comment(boost::json::string_view, boost::json::error_code&) { return true; }
};

// Members of all objects below `v`: fewer than the parser saw keys means that some object held one key twice.
std::size_t count_members(const value& v) {
  std::size_t count = 0;
  if (const auto* o = v.if_object()) {
    count = o->size();
    for (const auto& pair : *o) count += count_members(pair.value());
  } else if (const auto* a = v.if_array()) {
    for (const auto& item : *a) count += count_members(item);
  }
  return count;
}

std::string_view reason_of(const boost::json::error_code& ec) {
  using boost::json::error;
  if (ec == error::incomplete) return "the document ends too early";
  if (ec == error::extra_data) return "text follows the document";
  if (ec == error::too_deep) return "nesting is too deep";
  if (ec == error::illegal_leading_surrogate || ec == error::illegal_trailing_surrogate || ec == error::expected_utf16_escape ||
      ec == error::expected_hex_digit) {
    return "a \\u escape is malformed";
  }
  if (ec == error::exponent_overflow) return "a number is out of range";
  return "the syntax is wrong";
}

void write_number_to(std::string& out, double d) {
  // ECMAScript Number::toString, as RFC 8785 §3.2.2.3 asks.
  if (d == 0) {
    out += '0';
    return;
  }
  if (!std::isfinite(d)) {  // JSON has no word for it, and no text that we read makes one
    out += "null";
    return;
  }
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, d, std::chars_format::scientific);
  (void)error;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto e = text.find('e');
  std::string digits;
  bool negative = false;
  for (char c : text.substr(0, e)) {
    if (c == '-') negative = true;
    else if (c != '.') digits += c;
  }
  int exponent = 0;
  const char* exponent_begin = text.data() + e + 1;
  if (*exponent_begin == '+') ++exponent_begin;
  std::from_chars(exponent_begin, text.data() + text.size(), exponent);
  const int n = exponent + 1;
  const int k = static_cast<int>(digits.size());
  if (negative) out += '-';
  if (k <= n && n <= 21) {
    out += digits;
    out.append(static_cast<std::size_t>(n - k), '0');
  } else if (0 < n && n <= 21) {
    out.append(digits, 0, static_cast<std::size_t>(n));
    out += '.';
    out.append(digits, static_cast<std::size_t>(n));
  } else if (-6 < n && n <= 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-n), '0');
    out += digits;
  } else {
    out += digits[0];
    if (k > 1) {
      out += '.';
      out.append(digits, 1);
    }
    out += 'e';
    out += n - 1 < 0 ? '-' : '+';
    out += std::to_string(std::abs(n - 1));
  }
}

template <typename Integer>
void write_integer_to(std::string& out, Integer i) {
  char buffer[24];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, i);
  (void)error;
  out.append(buffer, end);
}

std::u16string utf16_of(std::string_view text) {
  std::u16string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::uint32_t point = c;
    std::size_t length = 1;
    if (c >= 0xF0) point = c & 0x07, length = 4;
    else if (c >= 0xE0) point = c & 0x0F, length = 3;
    else if (c >= 0xC0) point = c & 0x1F, length = 2;
    for (std::size_t j = 1; j < length && i + j < text.size(); ++j) point = point << 6 | (static_cast<unsigned char>(text[i + j]) & 0x3F);
    i += length;
    if (point >= 0x10000) {
      point -= 0x10000;
      out += static_cast<char16_t>(0xD800 + (point >> 10));
      out += static_cast<char16_t>(0xDC00 + (point & 0x3FF));
    } else {
      out += static_cast<char16_t>(point);
    }
  }
  return out;
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// RFC 8785 §3.2.3: by UTF-16 code units, which for ASCII is by bytes.
bool canonical_less(std::string_view a, std::string_view b) {
  if (is_ascii(a) && is_ascii(b)) return a < b;
  return utf16_of(a) < utf16_of(b);
}

void write_value_to(std::string& out, const value& v, bool canonical) {
  switch (v.kind()) {
    case kind::null: out += "null"; break;
    case kind::bool_: out += v.get_bool() ? "true" : "false"; break;
    case kind::int64: write_integer_to(out, v.get_int64()); break;
    case kind::uint64: write_integer_to(out, v.get_uint64()); break;
    case kind::double_: write_number_to(out, v.get_double()); break;
    case kind::string: write_string_to(out, view(v.get_string())); break;
    case kind::array: {
      out += '[';
      bool first = true;
      for (const auto& item : v.get_array()) {
        if (!first) out += ',';
        first = false;
        write_value_to(out, item, canonical);
      }
      out += ']';
      break;
    }
    case kind::object: {
      out += '{';
      bool first = true;
      const auto member = [&](std::string_view key, const value& item) {
        if (!first) out += ',';
        first = false;
        write_string_to(out, key);
        out += ':';
        write_value_to(out, item, canonical);
      };
      const auto& o = v.get_object();
      if (canonical) {
        std::vector<const boost::json::key_value_pair*> members;
        members.reserve(o.size());
        for (const auto& pair : o) members.push_back(&pair);
        std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
          return canonical_less({a->key().data(), a->key().size()}, {b->key().data(), b->key().size()});
        });
        for (const auto* pair : members) member({pair->key().data(), pair->key().size()}, pair->value());
      } else {
        for (const auto& pair : o) member({pair.key().data(), pair.key().size()}, pair.value());
      }
      out += '}';
      break;
    }
  }
}

}  // namespace

Result<value> parse(std::string_view text, Limits limits) {
  if (text.size() > limits.size_bytes) {
    return fail(ErrorCode::kTooLarge,
                "JSON text of " + std::to_string(text.size()) + " bytes is over the bound of " + std::to_string(limits.size_bytes));
  }
  boost::json::parse_options options;
  options.max_depth = limits.depth;
  boost::json::basic_parser<StrictHandler> parser(options);
  auto& handler = parser.handler();
  handler.stack.reset();
  boost::json::error_code ec;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && consumed < text.size()) {
    const auto rest = text.substr(consumed);
    if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos) ec = boost::json::error::extra_data;
  }
  if (ec) {
    const std::string where = " at byte " + std::to_string(consumed);
    if (handler.big_integer) {
      return fail(ErrorCode::kInvalid, "not valid JSON here: a number does not fit 64 bits" + where);
    }
    const auto code = ec == boost::json::error::too_deep ? ErrorCode::kTooLarge : ErrorCode::kInvalid;
    return fail(code, "not valid JSON: " + std::string(reason_of(ec)) + where);
  }
  auto result = handler.stack.release();
  if (count_members(result) != handler.keys) {
    return fail(ErrorCode::kInvalid, "not valid JSON here: a key comes twice in one object",
                "readers disagree on which of two equal keys counts, so the message is refused");
  }
  return result;
}

void write_string_to(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain_from = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, plain_from, i - plain_from);
    plain_from = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text, plain_from, text.size() - plain_from);
  out += '"';
}

void write_to(std::string& out, const value& v) { write_value_to(out, v, false); }

std::string write(const value& v) {
  std::string out;
  write_value_to(out, v, false);
  return out;
}

std::string write_canonical(const value& v) {
  std::string out;
  write_value_to(out, v, true);
  return out;
}

const value* find(const object& o, std::string_view key) { return o.if_contains({key.data(), key.size()}); }
const value* find(const value& v, std::string_view key) {
  const auto* o = v.if_object();
  return o == nullptr ? nullptr : find(*o, key);
}
const object* object_at(const object& o, std::string_view key) {
  const auto* v = find(o, key);
  return v == nullptr ? nullptr : v->if_object();
}
const array* array_at(const object& o, std::string_view key) {
  const auto* v = find(o, key);
  return v == nullptr ? nullptr : v->if_array();
}
std::optional<std::string_view> string_at(const object& o, std::string_view key) {
  const auto* v = find(o, key);
  if (v == nullptr || !v->is_string()) return std::nullopt;
  return view(v->get_string());
}
std::optional<std::int64_t> int_at(const object& o, std::string_view key) {
  const auto* v = find(o, key);
  if (v == nullptr) return std::nullopt;
  if (v->is_uint64() && std::in_range<std::int64_t>(v->get_uint64())) return static_cast<std::int64_t>(v->get_uint64());
  if (!v->is_int64()) return std::nullopt;
  return v->get_int64();
}
bool bool_at(const object& o, std::string_view key, bool fallback) {
  const auto* v = find(o, key);
  return v == nullptr || !v->is_bool() ? fallback : v->get_bool();
}

}  // namespace interlock::json
