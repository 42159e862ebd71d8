// Finds receipts in all logs of a ledger, beside running gates or on a copy; and follows what is appended.
//
// What is shown is read from the log. The index only finds it, after it has been brought up to date; where it cannot be (a folder
// that may only be read, a damaged record), the log is searched from its beginning.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ledger/index.hpp"
#include "ledger/log_file.hpp"

namespace interlock::ledger {

struct Record {
  std::string log;
  std::uint64_t sequence = 0;
  UnixMs at_ms = 0;
  std::string text;  // the receipt, canonical JSON
};

struct Found {
  std::vector<Record> records;  // oldest first; the newest `limit` of those that match
  std::vector<std::string> warnings;
};

// kNotFound where there is no ledger.
Result<Found> find_receipts(const std::filesystem::path& ledger_folder, const Query& query);
// One record by its place. kNotFound.
Result<Record> read_receipt(const std::filesystem::path& ledger_folder, const std::string& log, std::uint64_t sequence);
// Makes the index of every log anew. Returns the number of records.
Result<std::uint64_t> reindex(const std::filesystem::path& ledger_folder);

bool matches(const Query& query, const Facts& facts);

// What is appended after it was made, in all logs, new ones too.
class Follower {
 public:
  static Result<Follower> open(const std::filesystem::path& ledger_folder);
  // What came since the last call, by time.
  Result<std::vector<Record>> next();

 private:
  std::filesystem::path folder_;
  std::map<std::string, LogReader> readers_;
};

}  // namespace interlock::ledger
