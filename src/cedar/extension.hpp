// The extension types ipaddr, decimal, datetime and duration: reading their text, and their functions. Private to the library.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cedar/storage.hpp"

namespace interlock::cedar {

// Each fails with a sentence that says what the text should have been.
std::expected<IpData, std::string> parse_ip(std::string_view text);
std::expected<std::int64_t, std::string> parse_decimal(std::string_view text);   // ten-thousandths
std::expected<std::int64_t, std::string> parse_datetime(std::string_view text);  // ms since 1970-01-01T00:00:00Z
std::expected<std::int64_t, std::string> parse_duration(std::string_view text);  // ms

std::string ip_text(const IpData& ip);
std::string decimal_text(std::int64_t units);

enum class ExtensionFunction : std::uint8_t {
  kIp,
  kDecimal,
  kDatetime,
  kDuration,
  kLessThan,
  kLessThanOrEqual,
  kGreaterThan,
  kGreaterThanOrEqual,
  kIsIpv4,
  kIsIpv6,
  kIsLoopback,
  kIsMulticast,
  kIsInRange,
  kOffset,
  kDurationSince,
  kToDate,
  kToTime,
  kToMilliseconds,
  kToSeconds,
  kToMinutes,
  kToHours,
  kToDays,
};

struct ExtensionSignature {
  std::string_view name;
  ExtensionFunction function;
  bool is_method;      // called as value.name(...), else as name(...)
  std::uint8_t arity;  // the receiver of a method counts
};

std::span<const ExtensionSignature> extension_functions();
const ExtensionSignature* find_extension(std::string_view name);
const ExtensionSignature& extension_signature(ExtensionFunction function);

// Runs a function on solid values. Wrong arity, wrong types, bad text and overflow fail with a sentence.
std::expected<Value, std::string> call_extension(ExtensionFunction function, std::span<const Value> arguments, Arena& arena);

// The type of a value as error messages name it: `long`, `datetime`, `(entity of type `User`)`.
std::string kind_text(const Value& v);

}  // namespace interlock::cedar
