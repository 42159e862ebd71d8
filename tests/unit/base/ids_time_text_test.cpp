// Identifiers, times, durations, and text cut to a bound.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include "base/ids.hpp"
#include "base/text.hpp"
#include "base/time.hpp"

namespace interlock {
namespace {

TEST(NewId, SortsByTimeAndIsNeverTheSame) {
  const auto early = new_id("act", 1'700'000'000'000);
  const auto late = new_id("act", 1'700'000'000'001);
  EXPECT_EQ(early.size(), 30u);
  EXPECT_TRUE(early.starts_with("act_"));
  EXPECT_LT(early, late);
  EXPECT_LT(new_id("act", 0), early);
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(new_id("x", 1));
  EXPECT_EQ(seen.size(), 10'000u);
  for (char c : early.substr(4)) EXPECT_NE(std::string_view("0123456789ABCDEFGHJKMNPQRSTVWXYZ").find(c), std::string_view::npos);
}

TEST(NewToken, Has256BitsThatNoThreadRepeats) {
  std::set<std::string> seen;
  std::set<std::string> theirs;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) theirs.insert(new_token());
  });
  for (int i = 0; i < 1000; ++i) seen.insert(new_token());
  other.join();
  EXPECT_EQ(seen.begin()->size(), 43u);
  seen.merge(theirs);
  EXPECT_EQ(seen.size(), 2000u);
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(5000).size(), 5000u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(RandomBytes, AForkedChildHasOthersThanItsParent) {
  (void)random_bytes(16);  // what is left of the buffer goes into the child with the rest of the memory
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto theirs = random_bytes(16);
    ::_exit(::write(pipe_ends[1], theirs.data(), theirs.size()) == 16 ? 0 : 1);
  }
  const auto ours = random_bytes(16);
  std::string theirs(16, '\0');
  EXPECT_EQ(::read(pipe_ends[0], theirs.data(), theirs.size()), 16);
  EXPECT_NE(ours, theirs);
  ::waitpid(child, nullptr, 0);
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST(Rfc3339, WritesAndReadsTheSameTime) {
  const struct {
    UnixMs ms;
    const char* text;
  } cases[] = {{0, "1970-01-01T00:00:00.000Z"},
               {1, "1970-01-01T00:00:00.001Z"},
               {-1, "1969-12-31T23:59:59.999Z"},
               {1'709'164'800'000, "2024-02-29T00:00:00.000Z"},
               {1'795'530'785'123, "2026-11-24T14:33:05.123Z"}};
  for (const auto& c : cases) {
    EXPECT_EQ(rfc3339(c.ms), c.text);
    EXPECT_EQ(parse_rfc3339(c.text), c.ms) << c.text;
  }
  EXPECT_EQ(parse_rfc3339("2026-11-24T14:33:05Z"), 1'795'530'785'000);
  EXPECT_EQ(parse_rfc3339("2026-11-24T14:33:05.1Z"), 1'795'530'785'100);
  EXPECT_EQ(parse_rfc3339("2026-11-24T14:33:05.123999999Z"), 1'795'530'785'123);
}

TEST(Rfc3339, RefusesWhatIsNoTime) {
  for (auto text : {"", "2026-11-24", "2026-11-24T14:33:05", "2026-11-24T14:33:05+01:00", "2026-11-24 14:33:05Z", "2026-13-01T00:00:00Z",
                    "2026-00-01T00:00:00Z", "2026-02-30T00:00:00Z", "2025-02-29T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T00:60:00Z",
                    "2026-11-24T00:00:61Z", "2026-11-24T00:00:00.Z", "2026-1-24T00:00:00Z", "26-11-24T00:00:00Z", " 026-11-24T00:00:00Z",
                    "2026-11-24T00:00:00Zx", "2026-+1-24T00:00:00Z", "2026-11- 4T00:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Duration, ReadsNumbersWithAUnit) {
  EXPECT_EQ(parse_duration_ms("250ms"), 250);
  EXPECT_EQ(parse_duration_ms("90s"), 90'000);
  EXPECT_EQ(parse_duration_ms("15m"), 900'000);
  EXPECT_EQ(parse_duration_ms("2h"), 7'200'000);
  EXPECT_EQ(parse_duration_ms("7d"), 604'800'000);
  EXPECT_EQ(parse_duration_ms("0s"), 0);
  for (auto text : {"", "5", "s", "-1s", "1 s", "1.5s", "1S", "9223372036854775807d", "99999999999999999999s", "1s "})
    EXPECT_FALSE(parse_duration_ms(text)) << text;
}

TEST(ManualClock, MovesWhenItIsTold) {
  ManualClock clock(5);
  EXPECT_EQ(clock.now_ms(), 5);
  clock.advance_ms(7);
  EXPECT_EQ(clock.now_ms(), 12);
}

TEST(Utf8Prefix, EndsBetweenCharacters) {
  EXPECT_EQ(utf8_prefix("abc", 5), "abc");
  EXPECT_EQ(utf8_prefix("abc", 2), "ab");
  EXPECT_EQ(utf8_prefix("aé", 2), "a");
  EXPECT_EQ(utf8_prefix("a😀b", 4), "a");
  EXPECT_EQ(utf8_prefix("a😀b", 5), "a😀");
  EXPECT_EQ(utf8_prefix("é", 0), "");
}

}  // namespace
}  // namespace interlock
