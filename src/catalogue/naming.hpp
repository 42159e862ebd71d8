// Paths and URLs in the one form that policies compare: what two spellings of a thing have in common.
//
// Lexical only: nothing here looks at a disk or asks a name server. A symbolic link inside a folder therefore counts as inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/action.hpp"

namespace interlock::catalogue {

inline constexpr std::size_t kMaxPathBytes = 16'384;  // a longer one is not read
inline constexpr std::size_t kMaxUrlBytes = 65'536;
inline constexpr std::size_t kMaxFolders = 256;  // containers of one path

// Absolute, without `.`, `..`, doubled and trailing slashes. `~` and `~/...` start at `home`, relative paths at `cwd`; where
// that is unknown the result is relative, collapsed as far as it goes. nullopt: empty, too long, too deep, or with a NUL.
std::optional<std::string> normal_path(std::string_view path, std::string_view cwd, std::string_view home);
// Folder::"/a/b", Folder::"/a", Folder::"/" of "/a/b/c"; none of a relative path. With `itself`, Folder::"/a/b/c" comes first.
std::vector<model::EntityName> folders_of(std::string_view path, bool itself);

struct NormalUrl {
  std::string id;                   // scheme://host[:port]/path: lower-case scheme and host, no user, query or fragment
  std::string host;                 // empty where the scheme has none
  std::optional<std::string> file;  // the path, of a file: URL on this machine
};
// nullopt: not an absolute URL, or one that readers understand differently (backslashes, blanks, escapes in the host, ...).
std::optional<NormalUrl> normal_url(std::string_view url);
// Host::"a.b.c", Host::"b.c": the host and the domains that hold it. Of an address: only itself.
std::vector<model::EntityName> hosts_of(std::string_view host);

}  // namespace interlock::catalogue
