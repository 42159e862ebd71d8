// /dev, /proc and /sys of a view: what programs expect, and nothing that reaches the host's kernel.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/mounts.hpp"
#include "sandbox/view.hpp"

namespace interlock::sandbox {
namespace {

constexpr const char* kDevices[] = {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};

struct NamedLink {
  const char* at;
  const char* target;
};
constexpr NamedLink kDeviceLinks[] = {{"/dev/fd", "/proc/self/fd"},
                                      {"/dev/stdin", "/proc/self/fd/0"},
                                      {"/dev/stdout", "/proc/self/fd/1"},
                                      {"/dev/stderr", "/proc/self/fd/2"},
                                      {"/dev/ptmx", "pts/ptmx"}};

// Parts of /proc that tell of the host or command it; an empty file or folder stands for each.
constexpr const char* kHiddenFiles[] = {"kcore",      "keys",        "key-users", "kmsg",          "kpagecount",
                                        "kpageflags", "kpagecgroup", "kallsyms",  "sysrq-trigger", "latency_stats",
                                        "timer_list", "sched_debug", "slabinfo",  "vmallocinfo",   "pagetypeinfo"};
constexpr const char* kHiddenFolders[] = {"acpi", "asound", "scsi"};

}  // namespace

// Read-only, which leaves the device as it is: its mode and owner on the host are what cannot be changed.
Status View::lay_device(const std::string& from, const std::string& at) {
  auto device = clone_tree(AT_FDCWD, from);
  if (!device) return fail(Error{device.error().code, from + ": " + device.error().message, "the host has no such device"});
  if (auto done = restrict_mount(device->get(), kReadOnlyMount | kNoSetuidMount | kNoExecMount); !done) return done;
  return attach(device->get(), {at, false});
}

Status View::lay_processes() {
  auto processes = new_filesystem("proc", {}, kNoSetuidMount | kNoDevicesMount | kNoExecMount);
  if (!processes)
    return fail(
        Error{processes.error().code, "a /proc of its own cannot be mounted: " + processes.error().message,
              "in a container: its /proc is covered in parts; start it with --security-opt systempaths=unconfined or as privileged"});
  // Read-only: a run of root's is that user, without a capability, and must not set the kernel's parameters, nor modes that all instances
  // of /proc share; and nobody writes into the memory of a process that was allowed to start as it is. What is written through
  // /proc/self/fd goes to where that leads.
  if (auto done = restrict_mount(processes->get(), kReadOnlyMount); !done) return done;
  if (auto done = attach(processes->get(), {"/proc", true}); !done) return done;

  const auto hide = [&](const char* part, const std::string& empty) -> Status {
    if (::faccessat(processes->get(), part, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return {};
    auto cover = clone_tree(scratch_.get(), empty);
    if (!cover) return fail(cover.error());
    return attach(cover->get(), {std::string("/proc/") + part, false});
  };
  const auto file = make_in_memory({.kind = Mount::Kind::kFixedText, .at = {}, .mode = 0444});
  const auto folder = make_in_memory({.kind = Mount::Kind::kEmpty, .at = {}, .mode = 0555});
  if (!file || !folder) return fail((file ? folder : file).error());
  for (const char* part : kHiddenFiles)
    if (auto done = hide(part, *file); !done) return done;
  for (const char* part : kHiddenFolders)
    if (auto done = hide(part, *folder); !done) return done;
  return {};
}

Status View::lay_system(const std::string& terminal) {
  for (const char* device : kDevices)
    if (auto done = lay_device(device, device); !done) return done;
  for (const NamedLink& link : kDeviceLinks)
    if (auto done = lay({.kind = Mount::Kind::kLink, .at = link.at, .source = link.target}); !done) return done;
  auto terminals = new_filesystem("devpts", {{"ptmxmode", "0666"}, {"mode", "0620"}}, kNoSetuidMount | kNoExecMount);
  if (!terminals) return fail(Error{terminals.error().code, "/dev/pts: " + terminals.error().message, {}});
  if (auto done = attach(terminals->get(), {"/dev/pts", true}); !done) return done;
  if (auto done = lay({.kind = Mount::Kind::kEmpty, .at = "/dev/shm", .mode = 01777}); !done) return done;
  // Where ttyname(3) looks for a terminal that is no part of this /dev/pts.
  if (!terminal.empty())
    if (auto done = lay_device(terminal, "/dev/console"); !done) return done;
  if (auto done = lay_processes(); !done) return done;
  return lay({.kind = Mount::Kind::kReadOnly, .at = "/sys/devices/system/cpu", .optional = true});
}

}  // namespace interlock::sandbox
