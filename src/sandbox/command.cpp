#include "sandbox/command.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "sandbox/channel.hpp"
#include "sandbox/landlock.hpp"
#include "sandbox/privileges.hpp"
#include "sandbox/system_calls.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kCannotExecute = 126;  // as a shell says it
constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

Result<std::string> find_program(const Plan& plan) {
  const std::string& name = plan.argv[0];
  const auto is_program = [](const std::string& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != name.npos) {
    if (is_program(name)) return name;
    return fail(ErrorCode::kNotFound, name + " is no program inside the boundary", "is its folder part of the view?");
  }
  const auto found = plan.environment.find("PATH");
  std::string_view rest = found == plan.environment.end() ? kDefaultPath : std::string_view(found->second);
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (folder.empty() || folder[0] != '/') continue;  // a working folder in PATH is nobody's wish here
    if (std::string path = std::string(folder) + '/' + name; is_program(path)) return path;
  }
  return fail(ErrorCode::kNotFound, name + " is in no folder of PATH inside the boundary", "is the folder it is in part of the view?");
}

// As a shell leaves them to what it starts: what the user ignores stays ignored, nothing is blocked.
void reset_signals() {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction now{};
    if (::sigaction(number, nullptr, &now) != 0) continue;
    const bool stays = now.sa_handler == SIG_IGN && (number == SIGHUP || number == SIGINT || number == SIGQUIT);
    if (!stays) ::signal(number, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

Result<std::string> confine(InsideParts& parts) {
  const Plan& plan = *parts.plan;
  reset_signals();
  if (auto done = apply_limits(plan.limits); !done) return fail(done.error());
  if (auto done = drop_privileges(); !done) return fail(done.error());
  if (::chdir(plan.folder.c_str()) != 0)
    return fail(Error{ErrorCode::kNotFound, plan.folder + " is no folder inside the boundary", "make it part of the view"});
  auto program = find_program(plan);
  if (!program) return program;
  Enforcement& enforced = parts.enforced;
  if (auto done = restrict_by_landlock(plan, enforced.landlock_abi); !done) return fail(done.error());
  return program;
}

[[noreturn]] void give_up(const InsideParts& parts, const Error& error) {
  std::ignore = send_message(parts.channel.get(), Message::Kind::kFailed, encode(error));
  ::_exit(kCannotExecute);
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  for (std::string& text : strings) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

void become_command(InsideParts parts) {
  auto program = confine(parts);
  if (!program) give_up(parts, program.error());
  std::vector<std::string> arguments = parts.plan->argv, variables;
  for (const auto& [name, value] : parts.plan->environment) variables.push_back(name + '=' + value);
  const std::vector<char*> argv = pointers(arguments), environment = pointers(variables);

  parts.enforced.no_new_privileges = parts.enforced.seccomp = true;
  parts.enforced.exec_watch = parts.plan->watch_exec;
  auto watch = filter_system_calls(parts.plan->watch_exec);
  if (!watch) give_up(parts, watch.error());
  const std::vector<int> handed = *watch ? std::vector<int>{watch->get()} : std::vector<int>{};
  if (!send_message(parts.channel.get(), Message::Kind::kReady, encode(parts.enforced), handed)) ::_exit(kCannotExecute);
  // Readable by the supervisor from here on, as any program is: what is in this copy of the launcher goes with the exec.
  ::prctl(PR_SET_DUMPABLE, 1);
  ::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */);
  char byte = 0;
  while (::read(parts.release.get(), &byte, 1) < 0 && errno == EINTR) {
  }
  if (byte == 0) ::_exit(kCannotExecute);
  ::execve(program->c_str(), argv.data(), environment.data());
  ::dprintf(STDERR_FILENO, "interlock: %s: %s\n", program->c_str(), std::strerror(errno));
  ::_exit(errno == ENOENT ? 127 : kCannotExecute);
}

}  // namespace interlock::sandbox
