// Paths that nobody inside can take, change, move away or reach around, and what is left of them on the host: nothing.
#include <sys/file.h>

#include "boundary.hpp"
#include "sandbox/placeholder.hpp"

namespace interlock::sandbox {
namespace {

using Sealed = Sandbox;
using Kind = Mount::Kind;

struct Attack {
  const char* name;
  const char* script;  // says WORKED where it does
};

class SealedPath : public Sandbox, public ::testing::WithParamInterface<Attack> {};

// In the workspace: settings/conf (there), new/conf and new/folder/ (not there), link → settings, file.link → settings/conf.
TEST_P(SealedPath, holds) {
  work.write("settings/conf", "kept\n");
  work.write("free/mine", "mine\n");
  std::filesystem::create_symlink("settings", work / "link");
  std::filesystem::create_symlink("settings/conf", work / "file.link");
  Plan plan = plan_in(work, GetParam().script);
  for (const char* at : {"settings/conf", "new/conf", "new/folder/", "link/conf", "file.link"})
    plan.mounts.push_back({.kind = Kind::kSealed, .at = work / at, .text = "{}"});
  run(plan);
  EXPECT_EQ(work.read("out").find("WORKED"), std::string::npos) << work.read("out");
  EXPECT_EQ(work.read("settings/conf"), "kept\n");
  EXPECT_EQ(std::filesystem::read_symlink(work / "link"), "settings");
  EXPECT_EQ(std::filesystem::read_symlink(work / "file.link"), "settings/conf");
  EXPECT_FALSE(work.has("new")) << "something is left on the host";
  std::filesystem::remove(work / "out");
}

INSTANTIATE_TEST_SUITE_P(
    AgainstEach, SealedPath,
    ::testing::Values(Attack{"write", "echo x > settings/conf && echo WORKED"}, Attack{"append", "echo x >> settings/conf && echo WORKED"},
                      Attack{"remove", "rm -f settings/conf && echo WORKED"}, Attack{"move", "mv settings/conf other && echo WORKED"},
                      Attack{"move_the_folder", "mv settings other && echo WORKED"},
                      Attack{"replace_the_folder", "mkdir fake; mv -T fake settings && echo WORKED"},
                      Attack{"exchange", "mkdir fake; /hostile exchange fake settings && echo WORKED"},
                      Attack{"replace", "echo x > fake; mv -f fake settings/conf && echo WORKED"},
                      Attack{"hard_link", "ln settings/conf fake && echo x > fake && echo WORKED"},
                      Attack{"mode", "chmod 777 settings/conf && echo WORKED"}, Attack{"time", "touch settings/conf && echo WORKED"},
                      Attack{"truncate", "truncate -s0 settings/conf && echo WORKED"},
                      Attack{"write_through_a_link", "echo x > link/conf && echo WORKED"},
                      Attack{"write_through_the_file_link", "echo x > file.link && echo WORKED"},
                      Attack{"remove_the_link", "rm link && echo WORKED"}, Attack{"remove_the_file_link", "rm file.link && echo WORKED"},
                      Attack{"replace_the_link", "ln -sfn free link && echo WORKED"},
                      Attack{"make_what_is_not_there", "echo x > new/conf && echo WORKED"},
                      Attack{"remove_what_stands_for_it", "rm -rf new; [ -d new ] || echo WORKED"},
                      Attack{"move_what_stands_for_it", "mv new old && echo WORKED"},
                      Attack{"make_in_the_folder", "touch new/folder/hook && echo WORKED"},
                      Attack{"unmount", "umount settings/conf && echo WORKED"},
                      Attack{"mount_over", "mount -t tmpfs none settings && echo WORKED"},
                      Attack{"through_a_process", "cp free/mine /proc/self/root$PWD/settings/conf && echo WORKED"},
                      Attack{"through_a_descriptor", "exec 7<settings/conf; echo x > /proc/self/fd/7 && echo WORKED"}),
    [](const auto& attack) { return attack.param.name; });

TEST_F(Sealed, what_stands_for_a_missing_file_reads_as_planned_and_the_rest_of_its_folder_is_free) {
  work.write("settings/other", "1\n");
  Plan plan = plan_in(
      work, "cat settings/conf; echo 2 > settings/other; rm settings/other; echo 3 > settings/third; ls -A settings | tr '\\n' ' '");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "settings/conf", .text = "{}\n"});
  run(plan);
  EXPECT_EQ(work.read("out"), "{}\nconf third ");
  EXPECT_FALSE(work.has("settings/conf"));
  EXPECT_EQ(work.read("settings/third"), "3\n");
}

TEST_F(Sealed, a_link_out_of_the_view_shows_nothing_of_the_host) {
  Folder secrets;
  secrets.write("id", "secret\n");
  std::filesystem::create_symlink(secrets.path(), work / "settings");
  Plan plan = plan_in(work, "cat settings/id");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "settings/id", .text = "{}"});
  const auto started = Running::start(plan);
  // The link leads to where this view has nothing: the path below it is empty, or cannot be made; the secret is in neither.
  if (started) {
    EXPECT_TRUE((*started)->release());
    (*started)->wait();
    EXPECT_EQ(work.read("out").find("secret"), std::string::npos);
  }
  EXPECT_EQ(secrets.read("id"), "secret\n");
}

TEST_F(Sealed, two_runs_share_what_stands_for_a_file_and_the_last_one_removes_it) {
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "new/conf", .text = "{}"});
  auto first = Running::start(plan), second = Running::start(plan);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE((*first)->release());
  (*first)->wait();
  EXPECT_TRUE(work.has("new/conf")) << "the second run relies on it";
  plan.argv[2] = "exec >out 2>&1; echo x > new/conf; mv new old";
  ASSERT_TRUE((*second)->release());
  (*second)->wait();
  EXPECT_FALSE(work.has("new"));
}

TEST_F(Sealed, what_a_killed_run_left_is_taken_over_by_the_next_or_removed_on_demand) {
  {
    const int folder = ::open(work.path().c_str(), O_PATH);
    ASSERT_TRUE(make_placeholder(folder, "left", false, "{}"));
    ASSERT_TRUE(make_placeholder(folder, "again", false, "{}"));
    ::close(folder);
  }
  ASSERT_TRUE(work.has("left") && work.has("again"));
  Plan plan = plan_in(work, "cat left");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "left", .text = "{}"});
  run(plan);
  EXPECT_EQ(work.read("out"), "{}");
  EXPECT_FALSE(work.has("left"));
  EXPECT_EQ(remove_placeholders({work / "again", work / "not/there"}), 1);
  EXPECT_FALSE(work.has("again"));
}

TEST_F(Sealed, a_lock_that_somebody_else_holds_keeps_no_run_from_starting) {
  const int folder = ::open(work.path().c_str(), O_PATH);
  auto left = make_placeholder(folder, "conf", false, "{}");
  ::close(folder);
  ASSERT_TRUE(left);
  ASSERT_EQ(::flock(left->self.get(), LOCK_EX), 0);
  Plan plan = plan_in(work, "echo x > conf && echo WORKED; true");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "conf", .text = "{}"});
  EXPECT_EQ(run(plan), 0);
  EXPECT_EQ(work.read("out").find("WORKED"), std::string::npos);
  EXPECT_TRUE(work.has("conf"));
}

TEST_F(Sealed, what_somebody_made_of_a_placeholder_meanwhile_is_theirs) {
  Plan plan = plan_in(work, "true");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "new/conf", .text = "{}"});
  auto running = Running::start(plan);
  ASSERT_TRUE(running);
  std::ofstream(work / "new/conf") << "the user's own";
  work.write("new/more", "too");
  ASSERT_TRUE((*running)->release());
  (*running)->wait();
  EXPECT_EQ(work.read("new/conf"), "the user's own");
  EXPECT_EQ(work.read("new/more"), "too");
}

}  // namespace
}  // namespace interlock::sandbox
