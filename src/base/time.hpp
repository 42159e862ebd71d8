// Time as the house sees it: a Clock that is passed in, milliseconds since the Unix epoch, RFC 3339 text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace interlock {

// Milliseconds since 1970-01-01T00:00:00Z.
using UnixMs = std::int64_t;

// Threads: any. Tests pass a ManualClock, so that expiry is exact.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMs now_ms() const = 0;
};

class SystemClock final : public Clock {
 public:
  UnixMs now_ms() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMs start_ms = 1'700'000'000'000) : now_ms_(start_ms) {}
  UnixMs now_ms() const override { return now_ms_; }
  void advance_ms(UnixMs by_ms) { now_ms_ += by_ms; }

 private:
  UnixMs now_ms_;
};

// Nanoseconds of a clock that never goes back, for durations only.
std::int64_t steady_ns();

// "2026-11-24T14:13:05.123Z"
std::string rfc3339(UnixMs at_ms);
std::optional<UnixMs> parse_rfc3339(std::string_view text);

// "90s", "15m", "2h", "7d", "250ms" -> milliseconds.
std::optional<std::int64_t> parse_duration_ms(std::string_view text);

}  // namespace interlock
