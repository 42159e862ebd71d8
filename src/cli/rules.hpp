// What a configuration lets agents do, read and compiled: the snapshot that a gate decides with, and that a reload replaces.
//
// Reads policies and catalogue files. All or nothing: the first thing that is wrong is the error, with file, line and column.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/config.hpp"
#include "gate/gate.hpp"
#include "identity/tokens.hpp"

namespace interlock::cli {

struct LoadedRules {
  gate::Rules rules;
  identity::TokenBook tokens;
};
Result<LoadedRules> load_rules(const Config& config);

// One look at the files that rules come from: equal as long as none was changed, added, removed or replaced.
class FileMarks {
 public:
  FileMarks() = default;
  explicit FileMarks(const Config& config);
  friend bool operator==(const FileMarks&, const FileMarks&) = default;

 private:
  void add(const std::filesystem::path& path, bool is_listed);
  std::vector<std::string> marks_;
};

}  // namespace interlock::cli
