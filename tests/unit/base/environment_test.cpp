// Variables in a text of the configuration.
#include "base/environment.hpp"

#include <gtest/gtest.h>

namespace interlock {
namespace {

std::optional<std::string> some(std::string_view name) {
  if (name == "HOME") return "/home/ada";
  if (name == "EMPTY") return "";
  if (name == "LONG") return std::string(40'000, 'x');
  return std::nullopt;
}

TEST(ExpandEnvironment, PutsValuesInPlaceOfNames) {
  EXPECT_EQ(expand_environment("plain", some), "plain");
  EXPECT_EQ(expand_environment("", some), "");
  EXPECT_EQ(expand_environment("${HOME}/x and ${HOME}", some), "/home/ada/x and /home/ada");
  EXPECT_EQ(expand_environment("[${EMPTY}]", some), "[]");
  EXPECT_EQ(expand_environment("${EMPTY:-none}${GONE:-gone}${HOME:-no}", some), "nonegone/home/ada");
  EXPECT_EQ(expand_environment("${GONE:-}", some), "");
  EXPECT_EQ(expand_environment("${GONE:-a:-b}", some), "a:-b");
}

TEST(ExpandEnvironment, KeepsADollarThatNamesNothing) {
  EXPECT_EQ(expand_environment("$$", some), "$");
  EXPECT_EQ(expand_environment("$${HOME}", some), "${HOME}");
  EXPECT_EQ(expand_environment("$HOME $ 5$", some), "$HOME $ 5$");
}

TEST(ExpandEnvironment, SaysWhatIsWrongAndNeverAValue) {
  const auto gone = expand_environment("${HOME}${GONE}", some);
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
  EXPECT_NE(gone.error().message.find("GONE"), std::string::npos);
  EXPECT_EQ(gone.error().message.find("ada"), std::string::npos);
  for (const auto* text : {"${", "${HOME", "${}", "${:-x}", "${1A}", "${A B}", "${A-b}", "${A:}", "${${HOME}}"}) {
    const auto bad = expand_environment(text, some);
    ASSERT_FALSE(bad.has_value()) << text;
    EXPECT_EQ(bad.error().code, ErrorCode::kInvalid) << text;
  }
  const auto large = expand_environment("${LONG}${LONG}", some);
  ASSERT_FALSE(large.has_value());
  EXPECT_EQ(large.error().code, ErrorCode::kTooLarge);
}

TEST(EscapeForExpansion, IsUndoneByTheExpansionButForNames) {
  for (const std::string text : {"", "plain", "$", "$$", "$$$", "a$b", "pa$$word", "${", "${}", "${A B}", "$${", "$$${", "{$}", "${x"})
    EXPECT_EQ(expand_environment(escape_for_expansion(text), some), text) << text;
  EXPECT_EQ(escape_for_expansion("a$b"), "a$b");
  EXPECT_EQ(escape_for_expansion("${HOME}/$${GONE:-x}"), "${HOME}/$$${GONE:-x}");
  EXPECT_EQ(expand_environment(escape_for_expansion("${HOME}$${HOME}"), some), "/home/ada$/home/ada");
}

TEST(ProcessEnvironment, TellsUnsetFromEmpty) {
  ::setenv("INTERLOCK_TEST_EMPTY", "", 1);
  ::unsetenv("INTERLOCK_TEST_UNSET");
  EXPECT_EQ(process_environment()("INTERLOCK_TEST_EMPTY"), "");
  EXPECT_EQ(process_environment()("INTERLOCK_TEST_UNSET"), std::nullopt);
}

}  // namespace
}  // namespace interlock
