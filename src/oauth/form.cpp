#include "oauth/form.hpp"

#include <algorithm>
#include <optional>

namespace interlock::oauth {
namespace {

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

std::string form_encode(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_plain(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  return out;
}

std::string write_form(const Form& form) {
  std::string out;
  for (const auto& [name, value] : form) {
    if (value.empty()) continue;
    if (!out.empty()) out += '&';
    out += form_encode(name) + "=" + form_encode(value);
  }
  return out;
}

Result<Form> read_form(std::string_view text) {
  if (text.size() > kQueryBytes)
    return fail(ErrorCode::kTooLarge, "the query is over the bound of " + std::to_string(kQueryBytes) + " bytes");
  Form out;
  while (!text.empty()) {
    const auto end = std::min(text.find('&'), text.size());
    const auto pair = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    auto name = decode(pair.substr(0, equals));
    auto value = decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return fail(ErrorCode::kInvalid, "the query holds a broken escape");
    if (form_has(out, *name)) return fail(ErrorCode::kInvalid, "the query says a parameter twice (RFC 6749 §3.1)");
    if (out.size() == kQueryParameters) return fail(ErrorCode::kTooLarge, "the query has too many parameters");
    out.emplace_back(std::move(*name), std::move(*value));
  }
  return out;
}

std::string_view form_get(const Form& form, std::string_view name) {
  for (const auto& [known, value] : form)
    if (known == name) return value;
  return {};
}

bool form_has(const Form& form, std::string_view name) {
  return std::any_of(form.begin(), form.end(), [&](const auto& pair) { return pair.first == name; });
}

}  // namespace interlock::oauth
