// Values that are sealed at rest: AES-256-GCM under a master key, in a bucket of a store (DESIGN §11.7).
//
// The bucket and the key of an entry are authenticated with it, so that one value cannot be put in another's place. The master key is
// 32 random bytes in a file of mode 0600; other sources of it come with the vault. Plaintexts are the caller's to wipe (wipe()).
// One thread at a time, as Store.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "store/store.hpp"

namespace interlock::store {

// Overwrites the bytes in a way that no compiler leaves out, and empties the text.
void wipe(std::string& secret);

class MasterKey {
 public:
  // Reads the file, or makes it (O_EXCL, 0600, synced with its folder) where there is none. kDenied for a file that others can read or
  // that another user owns, kInvalid for one of another length.
  static Result<MasterKey> open_file(const std::filesystem::path& path);
  MasterKey(MasterKey&&) noexcept;
  MasterKey& operator=(MasterKey&&) noexcept;
  ~MasterKey();  // wiped; the memory is locked where the kernel allows it
  std::string_view bytes() const;

 private:
  MasterKey() = default;
  struct Locked;
  std::unique_ptr<Locked> locked_;
};

class SealedStore {
 public:
  SealedStore(Store& store, MasterKey key);
  ~SealedStore();

  // kDenied: the seal does not open (another master key, or the value was changed): never "absent".
  Result<std::optional<Entry>> get(std::string_view bucket, std::string_view key);
  Result<Revision> put(std::string_view bucket, std::string_view key, std::string_view value);
  Result<Revision> compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected);
  Status remove(std::string_view bucket, std::string_view key);
  Result<std::vector<std::string>> keys(std::string_view bucket, std::string_view prefix, std::size_t limit);

 private:
  Store& store_;
  MasterKey key_;
};

}  // namespace interlock::store
