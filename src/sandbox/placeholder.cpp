#include "sandbox/placeholder.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "sandbox/mounts.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kLockTries = 100;
constexpr useconds_t kLockPauseMicroseconds = 1000;

bool is_marked(const struct stat& status) {
  return is_placeholder_time(status.st_mtim.tv_sec, status.st_mtim.tv_nsec) && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
}

bool is_marked(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && is_marked(status);
}

Status mark(int fd) {
  const timespec times[2] = {{0, UTIME_OMIT}, {kPlaceholderSecond, kPlaceholderNanosecond}};
  if (::utimensat(fd, "", times, AT_EMPTY_PATH) != 0) return fail(system_error("utimensat", errno));
  return {};
}

// A change in a marked folder that is the placeholders' own doing leaves it marked.
class KeepMark {
 public:
  explicit KeepMark(int folder) : folder_(folder), marked_(is_marked(folder)) {}
  ~KeepMark() {
    if (marked_) std::ignore = mark(folder_);
  }
  KeepMark(const KeepMark&) = delete;
  KeepMark& operator=(const KeepMark&) = delete;

 private:
  int folder_;
  bool marked_;
};

bool stands_there(const Placeholder& placeholder) {
  struct stat self{}, there{};
  return ::fstat(placeholder.self.get(), &self) == 0 &&
         ::fstatat(placeholder.folder.get(), placeholder.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 && self.st_ino == there.st_ino &&
         self.st_dev == there.st_dev;
}

Descriptor own_copy(int folder) { return Descriptor(::fcntl(folder, F_DUPFD_CLOEXEC, 3)); }

}  // namespace

Result<Placeholder> make_placeholder(int folder, const std::string& name, bool is_folder, std::string_view text) {
  const KeepMark keep(folder);
  Descriptor self;
  if (is_folder) {
    if (::mkdirat(folder, name.c_str(), 0755) != 0)
      return errno == EEXIST ? fail(ErrorCode::kConflict, name + " is there") : fail(kernel_error(name + " cannot be made", errno));
    self = Descriptor(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  } else {
    self = Descriptor(::openat(folder, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
    if (!self && errno == EEXIST) return fail(ErrorCode::kConflict, name + " is there");
  }
  if (!self) return fail(kernel_error(name + " cannot be made", errno));
  Placeholder placeholder{own_copy(folder), name, std::move(self)};
  const bool written = is_folder || ::write(placeholder.self.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int write_error = errno;
  if (written && ::flock(placeholder.self.get(), LOCK_SH) == 0 && mark(placeholder.self.get())) return placeholder;
  ::unlinkat(folder, name.c_str(), is_folder ? AT_REMOVEDIR : 0);
  return fail(system_error(name + " cannot be written", write_error));
}

Result<Placeholder> adopt_placeholder(int folder, const std::string& name) {
  Placeholder placeholder{own_copy(folder), name,
                          Descriptor(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC))};
  if (!placeholder.self || !is_marked(placeholder.self.get())) return fail(ErrorCode::kNotFound, name + " is no placeholder");
  // Whoever removes it holds the lock alone for an instant; then it is not there any more. Who holds it for long is no run.
  for (int tries = 0; ::flock(placeholder.self.get(), LOCK_SH | LOCK_NB) != 0; ++tries) {
    if (tries == kLockTries) return fail(ErrorCode::kNotFound, name + " is held by somebody else");
    ::usleep(kLockPauseMicroseconds);
  }
  if (!stands_there(placeholder)) return fail(ErrorCode::kNotFound, name + " is gone");
  return placeholder;
}

void remove_placeholder(const Placeholder& placeholder) {
  struct stat self{};
  if (::fstat(placeholder.self.get(), &self) != 0 || ::flock(placeholder.self.get(), LOCK_EX | LOCK_NB) != 0) return;
  const bool is_folder = S_ISDIR(self.st_mode);
  if (!stands_there(placeholder) || (!is_folder && !is_marked(self))) return;
  const KeepMark keep(placeholder.folder.get());
  ::unlinkat(placeholder.folder.get(), placeholder.name.c_str(), is_folder ? AT_REMOVEDIR : 0);
}

void unmount_and_remove_placeholder(const Placeholder& placeholder) {
  if (::fchdir(placeholder.folder.get()) != 0) return;
  while (::umount2(placeholder.name.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {
  }
  remove_placeholder(placeholder);
}

int remove_placeholders(const std::vector<std::string>& paths) {
  int removed = 0;
  for (std::string path : paths) {
    while (!path.empty() && path.back() == '/') path.pop_back();
    for (std::size_t cut = path.rfind('/'); cut != path.npos && cut > 0; path.resize(cut), cut = path.rfind('/')) {
      open_how how{};
      how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
      how.resolve = RESOLVE_NO_MAGICLINKS;
      const std::string above = path.substr(0, cut), name = path.substr(cut + 1);
      const Descriptor folder(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, above.c_str(), &how, sizeof how)));
      if (!folder) continue;
      const auto found = adopt_placeholder(folder.get(), name);
      if (!found) break;
      remove_placeholder(*found);
      if (::faccessat(folder.get(), name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) ++removed;
    }
  }
  return removed;
}

}  // namespace interlock::sandbox
