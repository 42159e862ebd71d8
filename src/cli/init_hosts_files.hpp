// The files of agent hosts, as they are on this machine: read with what is known of them, and written so that each is whole at any instant.
//
// A file that is reached through symbolic links (dotfile managers) is edited where it really is, and the links stay. Refused, with what to
// do: links into files of somebody else, or, for a project's files, out of the project; links to what is not there; files of another owner,
// without the owner's right to write, with other hard links, or no files at all. Mode and owner stay. Blocking; one thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::cli {

inline constexpr std::size_t kHostFileBytes = std::size_t{16} << 20;

struct HostFile {
  std::string path;                 // as the host names it
  std::string target;               // where it is, without links
  std::optional<std::string> text;  // nullopt: it is not there
  mode_t mode = 0;
  uid_t owner = 0;
  gid_t group = 0;
  bool is_link() const { return path != target; }
};

// `within`: a folder that the target must be in; empty: anywhere.
Result<HostFile> read_host_file(const std::string& path, const std::string& within);

// Puts `after` in the place of what `before` says, if that is still there (else kConflict); nullopt removes the file. Folders that are
// missing are made, and named in `made`, outermost first.
Status write_host_file(const HostFile& before, const std::optional<std::string>& after, mode_t mode_of_new, std::vector<std::string>& made);

// A file of ours with mode 0600, on disk when this returns.
Status write_private_file(const std::string& path, std::string_view text);

}  // namespace interlock::cli
