// What the tests of the sandbox share: a workspace of its own, a plan that has a system and that workspace, and a run of it to its end.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "sandbox/exec_watch.hpp"
#include "sandbox/running.hpp"

namespace interlock::sandbox {

class Folder {
 public:
  Folder() {
    std::string name = "/tmp/interlock-sandbox-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + '/' + name; }
  std::string read(const std::string& name) const {
    std::ifstream file(*this / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name) << text;
  }
  bool has(const std::string& name) const { return std::filesystem::exists(std::filesystem::symlink_status(*this / name)); }

 private:
  std::string path_;
};

// The program with what a hostile process does; it stands beside this one.
inline std::string hostile() { return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sandbox_hostile"; }

inline Plan plan_in(const Folder& work, const std::string& script) {
  using Kind = Mount::Kind;
  Plan plan;
  plan.argv = {"/bin/sh", "-c", "exec >out 2>&1\n" + script};
  plan.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", work.path()}};
  plan.folder = work.path();
  plan.watch_exec = false;
  plan.mounts = {{.kind = Kind::kReadOnly, .at = "/usr"},
                 {.kind = Kind::kReadOnly, .at = "/bin", .optional = true},
                 {.kind = Kind::kReadOnly, .at = "/lib", .optional = true},
                 {.kind = Kind::kReadOnly, .at = "/lib64", .optional = true},
                 {.kind = Kind::kReadOnly, .at = "/etc/passwd", .optional = true},
                 {.kind = Kind::kEmpty, .at = "/tmp", .mode = 01777},
                 {.kind = Kind::kReadOnly, .at = "/hostile", .source = hostile()},
                 {.kind = Kind::kReadWrite, .at = work.path()}};
  return plan;
}

// Answers an ask; what it returns stands in for allow or refuse.
using Decide = std::function<Status(ExecWatch& watch, const ExecAsk& ask)>;
inline Decide allow_all() {
  return [](ExecWatch& watch, const ExecAsk& ask) { return watch.allow(ask); };
}

inline int wait_status(Running& running, const Decide& decide = allow_all()) {
  if (running.exec_watch() < 0) return running.wait();
  ExecWatch watch(running.exec_watch());
  for (;;) {
    pollfd events[] = {{running.exec_watch(), POLLIN, 0}, {running.end_descriptor(), POLLIN, 0}};
    ::poll(events, std::size(events), -1);
    while (const auto ask = watch.next()) std::ignore = decide(watch, *ask);
    if (events[1].revents != 0 && running.ended()) return running.wait();
  }
}

// The command's wait status; -1: it did not start, and the test has failed.
inline int run(const Plan& plan, const Decide& decide = allow_all()) {
  auto running = Running::start(plan);
  EXPECT_TRUE(running) << running.error().text();
  if (!running) return -1;
  EXPECT_TRUE((*running)->release());
  return wait_status(**running, decide);
}

inline std::string output_of(const Folder& work, const std::string& script) {
  run(plan_in(work, script));
  return work.read("out");
}

class Sandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    const Enforcement found = probe();
    if (!found.mount_view) GTEST_SKIP() << "NOT TESTED HERE: " << found.missing.front();
  }
  Folder work;
};

}  // namespace interlock::sandbox
