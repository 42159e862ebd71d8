#include "store/key_ring.hpp"

#include <algorithm>
#include <optional>

#include "base/hash.hpp"
#include "base/json.hpp"
#include "store/seal.hpp"

namespace interlock::store {
namespace {

constexpr std::string_view kRecord = "ring";
constexpr std::int64_t kFormat = 1;
constexpr std::size_t kKeys = 10'000;

// Where a data key stands: a sealed one fits under no other number and no other master.
std::string place_of(std::string_view master, std::uint32_t id) {
  return "interlock: data key " + std::to_string(id) + " under " + std::string(master);
}

std::unexpected<Error> broken(std::string_view why) {
  return fail(ErrorCode::kDenied, "the keys of the sealed store cannot be read: " + std::string(why), "restore the store from a copy");
}

// The sealed keys under one master.
Result<std::map<std::uint32_t, MasterKey>> open_keys(const json::object& sealed, const MasterKey& master) {
  std::map<std::uint32_t, MasterKey> out;
  for (const auto& member : sealed) {
    const std::string text(member.key().data(), member.key().size());
    const auto id = static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
    const auto* value = member.value().if_string();
    const auto bytes = value == nullptr ? std::nullopt : base64_decode(json::view(*value));
    auto opened = bytes ? unseal(master.bytes(), place_of(master.id(), id), 0, *bytes) : std::nullopt;
    if (!opened) return broken("key " + std::to_string(id) + " was changed");
    auto key = MasterKey::of(*opened, "a data key");
    wipe(*opened);
    if (!key) return fail(std::move(key.error()));
    out.emplace(id, std::move(*key));
  }
  return out;
}

}  // namespace

const KeyRing::Key* KeyRing::find(std::uint32_t id) const {
  const auto found = keys.find(id);
  return found == keys.end() ? nullptr : &found->second;
}

Result<std::optional<KeyRing>> read_ring(Store& store, const std::vector<const MasterKey*>& masters) {
  const auto entry = store.get(kKeyBucket, kRecord);
  if (!entry) return fail(entry.error());
  if (!*entry) return std::nullopt;
  const auto parsed = json::parse((*entry)->value);
  const auto* record = parsed ? parsed->if_object() : nullptr;
  const auto* keys = record == nullptr ? nullptr : json::array_at(*record, "keys");
  const auto* under = record == nullptr ? nullptr : json::array_at(*record, "masters");
  if (keys == nullptr || under == nullptr || keys->size() > kKeys) return broken("it is no record of keys");
  if (json::int_at(*record, "format") != kFormat) return broken("it is of another version of interlock");

  KeyRing out;
  out.revision = (*entry)->revision;
  out.current = static_cast<std::uint32_t>(json::int_at(*record, "current").value_or(0));
  std::optional<std::map<std::uint32_t, MasterKey>> opened;
  std::string ids;
  for (const auto& item : *under) {
    const auto* one = item.if_object();
    const auto* sealed = one == nullptr ? nullptr : json::object_at(*one, "keys");
    if (sealed == nullptr) return broken("it is no record of keys");
    out.masters.emplace_back(json::string_at(*one, "id").value_or(""));
    ids += (ids.empty() ? "" : " or ") + out.masters.back();
    const auto ours = std::ranges::find_if(masters, [&](const MasterKey* master) { return master->id() == out.masters.back(); });
    if (opened || ours == masters.end()) continue;
    auto all = open_keys(*sealed, **ours);
    if (!all) return fail(std::move(all.error()));
    opened = std::move(*all);
  }
  if (!opened) {
    return fail(ErrorCode::kDenied, "what is sealed here does not open: it needs the master key " + ids + ", and this one is another",
                "restore the master key and the store that belong together");
  }
  for (const auto& item : *keys) {
    const auto* one = item.if_object();
    const auto id = one == nullptr ? std::nullopt : json::int_at(*one, "id");
    const auto found = id ? opened->find(static_cast<std::uint32_t>(*id)) : opened->end();
    if (found == opened->end()) return broken("a key is missing");
    out.keys.emplace(found->first, KeyRing::Key{std::move(found->second), json::int_at(*one, "made_ms").value_or(0),
                                                json::int_at(*one, "retired_ms").value_or(0)});
  }
  if (out.find(out.current) == nullptr) return broken("the current key is missing");
  return out;
}

Status write_ring(Store& store, KeyRing& ring, const std::vector<const MasterKey*>& masters) {
  json::array keys;
  for (const auto& [id, key] : ring.keys)
    keys.emplace_back(json::object{{"id", id}, {"made_ms", key.made_ms}, {"retired_ms", key.retired_ms}});
  json::array under;
  std::vector<std::string> ids;
  for (const auto* master : masters) {
    json::object sealed;
    for (const auto& [id, key] : ring.keys) {
      const auto bytes = seal(master->bytes(), place_of(master->id(), id), {}, key.bytes.bytes());
      if (!bytes) return fail(bytes.error());
      sealed[std::to_string(id)] = base64_encode(*bytes);
    }
    ids.push_back(master->id());
    under.emplace_back(json::object{{"id", ids.back()}, {"keys", std::move(sealed)}});
  }
  const auto text =
      json::write(json::object{{"format", kFormat}, {"current", ring.current}, {"keys", std::move(keys)}, {"masters", std::move(under)}});
  const auto written = store.compare_and_set(kKeyBucket, kRecord, text, ring.revision);
  if (!written) return fail(written.error());
  ring.revision = *written;
  ring.masters = std::move(ids);
  return {};
}

Result<KeyRing> first_ring(const MasterKey& master, UnixMs now) {
  KeyRing out;
  out.keys.emplace(kFirstMaster, KeyRing::Key{master.copy(), now, now});
  if (auto added = add_key(out, now); !added) return fail(std::move(added.error()));
  return out;
}

Status add_key(KeyRing& ring, UnixMs now) {
  auto bytes = MasterKey::generate();
  if (!bytes) return fail(std::move(bytes.error()));
  const auto id = ring.keys.empty() ? 1 : ring.keys.rbegin()->first + 1;
  if (const auto current = ring.keys.find(ring.current); current != ring.keys.end() && current->second.retired_ms == 0)
    current->second.retired_ms = now;
  ring.keys.emplace(id, KeyRing::Key{std::move(*bytes), now, 0});
  ring.current = id;
  return {};
}

}  // namespace interlock::store
