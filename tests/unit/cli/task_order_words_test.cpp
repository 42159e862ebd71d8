// From the options of `interlock task` to the body that gates read, and that gates read it.
#include <gtest/gtest.h>

#include "cli/task_verb.hpp"
#include "task/order.hpp"

namespace interlock::cli {
namespace {

Arguments words(const Words& list) {
  return parse_arguments(list, {},
                         {"--agent", "--purpose", "--parent", "--effects", "--tools", "--hosts", "--paths", "--resources", "--band",
                          "--for", "--until", "--calls", "--spend", "--heartbeat"});
}

TEST(TaskOrderWords, EveryOptionReachesTheOrder) {
  const auto body = task_order_body(words({"--agent",
                                           "ci/a",
                                           "--purpose",
                                           "docs",
                                           "--effects",
                                           "read,write",
                                           "--effects=send",
                                           "--tools",
                                           "files,github/get_*",
                                           "--hosts",
                                           "a.example",
                                           "--paths",
                                           "/work/a,b",
                                           "--resources",
                                           "Repo::\"a,b\"",
                                           "--band",
                                           "1",
                                           "--for",
                                           "2h",
                                           "--calls",
                                           "5",
                                           "--spend",
                                           "12.50",
                                           "--heartbeat",
                                           "30s"}),
                                    {});
  ASSERT_TRUE(body) << body.error().text();
  EXPECT_EQ(json::write(body->at("scope")),
            R"({"effects":["read","write","send"],"tools":["files","github/get_*"],"hosts":["a.example"],"paths":["/work/a,b"],)"
            R"("resources":["Repo::\"a,b\""]})");
  const auto order = task::read_task_order(*body, 1'800'000'000'000);
  ASSERT_TRUE(order) << order.error().text();
  EXPECT_EQ(order->subject, "ci/a");
  EXPECT_EQ(order->lifetime_ms, 7'200'000);
  EXPECT_EQ(order->band_ceiling, model::Band::kRoutine);
  EXPECT_EQ(order->budget.calls, 5);
  EXPECT_EQ(order->budget.spend_micros, 12'500'000);
  EXPECT_EQ(order->heartbeat_ms, 30'000);
  ASSERT_EQ(order->scope.size(), 1U);
}

TEST(TaskOrderWords, AFileGivesTheScopeAndOptionsStandBeforeIt) {
  const auto arguments = words({"--effects", "read"});
  const auto yaml = task_order_body(arguments, {"scope.yaml", "effects: [ write ]\ntools: [ files ]\n"});
  ASSERT_TRUE(yaml) << yaml.error().text();
  EXPECT_EQ(json::write(yaml->at("scope")), R"({"effects":["read"],"tools":["files"]})");
  const auto cedar = task_order_body(words({}), {"scope.cedar", "permit (principal, action, resource);"});
  ASSERT_TRUE(cedar);
  EXPECT_EQ(json::write(*cedar), R"({"cedar":"permit (principal, action, resource);"})");
}

TEST(TaskOrderWords, WhatIsWrongIsNamed) {
  struct Row {
    Words words;
    ScopeFile file;
    const char* message;
  };
  const Row rows[] = {{{"--band", "high"}, {}, "--band must be a whole number"},
                      {{"--calls", "5x"}, {}, "--calls must be a whole number"},
                      {{"--calls", ""}, {}, "--calls must be a whole number"},
                      {{}, {"s.yaml", "- a\n"}, "s.yaml holds no scope"},
                      {{}, {"s.yaml", "a: [\n"}, "s.yaml:"}};
  for (const auto& row : rows) {
    const auto body = task_order_body(words(row.words), row.file);
    ASSERT_FALSE(body) << row.message;
    EXPECT_NE(body.error().message.find(row.message), std::string::npos) << body.error().message;
    EXPECT_FALSE(grant_body(words(row.words), row.file)) << row.message;
  }
}

TEST(TaskOrderWords, AGrantSaysHowLongFromNowOn) {
  const auto body = grant_body(words({"--for", "1h", "--calls", "10"}), {});
  ASSERT_TRUE(body);
  const auto grant = task::read_grant(*body, 1'000);
  ASSERT_TRUE(grant) << grant.error().text();
  EXPECT_EQ(grant->expires_ms, 3'601'000);
  EXPECT_EQ(grant->more_calls, 10);
}

}  // namespace
}  // namespace interlock::cli
