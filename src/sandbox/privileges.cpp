#include "sandbox/privileges.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>

#include "sandbox/descriptor.hpp"

namespace interlock::sandbox {
namespace {

Status write_file(const char* path, std::string_view text) {
  const Descriptor file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return fail(system_error(path, errno));
  return {};
}

Status set_capabilities(std::uint32_t low, std::uint32_t high) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};
  if (::syscall(SYS_capset, &header, data) != 0) return fail(system_error("capset", errno));
  return {};
}

Status limit(int resource, const std::optional<std::uint64_t>& wanted) {
  if (!wanted) return {};
  rlimit now{};
  if (::getrlimit(resource, &now) != 0) return fail(system_error("getrlimit", errno));
  // What is stricter already stays.
  const rlim_t hard = std::min<rlim_t>(*wanted, now.rlim_max);
  const rlimit set{std::min<rlim_t>(hard, now.rlim_cur), hard};
  if (::setrlimit(resource, &set) != 0) return fail(system_error("setrlimit", errno));
  return {};
}

}  // namespace

Status map_identity(unsigned user, unsigned group) {
  const auto line = [](unsigned id) { return std::to_string(id) + ' ' + std::to_string(id) + " 1"; };
  if (auto done = write_file("/proc/self/setgroups", "deny"); !done) return done;
  if (auto done = write_file("/proc/self/uid_map", line(user)); !done) return done;
  return write_file("/proc/self/gid_map", line(group));
}

Status drop_privileges() {
  // Credentials that the human keeps in the session's keyring stay behind. A kernel without keyrings has none.
  ::syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr);
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    if (::prctl(PR_CAPBSET_DROP, capability) != 0) return fail(system_error("the capability bounding set", errno));
  constexpr unsigned long kLocked = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                    SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
  if (::prctl(PR_SET_SECUREBITS, kLocked) != 0) return fail(system_error("secure bits", errno));
  if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) return fail(system_error("ambient capabilities", errno));
  if (auto done = set_capabilities(0, 0); !done) return done;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail(system_error("no_new_privs", errno));
  return {};
}

Status keep_mount_privilege() { return set_capabilities(1U << CAP_SYS_ADMIN, 0); }

Status apply_limits(const ResourceLimits& limits) {
  for (const auto& [resource, wanted] : {std::pair{RLIMIT_NPROC, limits.processes},
                                         {RLIMIT_NOFILE, limits.open_files},
                                         {RLIMIT_AS, limits.memory_bytes},
                                         {RLIMIT_FSIZE, limits.file_bytes},
                                         {RLIMIT_CPU, limits.cpu_seconds}})
    if (auto done = limit(resource, wanted); !done) return done;
  // A core file would hold what the agent knew. One byte is too little for a file, and what a program that takes cores is not given either
  // (core(5)); with none it would be.
  return limit(RLIMIT_CORE, 1);
}

}  // namespace interlock::sandbox
