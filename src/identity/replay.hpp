// What makes a DPoP proof good for one request only: the proofs already seen, and nonces (RFC 9449 §8, §9, §11.1).
//
// Both are bounded whatever arrives: seen proofs by a count, nonces hold no state at all. Loop thread only. Private to the room.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace interlock::identity {

// 128 bits of a hash that outsiders cannot steer, in open addressing: a look-up touches one cache line.
class DigestSet {
 public:
  using Key = std::array<std::uint64_t, 2>;
  bool insert(Key key);  // false: it was there
  bool contains(Key key) const;
  std::size_t size() const { return size_; }

 private:
  std::size_t place_of(Key key) const;
  std::vector<Key> slots_;  // {0, 0} is free; no hash is that
  std::size_t size_ = 0;
};

class SeenProofs {
 public:
  // `window_ms`: how far iat may be from now, either way. `entries`: the bound on all.
  SeenProofs(std::int64_t window_ms, std::size_t entries);
  // Notes a proof that was issued at `issued_ms`. kDenied where it was seen before; kUnavailable where there is no room: nothing is
  // forgotten while it could be replayed.
  Status note(std::string_view thumbprint, std::string_view jti, UnixMs issued_ms, UnixMs now_ms);
  std::size_t size() const;

 private:
  std::int64_t window_ms_;
  std::size_t entries_;
  std::string key_;                            // of this process: nobody can choose where an entry lands
  std::map<std::int64_t, DigestSet> buckets_;  // by the span of time in which its proofs stop being acceptable
};

// "<HMAC of a slot of time>": anybody may hold one, nobody can make one.
class Nonces {
 public:
  static constexpr std::int64_t kSlotMs = 60'000;  // a nonce is good for this long at least, and twice this at most
  static constexpr std::int64_t kSlotsPerKey = 60;

  explicit Nonces(UnixMs now_ms);
  std::string fresh(UnixMs now_ms);
  bool is_good(std::string_view nonce, UnixMs now_ms);

 private:
  void rotate(std::int64_t slot);
  std::string nonce_of(std::int64_t slot) const;
  struct Period {
    std::int64_t first_slot = 0;
    std::string key;
  };
  std::array<Period, 2> periods_;  // the present one, the one before
};

}  // namespace interlock::identity
