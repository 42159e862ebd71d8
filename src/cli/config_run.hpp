// The part of interlock.yaml that is about runs (docs/run.md): what the view of files has beyond the workspace, and the limits. Plain data.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace interlock::cli {

struct RunConfig {
  std::vector<std::filesystem::path> hide;   // not there inside, though what holds them is
  std::vector<std::filesystem::path> read;   // read-only
  std::vector<std::filesystem::path> write;  // read and written
  std::vector<std::string> keep_environment;
  std::optional<std::int64_t> processes;
  std::optional<std::int64_t> open_files;
  std::optional<std::int64_t> memory_bytes;  // address space of one process
  std::optional<std::int64_t> file_bytes;
  std::optional<std::int64_t> cpu_ms;  // of one process
  friend bool operator==(const RunConfig&, const RunConfig&) = default;
};

}  // namespace interlock::cli
