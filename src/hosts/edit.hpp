// Changes configuration files of others without losing a byte that is theirs: JSON, JSON with comments, TOML, and folders of hook files.
//
// An edit is planned from the bytes as they are and gives the bytes as they shall be; comments, order, indentation, line ends, byte order
// marks and trailing commas of the rest stay. What is ours carries a mark, so that it is found again, a second edit changes nothing, and
// taking it out restores the bytes from the backup, or, where others have changed the file since, removes ours alone. A file that cannot be
// read as what it should be is refused, with the place. Pure; files are read and written by whoever calls.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "hosts/hosts.hpp"

namespace interlock::hosts {

// Of one file: nullopt is "not there".
struct Change {
  std::string path;  // absolute
  std::optional<std::string> before;
  std::optional<std::string> after;
  std::uint32_t mode = 0644;  // of a file that is made
  friend bool operator==(const Change&, const Change&) = default;
};

// The text of a file; nullopt: it is not there. Bounded by whoever reads.
using ReadFile = std::function<Result<std::optional<std::string>>(const std::string& path)>;

struct Place {
  std::string home;
  std::string project;
  bool for_project = false;    // the project's files instead of the human's
  std::string program;         // of interlock, absolute: what the hooks run
  std::string arguments = {};  // after `interlock hook HOST`, as shell text: "--state /path"
  // Variables by which a human moves a host's files (Host::moves); empty: none is set.
  std::function<std::string(std::string_view variable)> environment = {};

  Folders folders() const { return {home, project, environment}; }
};

// The files that install and remove look at: one, or one for each event.
std::vector<std::string> hook_paths(const Host& host, const Place& place);
// The hooks of every event that the host has and surface/hook understands.
Result<std::vector<Change>> install(const Host& host, const Place& place, const ReadFile& read);
// Ours taken out of the files as they are now.
Result<std::vector<Change>> remove(const Host& host, const Place& place, const ReadFile& read);

// How servers are reached in a run: each of the host's MCP servers becomes `url_of(name)`; those without one are left out of the copy.
struct McpServer {
  std::string name;
  std::vector<std::string> command;
  std::string url;
  std::vector<std::pair<std::string, std::string>> environment;  // may hold secrets
  std::vector<std::pair<std::string, std::string>> headers;
  std::string file;  // where it was found
};
Result<std::vector<McpServer>> servers_of(const Host& host, const Place& place, const ReadFile& read);
// The files of `host` with their servers replaced; hooks and all else stay. Only files that differ.
Result<std::vector<Change>> through_gate(const Host& host, const Place& place, const ReadFile& read,
                                         const std::function<std::optional<std::string>(std::string_view server)>& url_of);

// What keeps installed hooks from running, and what the human has to do about it: hooks switched off in the host's configuration, hooks
// that the host wants reviewed first. Sentences; of files that cannot be read, nothing.
std::vector<std::string> notes(const Host& host, const Place& place, const ReadFile& read);

// A unified diff for people. What looks like a secret in lines around the change is left out.
std::string diff(const Change& change);

}  // namespace interlock::hosts
