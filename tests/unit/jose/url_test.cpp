// URLs of DPoP proofs: which ones are the same, and which ones are none.
#include "jose/url.hpp"

#include <gtest/gtest.h>

namespace interlock::jose {
namespace {

TEST(Url, IsTheSameAfterWhatRfc3986CallsNormalization) {
  struct {
    const char* written;
    const char* compared;
  } const cases[] = {
      {"https://gate.example/mcp", "https://gate.example/mcp"},
      {"HTTPS://Gate.Example/mcp", "https://gate.example/mcp"},
      {"https://gate.example:443/mcp", "https://gate.example/mcp"},
      {"http://gate.example:80/mcp", "http://gate.example/mcp"},
      {"https://gate.example:/mcp", "https://gate.example/mcp"},
      {"https://gate.example:0443/mcp", "https://gate.example/mcp"},
      {"https://gate.example:8443/mcp", "https://gate.example:8443/mcp"},
      {"http://gate.example:443/mcp", "http://gate.example:443/mcp"},
      {"https://gate.example", "https://gate.example/"},
      {"https://gate.example?x=1", "https://gate.example/"},
      {"https://gate.example/mcp?session=1#top", "https://gate.example/mcp"},
      {"https://gate.example/mcp#a?b", "https://gate.example/mcp"},
      {"https://gate.example/a/./b/../mcp", "https://gate.example/a/mcp"},
      {"https://gate.example/../../mcp", "https://gate.example/mcp"},
      {"https://gate.example/a/..", "https://gate.example/"},
      {"https://gate.example/a/.", "https://gate.example/a/"},
      {"https://gate.example/a//b", "https://gate.example/a//b"},
      {"https://gate.example/%6dcp", "https://gate.example/mcp"},
      {"https://gate.example/%2e%2E/mcp", "https://gate.example/mcp"},
      {"https://gate.example/a%2fb", "https://gate.example/a%2Fb"},
      {"https://gate.example/%7Euser/%c3%a9", "https://gate.example/~user/%C3%A9"},
      {"http://127.0.0.1:9000/mcp", "http://127.0.0.1:9000/mcp"},
      {"http://[::1]:80/mcp", "http://[::1]/mcp"},
      {"http://[2001:DB8::1]:9000/mcp", "http://[2001:db8::1]:9000/mcp"},
  };
  for (const auto& c : cases) {
    const auto url = comparable_url(c.written);
    ASSERT_TRUE(url) << c.written;
    EXPECT_EQ(*url, c.compared) << c.written;
    EXPECT_EQ(comparable_url(*url), url) << "a fixed point: " << c.written;
  }
}

TEST(Url, StaysAnotherWhereItIsAnother) {
  for (const auto* other :
       {"http://gate.example/mcp", "https://gate.example/mcp/", "https://gate.example/MCP", "https://gate.example/mcp%2F",
        "https://gate.example.evil/mcp", "https://gate.example:8443/mcp", "https://example/mcp", "https://gate.example//mcp"}) {
    EXPECT_NE(comparable_url(other), comparable_url("https://gate.example/mcp")) << other;
    EXPECT_TRUE(comparable_url(other)) << other;
  }
}

TEST(Url, IsNoneWhereReadersCouldDiffer) {
  const std::string huge = "https://gate.example/" + std::string(kUrlBytes, 'a');
  for (const std::string& none : {std::string(""),
                                  std::string("gate.example/mcp"),
                                  std::string("/mcp"),
                                  std::string("ftp://gate.example/"),
                                  std::string("javascript:alert(1)"),
                                  std::string("https:/gate.example/mcp"),
                                  std::string("https://"),
                                  std::string("https:///mcp"),
                                  std::string("https://:443/mcp"),
                                  std::string("https://user@gate.example/mcp"),
                                  std::string("https://gate.example@evil.example/mcp"),
                                  std::string("https://gate.example\\@evil/mcp"),
                                  std::string("https://gate.example:65536/"),
                                  std::string("https://gate.example:44x/"),
                                  std::string("https://gate.example:-1/"),
                                  std::string("https://gate example/"),
                                  std::string("https://gate.example/a b"),
                                  std::string("https://gate.example/a\nb"),
                                  std::string("https://gate.example/a\\b"),
                                  std::string("https://gate.example/%"),
                                  std::string("https://gate.example/%4"),
                                  std::string("https://gate.example/%zz"),
                                  std::string("https://gate.example/\xc3\xa9"),
                                  std::string("https://g\xc3\xa4te.example/"),
                                  std::string("https://[::1/mcp"),
                                  std::string("https://[]/mcp"),
                                  std::string("https://[::1]x/mcp"),
                                  std::string("https://gate.example/a\0b", 24),
                                  std::string(" https://gate.example/"),
                                  huge}) {
    EXPECT_EQ(comparable_url(none), std::nullopt) << none.substr(0, 60);
  }
}

}  // namespace
}  // namespace interlock::jose
