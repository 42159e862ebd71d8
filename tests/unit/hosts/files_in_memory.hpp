// Files that are not there, for tests of pure edits.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hosts/edit.hpp"

namespace interlock::hosts {

struct FilesInMemory {
  std::map<std::string, std::string> files = {};

  ReadFile reader() const {
    return [this](const std::string& path) -> Result<std::optional<std::string>> {
      const auto found = files.find(path);
      return found == files.end() ? std::optional<std::string>() : std::optional(found->second);
    };
  }
  void write(const std::vector<Change>& changes) {
    for (const auto& change : changes) {
      if (change.after) files[change.path] = *change.after;
      else files.erase(change.path);
    }
  }
};

inline Place at_home() { return {.home = "/home/me", .project = "/work/it", .program = "/opt/interlock/bin/interlock"}; }

}  // namespace interlock::hosts
