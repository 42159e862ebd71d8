#include "ledger/files.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/hash.hpp"
#include "base/ids.hpp"

namespace interlock::ledger {
namespace {

constexpr std::size_t kSmallFile = 4096;

std::string temporary_name(const std::filesystem::path& path) { return "." + path.filename().string() + "." + to_hex(random_bytes(6)); }

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error("cannot write " + path.string(), errno));
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

Result<File> File::open(const std::filesystem::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    auto error = system_error("cannot open " + path.string(), errno);
    if (errno == ENOENT) error.code = ErrorCode::kNotFound;
    return fail(std::move(error));
  }
  return File(fd);
}

std::string log_name(int number) {
  std::string name = std::to_string(number);
  return std::string(name.size() < 4 ? 4 - name.size() : 0, '0') + name;
}

Result<std::vector<LogPaths>> list_logs(const std::filesystem::path& ledger_folder) {
  std::error_code code;
  std::filesystem::directory_iterator entries(ledger_folder, code);
  std::vector<LogPaths> logs;
  if (code == std::errc::no_such_file_or_directory) return logs;
  for (; !code && entries != std::filesystem::directory_iterator(); entries.increment(code)) {
    const auto name = entries->path().filename().string();
    if (name.size() == 4 && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) logs.push_back({entries->path()});
  }
  if (code) return fail(system_error("cannot read " + ledger_folder.string(), code.value()));
  std::ranges::sort(logs, {}, &LogPaths::folder);
  return logs;
}

Status make_folder(const std::filesystem::path& folder) {
  if (folder.has_parent_path() && ::access(folder.parent_path().c_str(), F_OK) != 0) {
    if (auto status = make_folder(folder.parent_path()); !status) return status;
  }
  if (::mkdir(folder.c_str(), 0700) == 0) return sync_folder(folder.parent_path().empty() ? "." : folder.parent_path());
  if (errno != EEXIST) return fail(system_error("cannot make the folder " + folder.string(), errno));
  return {};
}

Result<std::optional<File>> try_lock(const std::filesystem::path& path) {
  auto file = File::open(path, O_RDWR | O_CREAT);
  if (!file) return fail(std::move(file.error()));
  if (::flock(file->fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    return fail(system_error("cannot lock " + path.string(), errno));
  }
  return std::optional<File>(std::move(*file));
}

Result<std::optional<std::string>> read_file(const std::filesystem::path& path, std::size_t limit) {
  auto file = File::open(path, O_RDONLY);
  if (!file) {
    if (file.error().code == ErrorCode::kNotFound) return std::nullopt;
    return fail(std::move(file.error()));
  }
  std::string bytes;
  char buffer[16 * 1024];
  for (;;) {
    const auto count = ::read(file->fd(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error("cannot read " + path.string(), errno));
    if (count == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(count));
    if (bytes.size() > limit) return fail(ErrorCode::kTooLarge, path.string() + " is larger than such a file can be");
  }
}

void clear_scratch(const std::filesystem::path& scratch) {
  std::error_code code;
  std::vector<std::filesystem::path> leftovers;
  for (std::filesystem::directory_iterator entries(scratch, code); !code && entries != std::filesystem::directory_iterator();
       entries.increment(code)) {
    if (entries->path().filename().string().starts_with('.')) leftovers.push_back(entries->path());
  }
  for (const auto& leftover : leftovers) std::filesystem::remove(leftover, code);
}

Status replace_file(const std::filesystem::path& path, std::string_view bytes, Sync sync, const std::filesystem::path& scratch) {
  const auto temporary = scratch / temporary_name(path);
  auto file = File::open(temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (!file) return fail(std::move(file.error()));
  auto status = write_all(file->fd(), bytes, path);
  if (status && sync == Sync::kYes && ::fdatasync(file->fd()) != 0) status = fail(system_error("cannot write " + path.string(), errno));
  if (status && ::rename(temporary.c_str(), path.c_str()) != 0) status = fail(system_error("cannot replace " + path.string(), errno));
  if (!status) {
    ::unlink(temporary.c_str());
    return status;
  }
  return sync == Sync::kYes ? sync_folder(path.parent_path()) : Status();
}

Status sync_folder(const std::filesystem::path& folder) {
  auto file = File::open(folder, O_RDONLY | O_DIRECTORY);
  if (!file) return fail(std::move(file.error()));
  if (::fsync(file->fd()) != 0) return fail(system_error("cannot sync " + folder.string(), errno));
  return {};
}

Result<std::optional<tlog::Signer>> read_key(const std::filesystem::path& ledger_folder) {
  const auto path = ledger_folder / "key";
  auto text = read_file(path, kSmallFile);
  if (!text) return fail(std::move(text.error()));
  if (!*text) return std::nullopt;
  std::string_view line = **text;
  if (line.ends_with('\n')) line.remove_suffix(1);
  auto signer = tlog::Signer::parse(line);
  OPENSSL_cleanse((*text)->data(), (*text)->size());
  if (!signer) {
    return fail(ErrorCode::kInvalid, path.string() + ": " + signer.error().message,
                "restore the ledger's key, or move it away: new logs are then begun with a new key");
  }
  return std::optional<tlog::Signer>(std::move(*signer));
}

Result<tlog::Signer> read_or_make_key(const std::filesystem::path& ledger_folder, const std::string& origin) {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    auto present = read_key(ledger_folder);
    if (!present) return fail(std::move(present.error()));
    if (*present) return std::move(**present);
    auto signer = tlog::Signer::generate(origin);
    if (!signer) return signer;
    // A complete file is linked into place, so that of several processes one makes the key and none reads half of it.
    const auto path = ledger_folder / "key";
    const auto temporary = ledger_folder / temporary_name(path);
    auto text = signer->private_text() + "\n";
    auto status = replace_file(temporary, text, Sync::kYes, ledger_folder);
    OPENSSL_cleanse(text.data(), text.size());
    if (!status) return fail(std::move(status.error()));
    const int linked = ::link(temporary.c_str(), path.c_str());
    const int error_number = errno;
    ::unlink(temporary.c_str());
    if (linked == 0) {
      if (auto synced = sync_folder(ledger_folder); !synced) return fail(std::move(synced.error()));
      return signer;
    }
    if (error_number != EEXIST) return fail(system_error("cannot make " + path.string(), error_number));
  }
  return fail(ErrorCode::kUnavailable, "the ledger's key in " + ledger_folder.string() + " comes and goes", "try again");
}

std::string log_origin(const std::string& ledger_origin, const std::string& log_name) { return ledger_origin + "/" + log_name; }

std::string boot_id() {
  auto text = read_file("/proc/sys/kernel/random/boot_id", kSmallFile);
  if (!text || !*text) return "unknown";
  std::string id = **text;
  while (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

}  // namespace interlock::ledger
