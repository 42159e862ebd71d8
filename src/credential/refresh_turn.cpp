#include "credential/refresh_turn.hpp"

#include <charconv>

namespace interlock::credential {
namespace {

constexpr std::string_view kBucket = "refresh-turns";

// When the turn that is written ends. What is no number is nobody's turn.
UnixMs end_of(std::string_view text) {
  UnixMs out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace

RefreshTurn::RefreshTurn(BrokerCalls& calls, store::SealedStore& sealed, const Clock& clock, std::string secret)
    : calls_(calls), sealed_(sealed), clock_(clock), secret_(std::move(secret)) {}

void RefreshTurn::take(std::function<void(Result<store::Revision>)> done) { ask(clock_.now_ms() + kTurnWait_ms, done); }

void RefreshTurn::ask(UnixMs until_ms, const std::function<void(Result<store::Revision>)>& done) {
  const auto held = sealed_.get(kBucket, secret_);
  if (!held) return done(fail(held.error()));
  const auto now_ms = clock_.now_ms();
  if (!*held || end_of((*held)->value) <= now_ms) {
    const auto was = *held ? (*held)->revision : store::kAbsent;
    const auto turn = sealed_.compare_and_set(kBucket, secret_, std::to_string(now_ms + kTurn_ms), was);
    if (turn || turn.error().code != ErrorCode::kConflict) return done(turn);
  }
  if (now_ms >= until_ms) {
    return done(fail(ErrorCode::kUnavailable, "the refresh token " + secret_ + " is in use by others for long",
                     "give each credential a refresh token of its own"));
  }
  calls_.after_ms(kTurnPoll_ms, [this, until_ms, done] { ask(until_ms, done); });
}

void RefreshTurn::give(store::Revision turn) {
  // Where it fails, the turn has ended by itself and is another's.
  (void)sealed_.compare_and_set(kBucket, secret_, "0", turn);
}

}  // namespace interlock::credential
