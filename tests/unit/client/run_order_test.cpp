// The command line of `interlock run`, and what is kept of an environment.
#include "client/run_order.hpp"

#include <gtest/gtest.h>

#include "client/plan_environment.hpp"

namespace interlock::client {
namespace {

using Words = std::vector<std::string>;

TEST(RunOrderTest, OptionsEndWhereTheCommandBegins) {
  for (const Words& words : {Words{"--purpose", "mend it", "make", "--quiet"}, Words{"--purpose=mend it", "--", "make", "--quiet"}}) {
    const auto order = read_run_order({}, words);
    ASSERT_TRUE(order) << order.error().text();
    EXPECT_EQ(order->purpose, "mend it");
    EXPECT_EQ(order->argv, (Words{"make", "--quiet"}));
    EXPECT_FALSE(order->quiet);
  }
}

TEST(RunOrderTest, APipelineFailsOnWhatWasDeniedUnlessItIsToldNotTo) {
  EXPECT_TRUE(read_run_order({}, {"--ci", "true"})->fail_on_denied);
  EXPECT_FALSE(read_run_order({}, {"--ci", "--fail-on", "never", "true"})->fail_on_denied);
  EXPECT_TRUE(read_run_order({}, {"--fail-on=denied", "true"})->fail_on_denied);
  EXPECT_FALSE(read_run_order({}, {"true"})->fail_on_denied);
}

TEST(RunOrderTest, WhatCannotBeUnderstoodIsRefused) {
  const Words kBad[] = {{},
                        {"--"},
                        {""},
                        {"--quiet"},
                        {"--nonsense", "true"},
                        {"--purpose"},
                        {"--scope", "[1]", "true"},
                        {"--scope", "{", "true"},
                        {"--scope", "@/nowhere/at/all", "true"},
                        {"--fail-on", "sometimes", "true"},
                        {"--approval-timeout", "5m", "true"},
                        {"--ci", "--identity-token", "env:INTERLOCK_NO_SUCH_VARIABLE", "true"},
                        {"--ci", "--identity-token", "/nowhere/at/all", "true"}};
  for (const auto& words : kBad) EXPECT_FALSE(read_run_order({}, words)) << (words.empty() ? "nothing" : words.front());
}

TEST(RunOrderTest, AnErrorNeverHoldsTheToken) {
  ::setenv("INTERLOCK_TEST_TOKEN", "the-token-itself", 1);
  const auto order = read_run_order({}, {"--ci", "--identity-token", "env:INTERLOCK_TEST_TOKEN", "--nonsense", "true"});
  ::unsetenv("INTERLOCK_TEST_TOKEN");
  ASSERT_FALSE(order);
  EXPECT_EQ(order.error().text().find("the-token-itself"), std::string::npos);
}

TEST(KeptEnvironmentTest, OnlyWhatIsHarmlessNeededOrNamedIsKeptAndSecretsAreTold) {
  const std::map<std::string, std::string> all = {{"PATH", "/bin"},           {"LC_TIME", "C"},       {"AWS_SECRET_ACCESS_KEY", "x"},
                                                  {"ANTHROPIC_API_KEY", "k"}, {"SSH_AUTH_SOCK", "s"}, {"MY_URL", "u"},
                                                  {"LD_PRELOAD", "/x.so"},    {"GITHUB_TOKEN", "t"},  {"DBUS_SESSION_BUS_ADDRESS", "d"}};
  const auto* claude = hosts::host_named("claude");
  ASSERT_NE(claude, nullptr);
  const auto kept = keep_environment(all, claude, {"MY_URL"});
  EXPECT_EQ(kept.kept,
            (std::map<std::string, std::string>{{"PATH", "/bin"}, {"LC_TIME", "C"}, {"ANTHROPIC_API_KEY", "k"}, {"MY_URL", "u"}}));
  EXPECT_EQ(kept.secrets, (Words{"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"}));
  EXPECT_FALSE(keep_environment(all, nullptr, {}).kept.contains("ANTHROPIC_API_KEY"));
}

}  // namespace
}  // namespace interlock::client
