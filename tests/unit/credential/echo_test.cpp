#include "credential/echo.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.hpp"

namespace interlock::credential {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kSecret = "ghp_\"canary\"/+0123456789";

std::string escaped(std::string_view text) {
  std::string out;
  json::write_string_to(out, text);
  return out;
}

std::string each_byte(std::string_view text, std::string_view before, std::string_view digits = "0123456789abcdef") {
  std::string out;
  for (const unsigned char c : text) {
    out += before;
    out += {digits[c >> 4], digits[c & 15]};
  }
  return out;
}

TEST(AnEcho, IsHiddenInEveryFormThatItMayComeBackIn) {
  Echoes echoes;
  echoes.add(kSecret);
  const std::string secret(kSecret);
  constexpr std::string_view kCapitals = "0123456789ABCDEF";
  const std::pair<std::string, std::string> cases[] = {
      {"plain", "token=" + secret + ";"},
      {"twice", secret + secret},
      {"a JSON text within a text", "{\"token\":" + escaped(secret) + "}"},
      {"a query", "https://x/?t=ghp_%22canary%22%2F%2B0123456789&a=b"},
      {"hexadecimal", to_hex(secret)},
      {"percent, every byte", each_byte(secret, "%")},
      {"percent, every byte, in capitals", each_byte(secret, "%", kCapitals)},
      {"JSON, every letter", each_byte(secret, "\\u00")},
      {"JSON, every letter, in capitals", each_byte(secret, "\\u00", kCapitals)},
      {"base64", base64_encode(secret)},
      {"base64url", base64url_encode(secret)},
      {"Basic, with a name of any length",
       base64_encode("a:" + secret) + " " + base64_encode("ab:" + secret) + " " + base64_encode("abc:" + secret)},
      {"a JSON text within a JSON text", escaped("{\"token\":" + escaped(secret) + "}")},
      {"base64 of JSON", base64_encode("{\"a\":1,\"token\":" + escaped(secret) + "}")},
      {"in the middle of a base64 of more", base64_encode("{\"x\":\"" + secret + "\",\"y\":1}")},
  };
  for (const auto& [name, before] : cases) {
    auto text = before;
    EXPECT_TRUE(echoes.hide(text)) << name;
    EXPECT_THAT(text, HasSubstr("hidden by Interlock")) << name;
    EXPECT_THAT(text, AllOf(Not(HasSubstr("canary")), Not(HasSubstr("%63%61")), Not(HasSubstr("\\u0063")))) << name;
    auto again = text;
    EXPECT_FALSE(echoes.hide(again)) << name;
  }
  std::string basic = base64_encode("ab:" + secret);
  echoes.hide(basic);
  EXPECT_THAT(basic, Not(HasSubstr(base64_encode("canary").substr(0, 6))));
}

TEST(AnEcho, IsHiddenInDocumentsValuesAndNames) {
  Echoes echoes;
  echoes.add("0123456789abcdef");
  auto document =
      *json::parse(R"({"a":[{"b":"x 0123456789abcdef y"},1,null],"0123456789abcdef":{"c":"\u0030123456789abcdef"},"d":"kept"})");
  EXPECT_TRUE(echoes.hide(document));
  const auto text = json::write(document);
  EXPECT_THAT(text, Not(HasSubstr("0123456789abcdef")));
  EXPECT_THAT(text, HasSubstr(R"("d":"kept")"));
  EXPECT_EQ(document.as_object().size(), 3U);
  auto clean = *json::parse(R"({"a":"0123456789"})");
  EXPECT_FALSE(echoes.hide(clean));
}

TEST(AnEcho, OfAKeyWithSeveralLinesIsHiddenLineByLine) {
  Echoes echoes;
  echoes.add("-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\nshort\n-----END PRIVATE KEY-----\n");
  std::string text = "-----BEGIN PRIVATE KEY-----\r\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49\r\n";
  EXPECT_TRUE(echoes.hide(text));
  EXPECT_THAT(text, Not(HasSubstr("MIGHAgEAMBM")));
}

TEST(AnEcho, OfAShortValueIsLeftAlone) {
  Echoes echoes;
  echoes.add("app");
  echoes.add("");
  EXPECT_TRUE(echoes.empty());
}

TEST(AnEcho, OfOneSecretWithinAnotherIsHiddenAsAWhole) {
  Echoes echoes;
  echoes.add("0123456789");
  echoes.add("0123456789-0123456789");
  std::string text = "<0123456789-0123456789>";
  echoes.hide(text);
  EXPECT_EQ(text, "<" + std::string(kHidden) + ">");
}

}  // namespace
}  // namespace interlock::credential
