// What a kernel lacks is said in words; Landlock by each ABI alone, as an older kernel would have it.
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>

#include <cerrno>

#include "boundary.hpp"
#include "sandbox/landlock.hpp"

namespace interlock::sandbox {
namespace {

TEST(Probe, says_what_it_found_and_leaves_nothing) {
  const Enforcement found = probe();
  EXPECT_EQ(found.complete(), found.missing.empty());
  EXPECT_LE(found.landlock_abi, kNewestLandlock);
  EXPECT_EQ(found.landlock_scopes, found.landlock_abi >= 6);
  for (const std::string& line : found.missing) EXPECT_GT(line.size(), 40u) << line;
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
}

TEST(Probe, names_each_gap_of_an_older_landlock_and_none_of_the_newest) {
  EXPECT_TRUE(landlock_gaps(kNewestLandlock).empty());
  EXPECT_TRUE(landlock_gaps(6).empty());
  for (int abi = 0, before = 100; abi < 6; ++abi) {
    const auto gaps = landlock_gaps(abi);
    ASSERT_FALSE(gaps.empty()) << abi;
    if (abi > 0) {
      EXPECT_LE(static_cast<int>(gaps.size()), before);
      before = static_cast<int>(gaps.size());
    }
    EXPECT_NE(gaps.back().find("signal"), std::string::npos) << "what matters most stays open: " << gaps.back();
  }
}

class LandlockAbi : public ::testing::TestWithParam<int> {};

// Without a view: the rules alone stand between the process and the files.
TEST_P(LandlockAbi, guards_files_by_itself) {
  if (landlock_abi() < GetParam()) GTEST_SKIP() << "NOT TESTED HERE: this kernel's Landlock has ABI " << landlock_abi();
  Folder writable, other;
  writable.write("file", "1");
  other.write("file", "1");
  Plan plan;
  plan.mounts = {{.kind = Mount::Kind::kReadWrite, .at = writable.path()}, {.kind = Mount::Kind::kReadOnly, .at = other.path()}};
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!restrict_by_landlock(plan, GetParam())) ::_exit(1);
    const auto opens = [](const std::string& path, int flags) {
      const int fd = ::open(path.c_str(), flags, 0600);
      if (fd >= 0) ::close(fd);
      return fd >= 0;
    };
    if (!opens(other / "file", O_RDONLY)) ::_exit(2);
    if (opens(other / "file", O_WRONLY) || errno != EACCES) ::_exit(3);
    if (opens(other / "new", O_WRONLY | O_CREAT)) ::_exit(4);
    if (::unlink((other / "file").c_str()) == 0) ::_exit(5);
    if (!opens(writable / "file", O_WRONLY) || !opens(writable / "new", O_WRONLY | O_CREAT)) ::_exit(6);
    if (::mkdir((writable / "folder").c_str(), 0700) != 0) ::_exit(7);
    if (GetParam() >= 2 && ::rename((writable / "new").c_str(), (writable / "folder/new").c_str()) != 0) ::_exit(8);
    if (GetParam() >= 3 && ::truncate((other / "file").c_str(), 0) == 0) ::_exit(9);
    if (GetParam() >= 6 && (::kill(::getppid(), 0) == 0 || errno != EPERM)) ::_exit(10);
    if (!opens("/dev/null", O_WRONLY)) ::_exit(11);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(other.read("file"), "1");
}
INSTANTIATE_TEST_SUITE_P(Each, LandlockAbi, ::testing::Range(1, kNewestLandlock + 1));

// As in most containers: parts of /proc are covered, and the kernel gives nobody a /proc that shows more than they see.
TEST_F(Sandbox, where_proc_is_covered_in_parts_both_say_what_to_do) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ::_exit(50);
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << user + ' ' + user + " 1";
    std::ofstream("/proc/self/gid_map") << group + ' ' + group + " 1";
    if (::mount("none", "/proc/sys", "tmpfs", 0, nullptr) != 0) ::_exit(51);
    const Enforcement found = probe();
    if (found.mount_view || found.missing.empty() || found.missing.front().find("systempaths=unconfined") == std::string::npos) ::_exit(52);
    const auto refused = Running::start(plan_in(work, "true"));
    ::_exit(!refused && refused.error().text().find("systempaths=unconfined") != std::string::npos ? 0 : 53);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(Sandbox, a_run_reports_what_enforces_it) {
  auto running = Running::start(plan_in(work, "true"));
  ASSERT_TRUE(running);
  const Enforcement& enforced = (*running)->enforced();
  EXPECT_TRUE(enforced.user_namespace && enforced.network_namespace && enforced.process_namespace && enforced.mount_view);
  EXPECT_TRUE(enforced.seccomp && enforced.no_new_privileges);
  EXPECT_FALSE(enforced.exec_watch) << "the plan did not ask for it";
  EXPECT_EQ(enforced.landlock_abi, landlock_abi());
  EXPECT_EQ(enforced.missing, landlock_gaps(landlock_abi()));
}

}  // namespace
}  // namespace interlock::sandbox
