// Calls of the last minute, to the second: a ring that is cleared as time passes over it. Private to the room.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace interlock::task {

class MinuteCount {
 public:
  void add(UnixMs now_ms) {
    turn_to(now_ms / 1000);
    ++ring_[slot(second_)];
    ++total_;
  }
  std::int64_t at(UnixMs now_ms) const {
    const std::int64_t passed = now_ms / 1000 - second_;
    if (passed <= 0) return total_;
    if (passed >= kSeconds) return 0;
    std::int64_t left = total_;
    for (std::int64_t i = 1; i <= passed; ++i) left -= ring_[slot(second_ + i)];
    return left;
  }

 private:
  static constexpr std::int64_t kSeconds = 60;
  static std::size_t slot(std::int64_t second) { return static_cast<std::size_t>(second % kSeconds); }

  // A clock that goes back leaves the ring where it is: calls are never forgotten early.
  void turn_to(std::int64_t second) {
    if (second <= second_) return;
    const std::int64_t steps = std::min(second - second_, kSeconds);
    for (std::int64_t i = 0; i < steps; ++i) {
      auto& count = ring_[slot(second - i)];
      total_ -= count;
      count = 0;
    }
    second_ = second;
  }

  std::array<std::uint32_t, static_cast<std::size_t>(kSeconds)> ring_{};
  std::int64_t second_ = 0;
  std::int64_t total_ = 0;
};

}  // namespace interlock::task
