// The files of a ledger: where they lie, and the few ways in which they are opened, locked and replaced (docs/formats.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "tlog/note.hpp"

namespace interlock::ledger {

// An open file; closes itself.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File();
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  // Opens with O_CLOEXEC; files are made for their owner only.
  static Result<File> open(const std::filesystem::path& path, int flags);

 private:
  int fd_ = -1;
};

// What lies in the folder of one log.
struct LogPaths {
  std::filesystem::path folder;
  std::filesystem::path log() const { return folder / "log"; }
  std::filesystem::path lock() const { return folder / "lock"; }
  std::filesystem::path checkpoint() const { return folder / "checkpoint"; }
  std::filesystem::path resume() const { return folder / "resume"; }
  std::filesystem::path index() const { return folder / "index.db"; }
  std::filesystem::path set_aside() const { return folder / "set-aside"; }
  std::string name() const { return folder.filename().string(); }  // "0001"
};

inline constexpr int kLogs = 9'999;  // of one ledger, used at once
std::string log_name(int number);

// The logs below the ledger's folder, by name. An absent folder has none.
Result<std::vector<LogPaths>> list_logs(const std::filesystem::path& ledger_folder);

// Makes the folder, and what leads to it, for the owner only.
Status make_folder(const std::filesystem::path& folder);
// Takes the lock if nobody has it; nullopt: a living process has.
Result<std::optional<File>> try_lock(const std::filesystem::path& path);

// nullopt: there is no such file. kTooLarge above `limit`.
Result<std::optional<std::string>> read_file(const std::filesystem::path& path, std::size_t limit);
// Replaces the file at once: readers see the old or the new one. kYes: on disk when this returns. What a process that died in
// between leaves is a file in `scratch` whose name begins with a dot.
enum class Sync : bool { kNo, kYes };
Status replace_file(const std::filesystem::path& path, std::string_view bytes, Sync sync, const std::filesystem::path& scratch);
void clear_scratch(const std::filesystem::path& scratch);
Status sync_folder(const std::filesystem::path& folder);

// The key that signs the checkpoints of all logs of the ledger: <folder>/key.
Result<std::optional<tlog::Signer>> read_key(const std::filesystem::path& ledger_folder);
// Made with the name `origin` where there is none.
Result<tlog::Signer> read_or_make_key(const std::filesystem::path& ledger_folder, const std::string& origin);
// Log 0001 of the ledger "host.example/interlock" signs as "host.example/interlock/0001".
std::string log_origin(const std::string& ledger_origin, const std::string& log_name);

// Changes with each start of the machine.
std::string boot_id();

}  // namespace interlock::ledger
