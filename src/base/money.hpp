// Amounts of money as whole micro-units (1'000'000 is one unit of whatever currency is meant): no rounding, ever. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace interlock {

// "12.50", "3" -> micro-units; at most six decimals and twelve digits before them, not negative. kInvalid.
Result<std::int64_t> parse_money_micros(std::string_view text);
std::string money_text(std::int64_t micros);  // "12.5"

}  // namespace interlock
