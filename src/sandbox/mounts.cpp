#include "sandbox/mounts.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include <cerrno>

namespace interlock::sandbox {
namespace {

constexpr unsigned kRecursive = 0x8000;  // AT_RECURSIVE, which <fcntl.h> of glibc 2.36 lacks

static_assert(kReadOnlyMount == MOUNT_ATTR_RDONLY && kNoSetuidMount == MOUNT_ATTR_NOSUID && kNoDevicesMount == MOUNT_ATTR_NODEV &&
              kNoExecMount == MOUNT_ATTR_NOEXEC);

Status set_attributes(int mount, const char* path, unsigned flags, std::uint64_t attributes, std::uint64_t propagation) {
  mount_attr wanted{};
  wanted.attr_set = attributes;
  wanted.propagation = propagation;
  if (::syscall(SYS_mount_setattr, mount, path, flags, &wanted, sizeof wanted) != 0) return fail(system_error("mount_setattr", errno));
  return {};
}

}  // namespace

Error kernel_error(std::string_view what, int error_number) {
  Error error = system_error(what, error_number);
  if (error_number == ENOENT || error_number == ENOTDIR) error.code = ErrorCode::kNotFound;
  if (error_number == EACCES || error_number == EPERM) error.code = ErrorCode::kDenied;
  return error;
}

Result<Descriptor> clone_tree(int folder, const std::string& path) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | kRecursive;
  if (path.empty()) flags |= AT_EMPTY_PATH;
  const long fd = ::syscall(SYS_open_tree, folder, path.c_str(), flags);
  if (fd < 0) return fail(kernel_error("open_tree", errno));
  return Descriptor(static_cast<int>(fd));
}

Result<Descriptor> new_filesystem(const char* type, std::initializer_list<std::pair<const char*, const char*>> options,
                                  std::uint64_t attributes) {
  const Descriptor context(static_cast<int>(::syscall(SYS_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context) return fail(system_error("fsopen", errno));
  for (const auto& [key, value] : options)
    if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_SET_STRING, key, value, 0) != 0) return fail(system_error("fsconfig", errno));
  if (::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return fail(system_error("fsconfig", errno));
  const long fd = ::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes);
  if (fd < 0) return fail(system_error("fsmount", errno));
  return Descriptor(static_cast<int>(fd));
}

Status restrict_tree(int tree, std::uint64_t attributes) { return set_attributes(tree, "", AT_EMPTY_PATH | kRecursive, attributes, 0); }

Status restrict_mount(int mount, std::uint64_t attributes) { return set_attributes(mount, "", AT_EMPTY_PATH, attributes, 0); }

Status attach_tree(int tree, int target) {
  if (::syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0)
    return fail(system_error("move_mount", errno));
  return {};
}

Status make_mounts_private() { return set_attributes(AT_FDCWD, "/", kRecursive, 0, MS_PRIVATE); }

}  // namespace interlock::sandbox
