// RFC 8785: numbers as ECMAScript writes them (appendix B), texts with the least escapes.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>

#include "base/json.hpp"

namespace interlock::json {
namespace {

TEST(CanonicalJson, WritesTheNumbersOfAppendixB) {
  const struct {
    std::uint64_t bits;
    const char* text;
  } cases[] = {
      {0x0000000000000000, "0"},
      {0x8000000000000000, "0"},
      {0x0000000000000001, "5e-324"},
      {0x8000000000000001, "-5e-324"},
      {0x7fefffffffffffff, "1.7976931348623157e+308"},
      {0xffefffffffffffff, "-1.7976931348623157e+308"},
      {0x4340000000000000, "9007199254740992"},
      {0xc340000000000000, "-9007199254740992"},
      {0x4430000000000000, "295147905179352830000"},
      {0x44b52d02c7e14af5, "9.999999999999997e+22"},
      {0x44b52d02c7e14af6, "1e+23"},
      {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
      {0x444b1ae4d6e2ef4e, "999999999999999700000"},
      {0x444b1ae4d6e2ef4f, "999999999999999900000"},
      {0x444b1ae4d6e2ef50, "1e+21"},
      {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
      {0x3eb0c6f7a0b5ed8d, "0.000001"},
      {0x41b3de4355555553, "333333333.3333332"},
      {0x41b3de4355555554, "333333333.33333325"},
      {0x41b3de4355555555, "333333333.3333333"},
      {0x41b3de4355555556, "333333333.3333334"},
      {0x41b3de4355555557, "333333333.33333343"},
      {0xbecbf647612f3696, "-0.0000033333333333333333"},
      {0x43143ff3c1cb0959, "1424953923781206.2"},
  };
  for (const auto& c : cases) {
    const auto number = std::bit_cast<double>(c.bits);
    EXPECT_EQ(write_canonical(value(number)), c.text);
    const auto read = parse(c.text);
    ASSERT_TRUE(read) << c.text;
    EXPECT_EQ(write_canonical(*read), c.text);
  }
}

TEST(CanonicalJson, WritesTheExampleOfSection322) {
  const auto read = parse(R"({"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],
    "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(write_canonical(*read),
            "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'"
            "B\\\"\\\\\\\\\\\"/\"}");
}

TEST(CanonicalJson, KeepsIntegersOf64BitsExact) {
  for (auto text : {"9223372036854775807", "-9223372036854775808", "18446744073709551615", "9007199254740993"})
    EXPECT_EQ(write_canonical(*parse(text)), text);
}

TEST(CanonicalJson, ReadsBackEachNumberThatItWrites) {
  // 1e20 is written without an exponent: such digits are no integer that lost its tail.
  for (auto text : {"1e20", "-1e20", "123456789012345680000", "1.8446744073709552e19", "9.9e20"}) {
    const auto read = parse(text);
    ASSERT_TRUE(read) << text;
    const auto again = parse(write_canonical(*read));
    ASSERT_TRUE(again) << write_canonical(*read);
    EXPECT_EQ(*again, *read);
  }
  for (auto text : {"18446744073709551616", "100000000000000000001", "123456789012345678901"}) EXPECT_FALSE(parse(text)) << text;
  EXPECT_FALSE(parse(std::string(400, '9')));
}

TEST(CanonicalJson, IsTheSameHoweverTheTextWasWritten) {
  EXPECT_EQ(write_canonical(*parse(" { \"b\" : [ 1.0 , 2 ] , \"a\" : \"\\u0041\" } ")), R"({"a":"A","b":[1,2]})");
  const auto canonical = write_canonical(*parse(R"({"z":{"y":[{"x":1}]},"a":-0.0})"));
  EXPECT_EQ(write_canonical(*parse(canonical)), canonical);
}

}  // namespace
}  // namespace interlock::json
