// All of these tests once more, as a user without any privilege.
#include <sys/wait.h>
#include <unistd.h>

#include <grp.h>

#include "boundary.hpp"

namespace interlock::sandbox {
namespace {

constexpr unsigned kNobody = 65534;

TEST(AnotherUser, passes_all_tests_without_any_privilege) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "NOT TESTED HERE: only root can become another user; these tests run as " << ::geteuid() << " already";
  Folder programs;  // where nobody can come to them
  std::filesystem::permissions(programs.path(), std::filesystem::perms::others_exec | std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  for (const char* name : {"test_sandbox", "sandbox_hostile"}) std::filesystem::copy_file(self.parent_path() / name, programs / name);
  const std::string program = programs / "test_sandbox", said = programs / "said";
  const pid_t child = ::fork();
  if (child == 0) {
    const int out = ::open(said.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    if (::setgroups(0, nullptr) != 0 || ::setresgid(kNobody, kNobody, kNobody) != 0 || ::setresuid(kNobody, kNobody, kNobody) != 0)
      ::_exit(98);
    ::execl(program.c_str(), program.c_str(), "--gtest_brief=1", "--gtest_filter=-AnotherUser*", nullptr);
    ::_exit(99);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << programs.read("said");
}

}  // namespace
}  // namespace interlock::sandbox
