// What this kernel has for a boundary, asked without making one.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/landlock.hpp"
#include "sandbox/mounts.hpp"
#include "sandbox/running.hpp"
#include "sandbox/system_calls.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kNoNamespace = 1, kNoMount = 2, kNoProcesses = 3;

// A child tries what only a child can: its namespaces go with it. Its exit code says how far it came.
int try_namespaces(int user_namespace) {
  const pid_t child = ::fork();
  if (child < 0) return kNoNamespace;
  if (child == 0) {
    if (::unshare(user_namespace | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) != 0)
      ::_exit(kNoNamespace);
    if (!make_mounts_private() || !new_filesystem("tmpfs", {}, 0)) ::_exit(kNoMount);
    // /proc can be mounted by a process of the namespace that it shows.
    const pid_t inner = ::fork();
    if (inner == 0) ::_exit(new_filesystem("proc", {}, 0) ? 0 : kNoProcesses);
    int status = 0;
    if (inner < 0 || ::waitpid(inner, &status, 0) != inner || !WIFEXITED(status)) ::_exit(kNoProcesses);
    ::_exit(WEXITSTATUS(status));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kNoNamespace;
}

}  // namespace

Enforcement probe() {
  Enforcement found;
  int reached = try_namespaces(CLONE_NEWUSER);
  found.user_namespace = reached != kNoNamespace;
  if (reached == kNoNamespace && ::geteuid() == 0) {
    if (reached = try_namespaces(0); reached != kNoNamespace)
      found.missing.emplace_back("a user namespace is not to be had: a run is root of this machine's, without any capability");
  }
  found.network_namespace = found.process_namespace = reached != kNoNamespace;
  found.mount_view = reached == 0;
  if (reached == kNoNamespace)
    found.missing.emplace_back(
        "user namespaces are refused: no run can start (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0; in "
        "Docker: --security-opt seccomp=unconfined)");
  if (reached == kNoMount)
    found.missing.emplace_back(
        "mounts are refused in a user namespace: no run can start (Linux 5.12 or later; with AppArmor: sysctl "
        "kernel.apparmor_restrict_unprivileged_userns=0 or a profile for interlock)");
  if (reached == kNoProcesses)
    found.missing.emplace_back(
        "a /proc of its own is refused: no run can start (in a container whose /proc is covered in parts: --security-opt "
        "systempaths=unconfined)");
  found.landlock_abi = landlock_abi();
  found.landlock_scopes = found.landlock_abi >= 6;
  for (std::string& gap : landlock_gaps(found.landlock_abi)) found.missing.push_back(std::move(gap));
  found.seccomp = can_filter_system_calls();
  if (!found.seccomp) found.missing.emplace_back("system call filters (seccomp) are not in this kernel: no run can start");
  found.exec_watch = found.seccomp && can_watch_exec();
  if (!found.exec_watch)
    found.missing.emplace_back("seccomp cannot notify in this kernel: what an interpreter starts inside is not asked about");
  found.no_new_privileges = true;  // Linux 3.5
  return found;
}

}  // namespace interlock::sandbox
