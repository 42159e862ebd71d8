// What `interlock init HOST` changed, kept so that `--undo` gives the bytes back: <state>/backups/<time>-<hosts>/ with manifest.json (every
// file, its hash before and after) and the files as they were. Written and on disk before the first file is touched; 0700 and 0600, since
// configurations hold tokens. One `init` at a time: the folder is locked while the object lives. Blocking; one thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/init_hosts_files.hpp"

namespace interlock::cli {

struct PlannedFile {
  HostFile before;
  std::optional<std::string> after;
  mode_t mode_of_new = 0644;
};

class Backups {
 public:
  // `folder`: <state>/backups; made if it is missing. kUnavailable: another init is at work.
  static Result<Backups> open(const std::filesystem::path& folder);
  Backups(Backups&& other) noexcept;
  ~Backups();

  // Keeps what `files` are, then writes what they shall be, one after the other. Returns where they are kept. On an error in the middle,
  // those before it are written and can be undone.
  Result<std::filesystem::path> write(const std::vector<std::string>& hosts, const std::vector<PlannedFile>& files, std::string_view time,
                                      bool undo) const;

  // What `path` was before init changed it, as far as it is what init left: through every change that init made, the newest first.
  struct Earlier {
    bool restored = false;            // `text` is what was there before
    std::optional<std::string> text;  // else as given
    bool made = false;                // the file was not there before the oldest change
  };
  Result<Earlier> earlier(const std::string& path, std::optional<std::string> text) const;
  // Folders that init made, innermost first: those that are empty may go with the last file.
  std::vector<std::string> made_folders() const;

 private:
  Backups(std::filesystem::path folder, int lock) : folder_(std::move(folder)), lock_(lock) {}
  std::vector<std::filesystem::path> newest_first() const;

  std::filesystem::path folder_;
  int lock_ = -1;
};

}  // namespace interlock::cli
