// The kernel's mount interface of file descriptors (open_tree, move_mount, mount_setattr, fsopen), as values. A tree that is not attached
// yet goes with its descriptor, so a failure half-way leaves nothing. Linux 5.12.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"
#include "sandbox/descriptor.hpp"

namespace interlock::sandbox {

inline constexpr std::uint64_t kReadOnlyMount = 1, kNoSetuidMount = 2, kNoDevicesMount = 4, kNoExecMount = 8;  // MOUNT_ATTR_*

// An Error from errno: kNotFound where something on the way does not exist, kDenied where the caller may not.
Error kernel_error(std::string_view what, int error_number);

// A detached copy of what stands at `path` (relative to `folder`; empty: `folder` itself), with all that is mounted below it.
Result<Descriptor> clone_tree(int folder, const std::string& path);
// A detached new file system.
Result<Descriptor> new_filesystem(const char* type, std::initializer_list<std::pair<const char*, const char*>> options,
                                  std::uint64_t attributes);
// Adds attributes to a whole tree.
Status restrict_tree(int tree, std::uint64_t attributes);
Status restrict_mount(int mount, std::uint64_t attributes);  // this one alone
Status attach_tree(int tree, int target);
// Nothing that is mounted here reaches the host, nor the other way round.
Status make_mounts_private();

}  // namespace interlock::sandbox
