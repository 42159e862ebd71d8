// Paths and queries: one form for what readers agree on, a refusal or an unknown for what they do not.
#include "catalogue/http_path.hpp"

#include <gtest/gtest.h>

#include <array>

namespace interlock::catalogue {
namespace {

struct PathCase {
  std::string_view given;
  const char* expected;  // null: refused
};

TEST(HttpPath, SpellingsOfOnePathFallTogetherAndTheOthersAreRefused) {
  const std::array cases{
      PathCase{"", "/"},
      PathCase{"/", "/"},
      PathCase{"*", "*"},
      PathCase{"/a/b", "/a/b"},
      PathCase{"/a/b/", "/a/b/"},
      PathCase{"/%61%2D%7e", "/a-~"},
      PathCase{"/%c3%a9", "/%C3%A9"},
      PathCase{"/user%40example.com/x%3Agenerate", "/user@example.com/x:generate"},
      PathCase{"/group%2fproject", "/group%2Fproject"},
      PathCase{"/a;v=1/b", "/a;v=1/b"},
      PathCase{"/a%5cb", "/a%5Cb"},
      PathCase{"/a%25b", "/a%25b"},
      PathCase{"/.well-known/x", "/.well-known/x"},
      PathCase{"/...", "/..."},
      PathCase{"a/b", nullptr},
      PathCase{"http://h/", nullptr},
      PathCase{"/a/../b", nullptr},
      PathCase{"/a/./b", nullptr},
      PathCase{"/a/..", nullptr},
      PathCase{"/a/%2e%2E/b", nullptr},
      PathCase{"/a/.%2e/b", nullptr},
      PathCase{"/a/..;/b", nullptr},
      PathCase{"/a/.;x=y/b", nullptr},
      PathCase{"//a", nullptr},
      PathCase{"/a//b", nullptr},
      PathCase{"/a\\b", nullptr},
      PathCase{"/a b", nullptr},
      PathCase{"/a\tb", nullptr},
      PathCase{"/a\r\nX: y", nullptr},
      PathCase{"/a%0d%0aX", nullptr},
      PathCase{"/a%00", nullptr},
      PathCase{"/a%7F", nullptr},
      PathCase{"/a%", nullptr},
      PathCase{"/a%4", nullptr},
      PathCase{"/a%zz", nullptr},
      PathCase{"/a#b", nullptr},
      PathCase{"/a?b", nullptr},
      PathCase{"/\xc3\xa9", nullptr},
  };
  for (const PathCase& one : cases) {
    const auto path = normal_http_path(one.given);
    ASSERT_EQ(path.has_value(), one.expected != nullptr) << one.given;
    if (path) {
      EXPECT_EQ(*path, one.expected) << one.given;
      EXPECT_EQ(normal_http_path(*path).value_or("changed"), *path) << "normal paths stay";
    } else {
      EXPECT_FALSE(path.error().hint.empty() && path.error().code == ErrorCode::kInvalid) << one.given;
    }
  }
}

TEST(HttpPath, LengthAndPartsAreBounded) {
  EXPECT_EQ(normal_http_path("/" + std::string(kMaxHttpPathBytes, 'a')).error().code, ErrorCode::kTooLarge);
  std::string deep;
  for (std::size_t i = 0; i <= kMaxHttpSegments; ++i) deep += "/a";
  EXPECT_EQ(normal_http_path(deep).error().code, ErrorCode::kTooLarge);
}

struct SegmentCase {
  std::string_view segment;
  const char* plain;  // null: readers differ
  const char* with_slashes;
};

TEST(HttpPath, AParameterHoldsOnlyWhatReadersAgreeOn) {
  const std::array cases{
      SegmentCase{"octocat", "octocat", "octocat"}, SegmentCase{"a%20b", "a b", "a b"},    SegmentCase{"%C3%A9", "\xc3\xa9", "\xc3\xa9"},
      SegmentCase{"100%25", "100%", "100%"},        SegmentCase{"a%2Fb", nullptr, "a/b"},  SegmentCase{"a%2F..%2Fb", nullptr, nullptr},
      SegmentCase{"%2Fa", nullptr, nullptr},        SegmentCase{"a%2F", nullptr, nullptr}, SegmentCase{"a%5Cb", nullptr, nullptr},
      SegmentCase{"a;b", nullptr, nullptr},         SegmentCase{"a%3Bb", "a;b", "a;b"},    SegmentCase{"%252e", nullptr, nullptr},
      SegmentCase{"a%252Fb", nullptr, nullptr},     SegmentCase{"%FF", nullptr, nullptr},  SegmentCase{"%C0%AF", nullptr, nullptr},
      SegmentCase{"%ED%A0%80", nullptr, nullptr},   SegmentCase{"..", nullptr, nullptr},   SegmentCase{"", nullptr, nullptr},
  };
  for (const SegmentCase& one : cases) {
    for (const bool slashes : {false, true}) {
      const auto text = segment_text(one.segment, slashes);
      const char* expected = slashes ? one.with_slashes : one.plain;
      ASSERT_EQ(text.has_value(), expected != nullptr) << one.segment << slashes;
      if (text) {
        EXPECT_EQ(*text, expected);
      }
    }
  }
}

TEST(HttpForm, NamesThatStandTwiceKeepAllTheirValues) {
  const auto form = read_form("a=1&b=x+y&a=%32&&c&d=&a=3&%65=f&g[h]=i&j=k=l");
  ASSERT_TRUE(form);
  EXPECT_EQ(json::write(*form), R"({"a":["1","2","3"],"b":"x y","c":"","d":"","e":"f","g[h]":"i","j":"k=l"})");
  EXPECT_TRUE(read_form("")->empty());
}

TEST(HttpForm, WhatCannotBeReadIsNothing) {
  std::string many;
  for (std::size_t i = 0; i <= kMaxQueryNames; ++i) many += "a" + std::to_string(i) + "&";
  const std::string_view cases[] = {"a=%", "a=%4", "%zz=1", "a=%ff", "a=%c0%af"};
  for (const auto one : cases) EXPECT_FALSE(read_form(one)) << one;
  EXPECT_FALSE(read_form(many));
  EXPECT_FALSE(read_form(std::string(100, 'a'), 99));
}

}  // namespace
}  // namespace interlock::catalogue
