#include "net/lent_files.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace interlock::net {
namespace {

constexpr std::size_t kLentTexts = 64;
constexpr const char* kTmpfsOptions = "size=4m,mode=0700,nr_inodes=128";
constexpr unsigned long kTmpfsFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

void wipe(std::string& text) {
  explicit_bzero(text.data(), text.size());
  text.clear();
}

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size > 0) {
    const auto count = ::write(file, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    size -= static_cast<std::size_t>(count);
  }
  return true;
}

bool write_file(const char* path, int flags, std::string_view text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC | flags, S_IRUSR);
  if (file < 0) return false;
  const bool written = write_all(file, text.data(), text.size());
  const int error = errno;
  ::close(file);
  errno = error;
  return written;
}

}  // namespace

LentFiles::~LentFiles() {
  for (const int file : memory_) ::close(file);
  for (auto& file : files_) wipe(file.text);
  if (!folder_.empty()) ::rmdir(folder_.c_str());
}

Status LentFiles::add_descriptor(const std::string& text) {
  const int file = ::memfd_create("interlock-credential", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0) return fail(system_error("memfd_create", errno));
  memory_.push_back(file);
  if (!write_all(file, text.data(), text.size()) || ::lseek(file, 0, SEEK_SET) != 0 ||
      ::fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0)
    return fail(system_error("cannot seal a file in memory", errno));
  return {};
}

Status LentFiles::prepare(std::vector<LentText>& lent, std::map<std::string, std::string>& environment) {
  if (lent.size() > kLentTexts) return fail(ErrorCode::kTooLarge, "a process is lent more than 64 secrets");
  Status status;
  const bool has_dev_fd = ::access("/dev/fd", X_OK) == 0;
  for (auto& one : lent) {
    if (!status) {
      wipe(one.text);
      continue;
    }
    switch (one.way) {
      case LentText::Way::kEnvironment:
        environment[one.name] = one.text;
        wipe(one.text);
        break;
      case LentText::Way::kDescriptor:
        environment[one.name] = (has_dev_fd ? "/dev/fd/" : "/proc/self/fd/") + std::to_string(kFirstLentDescriptor + memory_.size());
        status = add_descriptor(one.text);
        wipe(one.text);
        break;
      case LentText::Way::kFile:
        if (one.name.empty() || one.name.find('/') != std::string::npos || one.name.starts_with('.')) {
          status = fail(ErrorCode::kInvalid, "a credential cannot be a file called \"" + one.name + "\"", "give it a plain name");
          wipe(one.text);
          break;
        }
        files_.push_back({one.name, std::move(one.text)});
        break;
    }
  }
  if (!status || files_.empty()) return status;
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  std::string pattern = (base != nullptr && *base == '/' ? std::string(base) : std::string("/tmp")) + "/interlock-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return fail(system_error("cannot make a mount point " + pattern, errno));
  folder_ = pattern;
  environment["CREDENTIALS_DIRECTORY"] = folder_;
  for (auto& file : files_) file.path = folder_ + "/" + file.path;
  const auto line = [](unsigned id) { return std::to_string(id) + " " + std::to_string(id) + " 1"; };
  uid_map_ = line(::geteuid());
  gid_map_ = line(::getegid());
  return {};
}

LentFiles::Failure LentFiles::place_descriptors() {
  const int first_free = kFirstLentDescriptor + static_cast<int>(memory_.size());
  // Out of the way first, since one may stand where another goes.
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    const int moved = ::fcntl(memory_[i], F_DUPFD_CLOEXEC, first_free);
    if (moved < 0) return {Step::kDescriptor, errno};
    memory_[i] = moved;  // of the child's copy of us
  }
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    if (::dup2(memory_[i], kFirstLentDescriptor + static_cast<int>(i)) < 0) return {Step::kDescriptor, errno};
  }
  return {};
}

LentFiles::Failure LentFiles::mount_files() const {
  if (files_.empty()) return {};
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno != EPERM) return {Step::kNamespace, errno};
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return {Step::kNamespace, errno};
    // Its own user and group, and nothing else, exist in it (user_namespaces(7)).
    if (!write_file("/proc/self/setgroups", 0, "deny") || !write_file("/proc/self/uid_map", 0, uid_map_) ||
        !write_file("/proc/self/gid_map", 0, gid_map_))
      return {Step::kNamespace, errno};
  }
  // What is mounted later on this machine is still seen; what is mounted here is seen nowhere else.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return {Step::kMount, errno};
  if (::mount("interlock", folder_.c_str(), "tmpfs", kTmpfsFlags, kTmpfsOptions) != 0) return {Step::kMount, errno};
  for (const auto& file : files_) {
    if (!write_file(file.path.c_str(), O_CREAT | O_EXCL | O_NOFOLLOW, file.text)) return {Step::kFile, errno};
  }
  if (::mount(nullptr, folder_.c_str(), nullptr, MS_REMOUNT | MS_RDONLY | kTmpfsFlags, nullptr) != 0) return {Step::kMount, errno};
  return {};
}

Error lent_error(const LentFiles::Failure& failure) {
  switch (failure.step) {
    case LentFiles::Step::kDescriptor: return system_error("cannot hand a descriptor to the child", failure.error);
    case LentFiles::Step::kFile: return system_error("cannot write a credential into the child's private folder", failure.error);
    case LentFiles::Step::kNamespace:
    case LentFiles::Step::kMount:
    case LentFiles::Step::kDone: break;
  }
  auto error = system_error(std::string("the kernel refuses a private folder for the credentials of the child (") +
                                (failure.step == LentFiles::Step::kMount ? "mount" : "unshare") + ")",
                            failure.error);
  error.code = ErrorCode::kUnsupported;
  error.hint = "allow unprivileged user namespaces, or run the gate with CAP_SYS_ADMIN, or lend it with `fd:` in place of `file:`";
  return error;
}

}  // namespace interlock::net
