// The index of one log: finds receipts by act, time, subject and so on. Made from the log, and made again from it at any time;
// rows say where in the log a receipt stands, and the log is what is shown.
//
// Several processes may use one index: the ledger that appends, and the commands that ask. An instance belongs to one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "ledger/files.hpp"
#include "store/sqlite.hpp"

namespace interlock::ledger {

// What a receipt's members say, as far as the index knows them.
struct Facts {
  std::string kind;
  std::string act;
  UnixMs at_ms = 0;
  std::string subject;
  std::string task;
  std::string server;
  std::string action;
  std::string resource;
  std::string verdict;
  friend bool operator==(const Facts&, const Facts&) = default;
};
Result<Facts> facts_of(std::string_view record);

struct Row {
  std::uint64_t sequence = 0;
  std::uint64_t offset = 0;
  std::size_t length = 0;
  Facts facts;
};

// All that is set must hold.
struct Query {
  std::string act = {};
  std::string kind = {};
  std::string subject = {};
  std::string task = {};
  std::string server = {};
  std::string action = {};  // exactly, or a prefix where it ends in '*'
  std::string verdict = {};
  std::optional<UnixMs> since_ms = {};
  std::optional<UnixMs> until_ms = {};
  std::size_t limit = 100;  // the newest
};

class Index {
 public:
  // A file that is no database is replaced by an empty one.
  static Result<Index> open(const LogPaths& paths);
  // For each(), find() and size() only; kNotFound where no index was made yet.
  static Result<Index> open_read_only(const LogPaths& paths);

  // Takes in what the log holds beyond what was taken in, up to byte `end`, and about `at_most` records. Stops at the first
  // damaged record.
  Status catch_up(const LogPaths& paths, std::uint64_t end = UINT64_MAX, std::uint64_t at_most = UINT64_MAX);
  // Forgets everything; catch_up() then begins anew.
  Status clear();

  // Newest first.
  Result<std::vector<Row>> find(const Query& query);
  // Every row, in order of sequence. `visit` returns false to stop.
  Status each(const std::function<bool(const Row&)>& visit);
  Result<std::uint64_t> size();

 private:
  explicit Index(store::Database database) : database_(std::move(database)) {}
  Result<std::pair<std::uint64_t, std::uint64_t>> position();  // records taken in, bytes of the log
  store::Database database_;
};

}  // namespace interlock::ledger
