// Reading and writing the text forms of ipaddr, decimal, datetime and duration.
#include <charconv>
#include <chrono>

#include "cedar/extension.hpp"

namespace interlock::cedar {
namespace {

constexpr std::size_t kMaxIpTextBytes = 43;  // eight full groups and "/128"
constexpr std::size_t kDecimalDigits = 4;
constexpr std::int64_t kDecimalUnit = 10'000;
constexpr std::int64_t kSecondMs = 1000;
constexpr std::int64_t kMinuteMs = 60 * kSecondMs;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::unexpected<std::string> wrong(std::string_view text, std::string_view what, std::string_view expected) {
  std::string shown(text.substr(0, 64));
  return std::unexpected("`" + shown + "` is not " + std::string(what) + ": expected " + std::string(expected));
}

// Decimal digits into a number; nullopt on overflow. `text` must be digits only.
template <typename T>
std::optional<T> number(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool parse_ipv4(std::string_view text, std::uint8_t* bytes) {
  std::size_t at = 0;
  for (int group = 0; group < 4; ++group) {
    if (group > 0) {
      if (at >= text.size() || text[at] != '.') return false;
      ++at;
    }
    std::size_t start = at;
    unsigned value = 0;
    while (at < text.size() && is_digit(text[at]) && at - start < 3) value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    std::size_t digits = at - start;
    if (digits == 0 || value > 255 || (digits > 1 && text[start] == '0')) return false;
    bytes[group] = static_cast<std::uint8_t>(value);
  }
  return at == text.size();
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Reads up to `limit` groups joined by ':' and moves `at` behind the last one.
int parse_groups(std::string_view text, std::size_t& at, int limit, std::uint16_t* groups) {
  int count = 0;
  while (count < limit) {
    std::size_t next = at;
    if (count > 0) {
      if (next >= text.size() || text[next] != ':') break;
      ++next;
    }
    std::size_t start = next;
    unsigned value = 0;
    while (next < text.size() && next - start < 4 && hex_digit(text[next]) >= 0) {
      value = value * 16 + static_cast<unsigned>(hex_digit(text[next++]));
    }
    if (next == start) break;
    groups[count++] = static_cast<std::uint16_t>(value);
    at = next;
  }
  return count;
}

bool parse_ipv6(std::string_view text, std::uint8_t* bytes) {
  std::uint16_t groups[8] = {};
  std::size_t at = 0;
  int head = parse_groups(text, at, 8, groups);
  if (head < 8) {
    if (text.substr(at, 2) != "::") return false;
    at += 2;
    std::uint16_t tail[8] = {};
    int count = parse_groups(text, at, 8 - (head + 1), tail);
    for (int i = 0; i < count; ++i) groups[8 - count + i] = tail[i];
  }
  if (at != text.size()) return false;
  for (int i = 0; i < 8; ++i) {
    bytes[2 * i] = static_cast<std::uint8_t>(groups[i] >> 8);
    bytes[2 * i + 1] = static_cast<std::uint8_t>(groups[i] & 0xff);
  }
  return true;
}

}  // namespace

std::expected<IpData, std::string> parse_ip(std::string_view text) {
  constexpr std::string_view kExpected = "an IPv4 or IPv6 address, or a range such as 10.0.0.0/8";
  IpData ip{};
  if (text.size() > kMaxIpTextBytes) return wrong(text, "an IP address", kExpected);
  std::size_t slash = text.find('/');
  std::string_view address = text.substr(0, slash);
  if (parse_ipv4(address, ip.bytes)) {
    ip.v6 = false;
  } else if (parse_ipv6(address, ip.bytes)) {
    ip.v6 = true;
  } else {
    return wrong(text, "an IP address", kExpected);
  }
  unsigned longest = ip.v6 ? 128 : 32;
  ip.prefix = static_cast<std::uint8_t>(longest);
  if (slash == std::string_view::npos) return ip;
  std::string_view prefix = text.substr(slash + 1);
  bool digits = !prefix.empty() && prefix.size() <= (ip.v6 ? 3u : 2u);
  for (char c : prefix) digits = digits && is_digit(c);
  if (!digits || (prefix.size() > 1 && prefix[0] == '0')) return wrong(text, "an IP range", "a prefix length without leading zeros");
  unsigned value = number<unsigned>(prefix).value_or(1000);
  if (value > longest) return wrong(text, "an IP range", ip.v6 ? "a prefix length of at most 128" : "a prefix length of at most 32");
  ip.prefix = static_cast<std::uint8_t>(value);
  return ip;
}

std::expected<std::int64_t, std::string> parse_decimal(std::string_view text) {
  constexpr std::string_view kExpected = "digits, a point and one to four digits, such as 12.5";
  constexpr std::string_view kRange = "a value from -922337203685477.5808 to 922337203685477.5807";
  bool negative = text.starts_with('-');
  std::size_t at = negative ? 1 : 0;
  std::size_t point = text.find('.');
  if (point == std::string_view::npos || point == at || point + 1 == text.size()) return wrong(text, "a decimal", kExpected);
  std::string_view whole = text.substr(at, point - at);
  std::string_view fraction = text.substr(point + 1);
  for (char c : whole) {
    if (!is_digit(c)) return wrong(text, "a decimal", kExpected);
  }
  for (char c : fraction) {
    if (!is_digit(c)) return wrong(text, "a decimal", kExpected);
  }
  if (fraction.size() > kDecimalDigits) return wrong(text, "a decimal", kExpected);
  std::optional<std::uint64_t> high = number<std::uint64_t>(whole);
  if (!high || *high > static_cast<std::uint64_t>(INT64_MAX)) return wrong(text, "a decimal", kRange);
  std::int64_t low = number<std::int64_t>(fraction).value_or(0);
  for (std::size_t i = fraction.size(); i < kDecimalDigits; ++i) low *= 10;
  std::int64_t units = 0;
  std::int64_t sign = negative ? -1 : 1;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(*high), kDecimalUnit * sign, &units) ||
      __builtin_add_overflow(units, sign * low, &units)) {
    return wrong(text, "a decimal", kRange);
  }
  return units;
}

std::expected<std::int64_t, std::string> parse_datetime(std::string_view text) {
  constexpr std::string_view kExpected = "YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss[.SSS] with Z or an offset such as +0700";
  auto bad = [&] { return wrong(text, "a datetime", kExpected); };
  // `shape` holds 0 for a digit and the character itself otherwise.
  auto fits = [&](std::size_t at, std::string_view shape) {
    if (text.size() < at + shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
      bool same = shape[i] == '0' ? is_digit(text[at + i]) : text[at + i] == shape[i];
      if (!same) return false;
    }
    return true;
  };
  auto digits = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value * 10 + (text[at + i] - '0');
    return value;
  };
  if (!fits(0, "0000-00-00")) return bad();
  std::chrono::year_month_day date{std::chrono::year(digits(0, 4)), std::chrono::month(static_cast<unsigned>(digits(5, 2))),
                                   std::chrono::day(static_cast<unsigned>(digits(8, 2)))};
  if (!date.ok()) return wrong(text, "a datetime", "a day that the calendar has");
  std::int64_t ms = std::chrono::sys_days(date).time_since_epoch().count() * kDayMs;
  if (text.size() == 10) return ms;
  if (!fits(10, "T00:00:00")) return bad();
  int hour = digits(11, 2);
  int minute = digits(14, 2);
  int second = digits(17, 2);
  std::size_t at = 19;
  int millisecond = 0;
  if (fits(at, ".000")) {
    millisecond = digits(at + 1, 3);
    at += 4;
  }
  std::int64_t offset_ms = 0;
  if (fits(at, "Z") && at + 1 == text.size()) {
    // UTC
  } else if ((fits(at, "+0000") || fits(at, "-0000")) && at + 5 == text.size()) {
    int hours = digits(at + 1, 2);
    int minutes = digits(at + 3, 2);
    if (hours >= 24 || minutes >= 60) return wrong(text, "a datetime", "an offset below 24 hours and 60 minutes");
    offset_ms = (text[at] == '+' ? 1 : -1) * (hours * kHourMs + minutes * kMinuteMs);
  } else {
    return bad();
  }
  if (hour >= 24 || minute >= 60 || second >= 60) return wrong(text, "a datetime", "a time of day from 00:00:00 to 23:59:59");
  return ms + hour * kHourMs + minute * kMinuteMs + second * kSecondMs + millisecond - offset_ms;
}

std::expected<std::int64_t, std::string> parse_duration(std::string_view text) {
  constexpr std::string_view kExpected = "quantities with units in this order, such as 1d2h3m4s50ms, with an optional - before";
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  static constexpr Unit kUnits[] = {{"d", kDayMs}, {"h", kHourMs}, {"m", kMinuteMs}, {"s", kSecondMs}, {"ms", 1}};
  auto too_long = [&] { return wrong(text, "a duration", "one whose milliseconds fit 64 bits"); };
  std::int64_t sign = text.starts_with('-') ? -1 : 1;
  std::size_t at = sign < 0 ? 1 : 0;
  if (at == text.size()) return wrong(text, "a duration", kExpected);
  std::int64_t total = 0;
  std::size_t next_unit = 0;
  while (at < text.size()) {
    std::size_t start = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == start) return wrong(text, "a duration", kExpected);
    std::string_view quantity = text.substr(start, at - start);
    std::size_t name_start = at;
    while (at < text.size() && !is_digit(text[at])) ++at;
    std::string_view name = text.substr(name_start, at - name_start);
    while (next_unit < std::size(kUnits) && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == std::size(kUnits)) return wrong(text, "a duration", kExpected);
    std::int64_t unit = kUnits[next_unit++].ms;
    std::optional<std::uint64_t> value = number<std::uint64_t>(quantity);
    // The most negative duration is one further from zero than the most positive: work on the signed side of it.
    __extension__ using Wide = __int128;
    if (!value) return too_long();
    Wide amount = static_cast<Wide>(*value) * unit * sign;
    Wide sum = static_cast<Wide>(total) + amount;
    if (amount < INT64_MIN || amount > INT64_MAX || sum < INT64_MIN || sum > INT64_MAX) return too_long();
    total = static_cast<std::int64_t>(sum);
  }
  return total;
}

std::string ip_text(const IpData& ip) {
  std::string text;
  char buffer[8];
  auto append = [&](unsigned value, int base) {
    auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value, base);
    text.append(buffer, error == std::errc{} ? end : buffer);
  };
  for (int i = 0; i < (ip.v6 ? 8 : 4); ++i) {
    if (i > 0) text += ip.v6 ? ':' : '.';
    append(ip.v6 ? static_cast<unsigned>(ip.bytes[2 * i] << 8 | ip.bytes[2 * i + 1]) : ip.bytes[i], ip.v6 ? 16 : 10);
  }
  text += '/';
  append(ip.prefix, 10);
  return text;
}

std::string decimal_text(std::int64_t units) {
  std::uint64_t magnitude = units < 0 ? 0 - static_cast<std::uint64_t>(units) : static_cast<std::uint64_t>(units);
  std::string fraction = std::to_string(magnitude % kDecimalUnit);
  return (units < 0 ? "-" : "") + std::to_string(magnitude / kDecimalUnit) + "." + std::string(kDecimalDigits - fraction.size(), '0') +
         fraction;
}

}  // namespace interlock::cedar
