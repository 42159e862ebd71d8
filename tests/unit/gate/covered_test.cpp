// What a yes to a line covers, and what it does not.
#include "gate/covered.hpp"

#include <gtest/gtest.h>

namespace interlock::gate {
namespace {

model::Classification of(const std::string& action) {
  model::Classification out;
  out.action = action;
  out.resource = {"Command", action};
  return out;
}
json::object command(std::initializer_list<const char*> argv, const char* cwd = "/work") {
  json::array words;
  for (const char* word : argv) words.emplace_back(word);
  return {{"argv", std::move(words)}, {"cwd", cwd}};
}
model::ActionRequest started(json::object args) {
  model::ActionRequest out;
  out.operation = "execve";
  out.args = std::move(args);
  return out;
}

class CoveredTest : public testing::Test {
 protected:
  void SetUp() override {
    model::Classification line;
    line.parts.push_back({command({"git", "push"}), of("git/push")});
    line.parts.push_back({command({"rm", "-r", "out"}), of("rm")});
    auto unknown = command({"make"});
    unknown["unknowable"] = json::array{"a variable"};
    line.parts.push_back({unknown, of("make")});
    covered.add("task_1", "apr_1", {}, line, 1'000);
  }
  std::optional<std::string> take(const std::string& task, json::object args, const std::string& action, UnixMs now_ms = 2'000) {
    return covered.take(task, started(std::move(args)), of(action), now_ms);
  }
  Covered covered;
};

TEST_F(CoveredTest, EachCommandOfTheLineGoesThroughOnce) {
  EXPECT_EQ(take("task_1", command({"git", "push"}), "git/push"), "apr_1");
  EXPECT_EQ(take("task_1", command({"rm", "-r", "out"}), "rm"), "apr_1");
  EXPECT_FALSE(take("task_1", command({"git", "push"}), "git/push"));
}
TEST_F(CoveredTest, OtherArgumentsAreAnotherCommand) { EXPECT_FALSE(take("task_1", command({"git", "push", "--force"}), "git/push")); }
TEST_F(CoveredTest, AnotherFolderIsAnotherCommand) { EXPECT_FALSE(take("task_1", command({"rm", "-r", "out"}, "/"), "rm")); }
TEST_F(CoveredTest, AnotherActionIsAnotherCommand) { EXPECT_FALSE(take("task_1", command({"git", "push"}), "exec/unknown")); }
TEST_F(CoveredTest, AnotherTaskIsNotCovered) { EXPECT_FALSE(take("task_2", command({"git", "push"}), "git/push")); }
TEST_F(CoveredTest, ItEnds) { EXPECT_FALSE(take("task_1", command({"git", "push"}), "git/push", 1'000 + kCoveredMs)); }
TEST_F(CoveredTest, WhatWasNotKnownIsNeverCovered) { EXPECT_FALSE(take("task_1", command({"make"}), "make")); }
TEST_F(CoveredTest, AProgramWithOnePartThatIsNotCoveredIsNot) {
  model::Classification what = of("git/push");
  what.parts.push_back({command({"git", "push"}), of("git/push")});
  what.parts.push_back({command({"git", "push"}), of("net/connect")});
  EXPECT_FALSE(covered.take("task_1", started(command({"git", "push"})), what, 2'000));
  EXPECT_TRUE(take("task_1", command({"git", "push"}), "git/push")) << "and nothing was used up by it";
}

}  // namespace
}  // namespace interlock::gate
