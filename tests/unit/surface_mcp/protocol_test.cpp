// The protocol's words.
#include "surface/mcp/protocol.hpp"

#include <gtest/gtest.h>

namespace interlock::mcp {
namespace {

TEST(Protocol, NamesItsFiveRevisionsNewestFirst) {
  EXPECT_EQ(json::write(all_revision_names()), R"(["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"])");
  const json::value names = all_revision_names();
  for (const auto& name : names.as_array()) {
    const auto text = json::view(name.as_string());
    const auto revision = revision_from_name(text);
    ASSERT_TRUE(revision) << text;
    EXPECT_EQ(revision_name(*revision), text);
    EXPECT_EQ(is_modern(*revision), text == "2026-07-28");
  }
  for (auto name : {"", "2026-07-29", "2025-11-25 ", "DRAFT-2026-v1", "2099-01-01"}) EXPECT_FALSE(revision_from_name(name)) << name;
}

TEST(Protocol, OrdersLogLevelsAsSyslogDoes) {
  const char* levels[] = {"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"};
  for (int i = 0; i < 8; ++i) EXPECT_EQ(log_level_rank(levels[i]), i);
  for (auto level : {"", "DEBUG", "warn", "fatal"}) EXPECT_FALSE(log_level_rank(level)) << level;
}

TEST(Protocol, KnowsWhichErrorsOnlyAModernServerSends) {
  for (int code : {-32020, -32021, -32022}) EXPECT_TRUE(is_modern_error(code)) << code;
  for (int code : {-32700, -32600, -32601, -32602, -32603, -32002, -32019, -32023, 0}) EXPECT_FALSE(is_modern_error(code)) << code;
}

TEST(Protocol, KnowsWhatARequestActsOn) {
  EXPECT_EQ(target_member("tools/call"), "name");
  EXPECT_EQ(target_member("prompts/get"), "name");
  for (auto method : {"resources/read", "resources/subscribe", "resources/unsubscribe"}) EXPECT_EQ(target_member(method), "uri") << method;
  for (auto method : {"tools/list", "completion/complete", "ping", "Tools/Call", ""}) EXPECT_FALSE(target_member(method)) << method;
}

TEST(Protocol, ReadsMetaWithoutTrustingItsShape) {
  json::object params{{"_meta", 7}};
  EXPECT_EQ(meta_of(params, kMetaVersion), nullptr);
  meta_object(params)["a"] = 1;
  EXPECT_EQ(json::write(params), R"({"_meta":{"a":1}})");
  EXPECT_EQ(meta_of({}, kMetaVersion), nullptr);
}

TEST(Protocol, BoundsWhatAClientCallsItselfBetweenCharacters) {
  EXPECT_EQ(client_name({}), "");
  EXPECT_EQ(client_name({{"name", 7}}), "");
  EXPECT_EQ(client_name({{"name", "claude"}}), "claude");
  std::string long_name = "x";
  for (int i = 0; i < 200; ++i) long_name += "é";
  const auto cut = client_name({{"name", long_name}});
  EXPECT_EQ(cut.size(), 127u);  // 128 would end within an é
  EXPECT_TRUE(json::parse(json::write(json::value(cut))));
}

}  // namespace
}  // namespace interlock::mcp
