#include "store/sealed.hpp"

#include <utility>

#include "store/key_ring.hpp"
#include "store/seal.hpp"

namespace interlock::store {
namespace {

// A sealed value begins with its version. 1: under the master key, as before there were data keys; the byte itself is not authenticated.
// 2: and then the number of the data key, four bytes, the highest first; all five are authenticated.
constexpr char kUnderMaster = 1;
constexpr char kUnderDataKey = 2;
constexpr std::size_t kHeadBytes = 5;
constexpr std::int64_t kRetiredMs = 3'600'000;  // a retired key is kept so long at least: a process may be about to write with it
constexpr int kAttempts = 16;                   // at a compare-and-set that others win
constexpr std::size_t kScanEntries = 256;

// What is authenticated beside the value: where it stands.
std::string place_of(std::string_view bucket, std::string_view key) {
  std::string text(bucket);
  text.push_back('\0');
  text += key;
  return text;
}

std::string head_of(std::uint32_t id) {
  std::string out(1, kUnderDataKey);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>((id >> shift) & 0xFF));
  return out;
}

// The data key that a value is sealed with; nullopt: it is no sealed value.
std::optional<std::uint32_t> key_of(std::string_view sealed) {
  if (sealed.size() > kSealBytes && sealed.front() == kUnderMaster) return kFirstMaster;
  if (sealed.size() < kHeadBytes + kSealBytes || sealed.front() != kUnderDataKey) return std::nullopt;
  std::uint32_t id = 0;
  for (std::size_t at = 1; at < kHeadBytes; ++at) id = id << 8 | static_cast<unsigned char>(sealed[at]);
  return id;
}

std::optional<std::string> open_value(std::string_view key, std::string_view place, std::string_view sealed) {
  if (sealed.front() == kUnderMaster) return unseal(key, place, 0, sealed.substr(1));
  return unseal(key, place, kHeadBytes, sealed);
}

std::unexpected<Error> does_not_open(std::string_view bucket, std::string_view key, std::string_view why) {
  return fail(ErrorCode::kDenied, "the seal of " + std::string(bucket) + "/" + std::string(key) + " does not open: " + std::string(why),
              "restore the master key and the store that belong together");
}

}  // namespace

struct SealedStore::State {
  Store& store;
  MasterKey master;
  KeySource source;
  std::optional<MasterKey> next = {};  // that begin_rekey() was given
  std::optional<KeyRing> ring = {};
  Revision seen = kAbsent;  // of the bucket of keys, when `ring` was read

  std::vector<const MasterKey*> masters() const {
    std::vector<const MasterKey*> out = {&master};
    if (next) out.push_back(&*next);
    return out;
  }

  // Reads the ring where it is new. Without one, `ring` is empty.
  Status follow() {
    const auto latest = store.latest(kKeyBucket);
    if (!latest) return fail(latest.error());
    if (*latest == seen) return {};
    auto read = read_ring(store, masters());
    if (!read && read.error().code == ErrorCode::kDenied && source) {
      // Moved to another master by another process: the place that the key comes from has it by now.
      if (auto fresh = source(); fresh && fresh->id() != master.id()) {
        auto again = read_ring(store, {&*fresh});
        if (again) {
          master = std::move(*fresh);
          read = std::move(again);
        }
      }
    }
    if (!read) return fail(std::move(read.error()));
    ring = std::move(*read);
    seen = *latest;
    // The key that a re-keying was to is in its place: the old one is of no use any more.
    if (ring && ring->masters.size() > 1 && ring->masters.back() == master.id()) (void)settle(master);
    return {};
  }

  // Leaves the keys under `only`. A conflict means that another process does it.
  Status settle(const MasterKey& only) {
    auto written = write_ring(store, *ring, {&only});
    seen = kAbsent;
    return written;
  }

  // The ring, made where there is none.
  Status need_ring() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (auto followed = follow(); !followed) return followed;
      if (ring) return {};
      if (auto mine = check_old_values(); !mine) return mine;
      auto made = first_ring(master, SystemClock().now_ms());
      if (!made) return fail(std::move(made.error()));
      auto written = write_ring(store, *made, {&master});
      if (!written && written.error().code != ErrorCode::kConflict) return written;
      seen = kAbsent;  // read what there is now, ours or another's
    }
    return fail(ErrorCode::kUnavailable, "the keys of the sealed store are being changed by others", "try again");
  }

  // Before a first ring is made: a store whose values were sealed by another master must not get one of this.
  Status check_old_values() {
    bool some = false;
    bool opens = false;
    auto looked = each_sealed([&](std::string_view bucket, const KeyedEntry& entry) -> Status {
      if (opens || entry.value.front() != kUnderMaster) return {};
      some = true;
      if (auto value = open_value(master.bytes(), place_of(bucket, entry.key), entry.value)) {
        wipe(*value);
        opens = true;
      }
      return {};
    });
    if (!looked && looked.error().code != ErrorCode::kUnsupported) return looked;
    if (some && !opens)
      return fail(ErrorCode::kDenied, "what is sealed here does not open with this master key",
                  "restore the master key and the store that belong together");
    return {};
  }

  // Every value that looks sealed, in every bucket.
  Status each_sealed(const std::function<Status(std::string_view bucket, const KeyedEntry& entry)>& visit) {
    const auto buckets = store.buckets();
    if (!buckets) return fail(buckets.error());
    for (const auto& bucket : *buckets) {
      std::string after;
      for (;;) {
        const auto page = store.scan(bucket, {}, kScanEntries, after);
        if (!page) return fail(page.error());
        for (const auto& entry : *page) {
          if (!key_of(entry.value)) continue;
          if (auto visited = visit(bucket, entry); !visited) return visited;
        }
        if (page->size() < kScanEntries) break;
        after = page->back().key;
      }
    }
    return {};
  }

  Result<std::string> sealed(std::string_view bucket, std::string_view key, std::string_view value) {
    if (value.size() > kValueBytes - kHeadBytes - kSealBytes) return fail(ErrorCode::kTooLarge, "a value of the sealed store is too long");
    if (bucket.contains('\0')) return fail(ErrorCode::kInvalid, "the sealed store takes no bucket with a NUL");
    if (auto ready = need_ring(); !ready) return fail(std::move(ready.error()));
    return seal(ring->find(ring->current)->bytes.bytes(), place_of(bucket, key), head_of(ring->current), value);
  }

  // The bytes that a value is sealed with; empty: they are not known here.
  std::string_view bytes_of(std::uint32_t id) const {
    if (!ring) return id == kFirstMaster ? master.bytes() : std::string_view();
    const auto* key = ring->find(id);
    return key == nullptr ? std::string_view() : key->bytes.bytes();
  }

  Status seal_anew(std::string_view bucket, const KeyedEntry& entry, RotationReport& report, std::map<std::uint32_t, bool>& needed) {
    const auto id = *key_of(entry.value);
    if (id == ring->current) return {};
    const auto bytes = bytes_of(id);
    auto value = bytes.empty() ? std::nullopt : open_value(bytes, place_of(bucket, entry.key), entry.value);
    if (!value) {
      needed[id] = true;
      ++report.left;
      return {};
    }
    auto anew = sealed(bucket, entry.key, *value);
    wipe(*value);
    if (!anew) return fail(std::move(anew.error()));
    const auto written = store.compare_and_set(bucket, entry.key, *anew, entry.revision);
    if (written) {
      ++report.sealed_anew;
      return {};
    }
    if (written.error().code != ErrorCode::kConflict) return fail(written.error());
    needed[id] = true;
    ++report.left;
    return {};
  }

  // Changes the ring, again where another process was faster.
  Status change_ring(const std::function<Status(KeyRing&)>& change) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      if (auto ready = need_ring(); !ready) return ready;
      std::vector<const MasterKey*> under;
      for (const auto& id : ring->masters) {
        for (const auto* known : masters()) {
          if (known->id() == id) under.push_back(known);
        }
      }
      if (under.size() != ring->masters.size())
        return fail(ErrorCode::kConflict, "a re-keying is under way to a master key that this process does not have",
                    "put the new key in its place and restart the gate, or begin the re-keying again");
      seen = kAbsent;  // whatever comes of it
      if (auto changed = change(*ring); !changed) return changed;
      auto written = write_ring(store, *ring, under);
      if (written || written.error().code != ErrorCode::kConflict) return written;
    }
    return fail(ErrorCode::kUnavailable, "the keys of the sealed store are being changed by others", "try again");
  }
};

SealedStore::SealedStore(Store& store, MasterKey key, KeySource source)
    : state_(new State{.store = store, .master = std::move(key), .source = std::move(source)}) {}
SealedStore::~SealedStore() = default;

Status SealedStore::check() { return state_->need_ring(); }

Result<std::optional<Entry>> SealedStore::get(std::string_view bucket, std::string_view key) {
  auto entry = state_->store.get(bucket, key);
  if (!entry || !*entry) return entry;
  if (auto followed = state_->follow(); !followed) return fail(std::move(followed.error()));
  const auto id = key_of((*entry)->value);
  if (!id) return does_not_open(bucket, key, "it is cut, or of another version");
  const auto bytes = state_->bytes_of(*id);
  if (bytes.empty()) return does_not_open(bucket, key, "its data key is not in this store");
  auto value = open_value(bytes, place_of(bucket, key), (*entry)->value);
  if (!value) return does_not_open(bucket, key, "it was made with another master key, for another place, or was changed");
  (*entry)->value = std::move(*value);
  return entry;
}

Result<Revision> SealedStore::put(std::string_view bucket, std::string_view key, std::string_view value) {
  const auto sealed = state_->sealed(bucket, key, value);
  if (!sealed) return fail(sealed.error());
  return state_->store.put(bucket, key, *sealed);
}

Result<Revision> SealedStore::compare_and_set(std::string_view bucket, std::string_view key, std::string_view value, Revision expected) {
  const auto sealed = state_->sealed(bucket, key, value);
  if (!sealed) return fail(sealed.error());
  return state_->store.compare_and_set(bucket, key, *sealed, expected);
}

Status SealedStore::remove(std::string_view bucket, std::string_view key) { return state_->store.remove(bucket, key); }

Result<std::vector<std::string>> SealedStore::keys(std::string_view bucket, std::string_view prefix, std::size_t limit) {
  auto entries = state_->store.scan(bucket, prefix, limit);
  if (!entries) return fail(std::move(entries.error()));
  std::vector<std::string> keys;
  keys.reserve(entries->size());
  for (auto& entry : *entries) keys.push_back(std::move(entry.key));
  return keys;
}

Status SealedStore::begin_rekey(const MasterKey& next) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto ready = state_->need_ring(); !ready) return ready;
    if (next.id() == state_->master.id())
      return fail(ErrorCode::kInvalid, "this is the master key that is in force already", "give another one");
    auto written = write_ring(state_->store, *state_->ring, {&state_->master, &next});
    state_->seen = kAbsent;
    if (written) {
      state_->next = next.copy();
      return {};
    }
    if (written.error().code != ErrorCode::kConflict) return written;
  }
  return fail(ErrorCode::kUnavailable, "the keys of the sealed store are being changed by others", "try again");
}

Status SealedStore::finish_rekey() {
  if (!state_->next) return fail(ErrorCode::kInvalid, "no re-keying was begun");
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (auto ready = state_->need_ring(); !ready) return ready;
    const bool is_done = state_->ring->masters == std::vector{state_->next->id()};
    auto written = is_done ? Status() : state_->settle(*state_->next);
    if (written) {
      state_->master = std::move(*state_->next);
      state_->next.reset();
      state_->seen = kAbsent;
      return {};
    }
    if (written.error().code != ErrorCode::kConflict) return written;
  }
  return fail(ErrorCode::kUnavailable, "the keys of the sealed store are being changed by others", "try again");
}

bool SealedStore::is_rekeying() { return state_->follow() && state_->ring && state_->ring->masters.size() > 1; }

Result<RotationReport> SealedStore::rotate_data_key(std::int64_t now_ms) {
  if (auto buckets = state_->store.buckets(); !buckets) return fail(std::move(buckets.error()));
  auto added = state_->change_ring([&](KeyRing& ring) { return add_key(ring, now_ms); });
  if (!added) return fail(std::move(added.error()));
  if (auto ready = state_->need_ring(); !ready) return fail(std::move(ready.error()));

  RotationReport report;
  std::map<std::uint32_t, bool> needed;
  auto all = state_->each_sealed(
      [&](std::string_view bucket, const KeyedEntry& entry) { return state_->seal_anew(bucket, entry, report, needed); });
  if (!all) return fail(std::move(all.error()));

  const auto is_over = [&](const auto& one) {
    return one.second.retired_ms != 0 && one.second.retired_ms + kRetiredMs <= now_ms && !needed.contains(one.first);
  };
  auto dropped = state_->change_ring([&](KeyRing& ring) -> Status {
    report.keys_dropped = std::erase_if(ring.keys, is_over);
    return {};
  });
  if (!dropped) return fail(std::move(dropped.error()));
  return report;
}

std::string SealedStore::master_id() const { return state_->master.id(); }

}  // namespace interlock::store
