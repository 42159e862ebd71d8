// Where a request goes: one form, and nothing that two readers could take differently.
#include "surface/http/target.hpp"

#include <gtest/gtest.h>

namespace interlock::http {
namespace {

TEST(Targets, AuthoritiesHaveOneForm) {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const auto& [text, host, port] :
       {Case{"API.Example.com", "api.example.com", 443}, Case{"a.example:8443", "a.example", 8443}, Case{"a.example.", "a.example", 443},
        Case{"[::1]:80", "::1", 80}, Case{"[2001:DB8:0::1]", "2001:db8::1", 443}, Case{"127.0.0.1:1", "127.0.0.1", 1}}) {
    Target target;
    ASSERT_TRUE(read_authority(text, 443, target)) << text;
    EXPECT_EQ(target.host, host);
    EXPECT_EQ(target.port, port);
  }
  for (const char* odd : {"",     ":80",   "a b",    "user@host",  "user:pw@host",   "a/b",    "a?b",      "a#b",
                          "a..b", ".a",    "a:0",    "a:65536",    "a:-1",           "a:+1",   "a:080000", "a:80:80",
                          "[::1", "::1",   "[::1]x", "[1.2.3.4]",  "[fe80::1%eth0]", "a%2eb",  "a\\b",     "h\xc3\xa4",
                          "a:",   "127.1", "0x7f.1", "2130706433", "0177.0.0.1",     "a.0x7F."}) {
    Target target;
    EXPECT_FALSE(read_authority(odd, 443, target)) << odd;
  }
  Target target;
  EXPECT_FALSE(read_authority("a.example", 0, target)) << "CONNECT names its port";
}

TEST(Targets, PathsAreNormalAndQueriesStayAsTheyAre) {
  Target target;
  ASSERT_TRUE(read_path("/a/%7euser?x=%41&y", target));
  EXPECT_EQ(target.request_target(), "/a/~user?x=%41&y");
  ASSERT_TRUE(read_path("/a?", target));
  EXPECT_EQ(target.request_target(), "/a?");
  for (const char* odd : {"/a/../b", "/a/%2e%2e/b", "//a", "/a\\b", "a", "/a#b", "/a?b#c", "/%zz", "/a b"})
    EXPECT_FALSE(read_path(odd, target)) << odd;
}

TEST(Targets, PatternsSpeakOfHostsAndPorts) {
  Target target;
  target.host = "api.example.com";
  target.port = 443;
  for (const char* fits : {"api.example.com", "*.example.com", "*.com", "*", "api.example.com:443", "*.example.com:443"})
    EXPECT_TRUE(pattern_holds(fits, target)) << fits;
  for (const char* other :
       {"example.com", "*.api.example.com", "xapi.example.com", "api.example.com:80", "*.ample.com", "", "api.example.com:"})
    EXPECT_FALSE(pattern_holds(other, target)) << other;
  target.host = "::1";
  EXPECT_TRUE(pattern_holds("[::1]", target));
  EXPECT_TRUE(pattern_holds("[::1]:443", target));
  EXPECT_FALSE(pattern_holds("[::1]:80", target));
}

}  // namespace
}  // namespace interlock::http
