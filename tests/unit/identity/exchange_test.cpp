// A token exchange only narrows: scopes, life, audience, chain; and what it made reads back as it was meant.
#include "identity/exchange.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "jose/token.hpp"

namespace interlock::identity {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr UnixMs kNow = 1'700'000'000'000;
constexpr std::int64_t kLife = 600'000;

ExchangeOrder order() {
  ExchangeOrder out;
  out.subject.id = "human/ana";
  out.subject.inherited = true;
  out.subject.scopes = {"read", "write"};
  out.subject.attributes = {{"issuer", "https://id.example"}};
  out.subject.expires_ms = kNow + 3'600'000;
  out.actor.id = "spiffe://example.org/coder";
  out.actor.credential = "x509-svid";
  out.actor.owner = "platform";
  out.actor.attributes = {{"trust_domain", "example.org"}};
  out.actor.expires_ms = kNow + 7'200'000;
  out.audience = "https://gate.example/mcp";
  return out;
}

model::Subject read_back(const Exchanged& exchanged) {
  auto claims = exchanged.claims;
  claims["exp"] = (kNow + exchanged.life_ms) / 1000;
  auto subject = subject_of_exchanged(claims);
  EXPECT_TRUE(subject) << (subject ? "" : subject.error().text());
  return subject ? *subject : model::Subject{};
}

TEST(Exchange, AHumanAndAnAgentMakeOneTokenThatSaysWhoActsForWhom) {
  const auto exchanged = exchange(order(), kLife, kNow);
  ASSERT_TRUE(exchanged) << exchanged.error().text();
  EXPECT_EQ(exchanged->life_ms, kLife);
  EXPECT_EQ(*json::string_at(exchanged->claims, "sub"), "human/ana");
  EXPECT_EQ(*json::string_at(*json::object_at(exchanged->claims, "act"), "sub"), "spiffe://example.org/coder");
  const auto subject = read_back(*exchanged);
  EXPECT_EQ(subject.id, "spiffe://example.org/coder");
  EXPECT_EQ(subject.owner, "platform");
  EXPECT_EQ(subject.credential, "exchange");
  EXPECT_FALSE(subject.inherited);
  EXPECT_THAT(subject.scopes, ElementsAre("read", "write"));
  EXPECT_THAT(subject.chain, ElementsAre(model::Delegator{"human/ana", "https://id.example", true}));
  EXPECT_EQ(*json::string_at(subject.attributes, "trust_domain"), "example.org");
  EXPECT_EQ(subject.expires_ms, kNow + kLife);
}

TEST(Exchange, EachHopIsAddedAtTheEndUntilTheChainIsFull) {
  auto next = order();
  std::vector<std::string> expected;
  for (std::size_t hop = 0; hop < kChainLength; ++hop) {
    expected.push_back(next.subject.id);
    next.actor.id = "agent/" + std::to_string(hop);
    const auto exchanged = exchange(next, kLife, kNow);
    ASSERT_TRUE(exchanged) << hop << exchanged.error().text();
    next.subject = read_back(*exchanged);
    std::vector<std::string> ids;
    for (const auto& one : next.subject.chain) ids.push_back(one.id);
    EXPECT_EQ(ids, expected);
    EXPECT_TRUE(next.subject.chain.front().human);
  }
  next.actor.id = "agent/one-too-many";
  const auto refused = exchange(next, kLife, kNow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("longer than"));
}

TEST(Exchange, WhatWouldWidenIsRefused) {
  struct Case {
    const char* name;
    void (*change)(ExchangeOrder&);
    ErrorCode code;
  };
  const Case cases[] = {
      {"a scope that the subject lacks", [](ExchangeOrder& o) { o.scopes = {"read", "admin"}; }, ErrorCode::kDenied},
      {"a scope where the subject has none",
       [](ExchangeOrder& o) {
         o.subject.scopes.clear();
         o.scopes = {"read"};
       },
       ErrorCode::kDenied},
      {"an actor that is the subject", [](ExchangeOrder& o) { o.actor.id = o.subject.id; }, ErrorCode::kDenied},
      {"an actor that is in the chain", [](ExchangeOrder& o) { o.subject.chain = {{o.actor.id, "", false}}; }, ErrorCode::kDenied},
      {"a human as the actor", [](ExchangeOrder& o) { o.actor.inherited = true; }, ErrorCode::kDenied},
      {"an actor that acts for others", [](ExchangeOrder& o) { o.actor.chain = {{"human/bob", "", true}}; }, ErrorCode::kDenied},
      {"an actor that may_act does not name", [](ExchangeOrder& o) { o.subject.attributes["may_act"] = "agent/other"; },
       ErrorCode::kDenied},
      {"no resource", [](ExchangeOrder& o) { o.audience.clear(); }, ErrorCode::kInvalid},
      {"no actor", [](ExchangeOrder& o) { o.actor.id.clear(); }, ErrorCode::kDenied},
      {"an expired subject", [](ExchangeOrder& o) { o.subject.expires_ms = kNow; }, ErrorCode::kExpired},
      {"an expired actor", [](ExchangeOrder& o) { o.actor.expires_ms = kNow - 1; }, ErrorCode::kExpired},
      {"attributes without end", [](ExchangeOrder& o) { o.actor.attributes["a"] = std::string(5'000, 'a'); }, ErrorCode::kTooLarge},
  };
  for (const auto& one : cases) {
    auto changed = order();
    one.change(changed);
    const auto refused = exchange(changed, kLife, kNow);
    ASSERT_FALSE(refused) << one.name;
    EXPECT_EQ(refused.error().code, one.code) << one.name;
  }
  auto named = order();
  named.subject.attributes["may_act"] = named.actor.id;
  EXPECT_TRUE(exchange(named, kLife, kNow));
}

TEST(Exchange, ATokenLivesNoLongerThanWhatItWasMadeFrom) {
  auto changed = order();
  changed.subject.expires_ms = kNow + 5'000;
  EXPECT_EQ(exchange(changed, kLife, kNow)->life_ms, 5'000);
  changed.actor.expires_ms = kNow + 3'000;
  EXPECT_EQ(exchange(changed, kLife, kNow)->life_ms, 3'000);
  changed.subject.expires_ms = changed.actor.expires_ms = 0;
  EXPECT_EQ(exchange(changed, kLife, kNow)->life_ms, kLife);
}

TEST(Exchange, ScopesAreASubsetWhateverIsAskedFor) {
  rc::check("scopes of the new token are among the subject's", [](std::vector<std::string> held, std::vector<std::string> asked) {
    const auto plain = [](std::string& s) { std::erase_if(s, [](char c) { return c < 'a' || c > 'e'; }); };
    for (auto* list : {&held, &asked}) {
      for (auto& s : *list) plain(s);
      std::erase(*list, std::string());
    }
    auto changed = order();
    changed.subject.scopes = held;
    changed.scopes = asked;
    const auto exchanged = exchange(changed, kLife, kNow);
    if (!exchanged) return;
    for (const auto& scope : read_back(*exchanged).scopes) RC_ASSERT(std::find(held.begin(), held.end(), scope) != held.end());
  });
}

TEST(Exchange, ATokenThatIsNotAsItWasMadeIsRefused) {
  const auto good = exchange(order(), kLife, kNow)->claims;
  struct Case {
    const char* name;
    void (*change)(json::object&);
  };
  const Case cases[] = {
      {"no sub", [](json::object& c) { c.erase("sub"); }},
      {"no act", [](json::object& c) { c.erase("act"); }},
      {"no chain", [](json::object& c) { c.erase("interlock"); }},
      {"a chain too short", [](json::object& c) { c["interlock"].as_object()["chain"] = json::array(); }},
      {"a hop that is no object", [](json::object& c) { c["interlock"].as_object()["chain"].as_array()[0] = 1; }},
      {"an act without sub", [](json::object& c) { c["act"] = json::object(); }},
  };
  EXPECT_TRUE(subject_of_exchanged(good));
  for (const auto& one : cases) {
    auto changed = good;
    one.change(changed);
    EXPECT_FALSE(subject_of_exchanged(changed)) << one.name;
  }
}

}  // namespace
}  // namespace interlock::identity
