// Paths and URLs in the one form that policies compare.
#include "catalogue/naming.hpp"

#include <gtest/gtest.h>

#include <array>

namespace interlock::catalogue {
namespace {

struct PathCase {
  std::string_view given;
  const char* expected;  // null: unreadable
};

TEST(NormalPath, SpellingsOfOnePlaceFallTogether) {
  const std::array cases{
      PathCase{"/work/a", "/work/a"},
      PathCase{"/work/./a", "/work/a"},
      PathCase{"/work//a/", "/work/a"},
      PathCase{"/work/b/../a", "/work/a"},
      PathCase{"/work/../../etc", "/etc"},
      PathCase{"/", "/"},
      PathCase{"/..", "/"},
      PathCase{"//work/a", "/work/a"},
      PathCase{"~", "/home/u"},
      PathCase{"~/.ssh/id", "/home/u/.ssh/id"},
      PathCase{"a/b", "/srv/a/b"},
      PathCase{"../x", "/x"},
      PathCase{"~root/x", "~root/x"},
      PathCase{"", nullptr},
      PathCase{std::string_view("/a\0b", 4), nullptr},
      PathCase{"/a b/\xc3\xa9", "/a b/\xc3\xa9"},
      PathCase{"...", "/srv/..."},
  };
  for (const PathCase& one : cases) {
    const auto path = normal_path(one.given, "/srv", "/home/u");
    ASSERT_EQ(path.has_value(), one.expected != nullptr) << one.given;
    if (path) {
      EXPECT_EQ(*path, one.expected) << one.given;
    }
  }
}

TEST(NormalPath, WhatStartsNowhereKnownStaysRelativeAndHasNoFolders) {
  EXPECT_EQ(normal_path("a/../b", "", ""), "b");
  EXPECT_EQ(normal_path("../../etc/passwd", "", ""), "../../etc/passwd");
  EXPECT_EQ(normal_path("a/../..", "", ""), "..");
  EXPECT_EQ(normal_path("~/x", "", ""), "~/x");
  EXPECT_TRUE(folders_of("../../etc/passwd", true).empty());
  EXPECT_FALSE(normal_path(std::string(kMaxPathBytes + 1, 'a'), "", ""));
  std::string deep;
  for (std::size_t i = 0; i <= kMaxFolders; ++i) deep += "/a";
  EXPECT_FALSE(normal_path(deep, "", ""));
}

TEST(NormalPath, FoldersAreNamedNearestFirst) {
  const auto folders = folders_of("/work/a/b", false);
  ASSERT_EQ(folders.size(), 3u);
  EXPECT_EQ(folders[0].id, "/work/a");
  EXPECT_EQ(folders[1].id, "/work");
  EXPECT_EQ(folders[2].id, "/");
  EXPECT_EQ(folders_of("/work", true).front().id, "/work");
  EXPECT_EQ(folders_of("/", true).size(), 1u);
  EXPECT_TRUE(folders_of("/", false).empty());
}

struct UrlCase {
  const char* given;
  const char* id;  // null: refused
  const char* host;
};

TEST(NormalUrl, SpellingsOfOneAddressFallTogether) {
  const std::array cases{
      UrlCase{"https://Example.COM/a?b#c", "https://example.com/a", "example.com"},
      UrlCase{"HTTPS://example.com:443", "https://example.com/", "example.com"},
      UrlCase{"http://example.com:8080/a/../b/", "http://example.com:8080/b/", "example.com"},
      UrlCase{"http://example.com/%2e%2e/x", "http://example.com/x", "example.com"},
      UrlCase{"https://user:secret@example.com/", "https://example.com/", "example.com"},
      UrlCase{"https://good.com@evil.com/", "https://evil.com/", "evil.com"},
      UrlCase{"https://evil.com?@good.com/", "https://evil.com/", "evil.com"},
      UrlCase{"http://example.com./", "http://example.com/", "example.com"},
      UrlCase{"http://127.1/", "http://127.0.0.1/", "127.0.0.1"},
      UrlCase{"http://2130706433/", "http://127.0.0.1/", "127.0.0.1"},
      UrlCase{"http://0x7f.0.0.1/", "http://127.0.0.1/", "127.0.0.1"},
      UrlCase{"http://0251.0376.0251.0376/", "http://169.254.169.254/", "169.254.169.254"},
      UrlCase{"http://[0:0:0:0:0:0:0:1]:80/x", "http://[::1]/x", "[::1]"},
      UrlCase{"demo://resource/static/1", "demo://resource/static/1", ""},
      UrlCase{"data:text/plain;base64,AAAA", "data:text/plain", ""},
      UrlCase{"file:///work/a%20b", "file:///work/a b", ""},
      UrlCase{"https://example.com\\@evil.com/", nullptr, ""},
      UrlCase{"https:/example.com", nullptr, ""},
      UrlCase{"https:example.com", nullptr, ""},
      UrlCase{"https:///example.com", nullptr, ""},
      UrlCase{"https://ex ample.com/", nullptr, ""},
      UrlCase{"https://exam\tple.com/", nullptr, ""},
      UrlCase{" https://example.com/", nullptr, ""},
      UrlCase{"https://ex%61mple.com/", nullptr, ""},
      UrlCase{"https://\xef\xbd\x85vil.com/", nullptr, ""},
      UrlCase{"https://a..b/", nullptr, ""},
      UrlCase{"https:///", nullptr, ""},
      UrlCase{"https://example.com:99999/", nullptr, ""},
      UrlCase{"http://1.2.3.4.5/", nullptr, ""},
      UrlCase{"http://[::1/", nullptr, ""},
      UrlCase{"example.com", nullptr, ""},
      UrlCase{"file://other/etc/passwd", nullptr, ""},
      UrlCase{"file:///a%00b", nullptr, ""},
      UrlCase{"", nullptr, ""},
  };
  for (const UrlCase& one : cases) {
    const auto url = normal_url(one.given);
    ASSERT_EQ(url.has_value(), one.id != nullptr) << one.given << " -> " << (url ? url->id : "");
    if (!url) continue;
    EXPECT_EQ(url->id, one.id) << one.given;
    EXPECT_EQ(url->host, one.host) << one.given;
  }
}

TEST(NormalUrl, AFileUrlIsThatFile) {
  EXPECT_EQ(*normal_url("file:///work/../etc/passwd")->file, "/etc/passwd");
  EXPECT_EQ(*normal_url("file://localhost/a/%2e%2e/b")->file, "/b");
  EXPECT_FALSE(normal_url("https://a.b/")->file);
}

TEST(NormalUrl, AHostLiesInItsDomains) {
  const auto hosts = hosts_of("a.b.example.com");
  ASSERT_EQ(hosts.size(), 3u);
  EXPECT_EQ(hosts[0].id, "a.b.example.com");
  EXPECT_EQ(hosts[2].id, "example.com");
  EXPECT_EQ(hosts_of("127.0.0.1").size(), 1u);
  EXPECT_EQ(hosts_of("[::1]").size(), 1u);
  EXPECT_EQ(hosts_of("localhost").size(), 1u);
}

}  // namespace
}  // namespace interlock::catalogue
