// Keys of an issuer over a real HTTP server: found, kept, replaced, bridged over an outage, and never asked for too often.
#include "identity/issuer_keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "identity/issuers.hpp"
#include "parts.hpp"

namespace interlock::identity {
namespace {

using ::testing::HasSubstr;
using testing::IssuerSite;
using testing::kHour;

class IssuerKeysTest : public ::testing::Test {
 protected:
  IssuerKeysTest() { site.add_key("k1"); }

  IssuerKeys make(bool discovers = false, std::int64_t stale_for_ms = kHour) {
    return IssuerKeys(loop, client, clock,
                      {.issuer = site.name(), .jwks_uri = discovers ? "" : site.name() + "/jwks", .stale_for_ms = stale_for_ms});
  }
  Result<IssuerKeys::Keys> get(IssuerKeys& keys, std::string_view kid = "k1") {
    Result<IssuerKeys::Keys> out = fail(ErrorCode::kInternal, "no answer");
    testing::run_until_done(loop, [&](std::function<void()> done) {
      keys.get(kid, [&, done = std::move(done)](Result<IssuerKeys::Keys> result) {
        out = std::move(result);
        done();
      });
    });
    return out;
  }
  int fetches() { return site.asked["/jwks"]; }

  net::Loop loop;
  ManualClock clock{testing::kNow};
  net::HttpClient client{loop};
  IssuerSite site{loop};
};

TEST_F(IssuerKeysTest, AreFoundByDiscoveryOnceAndKept) {
  auto keys = make(true);
  for (int i = 0; i < 3; ++i) {
    const auto got = get(keys);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE((*got)->has_kid("k1"));
  }
  EXPECT_EQ(fetches(), 1);
  EXPECT_EQ(keys.version(), 1U);
  EXPECT_TRUE(keys.trouble().empty());
}

TEST_F(IssuerKeysTest, EverybodyWhoWaitsSharesOneFetch) {
  auto keys = make();
  int answered = 0;
  testing::run_until_done(loop, [&](const std::function<void()>& done) {
    for (int i = 0; i < 50; ++i) {
      keys.get("k1", [&, done](Result<IssuerKeys::Keys> result) {
        EXPECT_TRUE(result);
        if (++answered == 50) done();
      });
    }
  });
  EXPECT_EQ(fetches(), 1);
}

TEST_F(IssuerKeysTest, TooManyWhoWaitAreRefusedAtOnce) {
  site.holding = true;
  auto keys = make();
  std::size_t refused = 0;
  std::size_t answered = 0;
  testing::run_until_done(loop, [&](const std::function<void()>& done) {
    for (std::size_t i = 0; i < kWaiters + 5; ++i) {
      keys.get("k1", [&, done](Result<IssuerKeys::Keys> result) {
        if (!result) ++refused;
        else if (++answered == kWaiters) done();
      });
    }
    EXPECT_EQ(refused, 5U);
    site.on_request = [&] { loop.post([&] { site.release(); }); };
  });
  EXPECT_EQ(answered, kWaiters);
}

TEST_F(IssuerKeysTest, ARotatedKeyIsFetchedWhenATokenNamesIt) {
  auto keys = make();
  ASSERT_TRUE(get(keys));
  clock.advance_ms(kUnknownKidPauseMs);
  site.add_key("k2");
  const auto got = get(keys, "k2");
  ASSERT_TRUE(got);
  EXPECT_TRUE((*got)->has_kid("k2"));
  EXPECT_EQ(keys.version(), 2U);
}

TEST_F(IssuerKeysTest, MadeUpKidsCannotHammerTheIssuer) {
  auto keys = make();
  ASSERT_TRUE(get(keys));
  for (int i = 0; i < 100; ++i) {
    const auto got = get(keys, "made-up-" + std::to_string(i));
    ASSERT_TRUE(got);
    EXPECT_FALSE((*got)->has_kid("made-up-" + std::to_string(i)));
  }
  EXPECT_EQ(fetches(), 2);
  clock.advance_ms(kUnknownKidPauseMs);
  ASSERT_TRUE(get(keys, "made-up"));
  EXPECT_EQ(fetches(), 3);
  EXPECT_EQ(keys.version(), 1U) << "the same set again is no change";
}

TEST_F(IssuerKeysTest, AreFetchedAheadOfTimeWithoutAnybodyWaiting) {
  site.headers.add("Cache-Control", "public, max-age=1000");
  auto keys = make();
  ASSERT_TRUE(get(keys));
  clock.advance_ms(749'000);
  EXPECT_NE(keys.current(), nullptr);
  EXPECT_EQ(fetches(), 1);
  clock.advance_ms(2'000);
  testing::run_until_done(loop, [&](std::function<void()> done) {
    site.on_request = std::move(done);
    EXPECT_NE(keys.current(), nullptr);
  });
  EXPECT_EQ(fetches(), 2);
}

TEST_F(IssuerKeysTest, OldKeysAreNotBelievedBeforeTheIssuerWasAsked) {
  site.headers.add("Cache-Control", "max-age=100");
  auto keys = make();
  ASSERT_TRUE(get(keys));
  clock.advance_ms(100'000);
  EXPECT_EQ(keys.current(), nullptr);
  site.keys.clear();
  site.add_key("k2");
  const auto got = get(keys);
  ASSERT_TRUE(got);
  EXPECT_FALSE((*got)->has_kid("k1")) << "a key that was withdrawn must not live on";
}

TEST_F(IssuerKeysTest, AnOutageIsBridgedForAsLongAsConfiguredAndThenSaidSo) {
  site.headers.add("Cache-Control", "max-age=100");
  auto keys = make(false, 1'000'000);
  ASSERT_TRUE(get(keys));
  site.status = 500;
  clock.advance_ms(100'000);
  ASSERT_TRUE(get(keys)) << "stale";
  EXPECT_THAT(keys.trouble(), HasSubstr("500"));
  EXPECT_NE(keys.current(), nullptr);
  clock.advance_ms(1'000'000);
  EXPECT_EQ(keys.current(), nullptr);
  const auto refused = get(keys);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("too old"));
  site.status = 200;
  clock.advance_ms(kLongestPauseMs);
  EXPECT_TRUE(get(keys));
  EXPECT_TRUE(keys.trouble().empty());
}

TEST_F(IssuerKeysTest, InAnOutageNobodyWaitsForASlowIssuer) {
  site.headers.add("Cache-Control", "max-age=100");
  auto keys = make();
  ASSERT_TRUE(get(keys));
  site.status = 503;
  clock.advance_ms(100'000);
  ASSERT_TRUE(get(keys));
  site.holding = true;
  clock.advance_ms(kFirstPauseMs);
  EXPECT_NE(keys.current(), nullptr);  // starts a fetch that is never answered
  bool answered = false;
  keys.get("k1", [&](Result<IssuerKeys::Keys> result) { answered = result.has_value(); });
  EXPECT_TRUE(answered);
}

TEST_F(IssuerKeysTest, AnIssuerInTroubleIsAskedLessAndLess) {
  site.status = 500;
  auto keys = make();
  int expected = 0;
  for (std::int64_t pause_ms = kFirstPauseMs; pause_ms < 10 * kLongestPauseMs; pause_ms *= 2) {
    ASSERT_FALSE(get(keys));
    EXPECT_EQ(fetches(), ++expected);
    clock.advance_ms(std::min(pause_ms, kLongestPauseMs) - 1);
    ASSERT_FALSE(get(keys)) << "within the pause";
    EXPECT_EQ(fetches(), expected);
    clock.advance_ms(1);
  }
}

TEST_F(IssuerKeysTest, WhatIsNoKeySetIsNotTaken) {
  const std::pair<const char*, std::function<void(IssuerSite&)>> cases[] = {
      {"huge", [](IssuerSite& s) { s.body = "{\"keys\":[\"" + std::string(2 << 20, 'a') + "\"]}"; }},
      {"no JSON", [](IssuerSite& s) { s.body = "<html>"; }},
      {"no keys", [](IssuerSite& s) { s.body = "{}"; }},
      {"an empty set", [](IssuerSite& s) { s.body = "{\"keys\":[]}"; }},
      {"only secrets", [](IssuerSite& s) { s.body = R"({"keys":[{"kty":"oct","k":"AAAA"}]})"; }},
      {"a redirect",
       [](IssuerSite& s) {
         s.status = 302;
         s.headers.add("Location", "/other");
       }},
      {"not there", [](IssuerSite& s) { s.status = 404; }},
  };
  for (const auto& [name, spoil] : cases) {
    IssuerSite bad(loop);
    bad.add_key("k1");
    IssuerKeys keys(loop, client, clock, {.issuer = bad.name(), .jwks_uri = bad.name() + "/jwks", .stale_for_ms = kHour});
    ASSERT_TRUE(get(keys)) << name;
    clock.advance_ms(2 * kHour);
    spoil(bad);
    const auto kept = get(keys);
    EXPECT_EQ(keys.version(), 1U) << name;
    EXPECT_FALSE(keys.trouble().empty()) << name;
    IssuerKeys fresh(loop, client, clock, {.issuer = bad.name(), .jwks_uri = bad.name() + "/jwks", .stale_for_ms = kHour});
    const auto refused = get(fresh);
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable) << name;
    EXPECT_EQ(bad.asked["/other"], 0);
  }
}

TEST_F(IssuerKeysTest, MetadataOfAnotherIssuerAreRefused) {
  site.metadata = R"({"issuer":"https://evil.example","jwks_uri":")" + site.name() + R"(/jwks","token_endpoint":"https://evil.example/t"})";
  auto keys = make(true);
  const auto refused = get(keys);
  ASSERT_FALSE(refused);
  EXPECT_EQ(fetches(), 0);
}

TEST_F(IssuerKeysTest, WhoWaitsIsAnsweredWhenTheIssuerIsTakenAway) {
  site.holding = true;
  auto keys =
      std::make_unique<IssuerKeys>(loop, client, clock, IssuerKeys::Place{.issuer = site.name(), .jwks_uri = site.name() + "/jwks"});
  int answered = 0;
  keys->get("k1", [&](Result<IssuerKeys::Keys> result) {
    EXPECT_FALSE(result);
    ++answered;
  });
  keys.reset();
  EXPECT_EQ(answered, 1);
}

TEST(Freshness, IsWhatTheHeadersSayWithinBounds) {
  const UnixMs now_ms = 784'111'777'000;  // Sun, 06 Nov 1994 08:49:37 GMT
  const std::pair<net::Headers, std::int64_t> cases[] = {
      {{}, kFreshUnsaidMs},
      {{{"Cache-Control", "max-age=600"}}, 600'000},
      {{{"Cache-Control", "public,MAX-AGE=600 , must-revalidate"}}, 600'000},
      {{{"Cache-Control", "max-age=600"}, {"Age", "100"}}, 500'000},
      {{{"Cache-Control", "max-age=0"}}, kFreshLeastMs},
      {{{"Cache-Control", "no-store, max-age=600"}}, kFreshLeastMs},
      {{{"Cache-Control", "no-cache"}}, kFreshLeastMs},
      {{{"Cache-Control", "max-age=99999999999999999999999"}}, kFreshMostMs},
      {{{"Cache-Control", "max-age=-1"}}, kFreshUnsaidMs},
      {{{"Cache-Control", "max-age=abc"}}, kFreshUnsaidMs},
      {{{"Expires", "Sun, 06 Nov 1994 08:59:37 GMT"}}, 600'000},
      {{{"Expires", "0"}}, kFreshLeastMs},
      {{{"Expires", "Sun, 06 Nov 1994 07:59:37 GMT"}}, kFreshLeastMs},
      {{{"Cache-Control", "max-age=700"}, {"Expires", "0"}}, 700'000},
  };
  for (const auto& [headers, expected] : cases) {
    EXPECT_EQ(fresh_for_ms(headers, now_ms), expected) << (headers.all().empty() ? "" : headers.all().front().second);
  }
}

}  // namespace
}  // namespace interlock::identity
