// What is told of a run afterwards: Markdown that no agent can write markup into, and SARIF that code scanning takes.
#include "client/run_report.hpp"

#include <gtest/gtest.h>

namespace interlock::client {
namespace {

json::object summary_of(std::string_view denied) {
  const auto parsed = json::parse(R"({"task":"task_1","subject":"ci/repo","purpose":"fix the build",
      "acts":{"allowed":12,"denied":2,"approved":1},"denied":)" +
                                  std::string(denied) + "}");
  return parsed->get_object();
}

const ReportFacts kFacts{.version = "0.1.0", .workspace = "/work/repo", .anchor = "interlock.yaml", .status = 3};

constexpr std::string_view kTwo = R"([
  {"action":"git/push","resource":"Command::\"git push\"","layer":"policy","reason":"Nothing is pushed from CI.","next":"open a merge request","policies":["own/no-push"],"count":2},
  {"action":"file/write","resource":"File::\"/work/repo/a b/c.txt\"","layer":"policy","reason":"Not this one.","policies":["own/no-push"],"count":1}])";

TEST(RunReportTest, TheSummaryTellsWhatWasDoneAndWhatWasNot) {
  const auto text = markdown_report(summary_of(kTwo), kFacts);
  EXPECT_NE(text.find("### Interlock: 2 acts were denied"), std::string::npos);
  EXPECT_NE(text.find("| task\\_1 | ci/repo | 12 | 1 | 2 | 3 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| git/push | Command\\:\\:\"git push\" | 2 | policy\\: Nothing is pushed from CI\\. | open a merge request |"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("Purpose\x3a fix the build"), std::string::npos);
}

TEST(RunReportTest, NothingDeniedIsSaidAndHasNoTable) {
  auto summary = summary_of("[]");
  summary["acts"].get_object()["denied"] = 0;
  const auto text = markdown_report(summary, kFacts);
  EXPECT_NE(text.find("nothing was denied"), std::string::npos);
  EXPECT_EQ(text.find("| denied | on |"), std::string::npos);
}

TEST(RunReportTest, WhatAnAgentWroteIsNoMarkup) {
  const auto text = markdown_report(
      summary_of(
          R"([{"action":"x","resource":"File::\"</td><img src=x>|\n# big [a](javascript:b) `c` @team\u0007\"","layer":"policy","reason":"r","policies":[]}])"),
      kFacts);
  EXPECT_EQ(text.find("<img"), std::string::npos);
  EXPECT_EQ(text.find("\n# big"), std::string::npos);
  EXPECT_EQ(text.find("](javascript"), std::string::npos);
  EXPECT_EQ(text.find(" `c`"), std::string::npos);
  EXPECT_EQ(text.find(" @team"), std::string::npos);
  EXPECT_EQ(text.find('\a'), std::string::npos);
}

TEST(RunReportTest, ALongListIsCutAndSaysSo) {
  std::string many = "[";
  for (int i = 0; i < 300; i++) many += std::string(i ? "," : "") + R"({"action":"a","resource":"R","layer":"policy","reason":"r"})";
  auto summary = summary_of(many + "]");
  summary["left_out"] = 50;
  EXPECT_NE(markdown_report(summary, kFacts).find("150 more are in the ledger"), std::string::npos);
}

TEST(RunReportTest, AFindingNamesItsRuleItsFileAndWhatItIs) {
  const auto parsed = json::parse(sarif_report(summary_of(kTwo), kFacts));
  ASSERT_TRUE(parsed.has_value());
  const auto& log = parsed->get_object();
  EXPECT_EQ(json::string_at(log, "version"), "2.1.0");
  const auto& run = log.at("runs").get_array().at(0).get_object();
  const auto& rules = run.at("tool").get_object().at("driver").get_object().at("rules").get_array();
  ASSERT_EQ(rules.size(), 1U);  // both were denied by one policy
  EXPECT_EQ(json::string_at(rules.at(0).get_object(), "id"), "own/no-push");
  const auto& results = run.at("results").get_array();
  ASSERT_EQ(results.size(), 2U);
  const auto uri = [&](std::size_t i) {
    return std::string(json::view(results.at(i)
                                      .get_object()
                                      .at("locations")
                                      .get_array()
                                      .at(0)
                                      .get_object()
                                      .at("physicalLocation")
                                      .get_object()
                                      .at("artifactLocation")
                                      .get_object()
                                      .at("uri")
                                      .get_string()));
  };
  EXPECT_EQ(uri(0), "interlock.yaml");
  EXPECT_EQ(uri(1), "a%20b/c.txt");
  EXPECT_EQ(json::int_at(results.at(0).get_object(), "occurrenceCount"), 2);
  EXPECT_EQ(json::int_at(results.at(1).get_object(), "ruleIndex"), 0);
}

TEST(RunReportTest, TheSameActHasTheSameFingerprintInTheNextRun) {
  auto other = summary_of(kTwo);
  other["task"] = "task_2";
  const auto print_of = [](const json::object& summary) {
    return json::write(json::parse(sarif_report(summary, kFacts))
                           ->get_object()
                           .at("runs")
                           .get_array()
                           .at(0)
                           .get_object()
                           .at("results")
                           .get_array()
                           .at(0)
                           .get_object()
                           .at("partialFingerprints"));
  };
  EXPECT_EQ(print_of(summary_of(kTwo)), print_of(other));
}

TEST(RunReportTest, AFileOutsideTheWorkspaceIsNotClaimedToBeInTheRepository) {
  const auto text = sarif_report(
      summary_of(R"([{"action":"file/read","resource":"File::\"/work/repository/x\"","layer":"policy","reason":"r"}])"), kFacts);
  EXPECT_NE(text.find("\"uri\":\"interlock.yaml\""), std::string::npos);
  EXPECT_NE(text.find("\"ruleId\":\"interlock/policy\""), std::string::npos);
}

TEST(RunReportTest, ASummaryOfAnotherShapeIsNoCrash) {
  const json::object odd{{"acts", 5}, {"denied", json::array{1, "x", nullptr}}};
  EXPECT_EQ(denied_in(odd), 0);
  EXPECT_FALSE(markdown_report(odd, kFacts).empty());
  EXPECT_TRUE(json::parse(sarif_report(odd, kFacts)).has_value());
}

}  // namespace
}  // namespace interlock::client
