// URLs: what is taken apart, and what is refused.
#include <gtest/gtest.h>

#include "net/http_client.hpp"

namespace interlock::net {
namespace {

TEST(ParseUrl, TakesUrlsApart) {
  const struct {
    const char* text;
    const char* scheme;
    const char* host;
    int port;
    const char* target;
  } rows[] = {
      {"http://a", "http", "a", 80, "/"},
      {"https://a", "https", "a", 443, "/"},
      {"HTTP://Example.COM:8080/A/b?c=D", "http", "example.com", 8080, "/A/b?c=D"},
      {"http://a?x=y", "http", "a", 80, "/?x=y"},
      {"https://[::1]:3000/mcp", "https", "::1", 3000, "/mcp"},
      {"http://[FE80::1]", "http", "fe80::1", 80, "/"},
      {"http://127.0.0.1:65535/%20%c3%A4", "http", "127.0.0.1", 65535, "/%20%c3%A4"},
      {"http://my_host-1.a/;p=1,2@x:y", "http", "my_host-1.a", 80, "/;p=1,2@x:y"},
  };
  for (const auto& row : rows) {
    const auto url = parse_url(row.text);
    ASSERT_TRUE(url) << row.text;
    EXPECT_EQ(url->scheme, row.scheme) << row.text;
    EXPECT_EQ(url->host, row.host) << row.text;
    EXPECT_EQ(url->port, row.port) << row.text;
    EXPECT_EQ(url->target, row.target) << row.text;
  }
}

TEST(ParseUrl, RefusesWhatReadersDiffOver) {
  for (const std::string text : {"",
                                 "a",
                                 "//a",
                                 "http:/a",
                                 "http://",
                                 "http:///x",
                                 "ftp://a",
                                 "file:///etc/passwd",
                                 "http://a b",
                                 "http://a/b c",
                                 "http://a/\n",
                                 "http://a\r\n/",
                                 "http://u@a",
                                 "http://u:p@a/",
                                 "http://a#f",
                                 "http://a/x#f",
                                 "http://a:",
                                 "http://a:0",
                                 "http://a:65536",
                                 "http://a:-1",
                                 "http://a:8x",
                                 "http://a:80:90",
                                 "http://[::1",
                                 "http://[::g]",
                                 "http://[1.2.3.4]",
                                 "http://[::1]x",
                                 "http://[fe80::1%25eth0]",
                                 "http://a%2eb",
                                 "http://\xc3\xa4",
                                 "http://a/\xc3\xa4",
                                 "http://a/%",
                                 "http://a/%2",
                                 "http://a/%zz",
                                 "http://a/\\b",
                                 "http://a\\b",
                                 "http://a..b",
                                 "http://.a",
                                 "http://a/<x>",
                                 "http://a/\"",
                                 "http://a/{x}",
                                 " http://a",
                                 "http://a "}) {
    EXPECT_FALSE(parse_url(text)) << text;
  }
  EXPECT_FALSE(parse_url("http://a/" + std::string(10'000, 'a')));
  EXPECT_FALSE(parse_url("http://" + std::string(300, 'a')));
  EXPECT_FALSE(parse_url(std::string("http://a/\0b", 11)));
}

TEST(Headers, CompareNamesWithoutCaseAndKeepOrder) {
  Headers headers{{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(headers.get("A"), "1");
  EXPECT_EQ(headers.count("a"), 2U);
  headers.set("a", "4");
  EXPECT_EQ(headers.count("A"), 1U);
  EXPECT_EQ(headers.all().front().second, "4");
  headers.set("C", "5");
  EXPECT_EQ(headers.all().back().first, "C");
  headers.remove("B");
  EXPECT_FALSE(headers.get("b"));
  EXPECT_TRUE(equal_ignoring_case("Content-Type", "content-TYPE"));
  EXPECT_FALSE(equal_ignoring_case("a", "ab"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));  // not letters, though 32 apart
}

}  // namespace
}  // namespace interlock::net
