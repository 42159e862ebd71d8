// Hostile text on a terminal: nothing moves the cursor, colours, hides, reorders or forges.
#include "approval/display.hpp"

#include "parts.hpp"

namespace interlock::approval {
namespace {

TEST(Printable, MakesEachHiddenThingVisible) {
  const std::pair<std::string, std::string> rows[] = {
      {"plain text, ünïcödé, 日本, עברית", "plain text, ünïcödé, 日本, עברית"},
      {"\x1b[31mred\x1b[0m", "\\u{1b}[31mred\\u{1b}[0m"},
      {"\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"},
      {"a\rb\nc\td\be", "a\\u{d}b\\u{a}c\\u{9}d\\u{8}e"},
      {std::string("a\0b", 3), "a\\u{0}b"},
      {"\x7f", "\\u{7f}"},
      {"\u009b31m", "\\u{9b}31m"},  // C1: CSI in one character
      {"\x9b"
       "31m",
       "\\x{9b}31m"},                              // and as a bare byte
      {"a\u202Eb\u202C", "a\\u{202e}b\\u{202c}"},  // bidirectional override
      {"\u2066x\u2069", "\\u{2066}x\\u{2069}"},    // isolates
      {"pay\u200Bpal\u200D\uFEFF", "pay\\u{200b}pal\\u{200d}\\u{feff}"},
      {"a\u00A0b\u3000c\u2003d", "a\\u{a0}b\\u{3000}c\\u{2003}d"},  // blanks that are none
      {"x\U000E0041\U000E007F", "x\\u{e0041}\\u{e007f}"},           // tags carry text unseen
      {"x\uFE0F", "x\\u{fe0f}"},
      {"\u2028\u2029\u00AD\u115F\u3164\u2800", "\\u{2028}\\u{2029}\\u{ad}\\u{115f}\\u{3164}\\u{2800}"},
      {"\uE000\U000F0000", "\\u{e000}\\u{f0000}"},
      {"\\u{1b}", "\\\\u{1b}"},  // an escape cannot be forged
      {"\xff\xc3", "\\x{ff}\\x{c3}"},
      {"\xc0\xaf", "\\x{c0}\\x{af}"},                        // not the shortest form
      {"\xed\xa0\x80", "\\x{ed}\\x{a0}\\x{80}"},             // a surrogate
      {"\xf4\x90\x80\x80", "\\x{f4}\\x{90}\\x{80}\\x{80}"},  // beyond Unicode
      {"e\u0301", "e\u0301"},
      {"\u0301e", "\\u{301}e"},
      {"e\u0301\u0301\u0301\u0301\u0301", "e\u0301\u0301\u0301\u0301\\u{301}"},
      {"a        b", "a        b"},
      {"a         b", "a\\u{20}*9b"},
      {"", ""},
  };
  for (const auto& [text, shown] : rows) EXPECT_EQ(printable(text), shown) << text;
}

TEST(Printable, CutsWhatIsLongAndSaysSo) {
  EXPECT_EQ(printable(std::string(10, 'x'), 4), "xxxx… (6 bytes more)");
  EXPECT_EQ(printable(std::string(4, 'x'), 4), "xxxx");
  EXPECT_EQ(printable("aüüb", 2), "aü… (3 bytes more)");
  EXPECT_LT(printable(std::string(10'000'000, '\x1b'), 4096).size(), 4096 * 8U);
}

// Whatever bytes come, what is shown is UTF-8 without controls.
TEST(Printable, LeavesNoControlInAnyByteString) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), 'x'};
      for (unsigned char c : printable(text)) ASSERT_TRUE(c >= 0x20 && c != 0x7f) << first << " " << second;
    }
  }
}

TEST(TerminalJson, IsAsciiAndTheSameValue) {
  const json::value value = json::object{{"a", "\x1b[31m\u202E\u009b\x7f ü \U0001F600"}, {"n", 1.5}, {"\u200B", nullptr}};
  const auto text = terminal_json(value);
  for (unsigned char c : text) EXPECT_TRUE(c >= 0x20 && c < 0x7f);
  const auto again = json::parse(text);
  ASSERT_TRUE(again) << text;
  EXPECT_EQ(*again, value);
  EXPECT_NE(text.find("\\ud83d\\ude00"), std::string::npos);
}

TEST(Describe, ShowsAllThatMattersBeforeAYes) {
  Approval approval;
  approval.id = "k7m3xp";
  approval.request = an_act();
  const auto text = describe(approval, kStart_ms);
  for (const char* part : {"k7m3xp", "waits for a human, expires in 1 min 0 s", "files/delete (band 2)", "File::\"/work/alpha\"",
                           "files, tools/call delete", "local/alice/agent, owner alice", "agent 1.0 (its own word)", "task_1",
                           "A human decides on each deletion.", "deleting-needs-a-human", "name = \"alpha\""}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  }
  EXPECT_NE(text.find(approval.request.digest), std::string::npos);
  EXPECT_EQ(text.back(), '\n');
  approval.state = ApprovalState::kDenied;
  approval.decided_ms = kStart_ms;
  approval.approver = "alice";
  approval.decision_reason = "no\x1b[2J";
  EXPECT_NE(describe(approval, kStart_ms).find("denied at 2023-11-14T22:13:20.000Z by alice: no\\u{1b}[2J"), std::string::npos);
}

TEST(Describe, LetsNoValueWriteALineOfItsOwn) {
  Approval approval;
  approval.id = "k7m3xp";
  approval.request = an_act();
  const std::string forged = "x\n  action    harmless (band 0)\x1b[1A\r\n\n\n";
  auto& r = approval.request;
  for (auto* field : {&r.subject, &r.owner, &r.client, &r.task, &r.server, &r.operation, &r.target, &r.action, &r.resource, &r.reason})
    *field = forged;
  r.policies = {forged};
  r.arguments = json::object{{forged, forged}, {"list", json::array{forged}}, {"text", "say \"hi\"\\"}};
  const auto text = describe(approval, kStart_ms);
  std::size_t at = 0;
  std::size_t actions = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    const auto line = text.substr(at, end - at);
    if (line.starts_with("  action ")) ++actions;
    for (unsigned char c : line) EXPECT_TRUE(c >= 0x20 && c != 0x7f);
    at = end + 1;
  }
  EXPECT_EQ(actions, 1U) << text;
  EXPECT_NE(text.find("      |   action    harmless"), std::string::npos) << text;  // its own line breaks are kept, behind a mark
  EXPECT_NE(text.find(R"(text = "say \"hi\"\\")"), std::string::npos) << text;
  const auto line = summary(approval, kStart_ms);
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(line.find('\x1b'), std::string::npos);
}

TEST(Describe, CutsLongValuesUnlessAllIsAskedFor) {
  Approval approval;
  approval.id = "k7m3xp";
  approval.request = an_act();
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "line " + std::to_string(i) + "\n";
  approval.request.arguments = json::object{{"one", std::string(50'000, 'x')}, {"many", lines}};
  const auto brief = describe(approval, kStart_ms);
  EXPECT_LT(brief.size(), 12'000U);
  EXPECT_NE(brief.find("bytes more)"), std::string::npos);
  EXPECT_NE(brief.find("(8890 bytes)"), std::string::npos);
  const auto full = describe(approval, kStart_ms, true);
  EXPECT_NE(full.find("line 999\n"), std::string::npos);
  EXPECT_NE(full.find(std::string(50'000, 'x')), std::string::npos);
}

TEST(TimeLeft, IsRoundedUpAndNeverNegative) {
  const std::pair<std::int64_t, const char*> rows[] = {{-1, "expired"},         {0, "expired"},        {1, "1 s"},
                                                       {59'000, "59 s"},        {59'001, "1 min 0 s"}, {272'000, "4 min 32 s"},
                                                       {3'600'000, "1 h 0 min"}};
  for (const auto& [left, text] : rows) EXPECT_EQ(time_left(kStart_ms + left, kStart_ms), text);
}

}  // namespace
}  // namespace interlock::approval
