// What the house remembers besides the ledger: small values in named buckets, each with a revision, changed by compare-and-set.
//
// Several processes share one store. A write that returned is on disk. Revisions are drawn from one counter of the bucket, so a
// value that was removed and made again never has an old revision. An instance belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace interlock::store {

using Revision = std::uint64_t;  // 0 is none
inline constexpr Revision kAbsent = 0;

inline constexpr std::size_t kBucketBytes = 64;
inline constexpr std::size_t kKeyBytes = 1024;
inline constexpr std::size_t kValueBytes = std::size_t{16} << 20;

struct Entry {
  std::string value;
  Revision revision = kAbsent;
};

struct KeyedEntry {
  std::string key;
  std::string value;
  Revision revision = kAbsent;
};

class Store {
 public:
  virtual ~Store() = default;

  virtual Result<std::optional<Entry>> get(std::string_view bucket, std::string_view key) = 0;

  // Writes whatever was there. Returns the new revision. kTooLarge, kInvalid (an empty bucket or key), kIo, kUnavailable.
  virtual Result<Revision> put(std::string_view bucket, std::string_view key, std::string_view value) = 0;

  // Writes only where the present revision is `expected`; kAbsent: only where there is none. Otherwise kConflict.
  virtual Result<Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected) = 0;

  // Removes; absence is no error.
  virtual Status remove(std::string_view bucket, std::string_view key) = 0;
  // Removes only where the present revision is `expected`. Otherwise kConflict.
  virtual Status compare_and_remove(std::string_view bucket, std::string_view key, Revision expected) = 0;

  // The entries whose keys begin with `prefix`, ordered by the bytes of their keys, at most `limit`, after the key `after`.
  virtual Result<std::vector<KeyedEntry>> scan(std::string_view bucket, std::string_view prefix, std::size_t limit,
                                               std::string_view after = {}) = 0;

  // Grows with every change in the bucket, removals too, by any process. 0: nothing was ever written there.
  virtual Result<Revision> latest(std::string_view bucket) = 0;

  // The names of all buckets that were ever written to, in order. kUnsupported: this store cannot tell.
  virtual Result<std::vector<std::string>> buckets() { return fail(ErrorCode::kUnsupported, "this store does not list its buckets"); }
};

// What a write that returned survives. kProcess costs no wait for the disk; a later write of kMachine, through any opening of the
// file, takes what was written before it along.
enum class Durability : std::uint8_t { kMachine, kProcess };

// The folder must exist; the file is created, readable by its owner only.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& path, Durability durability = Durability::kMachine);

// Forgets everything when it dies. For tests.
std::unique_ptr<Store> open_memory_store();

}  // namespace interlock::store
