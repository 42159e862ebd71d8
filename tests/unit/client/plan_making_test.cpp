// The view that a run gets: what is in it, what is not, what is sealed.
#include "client/plan_making.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace interlock::client {
namespace {

namespace fs = std::filesystem;
using sandbox::Mount;

class PlanMakingTest : public testing::Test {
 protected:
  PlanMakingTest() {
    root_ = fs::temp_directory_path() /
            ("plan_making-" + std::to_string(::getpid()) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_ / "home/project/.git/hooks");
    write("home/project/.git/config", "[core]\n");
    facts_.home = (root_ / "home").string();
    facts_.folder = facts_.workspace = (root_ / "home/project").string();
    facts_.state = (root_ / "home/.local/state/interlock").string();
    fs::create_directories(facts_.state);
    facts_.own_program = "/usr/bin/interlock";
    order_.argv = {"true"};
    grant_.run = "run_1";
    grant_.task = "task_1";
  }
  ~PlanMakingTest() override { fs::remove_all(root_); }

  void write(const std::string& name, std::string_view text) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  sandbox::Plan plan() {
    auto made = make_plan(order_, grant_, facts_, system_secrets());
    EXPECT_TRUE(made) << made.error().text();
    return std::move(made->plan);
  }
  // What decides on a path: the last mount that holds it.
  static const Mount* mount_of(const sandbox::Plan& plan, const std::string& path) {
    const Mount* found = nullptr;
    for (const auto& mount : plan.mounts) {
      const auto at = mount.at.ends_with('/') ? mount.at.substr(0, mount.at.size() - 1) : mount.at;
      if (path == at || path.starts_with(at + "/")) found = &mount;
    }
    return found;
  }

  fs::path root_;
  RunOrder order_;
  RunGrant grant_;
  PlanFacts facts_;
};

TEST_F(PlanMakingTest, TheHomeIsEmptyAndTheWorkspaceIsNot) {
  for (const auto* name : {".ssh/id_ed25519", ".aws/credentials", ".npmrc", "notes.txt"}) write(std::string("home/") + name, "secret");
  const auto made = plan();
  for (const auto* name : {"/.ssh/id_ed25519", "/.aws/credentials", "/.npmrc", "/notes.txt"}) {
    const auto* mount = mount_of(made, facts_.home + name);
    ASSERT_NE(mount, nullptr) << name;
    EXPECT_EQ(mount->kind, Mount::Kind::kEmpty) << name;
  }
  EXPECT_EQ(mount_of(made, facts_.workspace + "/file")->kind, Mount::Kind::kReadWrite);
}

TEST_F(PlanMakingTest, TheGatesPoliciesInTheWorkspaceAreSealed) {
  write("home/project/rules/own.cedar", "");
  write("home/project/one.cedar", "");
  write("elsewhere/far.cedar", "");
  fs::create_directory_symlink(root_ / "home/project", root_ / "link");
  grant_.seal = {facts_.workspace + "/rules/", (root_ / "link/one.cedar").string(), (root_ / "elsewhere").string(),
                 facts_.workspace + "/not-there"};
  const auto made = plan();
  for (const auto* name : {"/rules/own.cedar", "/rules/new.cedar", "/one.cedar"})
    EXPECT_EQ(mount_of(made, facts_.workspace + name)->kind, Mount::Kind::kSealed) << name;
  for (const auto& mount : made.mounts) EXPECT_FALSE(mount.at.contains("elsewhere")) << mount.at;  // nobody inside can write there
  EXPECT_EQ(mount_of(made, facts_.workspace + "/not-there")->kind, Mount::Kind::kReadWrite);
}

TEST_F(PlanMakingTest, WhatAToolWouldObeyLaterIsSealed) {
  const auto made = plan();
  for (const auto* name : {"/.git/hooks/pre-commit", "/.git/config", "/.envrc", "/.vscode/tasks.json"})
    EXPECT_EQ(mount_of(made, facts_.workspace + name)->kind, Mount::Kind::kSealed) << name;
}

TEST_F(PlanMakingTest, WhatAHostWouldMakeInASealedFolderStandsThere) {
  facts_.host = hosts::host_named("opencode");
  const auto made = plan();
  const auto at = [&](const std::string& path) {
    return std::ranges::find_if(made.mounts, [&](const Mount& mount) { return mount.kind == Mount::Kind::kSealed && mount.at == path; });
  };
  const auto file = at(facts_.workspace + "/.opencode/.gitignore");
  ASSERT_NE(file, made.mounts.end());
  EXPECT_LT(file, at(facts_.workspace + "/.opencode/")) << "in its folder nothing can be made any more";
  facts_.host = nullptr;
  for (const auto& mount : plan().mounts) EXPECT_FALSE(mount.at.ends_with("/.gitignore"));
}

TEST_F(PlanMakingTest, TheGatesStateIsHiddenInAWorkspaceThatHoldsIt) {
  facts_.state = facts_.workspace + "/state";
  fs::create_directories(facts_.state);
  grant_.write = {facts_.state};  // nor does the configuration open it
  EXPECT_EQ(mount_of(plan(), facts_.state + "/admin.sock")->kind, Mount::Kind::kEmpty);
}

TEST_F(PlanMakingTest, TheConfigurationIsHiddenInAWorkspaceThatHoldsIt) {
  write("home/project/interlock.yaml", "version: 1 # with a secret\n");
  facts_.config = facts_.workspace + "/interlock.yaml";
  const auto made = plan();
  const auto* mount = mount_of(made, facts_.config);
  EXPECT_EQ(mount->kind, Mount::Kind::kFixedText);
  EXPECT_EQ(mount->text.find("secret"), std::string::npos);
}

TEST_F(PlanMakingTest, WhatTheConfigurationHidesIsHiddenLast) {
  write("home/project/secrets.env", "KEY=1");
  grant_.hide = {facts_.workspace + "/secrets.env"};
  const auto made = plan();
  EXPECT_EQ(mount_of(made, grant_.hide[0])->kind, Mount::Kind::kFixedText);
  EXPECT_TRUE(mount_of(made, grant_.hide[0])->text.empty());
}

TEST_F(PlanMakingTest, OfGitsSettingsOnlyHarmlessOnesAreThere) {
  write("home/.gitconfig",
        "[user]\n\tname = Dev\n\tsigningkey = 1\n[credential]\n\thelper = store\n[alias]\n\tx = !sh\n[core]\n\thooksPath = /x\n"
        "[include]\n\tpath = /y\n[user] email = hidden\n[color]\n\tui = auto\n");
  const auto made = plan();
  EXPECT_EQ(mount_of(made, facts_.home + "/.gitconfig")->text, "[user]\n\tname = Dev\n[color]\n\tui = auto\n");
}

TEST_F(PlanMakingTest, TheAgentsFoldersFollowItsVariable) {
  facts_.host = hosts::host_named("codex");
  ASSERT_NE(facts_.host, nullptr);
  const auto moved = (root_ / "moved").string();
  fs::create_directories(moved);
  facts_.environment["CODEX_HOME"] = moved;
  const auto made = plan();
  const auto* mount = mount_of(made, moved + "/sessions");
  ASSERT_NE(mount, nullptr);
  EXPECT_EQ(mount->kind, Mount::Kind::kReadWrite);
}

TEST_F(PlanMakingTest, AProgramInTheHomeItselfDoesNotOpenTheHome) {
  write("home/tool", "#!/bin/sh\n");
  order_.argv = {facts_.home + "/tool"};
  const auto made = plan();
  EXPECT_EQ(mount_of(made, facts_.home + "/tool")->kind, Mount::Kind::kReadOnly);
  EXPECT_EQ(mount_of(made, facts_.home + "/notes.txt")->kind, Mount::Kind::kEmpty);
}

TEST(FindWorkspaceTest, ItIsTheRepositoryAndNeverAHomeOrTheRoot) {
  const auto root = fs::temp_directory_path() / ("find_workspace-" + std::to_string(::getpid()));
  fs::create_directories(root / "home/project/.git");
  fs::create_directories(root / "home/project/deep/er");
  const auto home = (root / "home").string();
  EXPECT_EQ(find_workspace(home + "/project/deep/er", home).value(), home + "/project");
  for (const auto& folder : {home, root.string(), std::string("/")}) EXPECT_FALSE(find_workspace(folder, home)) << folder;
  fs::remove_all(root);
}

TEST(RunGrantTest, AnAnswerWithoutRunOrTaskIsNone) {
  for (const auto* text : {"{}", R"({"run":"r"})", R"({"task":"t"})", R"({"run":1,"task":2})"})
    EXPECT_FALSE(read_grant(json::parse(text)->get_object())) << text;
}

}  // namespace
}  // namespace interlock::client
