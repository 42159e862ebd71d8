// The local subject is what the kernel says of a process, on real processes.
#include "identity/identity.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/hash.hpp"

namespace interlock::identity {
namespace {

namespace fs = std::filesystem;

std::string text_at(const model::Subject& subject, std::string_view key) {
  const auto text = json::string_at(subject.attributes, key);
  return text ? std::string(*text) : "";
}

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/interlock-identity-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// A copy of sleep(1) under a chosen name; it runs once exec has happened, which the closing pipe tells.
class Sleeper {
 public:
  explicit Sleeper(const fs::path& program) {
    int pipe_ends[2];
    EXPECT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::execl(program.c_str(), program.c_str(), "1000", nullptr);
      ::_exit(127);
    }
    ::close(pipe_ends[1]);
    char byte;
    EXPECT_EQ(::read(pipe_ends[0], &byte, 1), 0);
    ::close(pipe_ends[0]);
  }
  ~Sleeper() { stop(); }
  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  int pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

fs::path copy_of_sleep(const fs::path& target) {
  fs::copy_file(fs::canonical("/bin/sleep"), target);
  return target;
}

std::string hash_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return to_hex(sha256(text.str()));
}

TEST(LocalSubject, NamesUserProgramAndHash) {
  Folder folder;
  const auto program = copy_of_sleep(folder.path() / "my-agent");
  const Sleeper client(program);
  const auto subject = local_subject(client.pid(), static_cast<int>(::getuid()));
  const std::string user = user_name(static_cast<int>(::getuid()));
  EXPECT_EQ(subject.id, "local/" + user + "/my-agent");
  EXPECT_EQ(subject.owner, user);
  EXPECT_EQ(subject.assurance, model::Assurance::kKernel);
  EXPECT_EQ(*json::int_at(subject.attributes, "uid"), static_cast<int>(::getuid()));
  EXPECT_EQ(*json::int_at(subject.attributes, "pid"), client.pid());
  EXPECT_EQ(text_at(subject, "executable"), program.string());
  EXPECT_EQ(text_at(subject, "executable_sha256"), hash_of(program));
  EXPECT_FALSE(subject.attributes.contains("executable_deleted"));
}

TEST(LocalSubject, ItsParentsAndItsWorkloadAreTold) {
  const Folder folder;
  fs::copy_file("/bin/sleep", folder.path() / "odd) name");
  const Sleeper one(folder.path() / "odd) name");
  const Sleeper two(folder.path() / "odd) name");
  const auto subject = local_subject(one.pid(), static_cast<int>(::getuid()));
  EXPECT_EQ(subject.credential, "peer");
  const auto* parents = json::array_at(subject.attributes, "parents");
  ASSERT_TRUE(parents != nullptr && !parents->empty());
  EXPECT_EQ(json::view(parents->front().as_string()), fs::read_symlink("/proc/self/exe").string());
  EXPECT_LE(parents->size(), 16U);
  EXPECT_TRUE(subject.workload.starts_with("sha256:" + text_at(subject, "executable_sha256"))) << subject.workload;
  EXPECT_EQ(local_subject(two.pid(), static_cast<int>(::getuid())).workload, subject.workload);
  EXPECT_NE(local_subject(static_cast<int>(::getpid()), static_cast<int>(::getuid())).workload, subject.workload);
}

TEST(LocalSubject, AReplacedExecutableIsToldByTheFileThatRuns) {
  Folder folder;
  const auto program = copy_of_sleep(folder.path() / "agent");
  const std::string running = hash_of(program);
  const Sleeper client(program);
  fs::remove(program);
  const auto subject = local_subject(client.pid(), static_cast<int>(::getuid()));
  EXPECT_EQ(text_at(subject, "executable"), program.string());
  EXPECT_EQ(text_at(subject, "executable_sha256"), running);
  EXPECT_TRUE(json::bool_at(subject.attributes, "executable_deleted"));
  EXPECT_TRUE(subject.id.ends_with("/agent")) << subject.id;
}

TEST(LocalSubject, ANameWithOddCharactersCannotLookLikeAnotherSubject) {
  Folder folder;
  const auto program = copy_of_sleep(folder.path() / "x\"; admin\n\xFF (deleted)");
  const Sleeper client(program);
  const auto subject = local_subject(client.pid(), static_cast<int>(::getuid()));
  EXPECT_TRUE(subject.id.ends_with("/x___admin____deleted_")) << subject.id;
  EXPECT_FALSE(subject.attributes.contains("executable_deleted"));
  // The attributes stay JSON.
  EXPECT_TRUE(json::parse(json::write(subject.attributes)));
}

TEST(LocalSubject, AProcessThatIsGoneIsUnknownAndStillTheUsers) {
  Folder folder;
  Sleeper client(copy_of_sleep(folder.path() / "agent"));
  const int pid = client.pid();
  client.stop();
  for (int gone : {pid, -1, 0}) {
    const auto subject = local_subject(gone, static_cast<int>(::getuid()));
    EXPECT_TRUE(subject.id.ends_with("/unknown")) << subject.id;
    EXPECT_FALSE(subject.attributes.contains("executable"));
    EXPECT_FALSE(subject.attributes.contains("executable_sha256"));
  }
}

TEST(LocalSubject, AProcessOfAnotherUserLendsNothingToWhoeverHadItsNumber) {
  Folder folder;
  const Sleeper client(copy_of_sleep(folder.path() / "agent"));
  const auto subject = local_subject(client.pid(), static_cast<int>(::getuid()) + 4'321);
  EXPECT_TRUE(subject.id.ends_with("/unknown")) << subject.id;
  for (const auto* name : {"pid", "executable", "executable_sha256", "cgroup", "parents"})
    EXPECT_FALSE(subject.attributes.contains(name)) << name;
  EXPECT_TRUE(subject.workload.empty());
}

TEST(LocalSubject, AFileUnderABorrowedNameIsNotTheOneOfThatName) {
  // A mount namespace of its own, in which the name of one program leads to another.
  Folder folder;
  const auto trusted = copy_of_sleep(folder.path() / "trusted");
  fs::copy_file("/bin/sh", folder.path() / "other");
  const auto ready = folder.path() / "ready";
  const auto script = "mount --bind " + (folder.path() / "other").string() + " " + trusted.string() + " && exec " + trusted.string() +
                      " -c 'echo > " + ready.string() + "; read x'";
  int input[2];
  ASSERT_EQ(::pipe2(input, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(input[0], 0);
    ::execlp("unshare", "unshare", "--map-root-user", "--mount", "sh", "-c", script.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(input[0]);
  bool ended = false;
  while (!fs::exists(ready) && !(ended = ::waitpid(child, nullptr, WNOHANG) == child)) ::usleep(1000);
  if (ended) {
    ::close(input[1]);
    GTEST_SKIP() << "SKIPPED: this machine gives no mount namespace";
  }
  const auto subject = local_subject(child, static_cast<int>(::getuid()));
  ::close(input[1]);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(subject.attributes.contains("executable")) << json::write(subject.attributes);
  EXPECT_EQ(text_at(subject, "executable_elsewhere"), trusted.string());
  EXPECT_EQ(text_at(subject, "executable_sha256"), hash_of(folder.path() / "other"));
}

TEST(LocalSubject, AnExecutableBeyondTheBoundIsNotHashed) {
  Folder folder;
  const auto program = copy_of_sleep(folder.path() / "agent");
  const Sleeper client(program);
  LocalSubjectOptions options;
  options.hash_bytes = static_cast<std::size_t>(fs::file_size(program)) - 1;
  EXPECT_FALSE(local_subject(client.pid(), static_cast<int>(::getuid()), options).attributes.contains("executable_sha256"));
  options.hash_bytes = 0;
  EXPECT_FALSE(local_subject(client.pid(), static_cast<int>(::getuid()), options).attributes.contains("executable_sha256"));
}

TEST(LocalSubject, AUserWithoutANameIsANumber) {
  EXPECT_EQ(user_name(3'999'999), "uid-3999999");
  EXPECT_EQ(user_name(-1), "unknown");
  EXPECT_EQ(local_subject(-1, 3'999'999).id, "local/uid-3999999/unknown");
}

}  // namespace
}  // namespace interlock::identity
