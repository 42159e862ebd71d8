#include "identity/identity.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/hash.hpp"

#include <openssl/evp.h>

namespace interlock::identity {
namespace {

constexpr std::size_t kCgroupBytes = 4096;
constexpr std::size_t kNameBytes = 64;
constexpr std::size_t kCachedDigests = 256;
constexpr std::size_t kStatBytes = 1024;
constexpr std::size_t kStatusBytes = 4096;
constexpr std::size_t kParents = 16;  // a process tree can be as deep as its user likes

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string proc_path(int pid, std::string_view leaf) { return "/proc/" + std::to_string(pid) + "/" + std::string(leaf); }

// What may stand in an id: a path separator, a quote or a blank in a file's name must not look like another subject.
std::string plain_name(std::string_view name) {
  std::string out;
  for (char c : name.substr(0, kNameBytes)) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+' || c == '-';
    out += plain ? c : '_';
  }
  return out;
}

// JSON is UTF-8; a path is any bytes. Other bytes become '?'.
std::string utf8_or_marks(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[at]);
    const std::size_t length = lead < 0x80                   ? 1
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xF0 && lead < 0xF5 ? 4
                                                             : 0;
    bool good = length > 0 && at + length <= bytes.size();
    for (std::size_t i = 1; good && i < length; ++i) good = (static_cast<unsigned char>(bytes[at + i]) & 0xC0) == 0x80;
    if (good && length == 3) {
      const auto second = static_cast<unsigned char>(bytes[at + 1]);
      good = !(lead == 0xE0 && second < 0xA0) && !(lead == 0xED && second >= 0xA0);
    }
    if (good && length == 4) {
      const auto second = static_cast<unsigned char>(bytes[at + 1]);
      good = !(lead == 0xF0 && second < 0x90) && !(lead == 0xF4 && second >= 0x90);
    }
    if (!good) {
      out += '?';
      ++at;
      continue;
    }
    out.append(bytes.substr(at, length));
    at += length;
  }
  return out;
}

std::optional<std::string> read_link(const std::string& path) {
  std::string out(4096, '\0');
  const auto length = ::readlink(path.c_str(), out.data(), out.size());
  if (length <= 0 || static_cast<std::size_t>(length) == out.size()) return std::nullopt;
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> read_small(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string out(limit, '\0');
  std::size_t filled = 0;
  while (filled < limit) {
    const auto got = ::read(file.get(), out.data() + filled, limit - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

std::string cgroup_of(int pid) {
  const auto text = read_small(proc_path(pid, "cgroup"), kCgroupBytes);
  if (!text) return {};
  for (std::size_t at = 0; at < text->size();) {
    const auto end = text->find('\n', at);
    const std::string_view line = std::string_view(*text).substr(at, end == std::string::npos ? std::string::npos : end - at);
    if (line.starts_with("0::")) return std::string(line.substr(3));
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return {};
}

struct Descent {
  int parent = 0;
  int session = 0;
};

// proc(5), stat: "pid (name) state ppid pgrp session ...", where the name may hold anything, parentheses too.
std::optional<Descent> descent_of(int pid) {
  const auto text = read_small(proc_path(pid, "stat"), kStatBytes);
  const auto close = text ? text->rfind(')') : std::string::npos;
  if (close == std::string::npos) return std::nullopt;
  Descent out;
  int group = 0;
  char state = 0;
  if (std::sscanf(text->c_str() + close + 1, " %c %d %d %d", &state, &out.parent, &group, &out.session) != 4) return std::nullopt;
  return out;
}

// Executables of the processes that started this one, the nearest first, up to its session's leader: the shell of a terminal, a service's
// main process. They are where they are now: a parent that is gone has handed its children on.
json::array parents_of(int pid) {
  json::array out;
  auto at = descent_of(pid);
  for (std::size_t i = 0; i < kParents && at && pid != at->session && at->parent > 1; ++i) {
    pid = at->parent;
    const auto path = read_link(proc_path(pid, "exe"));
    out.emplace_back(path ? utf8_or_marks(*path) : "unknown");
    at = descent_of(pid);
  }
  return out;
}

// SHA-256 of an open file, or nullopt where it cannot be read or is longer than it was.
std::optional<Digest> hash_file(int fd, std::size_t limit) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  if (context == nullptr) return std::nullopt;
  std::optional<Digest> result;
  bool good = EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1;
  std::vector<char> block(std::size_t{1} << 18);
  std::size_t total = 0;
  while (good) {
    const auto got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) good = false;
    if (got <= 0) break;
    total += static_cast<std::size_t>(got);
    good = total <= limit && EVP_DigestUpdate(context, block.data(), static_cast<std::size_t>(got)) == 1;
  }
  if (good) {
    Digest digest;
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context, digest.data(), &length) == 1 && length == digest.size()) result = digest;
  }
  EVP_MD_CTX_free(context);
  return result;
}

// By device, inode, size, modification and change time: a file that was written to has another change time.
using FileKey = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

std::int64_t nanoseconds(const timespec& t) { return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; }

std::optional<std::string> executable_digest(int pid, std::size_t limit) {
  // Through the link, so that it is the very file that runs, also where its name now belongs to another.
  const Descriptor file(::open(proc_path(pid, "exe").c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts;
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return std::nullopt;
  if (facts.st_size < 0 || static_cast<std::size_t>(facts.st_size) > limit) return std::nullopt;
  const FileKey key{facts.st_dev, facts.st_ino, facts.st_size, nanoseconds(facts.st_mtim), nanoseconds(facts.st_ctim)};

  static std::mutex mutex;
  static std::map<FileKey, std::string> known;
  {
    const std::lock_guard lock(mutex);
    if (const auto it = known.find(key); it != known.end()) return it->second;
  }
  const auto digest = hash_file(file.get(), limit);
  if (!digest) return std::nullopt;
  const std::lock_guard lock(mutex);
  if (known.size() >= kCachedDigests) known.clear();
  return known.emplace(key, to_hex(*digest)).first->second;
}

// Whether the name still leads to the file that runs. A process with mounts of its own can run any file under any name.
bool leads_to_what_runs(const std::string& path, int pid) {
  struct stat named;
  struct stat running;
  return ::stat(path.c_str(), &named) == 0 && ::stat(proc_path(pid, "exe").c_str(), &running) == 0 && named.st_dev == running.st_dev &&
         named.st_ino == running.st_ino;
}

// Whether the process is this user's, by one of its real, effective and saved ids (proc(5), status). A number whose process ended may be
// another's by now.
bool is_of_user(int pid, int uid) {
  const auto text = read_small(proc_path(pid, "status"), kStatusBytes);
  const auto at = text ? text->find("\nUid:") : std::string::npos;
  if (at == std::string::npos) return false;
  int real = -1;
  int effective = -1;
  int saved = -1;
  if (std::sscanf(text->c_str() + at + 5, "%d %d %d", &real, &effective, &saved) != 3) return false;
  return uid == real || uid == effective || uid == saved;
}

// The program by its bytes where they could be read, and the control group it was put into.
std::string workload_of(const json::object& attributes) {
  const auto digest = json::string_at(attributes, "executable_sha256");
  const auto executable = digest ? digest : json::string_at(attributes, "executable");
  if (!executable) return {};
  return (digest ? "sha256:" : "") + std::string(*executable) + " " + std::string(json::string_at(attributes, "cgroup").value_or(""));
}

}  // namespace

std::string user_name(int uid) {
  if (uid < 0) return "unknown";
  std::vector<char> buffer(16 * 1024);
  passwd entry;
  passwd* found = nullptr;
  if (::getpwuid_r(static_cast<uid_t>(uid), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr &&
      found->pw_name[0] != '\0') {
    return utf8_or_marks(found->pw_name);
  }
  return "uid-" + std::to_string(uid);
}

model::Subject local_subject(int pid, int uid, const LocalSubjectOptions& options) {
  model::Subject subject;
  subject.owner = user_name(uid);
  subject.assurance = model::Assurance::kKernel;
  subject.credential = "peer";
  subject.attributes["user"] = subject.owner;
  subject.attributes["uid"] = uid;

  std::string program = "unknown";
  if (pid > 0 && is_of_user(pid, uid)) {
    subject.attributes["pid"] = pid;
    if (auto path = read_link(proc_path(pid, "exe"))) {
      static constexpr std::string_view kDeleted = " (deleted)";
      // The kernel appends this when the file is unlinked; a file may also be named so, then the link still resolves.
      struct stat facts;
      if (path->ends_with(kDeleted) && ::stat(path->c_str(), &facts) != 0) {
        path->resize(path->size() - kDeleted.size());
        subject.attributes["executable_deleted"] = true;
      }
      program = plain_name(std::string_view(*path).substr(path->rfind('/') + 1));
      if (program.empty()) program = "unknown";
      const bool is_known = subject.attributes.contains("executable_deleted") || leads_to_what_runs(*path, pid);
      subject.attributes[is_known ? "executable" : "executable_elsewhere"] = utf8_or_marks(*path);
      if (options.hash_bytes > 0) {
        if (const auto digest = executable_digest(pid, options.hash_bytes)) subject.attributes["executable_sha256"] = *digest;
      }
    }
    if (const auto cgroup = cgroup_of(pid); !cgroup.empty()) subject.attributes["cgroup"] = utf8_or_marks(cgroup);
    if (auto parents = parents_of(pid); !parents.empty()) subject.attributes["parents"] = std::move(parents);
    subject.workload = workload_of(subject.attributes);
  }
  subject.id = "local/" + plain_name(subject.owner) + "/" + program;
  return subject;
}

}  // namespace interlock::identity
