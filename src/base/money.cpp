#include "base/money.hpp"

#include <algorithm>

namespace interlock {
namespace {

constexpr std::int64_t kMicros = 1'000'000;
constexpr std::size_t kMoneyDecimals = 6;

}  // namespace

Result<std::int64_t> parse_money_micros(std::string_view text) {
  const auto invalid = [&] {
    return fail(ErrorCode::kInvalid, "\"" + std::string(text.substr(0, 40)) + "\" is no amount of money", "write it like 12.50");
  };
  const auto dot = text.find('.');
  const auto whole = text.substr(0, dot);
  const auto part = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  const auto digits = [](std::string_view t) {
    return !t.empty() && std::all_of(t.begin(), t.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  constexpr std::size_t kWholeDigits = 12;  // with six decimals it fits 64 bits
  if (!digits(whole) || whole.size() > kWholeDigits) return invalid();
  if (dot != std::string_view::npos && (!digits(part) || part.size() > kMoneyDecimals)) return invalid();
  std::int64_t micros = 0;
  for (const char c : whole) micros = micros * 10 + (c - '0');
  std::int64_t below = 0;
  for (std::size_t i = 0; i < kMoneyDecimals; ++i) below = below * 10 + (i < part.size() ? part[i] - '0' : 0);
  return micros * kMicros + below;
}

std::string money_text(std::int64_t micros) {
  std::string out = std::to_string(micros / kMicros);
  std::string part = std::to_string(kMicros + micros % kMicros).substr(1);
  part.erase(part.find_last_not_of('0') + 1);
  return part.empty() ? out : out + "." + part;
}

}  // namespace interlock
