#include "sandbox/program_file.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <filesystem>
#include <optional>
#include <string_view>

namespace interlock::sandbox {
namespace {

constexpr std::size_t kFirstLineBytes = 256;  // BINPRM_BUF_SIZE: what the kernel looks at
constexpr int kInterpreters = 5;              // that follow one another, at most
constexpr std::string_view kBlank = " \t";

// As fs/binfmt_script.c reads it; nothing where the file is no script.
std::optional<FirstLine> first_line(std::string_view head) {
  if (!head.starts_with("#!")) return std::nullopt;
  head.remove_prefix(2);
  head = head.substr(0, head.find_first_of(std::string_view("\n\0", 2)));
  const std::size_t end = head.find_last_not_of(kBlank);
  const std::size_t begin = head.find_first_not_of(kBlank);
  if (begin == head.npos) return std::nullopt;
  head = head.substr(begin, end + 1 - begin);
  const std::size_t cut = head.find_first_of(kBlank);
  FirstLine line{std::string(head.substr(0, cut)), {}};
  if (cut != head.npos) line.argument = head.substr(head.find_first_not_of(kBlank, cut));
  return line;
}

bool is_file_link(std::string_view rest) {
  return rest == "exe" || (rest.starts_with("fd/") && rest.size() > 3 && rest.find_first_not_of("0123456789", 3) == rest.npos);
}

// A path below a process's own folder of /proc, whose links lead nowhere for a walk from outside.
struct OwnLink {
  std::string_view process;  // "self", "thread-self" or a number
  std::string rest;          // below that folder
};
std::optional<OwnLink> own_link(std::string_view path) {
  if (path.starts_with("/dev/fd/")) return OwnLink{"self", std::string(path.substr(5))};
  constexpr std::string_view kProcesses = "/proc/";
  if (!path.starts_with(kProcesses)) return std::nullopt;
  path.remove_prefix(kProcesses.size());
  const std::size_t cut = path.find('/');
  if (cut == path.npos) return std::nullopt;
  const std::string_view process = path.substr(0, cut), rest = path.substr(cut + 1);
  return OwnLink{process, std::string(rest)};
}

std::string read_head(const std::string& path, std::size_t bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  std::string head(bytes, '\0');
  const ssize_t size = file ? ::pread(file.get(), head.data(), bytes, 0) : 0;
  head.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return head;
}

// What the process is called in its own namespace: the last number of that line.
std::string own_number(const std::string& process) {
  const std::string status = read_head(process + "status", 4096);
  const std::size_t at = status.find("\nNSpid:");
  if (at == status.npos) return {};
  const std::string_view line = std::string_view(status).substr(at + 1, status.find('\n', at + 1) - at - 1);
  return std::string(line.substr(line.find_last_of(" \t") + 1));
}

std::string link_of(int fd) {
  std::array<char, 4096> path;
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path.data(), path.size());
  return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

bool KnownPrograms::holds(const struct stat& status) const {
  const auto found = programs_.find(status.st_ino);
  return found != programs_.end() && found->second == key_of(status);
}

void KnownPrograms::add(const struct stat& status) {
  if (programs_.size() >= kKnownPrograms) programs_.clear();
  programs_.insert_or_assign(status.st_ino, key_of(status));
}

KnownPrograms::Key KnownPrograms::key_of(const struct stat& status) {
  return {status.st_dev, status.st_size, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

std::expected<ProgramFinder::Opened, int> ProgramFinder::open_path(const std::string& path) const {
  if (path.empty()) return std::unexpected(ENOENT);
  if (path.size() >= PATH_MAX) return std::unexpected(ENAMETOOLONG);
  if (const auto own = own_link(path)) {
    const bool is_own = own->process == "self" || own->process == "thread-self" || own->process == own_number(process_);
    if (is_own && own->rest.starts_with("cwd/")) return open_path(cwd_ + own->rest.substr(3));
    if (is_own && own->rest.starts_with("root/")) return open_path(own->rest.substr(4));
    if (!is_file_link(own->rest)) return std::unexpected(EACCES);
    Descriptor file(is_own ? ::open((process_ + own->rest).c_str(), O_PATH | O_CLOEXEC) : -1);
    if (!file) return std::unexpected(is_own ? errno : EACCES);
    return Opened{std::move(file), {}};
  }
  std::string whole = path[0] == '/' ? path : cwd_ + '/' + path;
  const auto open = [&](std::uint64_t resolve) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_IN_ROOT | resolve;
    return Descriptor(static_cast<int>(::syscall(SYS_openat2, root_, whole.c_str(), &how, sizeof how)));
  };
  if (Descriptor file = open(RESOLVE_NO_SYMLINKS)) {
    // Without a link on the way ".." is what it says.
    if (whole.find("/.") != whole.npos || whole.find("//") != whole.npos) whole = std::filesystem::path(whole).lexically_normal();
    return Opened{std::move(file), std::move(whole)};
  }
  if (errno != ELOOP) return std::unexpected(errno);
  Descriptor file = open(0);
  if (!file) return std::unexpected(errno == EXDEV || errno == EAGAIN ? EACCES : errno);
  return Opened{std::move(file), {}};
}

std::expected<ProgramFinder::Opened, int> ProgramFinder::open_program(const ProgramName& name) const {
  if (name.folder == AT_FDCWD || name.path.starts_with('/')) return open_path(name.path);
  Descriptor folder(::open((process_ + "fd/" + std::to_string(name.folder)).c_str(), O_PATH | O_CLOEXEC));
  if (!folder) return std::unexpected(EBADF);
  if (!name.path.empty()) return open_path(link_of(folder.get()) + '/' + name.path);
  if ((name.flags & AT_EMPTY_PATH) == 0) return std::unexpected(ENOENT);
  return Opened{std::move(folder), {}};
}

std::optional<FirstLine> ProgramFinder::script_line_of(int file, const struct stat& status) const {
  if (known_.holds(status)) return std::nullopt;
  auto line = first_line(read_head("/proc/self/fd/" + std::to_string(file), kFirstLineBytes));
  if (!line) known_.add(status);
  return line;
}

std::expected<ProgramFile, int> ProgramFinder::find(const ProgramName& name) const {
  auto opened = open_program(name);
  if (!opened) return std::unexpected(opened.error());
  ProgramFile found;
  std::string called = name.path;
  if (name.folder != AT_FDCWD && !name.path.starts_with('/'))
    called = "/dev/fd/" + std::to_string(name.folder) + (name.path.empty() ? "" : "/" + name.path);
  for (int depth = 0;; ++depth) {
    const int file = opened->file.get();
    struct stat status{};
    if (::fstat(file, &status) != 0) return std::unexpected(errno);
    if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) return std::unexpected(EACCES);
    found.final = {status.st_dev, status.st_ino};
    if (depth == 0) {
      found.in_memory = status.st_nlink == 0;
      found.name = opened->name.empty() ? link_of(file) : std::move(opened->name);
      if (found.name.starts_with("/memfd:")) found.name.erase(0, 1);
    }
    const auto line = script_line_of(file, status);
    if (!line) return found;
    if (depth == kInterpreters) return std::unexpected(ELOOP);
    if (depth == 0) {
      found.interpreter = line->interpreter;
      found.leading = {called};
    }
    if (!line->argument.empty()) found.leading.insert(found.leading.begin(), line->argument);
    found.leading.insert(found.leading.begin(), line->interpreter);
    opened = open_path(line->interpreter);
    if (!opened) return std::unexpected(opened.error());
  }
}

}  // namespace interlock::sandbox
