// Proves a ledger, or says exactly which record broke: the log against its own hashes, its tiles and its signed checkpoint, each
// result against its attempt, the index against the log. Reads only; works beside a running gate, on a copy, and offline.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::ledger {

// Something that is not as it was written.
struct Finding {
  std::string log;
  std::optional<std::uint64_t> record;  // its sequence, where one is at fault
  std::string what;
};

struct LogReport {
  std::string log;
  std::uint64_t records = 0;
  std::uint64_t signed_records = 0;  // under the checkpoint
  std::uint64_t attempts = 0;
  std::uint64_t results = 0;
  std::uint64_t indexed = 0;
  std::uint64_t torn_bytes = 0;  // at the end: being written now, or cut off at the next start
  bool in_use = false;
  std::string set_aside;  // why a gate refused to go on with it; empty: none did
};

struct Report {
  std::vector<LogReport> logs;
  std::vector<Finding> findings;
  bool intact() const { return findings.empty(); }
};

struct VerifyOptions {
  // Checkpoints (signed notes) that were kept elsewhere: the log must still hold what they speak of. This is what finds a cut-off end.
  std::vector<std::string> kept_checkpoints;
};

inline constexpr std::size_t kFindingsOfALog = 100;  // then it says how many more

// An error only where the ledger cannot be read at all.
Result<Report> verify(const std::filesystem::path& ledger_folder, const VerifyOptions& options = {});

}  // namespace interlock::ledger
