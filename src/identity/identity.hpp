// Who stands at the other end of a local pipe or socket: the subject of a stdio client, as the kernel tells it.
//
// Nothing here believes what a process says of itself: user, executable and control group come from /proc, whose answers the
// kernel writes. It proves which *user* asks, and names the program that asked first; it does not prove that the program was
// not told to ask by another (a process may be traced or fed by any other of the same user). Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "model/action.hpp"

namespace interlock::identity {

struct LocalSubjectOptions {
  // Executables up to this size are hashed (Node.js and the agents packed with it have about 100 MiB); 0 hashes none.
  std::size_t hash_bytes = std::size_t{256} << 20;
};

// The subject for the client process `pid` (getppid() for a stdio wrapper) that runs as `uid`. Always gives one: what cannot be
// read (the process is gone, or not one of that user) is left out, and the executable is then named "unknown".
//   id          "local/<user>/<basename of the executable>", with other characters than [A-Za-z0-9._+-] replaced by '_'
//   owner       the user's name, or "uid-<n>" where none is known
//   assurance   kKernel
//   credential  "peer"
//   workload    the executable's digest (its path where it is not hashed) and the control group
//   attributes  user, uid, pid, executable, executable_sha256, executable_deleted (the file was replaced since it started), cgroup,
//               executable_elsewhere (in place of executable: the name leads to another file here than the one that runs, as in a mount
//               namespace of its own), parents (executables of the processes above it, the nearest first, up to its session's leader; at
//               most 16)
// The hash is taken once for a file (device, inode, size, times) and kept by this process.
model::Subject local_subject(int pid, int uid, const LocalSubjectOptions& options = {});

// The name of a user, or "uid-<n>".
std::string user_name(int uid);

}  // namespace interlock::identity
