// Values that are sealed at rest: AES-256-GCM under a data key, data keys under a master key (DESIGN §11.7), in a bucket of a store.
//
// The bucket and the key of an entry are authenticated with it, so that one value cannot be put in another's place. What was sealed under
// the master key itself, before there were data keys, opens as well. Another process that changes the keys of the store is noticed at the
// next call. Plaintexts are the caller's to wipe (wipe()). One thread at a time, as Store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/master_key.hpp"
#include "store/store.hpp"

namespace interlock::store {

struct RotationReport {
  std::size_t sealed_anew = 0;  // values
  std::size_t keys_dropped = 0;
  std::size_t left = 0;  // values that changed meanwhile or do not open; they stay as they are, and so do their keys
};

class SealedStore {
 public:
  // Where the master key comes from, asked once more where another process has moved the store to another one.
  using KeySource = std::function<Result<MasterKey>()>;

  SealedStore(Store& store, MasterKey key, KeySource source = {});
  ~SealedStore();
  SealedStore(const SealedStore&) = delete;
  SealedStore& operator=(const SealedStore&) = delete;

  // Makes sure that the key is the one of this store. kDenied.
  Status check();

  // kDenied: the seal does not open (another master key, or the value was changed): never "absent".
  Result<std::optional<Entry>> get(std::string_view bucket, std::string_view key);
  Result<Revision> put(std::string_view bucket, std::string_view key, std::string_view value);
  Result<Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected);
  Status remove(std::string_view bucket, std::string_view key);
  Result<std::vector<std::string>> keys(std::string_view bucket, std::string_view prefix, std::size_t limit);

  // ---- re-keying. After a crash at any point everything opens, with whichever of the two masters the process is started. ----------
  // From here on everything opens under either master. A second call replaces the `next` of the first. kInvalid: it is the present one.
  Status begin_rekey(const MasterKey& next);
  // From here on under `next` alone. Done by itself, too, by whoever is started with `next` after begin_rekey().
  Status finish_rekey();
  bool is_rekeying();
  // Seals every value of the store anew under a fresh data key. Retired keys that no value needs, and that no process of an hour ago can
  // still write with, are dropped. kConflict: a re-keying to a master key that this process does not have is under way.
  Result<RotationReport> rotate_data_key(std::int64_t now_ms);
  std::string master_id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::store
