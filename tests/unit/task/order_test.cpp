// Orders and grants as JSON says them: the smaller of two limits counts, and nothing that is misspelt is passed over.
#include "task/order.hpp"

#include <gtest/gtest.h>

namespace interlock::task {
namespace {

constexpr UnixMs kNow = 1'700'000'000'000;

Result<TaskOrder> order_of(std::string_view text) { return read_task_order(json::parse(text)->get_object(), kNow); }
Result<Grant> grant_of(std::string_view text) { return read_grant(json::parse(text)->get_object(), kNow); }

TEST(TaskOrders, AreReadWhole) {
  const auto order = order_of(
      R"({"subject":"a","owner":"o","purpose":"p","parent":"t","scope":{"effects":["read"],"calls":9,"time":"1h","spend":"2"},"lifetime":"2h",)"
      R"("band_ceiling":1,"heartbeat":"30s","heartbeat_by_acts":false,"calls":5,"spend":"3"})");
  ASSERT_TRUE(order) << order.error().text();
  EXPECT_EQ(order->subject, "a");
  EXPECT_EQ(order->owner, "o");
  EXPECT_EQ(order->purpose, "p");
  EXPECT_EQ(order->parent, "t");
  ASSERT_EQ(order->scope.size(), 1u);
  EXPECT_EQ(order->lifetime_ms, 3'600'000) << "the smaller counts";
  EXPECT_EQ(order->budget.calls, 5);
  EXPECT_EQ(order->budget.spend_micros, 2'000'000);
  EXPECT_EQ(order->band_ceiling, model::Band::kRoutine);
  EXPECT_EQ(order->heartbeat_ms, 30'000);
  EXPECT_FALSE(order->acts_are_heartbeats);
}

TEST(TaskOrders, OfNothingAskForNothing) {
  const auto order = order_of("{}");
  ASSERT_TRUE(order);
  EXPECT_TRUE(order->scope.empty());
  EXPECT_FALSE(order->lifetime_ms || order->band_ceiling || order->budget.calls);
  EXPECT_EQ(order_of(R"({"cedar":"permit (principal, action, resource);"})")->scope.size(), 1u);
}

TEST(TaskOrders, AreRefusedWhereAnythingIsWrong) {
  for (const std::string text : {R"({"subjekt":"a"})", R"({"subject":1})", R"({"scope":[]})", R"({"scope":{"x":1}})", R"({"lifetime":"1"})",
                                 R"({"band_ceiling":9})", R"({"heartbeat":"10ms"})", R"({"heartbeat_by_acts":1})", R"({"calls":-1})",
                                 R"({"spend":"x"})", R"({"scope":{"effects":["read"]},"cedar":"permit (principal, action, resource);"})"})
    EXPECT_FALSE(order_of(text)) << text;
  EXPECT_EQ(read_task_order({{"purpose", std::string(kPurposeBytes + 1, 'x')}}, kNow).error().code, ErrorCode::kTooLarge);
}

TEST(Grants, AreReadAndShown) {
  const auto grant = grant_of(R"({"scope":{"effects":["write"]},"for":"1h","calls":5,"spend":"2.5","band_ceiling":2})");
  ASSERT_TRUE(grant) << grant.error().text();
  EXPECT_EQ(grant->expires_ms, kNow + 3'600'000);
  EXPECT_EQ(grant->more_calls, 5);
  EXPECT_EQ(grant->more_spend_micros, 2'500'000);
  EXPECT_EQ(json::write(to_json(*grant)).find("null"), std::string::npos);
  EXPECT_EQ(*json::string_at(to_json(*grant), "spend"), "2.5");
  EXPECT_EQ(grant_of(R"({"until":"2033-01-01T00:00:00Z"})")->expires_ms, parse_rfc3339("2033-01-01T00:00:00Z"));
}

TEST(Grants, AreRefusedWhereAnythingIsWrong) {
  for (const std::string text : {"{}", R"({"scope":{}})", R"({"scope":{"calls":5}})", R"({"for":"1h","until":"2033-01-01T00:00:00Z"})",
                                 R"({"calls":0})", R"({"more":1})", R"({"until":"tomorrow"})"})
    EXPECT_FALSE(grant_of(text)) << text;
}

}  // namespace
}  // namespace interlock::task
