#include "net/deadlines.hpp"

#include <algorithm>

#include "base/time.hpp"

namespace interlock::net {
namespace {

constexpr std::int64_t kShortestPauseMs = 10;  // between two visits: each looks at everything

}  // namespace

std::int64_t steady_ms() { return steady_ns() / 1'000'000; }

Deadlines::Deadlines(Loop& loop, std::function<std::int64_t(std::int64_t)> visit) : loop_(loop), visit_(std::move(visit)) {}
Deadlines::~Deadlines() { loop_.cancel(timer_); }

void Deadlines::include(std::int64_t deadline_ms) {
  if (deadline_ms < armed_for_ms_) arm(deadline_ms);
}

void Deadlines::arm(std::int64_t deadline_ms) {
  loop_.cancel(timer_);
  armed_for_ms_ = deadline_ms;
  const auto delay_ms = std::max(kShortestPauseMs, deadline_ms - steady_ms() + 1);
  timer_ = loop_.after_ms(delay_ms, [this] {
    timer_ = 0;
    armed_for_ms_ = kNever;
    if (const auto next_ms = visit_(steady_ms()); next_ms != kNever) include(next_ms);
  });
}

}  // namespace interlock::net
