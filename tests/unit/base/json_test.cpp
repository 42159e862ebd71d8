// The strict parser and the two writers.
#include "base/json.hpp"

#include <gtest/gtest.h>

namespace interlock::json {
namespace {

struct RefusedCase {
  const char* name;
  std::string text;
  const char* says;
};

TEST(JsonParse, RefusesWhatReadersDisagreeOn) {
  const std::string deep(65, '[');
  const RefusedCase cases[] = {
      {"empty", "", "ends too early"},
      {"truncated", R"({"a":1)", "ends too early"},
      {"trailing text", "1 2", "follows the document"},
      {"trailing comma", "[1,]", "syntax"},
      {"single quotes", "{'a':1}", "syntax"},
      {"duplicate key", R"({"a":1,"a":2})", "comes twice"},
      {"duplicate key behind an escape", R"({"a":1,"\u0061":2})", "comes twice"},
      {"duplicate key deep inside", R"([{"b":{"x":1,"y":2,"x":3}}])", "comes twice"},
      {"integer beyond 64 bits", "18446744073709551616", "does not fit 64 bits"},
      {"negative integer beyond 64 bits", "[-9223372036854775809]", "does not fit 64 bits"},
      {"number beyond double", "1e999", "not valid JSON"},
      {"too deep", deep, "too deep"},
      {"invalid utf-8", "\"\xff\"", "not valid JSON"},
      {"overlong utf-8", "\"\xc0\x80\"", "not valid JSON"},
      {"lone surrogate", R"("\ud800")", "not valid JSON"},
      {"raw control character", "\"a\nb\"", "syntax"},
      {"NaN", "NaN", "syntax"},
      {"comment", "/* */ 1", "syntax"},
      {"byte order mark", "\xef\xbb\xbf{}", "syntax"},
  };
  for (const auto& c : cases) {
    const auto result = parse(c.text);
    ASSERT_FALSE(result.has_value()) << c.name;
    EXPECT_NE(result.error().message.find(c.says), std::string::npos) << c.name << ": " << result.error().message;
  }
}

TEST(JsonParse, SaysWhere) {
  const auto result = parse(R"({"a":tru})");
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(result.error().message.find("at byte 5"), std::string::npos) << result.error().message;
}

TEST(JsonParse, BoundsTheSize) { EXPECT_EQ(parse("[1,2,3]", {.size_bytes = 4}).error().code, ErrorCode::kTooLarge); }

TEST(JsonParse, DepthIsRefusedWithoutUsingTheStack) { EXPECT_FALSE(parse(std::string(1'000'000, '[')).has_value()); }

TEST(JsonWrite, RoundTripsWhatItReads) {
  const char* cases[] = {"null",
                         "true",
                         "0",
                         "-1",
                         "9223372036854775807",
                         "18446744073709551615",
                         "-9223372036854775808",
                         "1.5",
                         "\"\\u0001\\n\\\"\\\\\"",
                         "[]",
                         "{}",
                         R"({"b":1,"a":[1,2,{"c":null}]})",
                         "\"\xf0\x9f\x98\x80\""};
  for (const char* text : cases) {
    const auto parsed = parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(write(*parsed), text);
  }
}

TEST(JsonWrite, PrintsNumbersAsEcmaScriptDoes) {
  // The table of RFC 8785 Appendix B, where the input is decimal.
  const std::pair<const char*, const char*> cases[] = {
      {"0.0", "0"},
      {"-0.0", "0"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"1e21", "1e+21"},
      {"1e20", "100000000000000000000"},
      {"0.000001", "0.000001"},
      {"1e-7", "1e-7"},
      {"333333333.33333329", "333333333.3333333"},
      {"-1.5", "-1.5"},
      {"123.456", "123.456"},
  };
  for (const auto& [in, out] : cases) EXPECT_EQ(write(*parse(in)), out) << in;
}

TEST(JsonWrite, CanonicalSortsByUtf16) {
  // RFC 8785 §3.2.3's example.
  const auto v = parse(
      "{\"\\u20ac\":\"Euro\",\"\\r\":\"CR\",\"\\ufb33\":\"Dagesh\",\"1\":\"One\",\"\\ud83d\\ude00\":\"Smile\",\"\\u0080\":\"Control\","
      "\"\\u00f6\":\"o\"}");
  ASSERT_TRUE(v.has_value());
  EXPECT_EQ(write_canonical(*v),
            "{\"\\r\":\"CR\",\"1\":\"One\",\"\xc2\x80\":\"Control\",\"\xc3\xb6\":\"o\",\"\xe2\x82\xac\":\"Euro\",\"\xf0\x9f\x98\x80\":"
            "\"Smile\",\"\xef\xac\xb3\":\"Dagesh\"}");
}

}  // namespace
}  // namespace interlock::json
