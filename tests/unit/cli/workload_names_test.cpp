// Which local process gets which SPIFFE ID.
#include "cli/workload_names.hpp"

#include <gtest/gtest.h>

namespace interlock::cli {
namespace {

const std::string kDigest(64, 'a');

model::Subject local() {
  model::Subject out;
  out.id = "local/ci/node";
  out.attributes =
      json::object{{"user", "ci"}, {"executable", "/usr/bin/node"}, {"executable_sha256", kDigest}, {"cgroup", "/ci.slice/job-1"}};
  return out;
}

std::vector<std::string> names(const std::vector<WorkloadConfig>& workloads, const model::Subject& subject = local()) {
  const auto found = workload_names("a.example", workloads, subject);
  std::vector<std::string> out;
  if (found) {
    for (const auto& id : *found) out.push_back(id.text());
  }
  return out;
}

WorkloadConfig workload(std::string path) {
  WorkloadConfig out;
  out.id = "spiffe://a.example/" + path;
  return out;
}

TEST(WorkloadNames, WithoutAListEachProcessIsItsUserAndProgram) {
  EXPECT_EQ(names({}), std::vector<std::string>{"spiffe://a.example/local/ci/node"});
  auto odd = local();
  odd.id = "local/a+b/g++";
  EXPECT_EQ(names({}, odd), std::vector<std::string>{"spiffe://a.example/local/a_b/g__"});
}

TEST(WorkloadNames, EverythingThatIsWrittenMustHold) {
  auto all = workload("all");
  all.user = "ci";
  all.executable = "/usr/bin/node";
  all.sha256 = kDigest;
  all.cgroup = "/ci.slice/*";
  EXPECT_EQ(names({all}), std::vector<std::string>{all.id});
  for (auto change : {+[](WorkloadConfig& one) { one.user = "root"; }, +[](WorkloadConfig& one) { one.executable = "/usr/bin/nodejs"; },
                      +[](WorkloadConfig& one) { one.sha256 = std::string(64, 'b'); },
                      +[](WorkloadConfig& one) { one.cgroup = "/ci.slice"; }, +[](WorkloadConfig& one) { one.cgroup = "/other/*"; }}) {
    auto other = all;
    change(other);
    EXPECT_TRUE(names({other}).empty());
  }
}

TEST(WorkloadNames, EveryEntryThatFitsGivesItsIdInOrder) {
  auto first = workload("second");
  first.user = "ci";
  auto second = workload("first");
  second.executable = "/usr/bin/node";
  auto third = workload("no");
  third.user = "root";
  EXPECT_EQ(names({first, third, second}), (std::vector<std::string>{first.id, second.id}));
}

TEST(WorkloadNames, WhatIsNotKnownOfAProcessDoesNotHold) {
  auto gone = local();
  gone.attributes = json::object{{"user", "ci"}};
  for (auto change : {+[](WorkloadConfig& one) { one.executable = "/usr/bin/node"; }, +[](WorkloadConfig& one) { one.sha256 = kDigest; },
                      +[](WorkloadConfig& one) { one.cgroup = "*"; }}) {
    auto one = workload("x");
    change(one);
    EXPECT_TRUE(names({one}, gone).empty());
  }
  const auto refused = workload_names("a.example", {workload("x")}, local());
  EXPECT_TRUE(refused) << "an entry without conditions is refused by the loader, not here";
}

TEST(WorkloadNames, AFileThatWasReplacedIsNotTheProgramThatRuns) {
  auto replaced = local();
  replaced.attributes["executable_deleted"] = true;
  auto by_path = workload("x");
  by_path.executable = "/usr/bin/node";
  EXPECT_TRUE(names({by_path}, replaced).empty());
  by_path.sha256 = kDigest;
  EXPECT_FALSE(names({by_path}, replaced).empty());
}

}  // namespace
}  // namespace interlock::cli
