// The keys that values are sealed with, each sealed under the master key: one record of the store, changed by compare-and-set, so that all
// of them move to another master key in one step.
//
// During a re-keying the record holds them under two masters, the old one first: whichever of the two a process is started with, everything
// opens. Key 0 is the master key that sealed values itself before there were others. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "store/master_key.hpp"
#include "store/store.hpp"

namespace interlock::store {

inline constexpr std::string_view kKeyBucket = "sealed-keys";
inline constexpr std::uint32_t kFirstMaster = 0;  // the id of the key that was a master key

// The record as it stands, opened with the masters at hand.
struct KeyRing {
  struct Key {
    MasterKey bytes;  // 32 of them in a locked page, as a master key
    UnixMs made_ms = 0;
    UnixMs retired_ms = 0;  // 0: it is the current one
  };
  Revision revision = kAbsent;
  std::uint32_t current = 0;
  std::map<std::uint32_t, Key> keys;
  std::vector<std::string> masters;  // ids of those that they are sealed under, the oldest first

  const Key* find(std::uint32_t id) const;
};

// nullopt: the record was never made. kDenied: it is sealed under none of `masters`, or was changed.
Result<std::optional<KeyRing>> read_ring(Store& store, const std::vector<const MasterKey*>& masters);
// Writes the ring, sealed under each of `masters`; `ring.revision` and `ring.masters` are what is there then. kConflict.
Status write_ring(Store& store, KeyRing& ring, const std::vector<const MasterKey*>& masters);
// A first ring: a fresh key, and `master` as key 0.
Result<KeyRing> first_ring(const MasterKey& master, UnixMs now);
// Puts a fresh key in the place of the current one, which is retired.
Status add_key(KeyRing& ring, UnixMs now);

}  // namespace interlock::store
