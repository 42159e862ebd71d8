#include "sandbox/became.hpp"

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include <array>

#include "sandbox/exec_watch.hpp"
#include "sandbox/loader_variables.hpp"
#include "sandbox/process_memory.hpp"

namespace interlock::sandbox {
namespace {

// 0: it cannot be told.
std::uint64_t stack_of(pid_t process) {
  user_regs_struct registers{};
  iovec to{&registers, sizeof registers};
  if (::ptrace(PTRACE_GETREGSET, process, NT_PRSTATUS, &to) != 0 || to.iov_len != sizeof registers) return 0;
#if defined(__x86_64__)
  return registers.rsp;
#else
  return registers.sp;
#endif
}

}  // namespace

std::string difference_of(pid_t process, const Expected& expected) {
  const std::string folder = "/proc/" + std::to_string(process);
  struct stat status{};
  if (::stat((folder + "/exe").c_str(), &status) != 0 || FileIdentity{status.st_dev, status.st_ino} != expected.file) return "another file";

  // As every program finds it: a count, that many pointers and a null, the environment's pointers and a null.
  const std::uint64_t stack = stack_of(process);
  ProcessMemory memory(process, 2 * kExecBytes);
  const auto count = memory.word_at(stack);
  if (stack == 0 || !count || *count != expected.arguments.size()) return "other arguments";
  const std::uint64_t arguments = stack + sizeof(std::uint64_t);
  if (const auto found = memory.strings_at(arguments, kExecArguments); !found || *found != expected.arguments) return "other arguments";
  auto environment = memory.strings_at(arguments + (*count + 1) * sizeof(std::uint64_t), kExecArguments);
  if (!environment || loader_variables_of(std::move(*environment)) != expected.loader_variables) return "another environment";

  std::array<char, 4096> cwd;
  const ssize_t size = ::readlink((folder + "/cwd").c_str(), cwd.data(), cwd.size());
  if (size < 0 || std::string_view(cwd.data(), static_cast<std::size_t>(size)) != expected.cwd) return "another working folder";
  return {};
}

}  // namespace interlock::sandbox
