// What a boundary is to be: the view of files, the ways out, the limits. Plain data; made by whoever starts a run, carried out by
// sandbox/running.hpp.
//
// The view is made of what is named here and nothing else: the root is an empty tmpfs, mounts are laid in the order of `mounts`, a later
// one over an earlier one. Paths are absolute and of the host. /dev, /proc and /sys/devices/system/cpu are there without being named: the
// run's own, with nothing in them that reaches the host.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace interlock::sandbox {

struct Mount {
  enum class Kind : std::uint8_t {
    kReadOnly,  // `source` (a file or folder of the host, with what is mounted below it) at `at`
    kReadWrite,
    kEmpty,      // an empty tmpfs at `at`: what the host has there does not exist
    kText,       // a file in memory with `text` (a rewritten configuration); the agent may change its own copy
    kFixedText,  // the same, read-only
    kLink,       // a symbolic link to `source`
    kSealed,     // `at` is kept from being made or changed: bound read-only onto itself where the host has it; where it does not, `text`
                 // stands there (a file; a folder where `at` ends in a slash) while the run lasts, and the host is as before afterwards
  };
  Kind kind = Kind::kReadOnly;
  std::string at;
  std::string source = {};  // empty: `at`
  std::string text = {};
  std::uint32_t mode = 0;  // permissions of what is made; 0: 0644 of a text, 0700 of an empty folder
  bool optional = false;   // its source, or a place for it, is not there: nothing is mounted. Else it is an error
};

// A port of loopback inside, whose listening socket is handed out (descriptors of Started, in this order): who accepts on it is outside.
struct InnerListener {
  std::uint16_t port = 0;
};

struct ResourceLimits {  // absent: as it is
  std::optional<std::uint64_t> processes;
  std::optional<std::uint64_t> open_files;
  std::optional<std::uint64_t> memory_bytes;  // address space of one process
  std::optional<std::uint64_t> file_bytes;
  std::optional<std::uint64_t> cpu_seconds;  // of one process
};

struct Plan {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH of `environment`, inside
  std::map<std::string, std::string> environment;
  std::string folder;  // working folder inside
  std::vector<Mount> mounts;
  std::vector<InnerListener> listeners;
  ResourceLimits limits;
  std::string host_name = "interlock";
  bool watch_exec = true;  // execve is held for the supervisor's answer (exec_watch.hpp)
};

// What a kernel can do, and what of it a run had.
struct Enforcement {
  bool user_namespace = false;
  bool network_namespace = false;
  bool process_namespace = false;
  bool mount_view = false;
  int landlock_abi = 0;          // 0: none
  bool landlock_scopes = false;  // abstract sockets and signals
  bool seccomp = false;
  bool exec_watch = false;  // user notification
  bool no_new_privileges = false;
  std::vector<std::string> missing;  // in words: what could not be enforced, and what that means
  bool complete() const { return missing.empty(); }
};

}  // namespace interlock::sandbox
