// The ledger: receipts on disk before acts, in an append-only Merkle log that anybody can verify (DESIGN §8, docs/formats.md).
//
// A process owns one log below the ledger's folder, held by a lock on it: <folder>/0001, 0002, ...; the first that is free is
// used, so several processes share a state folder and a log is continued by whoever comes next. The log file is the truth. A
// thread of the ledger makes records durable (one fdatasync for all who wait), another writes what can be made again from the
// log: tiles, signed checkpoints, the index. Neither is waited for by append().
//
// append() and when_durable() belong to one thread, the loop's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "model/receipt.hpp"

namespace interlock::ledger {

using Sequence = std::uint64_t;  // 0-based index of a record in its log, which is its leaf in the tree

struct Options {
  std::filesystem::path folder;  // made where it is missing, for its owner only
  std::string origin;            // names the ledger in checkpoints when its key is made; no spaces, no '+'. Later the key's name counts
  std::int64_t flush_ms = 50;    // how long a record that nobody waits for may stay off the disk
  std::function<void(std::function<void()>)> post;  // runs work on the loop; called from the ledger's threads
};

class Ledger {
 public:
  // A torn end (a record that was being written when the machine lost power) is cut off. A log that is damaged otherwise is
  // left as it is for `interlock log verify`, and another is used; notices() tells.
  static Result<std::unique_ptr<Ledger>> open(Options options, const Clock& clock);
  // Makes all durable, answers who waits, signs a checkpoint.
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // The record is in the page cache when this returns: it survives this process, not yet the machine. On failure nothing of it
  // stays behind. kIo: the disk is full or refuses; kTooLarge: above tlog::kEntryBytes even with its largest details left out.
  Result<Sequence> append(const model::Receipt& receipt);

  // `done` is posted once the record is on disk, or an error that it cannot be; in the order of the calls. After such an error
  // nothing more is appended: what the disk holds is known again only after a restart.
  void when_durable(Sequence sequence, std::function<void(Status)> done);

  const std::filesystem::path& log_folder() const;
  // What open() found and did that its user should know, one sentence each.
  const std::vector<std::string>& notices() const;
  // Why no checkpoint can be written at present, or why nothing can be appended any more; nullopt where all is well. Any thread.
  std::optional<Error> trouble() const;

 private:
  struct State;
  explicit Ledger(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace interlock::ledger
