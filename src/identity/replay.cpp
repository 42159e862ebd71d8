#include "identity/replay.hpp"

#include <cstring>
#include <utility>

#include "base/hash.hpp"
#include "base/ids.hpp"

namespace interlock::identity {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kFirstSlots = 64;  // a power of two, as all sizes are

}  // namespace

std::size_t DigestSet::place_of(Key key) const {
  const auto mask = slots_.size() - 1;
  auto at = static_cast<std::size_t>(key[0]) & mask;
  while (slots_[at] != Key{} && slots_[at] != key) at = (at + 1) & mask;
  return at;
}

bool DigestSet::contains(Key key) const { return !slots_.empty() && slots_[place_of(key)] == key; }

bool DigestSet::insert(Key key) {
  if (slots_.empty()) slots_.resize(kFirstSlots);
  if (slots_[place_of(key)] == key) return false;
  if (size_ * 4 >= slots_.size() * 3) {
    auto old = std::exchange(slots_, std::vector<Key>(slots_.size() * 2));
    for (const auto& one : old) {
      if (one != Key{}) slots_[place_of(one)] = one;
    }
  }
  slots_[place_of(key)] = key;
  ++size_;
  return true;
}

SeenProofs::SeenProofs(std::int64_t window_ms, std::size_t entries)
    : window_ms_(window_ms), entries_(entries), key_(random_bytes(kKeyBytes)) {}

std::size_t SeenProofs::size() const {
  std::size_t out = 0;
  for (const auto& [span, set] : buckets_) out += set.size();
  return out;
}

Status SeenProofs::note(std::string_view thumbprint, std::string_view jti, UnixMs issued_ms, UnixMs now_ms) {
  while (!buckets_.empty() && (buckets_.begin()->first + 1) * window_ms_ <= now_ms) buckets_.erase(buckets_.begin());
  const Digest digest = sha256({key_, thumbprint, "\n", jti});
  DigestSet::Key key;
  std::memcpy(key.data(), digest.data(), sizeof key);
  key[1] |= 1;  // never the free slot's value
  // One jti with two times is still one jti.
  for (const auto& [span, set] : buckets_) {
    if (set.contains(key)) {
      return fail(ErrorCode::kDenied, "the DPoP proof was used before", "make a new proof, with a jti of its own, for each request");
    }
  }
  if (size() >= entries_) {
    return fail(ErrorCode::kUnavailable, "the gate remembers as many DPoP proofs as it can, so replays could not be told apart",
                "try again in a moment");
  }
  buckets_[(issued_ms + window_ms_) / window_ms_].insert(key);
  return {};
}

Nonces::Nonces(UnixMs now_ms) {
  const auto slot = now_ms / kSlotMs;
  periods_[0] = {.first_slot = slot, .key = random_bytes(kKeyBytes)};
  periods_[1] = {.first_slot = slot, .key = random_bytes(kKeyBytes)};
}

void Nonces::rotate(std::int64_t slot) {
  if (slot >= periods_[0].first_slot && slot < periods_[0].first_slot + kSlotsPerKey) return;
  periods_[1] = std::move(periods_[0]);
  periods_[0] = {.first_slot = slot, .key = random_bytes(kKeyBytes)};
}

std::string Nonces::nonce_of(std::int64_t slot) const {
  const auto& period = slot >= periods_[0].first_slot ? periods_[0] : periods_[1];
  return base64url_encode(as_bytes(hmac_sha256(period.key, std::to_string(slot))));
}

std::string Nonces::fresh(UnixMs now_ms) {
  const auto slot = now_ms / kSlotMs;
  rotate(slot);
  return nonce_of(slot);
}

bool Nonces::is_good(std::string_view nonce, UnixMs now_ms) {
  const auto slot = now_ms / kSlotMs;
  rotate(slot);
  return equal_constant_time(nonce, nonce_of(slot)) || equal_constant_time(nonce, nonce_of(slot - 1));
}

}  // namespace interlock::identity
