// A DPoP proof is good once, nothing is forgotten while it could be replayed, and nonces need no memory.
#include "identity/replay.hpp"

#include <gtest/gtest.h>

namespace interlock::identity {
namespace {

constexpr UnixMs kNow = 1'800'000'000'000;
constexpr std::int64_t kWindow = 60'000;

TEST(SeenProofs, AProofIsGoodOnce) {
  SeenProofs seen(kWindow, 100);
  EXPECT_TRUE(seen.note("key", "one", kNow, kNow));
  EXPECT_TRUE(seen.note("key", "two", kNow, kNow));
  EXPECT_TRUE(seen.note("other key", "one", kNow, kNow)) << "jti is unique for a key";
  const auto refused = seen.note("key", "one", kNow, kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kDenied);
  EXPECT_FALSE(seen.note("key", "one", kNow + 59'000, kNow)) << "nor with another time";
}

TEST(SeenProofs, AreRememberedForAsLongAsTheyCouldBeUsed) {
  for (const std::int64_t skew : {-kWindow, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, kWindow}) {
    SeenProofs seen(kWindow, 100);
    const UnixMs issued_ms = kNow + skew;
    ASSERT_TRUE(seen.note("key", "one", issued_ms, kNow));
    for (UnixMs now_ms = kNow; now_ms <= issued_ms + kWindow; now_ms += 7'500) {
      EXPECT_FALSE(seen.note("key", "one", issued_ms, now_ms)) << skew << " " << now_ms - kNow;
    }
    EXPECT_FALSE(seen.note("key", "one", issued_ms, issued_ms + kWindow)) << skew;
  }
}

TEST(SeenProofs, NothingIsForgottenEarlyAndRoomComesBackWithTime) {
  SeenProofs seen(kWindow, 1'000);
  for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(seen.note("key", std::to_string(i), kNow, kNow));
  const auto full = seen.note("key", "more", kNow, kNow);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, ErrorCode::kUnavailable);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(seen.note("key", std::to_string(i), kNow, kNow).error().code, ErrorCode::kDenied);
  EXPECT_TRUE(seen.note("key", "more", kNow + 4 * kWindow, kNow + 4 * kWindow));
  EXPECT_EQ(seen.size(), 1U);
}

TEST(DigestSets, HoldEachKeyOnceHoweverManyThereAre) {
  DigestSet set;
  for (std::uint64_t i = 0; i < 3'000; ++i) ASSERT_TRUE(set.insert({i % 16, i + 1})) << "many keys that want one place";
  for (std::uint64_t i = 0; i < 3'000; i += 97) {
    EXPECT_FALSE(set.insert({i % 16, i + 1}));
    EXPECT_TRUE(set.contains({i % 16, i + 1}));
    EXPECT_FALSE(set.contains({i % 16, i + 100'000}));
  }
  EXPECT_EQ(set.size(), 3'000U);
}

TEST(Nonces, AreGoodForAMinuteAtLeastAndTwoAtMost) {
  for (const std::int64_t begin : {std::int64_t{0}, std::int64_t{1}, Nonces::kSlotMs - 1}) {
    Nonces nonces(kNow);
    UnixMs now_ms = kNow - kNow % Nonces::kSlotMs + begin;
    const auto nonce = nonces.fresh(now_ms);
    EXPECT_TRUE(nonces.is_good(nonce, now_ms));
    EXPECT_TRUE(nonces.is_good(nonce, now_ms + Nonces::kSlotMs));
    EXPECT_FALSE(nonces.is_good(nonce, now_ms + 2 * Nonces::kSlotMs));
    EXPECT_NE(nonces.fresh(now_ms + Nonces::kSlotMs), nonce);
  }
}

TEST(Nonces, OutliveARotationOfTheirKeyButNotTwo) {
  Nonces nonces(kNow);
  const UnixMs last_ms = kNow + (Nonces::kSlotsPerKey - 1) * Nonces::kSlotMs;
  const auto nonce = nonces.fresh(last_ms);
  EXPECT_TRUE(nonces.is_good(nonce, last_ms + Nonces::kSlotMs));
  const auto first = nonces.fresh(kNow + Nonces::kSlotsPerKey * Nonces::kSlotMs);
  EXPECT_FALSE(nonces.is_good(first, kNow + 5 * Nonces::kSlotsPerKey * Nonces::kSlotMs));
}

TEST(Nonces, CannotBeMadeUpOrTakenFromAnotherGate) {
  Nonces ours(kNow);
  Nonces theirs(kNow);
  EXPECT_FALSE(ours.is_good(theirs.fresh(kNow), kNow));
  EXPECT_FALSE(ours.is_good("", kNow));
  EXPECT_FALSE(ours.is_good(ours.fresh(kNow) + "A", kNow));
}

}  // namespace
}  // namespace interlock::identity
