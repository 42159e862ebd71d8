// application/x-www-form-urlencoded, as OAuth writes requests and reads what a browser brings (RFC 6749 appendix B). Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace interlock::oauth {

inline constexpr std::size_t kQueryBytes = 16 * 1024;
inline constexpr std::size_t kQueryParameters = 64;

using Form = std::vector<std::pair<std::string, std::string>>;

std::string form_encode(std::string_view text);
std::string write_form(const Form& form);  // values that are empty are left out
// kInvalid: broken escapes, or a name twice (RFC 6749 §3.1). kTooLarge.
Result<Form> read_form(std::string_view text);
std::string_view form_get(const Form& form, std::string_view name);  // empty: absent
bool form_has(const Form& form, std::string_view name);

}  // namespace interlock::oauth
