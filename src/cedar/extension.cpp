// The functions of the extension types.
#include "cedar/extension.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace interlock::cedar {
namespace {

using Function = ExtensionFunction;
using Kind = Value::Kind;
using Answer = std::expected<Value, std::string>;

constexpr std::int64_t kDayMs = 24 * 60 * 60 * 1000;

// In the order of the enum.
constexpr std::array<ExtensionSignature, 22> kFunctions = {{
    {"ip", Function::kIp, false, 1},
    {"decimal", Function::kDecimal, false, 1},
    {"datetime", Function::kDatetime, false, 1},
    {"duration", Function::kDuration, false, 1},
    {"lessThan", Function::kLessThan, true, 2},
    {"lessThanOrEqual", Function::kLessThanOrEqual, true, 2},
    {"greaterThan", Function::kGreaterThan, true, 2},
    {"greaterThanOrEqual", Function::kGreaterThanOrEqual, true, 2},
    {"isIpv4", Function::kIsIpv4, true, 1},
    {"isIpv6", Function::kIsIpv6, true, 1},
    {"isLoopback", Function::kIsLoopback, true, 1},
    {"isMulticast", Function::kIsMulticast, true, 1},
    {"isInRange", Function::kIsInRange, true, 2},
    {"offset", Function::kOffset, true, 2},
    {"durationSince", Function::kDurationSince, true, 2},
    {"toDate", Function::kToDate, true, 1},
    {"toTime", Function::kToTime, true, 1},
    {"toMilliseconds", Function::kToMilliseconds, true, 1},
    {"toSeconds", Function::kToSeconds, true, 1},
    {"toMinutes", Function::kToMinutes, true, 1},
    {"toHours", Function::kToHours, true, 1},
    {"toDays", Function::kToDays, true, 1},
}};

struct KindName {
  Kind kind;
  std::string_view name;
};
constexpr KindName kKindNames[] = {
    {Kind::kBool, "bool"},
    {Kind::kLong, "long"},
    {Kind::kString, "string"},
    {Kind::kEntity, "entity"},
    {Kind::kSet, "set"},
    {Kind::kRecord, "record"},
    {Kind::kDecimal, "decimal"},
    {Kind::kDatetime, "datetime"},
    {Kind::kDuration, "duration"},
    {Kind::kIp, "ipaddr"},
    {Kind::kUnrepresentable, "value without a Cedar form"},
};

std::string_view kind_name(Kind kind) {
  for (const KindName& entry : kKindNames) {
    if (entry.kind == kind) return entry.name;
  }
  return "value";
}

std::unexpected<std::string> type_error(Function function, const Value& got, Kind wanted) {
  std::string message =
      "`" + std::string(extension_signature(function).name) + "` expects " + std::string(kind_name(wanted)) + ", got " + kind_text(got);
  if (got.kind() == Kind::kString && wanted != Kind::kString) {
    std::string_view constructor = wanted == Kind::kIp ? "ip" : kind_name(wanted);
    message += " (maybe the `" + std::string(constructor) + "` constructor is missing)";
  }
  return std::unexpected(std::move(message));
}

Answer construct(Function function, const Value& argument, Arena& arena) {
  if (argument.kind() != Kind::kString) return type_error(function, argument, Kind::kString);
  std::string_view text = argument.as_string();
  if (function == Function::kIp) {
    std::expected<IpData, std::string> ip = parse_ip(text);
    if (!ip) return std::unexpected(std::move(ip.error()));
    return ValueAccess::ip(arena.make(*ip));
  }
  auto made = [](std::expected<std::int64_t, std::string> number, Value (*make)(std::int64_t)) -> Answer {
    if (!number) return std::unexpected(std::move(number.error()));
    return make(*number);
  };
  if (function == Function::kDecimal) return made(parse_decimal(text), Value::decimal_from_units);
  if (function == Function::kDatetime) return made(parse_datetime(text), Value::datetime_ms);
  return made(parse_duration(text), Value::duration_ms);
}

Answer compare_decimals(Function function, const Value& a, const Value& b) {
  if (a.kind() != Kind::kDecimal) return type_error(function, a, Kind::kDecimal);
  if (b.kind() != Kind::kDecimal) return type_error(function, b, Kind::kDecimal);
  std::int64_t x = a.as_integer();
  std::int64_t y = b.as_integer();
  switch (function) {
    case Function::kLessThan: return Value::boolean(x < y);
    case Function::kLessThanOrEqual: return Value::boolean(x <= y);
    case Function::kGreaterThan: return Value::boolean(x > y);
    default: return Value::boolean(x >= y);
  }
}

bool has_loopback_bytes(const IpData& ip) {
  if (!ip.v6) return ip.bytes[0] == 127;
  return std::all_of(ip.bytes, ip.bytes + 15, [](std::uint8_t b) { return b == 0; }) && ip.bytes[15] == 1;
}

bool in_range(const IpData& inner, const IpData& outer) {
  if (inner.v6 != outer.v6 || outer.prefix > inner.prefix) return false;
  std::size_t whole = outer.prefix / 8;
  if (std::memcmp(inner.bytes, outer.bytes, whole) != 0) return false;
  unsigned rest = outer.prefix % 8;
  if (rest == 0) return true;
  auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return (inner.bytes[whole] & mask) == (outer.bytes[whole] & mask);
}

Answer ask_ip(Function function, std::span<const Value> arguments) {
  for (const Value& argument : arguments) {
    if (argument.kind() != Kind::kIp) return type_error(function, argument, Kind::kIp);
  }
  const IpData& ip = ValueAccess::ip(arguments[0]);
  switch (function) {
    case Function::kIsIpv4: return Value::boolean(!ip.v6);
    case Function::kIsIpv6: return Value::boolean(ip.v6);
    // A range is loopback or multicast when all of it is.
    case Function::kIsLoopback: return Value::boolean(has_loopback_bytes(ip) && ip.prefix >= (ip.v6 ? 128 : 8));
    case Function::kIsMulticast:
      return Value::boolean(ip.v6 ? ip.bytes[0] == 0xff && ip.prefix >= 8 : (ip.bytes[0] & 0xf0) == 0xe0 && ip.prefix >= 4);
    default: return Value::boolean(in_range(ip, ValueAccess::ip(arguments[1])));
  }
}

// The time of day of a moment, also of one before 1970.
std::int64_t time_of_day(std::int64_t ms) {
  std::int64_t rest = ms % kDayMs;
  return rest < 0 ? rest + kDayMs : rest;
}

Answer ask_datetime(Function function, std::span<const Value> arguments) {
  if (arguments[0].kind() != Kind::kDatetime) return type_error(function, arguments[0], Kind::kDatetime);
  std::int64_t moment = arguments[0].as_integer();
  std::int64_t result = 0;
  switch (function) {
    case Function::kOffset:
      if (arguments[1].kind() != Kind::kDuration) return type_error(function, arguments[1], Kind::kDuration);
      if (__builtin_add_overflow(moment, arguments[1].as_integer(), &result))
        return std::unexpected("`offset` leaves the range of datetime");
      return Value::datetime_ms(result);
    case Function::kDurationSince:
      if (arguments[1].kind() != Kind::kDatetime) return type_error(function, arguments[1], Kind::kDatetime);
      if (__builtin_sub_overflow(moment, arguments[1].as_integer(), &result))
        return std::unexpected("`durationSince` leaves the range of duration");
      return Value::duration_ms(result);
    case Function::kToDate:
      if (__builtin_sub_overflow(moment, time_of_day(moment), &result)) return std::unexpected("`toDate` leaves the range of datetime");
      return Value::datetime_ms(result);
    default: return Value::duration_ms(time_of_day(moment));
  }
}

Answer ask_duration(Function function, const Value& argument) {
  if (argument.kind() != Kind::kDuration) return type_error(function, argument, Kind::kDuration);
  std::int64_t ms = argument.as_integer();
  switch (function) {
    case Function::kToMilliseconds: return Value::integer(ms);
    case Function::kToSeconds: return Value::integer(ms / 1000);
    case Function::kToMinutes: return Value::integer(ms / 60'000);
    case Function::kToHours: return Value::integer(ms / 3'600'000);
    default: return Value::integer(ms / kDayMs);
  }
}

}  // namespace

std::span<const ExtensionSignature> extension_functions() { return kFunctions; }

const ExtensionSignature* find_extension(std::string_view name) {
  for (const ExtensionSignature& signature : kFunctions) {
    if (signature.name == name) return &signature;
  }
  return nullptr;
}

const ExtensionSignature& extension_signature(ExtensionFunction function) { return kFunctions[static_cast<std::size_t>(function)]; }

std::expected<Value, std::string> call_extension(ExtensionFunction function, std::span<const Value> arguments, Arena& arena) {
  const ExtensionSignature& signature = extension_signature(function);
  if (arguments.size() != signature.arity) {
    std::size_t receiver = signature.is_method ? 1 : 0;
    return std::unexpected("`" + std::string(signature.name) + "` takes " + std::to_string(signature.arity - receiver) +
                           " argument(s), got " + std::to_string(arguments.size() - receiver));
  }
  switch (function) {
    case Function::kIp:
    case Function::kDecimal:
    case Function::kDatetime:
    case Function::kDuration: return construct(function, arguments[0], arena);
    case Function::kLessThan:
    case Function::kLessThanOrEqual:
    case Function::kGreaterThan:
    case Function::kGreaterThanOrEqual: return compare_decimals(function, arguments[0], arguments[1]);
    case Function::kIsIpv4:
    case Function::kIsIpv6:
    case Function::kIsLoopback:
    case Function::kIsMulticast:
    case Function::kIsInRange: return ask_ip(function, arguments);
    case Function::kOffset:
    case Function::kDurationSince:
    case Function::kToDate:
    case Function::kToTime: return ask_datetime(function, arguments);
    default: return ask_duration(function, arguments[0]);
  }
}

std::string kind_text(const Value& v) {
  if (v.kind() == Kind::kEntity) return "entity of type `" + std::string(ValueAccess::uid(v).type) + "`";
  return std::string(kind_name(v.kind()));
}

}  // namespace interlock::cedar
