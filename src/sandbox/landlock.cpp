#include "sandbox/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <tuple>

#include "sandbox/descriptor.hpp"
#include "sandbox/mounts.hpp"

namespace interlock::sandbox {
namespace {

// What <linux/landlock.h> of Debian 12 (ABI 2) has no names for.
constexpr std::uint64_t kTruncate = 1ULL << 14;                        // ABI 3
constexpr std::uint64_t kDeviceIoctl = 1ULL << 15;                     // ABI 5
constexpr std::uint64_t kScopeAbstractSockets = 1, kScopeSignals = 2;  // ABI 6
constexpr std::uint32_t kLogNewExec = 2, kLogSubdomainsOff = 4;        // ABI 7

struct RulesetAttributes {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
constexpr std::uint64_t kWriteFolder = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                       LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                       LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER;
constexpr std::uint64_t kDeviceNodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;  // given to nothing
constexpr std::uint64_t kOfFiles = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | kWriteFile | kDeviceIoctl;

std::uint64_t handled_by(int abi) {
  std::uint64_t rights = kRead | kWriteFile | kWriteFolder | kDeviceNodes;
  if (abi >= 5) rights |= kDeviceIoctl;
  if (abi < 3) rights &= ~kTruncate;
  if (abi < 2) rights &= ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_REFER);  // ABI 1 refuses every move between folders
  return rights;
}

Status allow(int ruleset, int file, std::uint64_t rights) {
  struct stat status{};
  if (::fstat(file, &status) != 0) return fail(system_error("fstat", errno));
  if (!S_ISDIR(status.st_mode)) rights &= kOfFiles;
  const landlock_path_beneath_attr rule{rights, file};
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    return fail(system_error("landlock_add_rule", errno));
  return {};
}

Status allow(int ruleset, const std::string& path, std::uint64_t rights) {
  const Descriptor file(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!file) return errno == ENOENT ? Status{} : fail(kernel_error(path, errno));  // optional in the plan, and not there
  return allow(ruleset, file.get(), rights);
}

// What the command has open from the start it may open again (`> /dev/stderr`), as it is open. Pipes and sockets are no matter of
// Landlock's, which takes no rule for them.
void allow_standard_files(int ruleset, std::uint64_t handled) {
  for (int fd = 0; fd <= 2; ++fd) {
    const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
    std::uint64_t rights = 0;
    if (mode != O_WRONLY) rights |= LANDLOCK_ACCESS_FS_READ_FILE;
    if (mode != O_RDONLY) rights |= kWriteFile;
    if (::isatty(fd) != 0) rights |= kDeviceIoctl;
    std::ignore = allow(ruleset, fd, rights & handled);
  }
}

bool is_writable(Mount::Kind kind) { return kind == Mount::Kind::kReadWrite || kind == Mount::Kind::kEmpty || kind == Mount::Kind::kText; }

}  // namespace

int landlock_abi() {
  const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return static_cast<int>(std::clamp(abi, 0L, static_cast<long>(kNewestLandlock)));
}

Status restrict_by_landlock(const Plan& plan, int abi) {
  if (abi < 1) return {};
  const std::uint64_t handled = handled_by(abi);
  const RulesetAttributes attributes{handled, 0, abi >= 6 ? kScopeAbstractSockets | kScopeSignals : 0};
  const std::size_t size = abi >= 6 ? sizeof attributes : sizeof attributes.files;
  const Descriptor ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0)));
  if (!ruleset) return fail(system_error("landlock_create_ruleset", errno));

  // Whatever is in the view may be read; written only what the plan says.
  if (auto done = allow(ruleset.get(), "/", kRead & handled); !done) return done;
  if (auto done = allow(ruleset.get(), "/dev", (kWriteFile | kDeviceIoctl) & handled); !done) return done;
  if (auto done = allow(ruleset.get(), "/dev/shm", (kWriteFile | kWriteFolder) & handled); !done) return done;
  for (const Mount& mount : plan.mounts)
    if (is_writable(mount.kind))
      if (auto done = allow(ruleset.get(), mount.at, (kWriteFile | kWriteFolder) & handled); !done) return done;

  allow_standard_files(ruleset.get(), handled);

  // A refusal is worth a line in the host's audit log; those of sandboxes that programs make for themselves are not.
  const std::uint32_t flags = abi >= 7 ? kLogNewExec | kLogSubdomainsOff : 0;
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), flags) != 0) return fail(system_error("landlock_restrict_self", errno));
  return {};
}

std::vector<std::string> landlock_gaps(int abi) {
  std::vector<std::string> gaps;
  if (abi < 1)
    return {
        "Landlock is not in this kernel (5.13) or not switched on (lsm=): files are guarded by the view alone, and a process inside may "
        "signal its own process group, the launcher included"};
  if (abi < 2) gaps.emplace_back("Landlock before ABI 2 (Linux 5.19) cannot tell a move between folders: all such moves are refused");
  if (abi < 3) gaps.emplace_back("Landlock before ABI 3 (Linux 6.2) does not guard truncation: read-only mounts do");
  if (abi < 5)
    gaps.emplace_back("Landlock before ABI 5 (Linux 6.10) does not guard ioctl on devices: the system call filter refuses the terminal's");
  if (abi < 6)
    gaps.emplace_back(
        "Landlock before ABI 6 (Linux 6.12) does not guard signals: a process inside may signal its own process group, the launcher "
        "included");
  return gaps;
}

}  // namespace interlock::sandbox
