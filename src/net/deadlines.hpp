// One timer for many deadlines that move often: it is armed for the earliest, and what moved later in the meantime costs nothing.
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "net/loop.hpp"

namespace interlock::net {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Milliseconds of the steady clock, for deadlines.
std::int64_t steady_ms();

class Deadlines {
 public:
  // `visit` acts on everything that is due at `now_ms`, and returns the earliest deadline that is left (kNever: none).
  Deadlines(Loop& loop, std::function<std::int64_t(std::int64_t now_ms)> visit);
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  // A deadline was set: visit() runs at that time or soon after.
  void include(std::int64_t deadline_ms);

 private:
  Loop& loop_;
  std::function<std::int64_t(std::int64_t)> visit_;
  std::int64_t armed_for_ms_ = kNever;
  TimerId timer_ = 0;
  void arm(std::int64_t deadline_ms);
};

}  // namespace interlock::net
