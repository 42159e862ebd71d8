#include "spiffe/id.hpp"

#include <gtest/gtest.h>

namespace interlock::spiffe {
namespace {

TEST(SpiffeIdTest, AnIdIsReadIntoTrustDomainAndPath) {
  struct Case {
    std::string text, domain, path;
  };
  const Case cases[] = {
      {"spiffe://example.org", "example.org", ""},
      {"spiffe://example.org/a", "example.org", "/a"},
      {"spiffe://example.org/ns/Prod_1/sa/web-fe.v2", "example.org", "/ns/Prod_1/sa/web-fe.v2"},
      {"spiffe://10.0.0.1/x", "10.0.0.1", "/x"},
      {"spiffe://a_b-c.9/.../..a/a.", "a_b-c.9", "/.../..a/a."},
      {"spiffe://" + std::string(255, 'a') + "/p", std::string(255, 'a'), "/p"},
      {"spiffe://e/" + std::string(2048 - 11, 'p'), "e", "/" + std::string(2048 - 11, 'p')},
  };
  for (const auto& c : cases) {
    const auto id = SpiffeId::parse(c.text);
    ASSERT_TRUE(id) << c.text << ": " << id.error().text();
    EXPECT_EQ(id->text(), c.text);
    EXPECT_EQ(id->trust_domain(), c.domain);
    EXPECT_EQ(id->path(), c.path);
  }
}

TEST(SpiffeIdTest, EachRefusalNamesTheRuleThatWasBroken) {
  struct Case {
    std::string text, rule;
  };
  const Case cases[] = {
      {"", "scheme"},
      {"spiffe:/example.org/a", "scheme"},
      {"spiffe:example.org", "scheme"},
      {"https://example.org/a", "scheme"},
      {"SPIFFE://example.org/a", "scheme"},
      {" spiffe://example.org/a", "scheme"},
      {"spiffe://", "trust domain is empty"},
      {"spiffe:///a", "trust domain is empty"},
      {"spiffe://Example.org/a", "lower case"},
      {"spiffe://user@example.org/a", "user info"},
      {"spiffe://example.org:443/a", "port"},
      {"spiffe://example.org:/a", "port"},
      {"spiffe://[::1]/a", "only lower case letters"},
      {"spiffe://ex%61mple.org/a", "percent"},
      {"spiffe://exämple.org/a", "only lower case letters"},
      {"spiffe://example.org?x", "query"},
      {"spiffe://example.org#x", "fragment"},
      {"spiffe://exa mple.org/a", "only lower case letters"},
      {std::string("spiffe://example.org\0.evil.org/a", 32), "only lower case letters"},
      {"spiffe://example.org\\a", "only lower case letters"},
      {"spiffe://" + std::string(256, 'a') + "/p", "255"},
      {"spiffe://example.org/", "end with '/'"},
      {"spiffe://example.org/a/", "end with '/'"},
      {"spiffe://example.org//a", "empty segments"},
      {"spiffe://example.org/a//b", "empty segments"},
      {"spiffe://example.org/./a", "'.' or '..'"},
      {"spiffe://example.org/a/..", "'.' or '..'"},
      {"spiffe://example.org/a?q=1", "query"},
      {"spiffe://example.org/a#f", "fragment"},
      {"spiffe://example.org/%61", "percent"},
      {"spiffe://example.org/a b", "path segment"},
      {"spiffe://example.org/a:b", "path segment"},
      {"spiffe://example.org/a@b", "path segment"},
      {"spiffe://example.org/ä", "path segment"},
      {std::string("spiffe://example.org/a\0b", 24), "path segment"},
      {"spiffe://example.org/a\n", "path segment"},
      {"spiffe://e/" + std::string(2048 - 10, 'p'), "2048"},
  };
  for (const auto& c : cases) {
    const auto id = SpiffeId::parse(c.text);
    ASSERT_FALSE(id) << c.text;
    EXPECT_EQ(id.error().code, ErrorCode::kInvalid);
    EXPECT_NE(id.error().message.find(c.rule), std::string::npos) << c.text << " said: " << id.error().message;
  }
}

TEST(SpiffeIdTest, ATrustDomainNameAloneMeetsTheSameRules) {
  EXPECT_TRUE(check_trust_domain("example.org"));
  for (const auto* name : {"", "Example.org", "spiffe://example.org", "example.org/a", "a:1", "a%41"}) {
    EXPECT_FALSE(check_trust_domain(name)) << name;
  }
}

TEST(SpiffeIdTest, AnIdMadeByDefaultIsEmptyAndHasNoParts) {
  const SpiffeId none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.trust_domain(), "");
  EXPECT_EQ(none.path(), "");
}

}  // namespace
}  // namespace interlock::spiffe
