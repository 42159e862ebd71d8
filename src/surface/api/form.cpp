#include "surface/api/form.hpp"

#include <utility>

#include "base/json.hpp"

namespace interlock::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '+') c = ' ';
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = high < 0 ? -1 : hex_digit(text[i + 2]);
      if (low < 0) return fail(ErrorCode::kInvalid, "the form holds a '%' that is not followed by two hexadecimal digits");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return fail(ErrorCode::kInvalid, "the form holds a NUL character");
    out += c;
  }
  return out;
}

// The JSON reader knows what UTF-8 is.
bool is_utf8(std::string_view text) {
  std::string quoted;
  json::write_string_to(quoted, text);
  return json::parse(quoted, {6 * kFormBytes + 2, 1}).has_value();
}

}  // namespace

Result<Form> Form::parse(std::string_view text) {
  if (text.size() > kFormBytes) return fail(ErrorCode::kTooLarge, "the form is longer than " + std::to_string(kFormBytes) + " bytes");
  Form form;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = decode(pair.substr(0, equals));
    auto value = decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (!name) return fail(std::move(name.error()));
    if (!value) return fail(std::move(value.error()));
    if (!is_utf8(*name) || !is_utf8(*value)) return fail(ErrorCode::kInvalid, "the form is not UTF-8");
    if (form.fields_.size() == kFormFields)
      return fail(ErrorCode::kTooLarge, "the form has more than " + std::to_string(kFormFields) + " fields");
    if (!form.fields_.emplace(std::move(*name), std::move(*value)).second)
      return fail(ErrorCode::kInvalid, "the form names a field twice", "send each parameter once (RFC 6749 §3.2)");
  }
  return form;
}

std::optional<std::string_view> Form::get(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) return std::nullopt;
  return found->second;
}

}  // namespace interlock::api
