// Names, and the JSON form of receipts.
#include <gtest/gtest.h>

#include "model/action.hpp"
#include "model/receipt.hpp"
#include "model/verdict.hpp"

namespace interlock::model {
namespace {

TEST(Model, NamesEffectsBothWays) {
  for (auto name : {"read", "write", "delete", "execute", "send", "admin"}) {
    const auto effect = effect_from_name(name);
    ASSERT_TRUE(effect) << name;
    EXPECT_EQ(effect_name(*effect), name);
  }
  for (auto name : {"", "Read", "reads", "exec"}) EXPECT_FALSE(effect_from_name(name)) << name;
}

TEST(Model, WritesEntityNamesAsCedarReadsThem) {
  EXPECT_EQ(text_of({"File", "/work/a.txt"}), R"(File::"/work/a.txt")");
  EXPECT_EQ(text_of({"File", "a\"b\\c"}), R"(File::"a\"b\\c")");
  EXPECT_EQ(text_of({"File", std::string("\n\r\t\0", 4)}), R"(File::"\n\r\t\0")");
  EXPECT_EQ(text_of({"Ns::Type", "é"}), R"(Ns::Type::"é")");
  // A name cannot be made to look like another.
  EXPECT_NE(text_of({"File", "a\", File::\"b"}), R"(File::"a", File::"b")");
}

TEST(Model, AllowsOnlyWhatAllowsOrModifies) {
  Verdict verdict;
  EXPECT_FALSE(verdict.allows()) << "nothing is allowed unless somebody says so";
  for (auto kind : {VerdictKind::kDeny, VerdictKind::kStepUp, VerdictKind::kDefer}) {
    verdict.kind = kind;
    EXPECT_FALSE(verdict.allows()) << verdict_name(kind);
  }
  for (auto kind : {VerdictKind::kAllow, VerdictKind::kModify}) {
    verdict.kind = kind;
    EXPECT_TRUE(verdict.allows()) << verdict_name(kind);
  }
}

TEST(Model, WritesReceiptsWithoutEmptyMembers) {
  Receipt receipt;
  receipt.kind = ReceiptKind::kResult;
  receipt.act = "act_1";
  receipt.at_ms = 1'700'000'000'123;
  receipt.verdict = "ok";
  receipt.band = Band::kSensitive;
  EXPECT_EQ(json::write_canonical(to_json(receipt)),
            R"({"act":"act_1","at":"2023-11-14T22:13:20.123Z","band":2,"kind":"result","v":1,"verdict":"ok"})");
  receipt.detail["n"] = 1;
  receipt.subject = "s";
  EXPECT_EQ(
      json::write_canonical(to_json(receipt)),
      R"({"act":"act_1","at":"2023-11-14T22:13:20.123Z","band":2,"detail":{"n":1},"kind":"result","subject":"s","v":1,"verdict":"ok"})");
}

}  // namespace
}  // namespace interlock::model
