// What the tests of SSH share: a folder of their own, and OpenSSH's ssh-keygen as the judge of what we write.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace interlock::credential::testing {

class SshFolder {
 public:
  SshFolder() {
    char pattern[] = "/tmp/interlock-ssh-XXXXXX";
    path_ = ::mkdtemp(pattern);
  }
  ~SshFolder() { (void)!std::system(("rm -rf " + path_).c_str()); }
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(file(name), std::ios::binary) << text;
    ::chmod(file(name).c_str(), 0600);
    return file(name);
  }
  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(file(name), std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

struct Ran {
  int code = -1;
  std::string said;
};
inline Ran run(const std::string& command) {
  Ran out;
  auto* const pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  std::array<char, 4096> buffer{};
  for (std::size_t size = 0; (size = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) out.said.append(buffer.data(), size);
  const auto status = ::pclose(pipe);
  out.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return out;
}

inline bool has_ssh_keygen() { return run("command -v ssh-keygen").code == 0; }
#define NEEDS_SSH_KEYGEN() \
  if (!testing::has_ssh_keygen()) GTEST_SKIP() << "ssh-keygen (openssh-client) is not here: what OpenSSH says of it is not tested"

}  // namespace interlock::credential::testing
