// The keys that sign this gate's own tokens (RFC 8693), and the key set that is published of them. Sealed at rest, rotated, shared by all
// gates of a state folder; none of them signs an SVID. Loop thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key_set.hpp"
#include "spiffe/authority.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {

class TokenKeys {
 public:
  static Result<std::unique_ptr<TokenKeys>> open(store::SealedStore& vault, const Clock& clock);

  // `claims` are complete but for iat, exp, jti.
  Result<std::string> sign(json::object claims, std::int64_t life_ms);
  std::shared_ptr<const jose::KeySet> keys() const { return keys_; }  // another pointer after each change
  // Rotates what is due.
  Status tick();

 private:
  TokenKeys() = default;
  void publish();
  std::unique_ptr<spiffe::Authority> authority_;
  std::shared_ptr<const jose::KeySet> keys_;
};

}  // namespace interlock::cli
