#include "cli/init_hosts_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> found(::realpath(path.c_str(), nullptr), &std::free);
  return found == nullptr ? std::nullopt : std::optional<std::string>(found.get());
}

// Where a file that is not there would be made: links among its folders followed.
Result<std::string> future_path(const fs::path& path) {
  fs::path missing = path.filename();
  for (fs::path folder = path.parent_path(); !folder.empty(); folder = folder.parent_path()) {
    struct stat facts{};
    if (::lstat(folder.c_str(), &facts) == 0) {
      const auto real = real_path(folder.string());
      if (!real) return fail(system_error(folder.string() + " leads nowhere", errno));
      if (::stat(real->c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode))
        return fail(ErrorCode::kInvalid, folder.string() + " is no folder");
      return (fs::path(*real) / missing).string();
    }
    if (errno != ENOENT) return fail(system_error("cannot look at " + folder.string(), errno));
    missing = folder.filename() / missing;
    if (folder == folder.parent_path()) break;
  }
  return fail(ErrorCode::kNotFound, "there is no folder for " + path.string());
}

Status check_within(const HostFile& file, const std::string& within) {
  if (within.empty()) return {};
  const auto root = real_path(within);
  if (root && (*root == "/" || file.target.starts_with(*root + "/"))) return {};
  return fail(ErrorCode::kDenied, file.path + " is a link out of the project, to " + file.target,
              "a project's own files must be in it; if the link is yours, run `interlock init` for that file's own host or project");
}

Status check_facts(const HostFile& file, const struct stat& link, const struct stat& facts) {
  if (!S_ISREG(facts.st_mode)) return fail(ErrorCode::kInvalid, file.target + " is no regular file");
  if (file.is_link() && S_ISLNK(link.st_mode) && link.st_uid != facts.st_uid)
    return fail(ErrorCode::kDenied, file.path + " is a link into a file of somebody else, " + file.target, "edit that file as its owner");
  if (::geteuid() != 0 && facts.st_uid != ::geteuid())
    return fail(ErrorCode::kDenied, file.target + " belongs to another user", "run this as its owner");
  if ((facts.st_mode & S_IWUSR) == 0)
    return fail(ErrorCode::kDenied, file.target + " is read-only", "if it is yours to change: chmod u+w, or change what generates it");
  if (facts.st_nlink > 1)
    return fail(ErrorCode::kDenied, file.target + " has other names (hard links), which would be cut off from it",
                "make it a file of its own, or a symbolic link");
  if (static_cast<std::uintmax_t>(facts.st_size) > kHostFileBytes) return fail(ErrorCode::kTooLarge, file.target + " is too large");
  return {};
}

Result<std::string> read_all(int fd, const std::string& name) {
  std::string out;
  char buffer[64 * 1024];
  for (;;) {
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got == 0) return out;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("cannot read " + name, errno));
    out.append(buffer, static_cast<std::size_t>(got));
    if (out.size() > kHostFileBytes) return fail(ErrorCode::kTooLarge, name + " is too large");
  }
}

// 0, or errno.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

int sync_folder(const std::string& path) {
  const Descriptor folder(::open(fs::path(path).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return folder.get() < 0 || ::fsync(folder.get()) != 0 ? errno : 0;
}

// As the folder's owner, where root makes things in somebody's home.
int give_to_owner_of(int fd, const std::string& folder) {
  struct stat facts{};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &facts) != 0 || facts.st_uid == 0) return 0;
  return ::fchown(fd, facts.st_uid, facts.st_gid) == 0 ? 0 : errno;
}

Status make_folders(const fs::path& folder, std::vector<std::string>& made) {
  std::error_code ignored;
  if (folder.empty() || fs::is_directory(folder, ignored)) return {};
  if (auto done = make_folders(folder.parent_path(), made); !done) return done;
  if (::mkdir(folder.c_str(), 0755) != 0) {
    if (errno == EEXIST) return {};
    return fail(system_error("cannot make " + folder.string(), errno));
  }
  made.push_back(folder.string());
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (opened.get() >= 0) (void)give_to_owner_of(opened.get(), folder.parent_path().string());
  return {};
}

Status still_as(const HostFile& before) {
  const Descriptor file(::open(before.target.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::optional<std::string> now;
  if (file.get() >= 0) {
    auto text = read_all(file.get(), before.target);
    if (!text) return fail(std::move(text.error()));
    now = std::move(*text);
  } else if (errno != ENOENT) {
    return fail(system_error("cannot read " + before.target, errno));
  }
  if (now == before.text) return {};
  return fail(ErrorCode::kConflict, before.path + " has changed while you looked at the changes", "run this again");
}

// Written beside, then moved into place.
Status replace(const HostFile& before, std::string_view after, mode_t mode_of_new) {
  const auto beside = before.target + ".interlock-" + std::to_string(::getpid());
  const auto wrong = [&](int why) { return fail(system_error("cannot write " + before.target, why)); };
  int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST && ::unlink(beside.c_str()) == 0)  // of one with our number that was killed
    fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return wrong(errno);
  const Descriptor file(fd);
  int why = write_all(fd, after);
  if (why == 0 && before.text) {
    const bool same_owner = before.owner == ::geteuid() && before.group == ::getegid();
    if (!same_owner && ::fchown(fd, before.owner, before.group) != 0) why = errno;
  } else if (why == 0) {
    why = give_to_owner_of(fd, fs::path(before.target).parent_path().string());
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  if (why == 0 && ::fchmod(fd, before.text ? before.mode : mode_of_new & ~mask) != 0) why = errno;
  if (why == 0 && ::fsync(fd) != 0) why = errno;
  auto unchanged = why == 0 ? still_as(before) : Status{};
  if (why == 0 && unchanged && ::rename(beside.c_str(), before.target.c_str()) != 0) why = errno;
  if (why != 0 || !unchanged) ::unlink(beside.c_str());
  if (why == 0 && unchanged) why = sync_folder(before.target);
  if (why != 0) return wrong(why);
  return unchanged;
}

}  // namespace

Result<HostFile> read_host_file(const std::string& path, const std::string& within) {
  HostFile out{.path = path, .target = path, .text = std::nullopt};
  struct stat link{};
  if (::lstat(path.c_str(), &link) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) return fail(system_error("cannot look at " + path, errno));
    auto future = future_path(path);
    if (!future) return fail(std::move(future.error()));
    out.target = std::move(*future);
    if (auto good = check_within(out, within); !good) return fail(std::move(good.error()));
    return out;
  }
  const auto real = real_path(path);
  if (!real)
    return fail(ErrorCode::kNotFound, path + " is a link to something that is not there", "remove the link, or make the file it leads to");
  out.target = *real;
  if (auto good = check_within(out, within); !good) return fail(std::move(good.error()));
  const Descriptor file(::open(out.target.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) return fail(system_error("cannot read " + out.target, errno));
  struct stat facts{};
  if (::fstat(file.get(), &facts) != 0) return fail(system_error("cannot look at " + out.target, errno));
  if (auto good = check_facts(out, link, facts); !good) return fail(std::move(good.error()));
  auto text = read_all(file.get(), out.target);
  if (!text) return fail(std::move(text.error()));
  out.text = std::move(*text);
  out.mode = facts.st_mode & 07777;
  out.owner = facts.st_uid;
  out.group = facts.st_gid;
  return out;
}

Status write_host_file(const HostFile& before, const std::optional<std::string>& after, mode_t mode_of_new,
                       std::vector<std::string>& made) {
  if (after) {
    if (auto done = make_folders(fs::path(before.target).parent_path(), made); !done) return done;
    return replace(before, *after, mode_of_new);
  }
  if (!before.text) return {};
  if (auto good = still_as(before); !good) return good;
  if (::unlink(before.target.c_str()) != 0) return fail(system_error("cannot remove " + before.target, errno));
  if (const int why = sync_folder(before.target); why != 0) return fail(system_error("cannot remove " + before.target, why));
  return {};
}

Status write_private_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return fail(system_error("cannot write " + path, errno));
  int why = write_all(file.get(), text);
  if (why == 0 && ::fsync(file.get()) != 0) why = errno;
  if (why == 0) why = sync_folder(path);
  if (why != 0) return fail(system_error("cannot write " + path, why));
  return {};
}

}  // namespace interlock::cli
