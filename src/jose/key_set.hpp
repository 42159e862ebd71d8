// A JWK set (RFC 7517 §5): the public keys of one issuer. Untrusted bytes: bounded, keys it cannot use are left out, not guessed.
//
// Immutable once parsed; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "jose/key.hpp"

namespace interlock::jose {

inline constexpr std::size_t kKeySetBytes = std::size_t{1} << 20;
inline constexpr std::size_t kKeySetKeys = 200;
inline constexpr std::size_t kKeyIdBytes = 256;

struct SetKey {
  PublicKey key;
  std::string kid;                     // empty: none
  std::optional<Algorithm> algorithm;  // `alg`
  std::string use;                     // "sig", SPIFFE's "jwt-svid"; empty: not said
};

class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::vector<SetKey> keys) : keys_(std::move(keys)) {}
  // Fails where the document is no JWK set, is over a bound, or names one kid twice with different keys (which of them signed would be
  // a guess). Keys of unknown kinds (`oct`, encryption, unknown curves) are counted in skipped(). x5c, x5u and jku are never followed.
  static Result<KeySet> parse(std::string_view text);
  static Result<KeySet> from_json(const json::object& document);

  const std::vector<SetKey>& keys() const { return keys_; }
  std::size_t skipped() const { return skipped_; }
  // The key that must have signed a token with this header: by kid where the token has one; without a kid only where exactly one key
  // fits the algorithm. nullptr: there is none, or it may not be used for `algorithm` (its `alg` or `use` say otherwise).
  const SetKey* find(std::string_view kid, Algorithm algorithm) const;
  bool has_kid(std::string_view kid) const;
  json::object to_json() const;

 private:
  std::vector<SetKey> keys_;
  std::size_t skipped_ = 0;
};

}  // namespace interlock::jose
