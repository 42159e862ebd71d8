// Where a command's words lead: files, folders and hosts in the form that policies compare, and what is at stake there. Private to the
// catalogue. Lexical: no disk and no name server is asked; a symbolic link inside a folder counts as inside.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/action.hpp"
#include "shell/commands.hpp"

namespace interlock::catalogue {

// Where a command runs.
struct Place {
  std::optional<std::string> cwd;  // nullopt: not known
  std::string home;                // empty: not known
  std::string elsewhere;           // "ssh host", "docker run": its files are not this machine's
};

enum class Access : std::uint8_t { kRead, kList, kWrite, kDelete };

struct Reached {
  model::NamedResource resource;  // File::"?" where it is not known: in no folder, so that no permit of a place can match
  bool known = true;
  model::Band band = model::Band::kRoutine;  // the least that the place asks for
};

// nullopt: a device that holds nothing (/dev/null, /dev/stdin, ...).
std::optional<Reached> reach_file(const shell::Value& path, Access access, bool recursive, const Place& place);
// "user@host:22", "https://host/path", "host:path". nullopt: it names no host.
std::optional<std::string> host_of(std::string_view word);
model::NamedResource named_host(std::string_view host);
// "host:path" as scp, rsync and git take it: a colon before the first slash.
bool is_remote(std::string_view word);

}  // namespace interlock::catalogue
