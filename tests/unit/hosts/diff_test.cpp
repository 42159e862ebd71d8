// What people see of a change before they say yes.
#include <gtest/gtest.h>

#include "hosts/edit.hpp"

namespace interlock::hosts {
namespace {

TEST(Diff, shows_what_goes_and_what_comes_with_three_lines_around) {
  Change change{.path = "/f",
                .before = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n",
                .after = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17"};
  EXPECT_EQ(diff(change),
            "--- /f\n+++ /f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n@@ -14,3 +14,4 @@\n 14\n 15\n 16\n+17\n\\ No newline at "
            "end of file\n");
  change.after = change.before;
  EXPECT_EQ(diff(change), "");
}

TEST(Diff, a_file_that_comes_or_goes_is_null_on_the_other_side) {
  EXPECT_EQ(diff({.path = "/f", .before = std::nullopt, .after = "a\n"}), "--- /dev/null\n+++ /f\n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(diff({.path = "/f", .before = "a\r\n", .after = std::nullopt}), "--- /f\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n");
}

TEST(Diff, secrets_around_a_change_are_not_shown) {
  const Change change{.path = "/f",
                      .before = "{\"env\": {\"ANTHROPIC_API_KEY\": \"sk-1\\\"2\", \"a\": \"shown\", \"GH_TOKEN\" : \"ghp_x\"}}\n",
                      .after = "{\"env\": {\"ANTHROPIC_API_KEY\": \"sk-1\\\"2\", \"a\": \"shown\", \"GH_TOKEN\" : \"ghp_x\"}, \"k\": 1}\n"};
  const auto text = diff(change);
  for (const char* secret : {"sk-1", "ghp_x"}) EXPECT_EQ(text.find(secret), std::string::npos) << text;
  EXPECT_NE(text.find("\"a\": \"shown\""), std::string::npos) << text;
}

TEST(Diff, is_bounded) {
  std::string many;
  for (int i = 0; i < 5'000; ++i) many += std::to_string(i) + "\n";
  const auto text = diff({.path = "/f", .before = "x\n" + many + "y\n", .after = "z\n" + many + many});
  EXPECT_NE(text.find("+z"), std::string::npos);
  EXPECT_LT(diff({.path = "/f", .before = std::nullopt, .after = std::string(100'000, 'x')}).size(), 1'000U);
}

}  // namespace
}  // namespace interlock::hosts
