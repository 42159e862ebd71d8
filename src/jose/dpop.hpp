// DPoP proofs (RFC 9449 §4): made for servers above us, checked for clients below. The replay cache and nonces are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"

namespace interlock::jose {

inline constexpr std::size_t kDpopTextBytes = 256;  // of jti and nonce: callers keep them

// A key that has signed a proof. Handed back with the client's next proof, it saves reading the same JWK again. Immutable.
struct DpopKey {
  json::object jwk;  // as the proof had it
  PublicKey key;
  std::string thumbprint;
};

struct DpopExpectations {
  std::string_view method;          // htm
  std::string_view url;             // htu is compared after normalization (RFC 3986 §6.2.2, §6.2.3), without query and fragment
  std::string_view access_token;    // its hash must be `ath`; empty: no `ath` is asked for (token requests)
  std::int64_t window_ms = 60'000;  // iat must be this near, either way
  UnixMs now_ms = 0;
  std::shared_ptr<const DpopKey> known_key{};  // perhaps the proof's; null: none is known
};

struct DpopProof {
  std::string thumbprint;  // of the key that signed it (RFC 7638): what cnf.jkt must be
  std::string jti;
  std::string nonce;  // empty: none
  UnixMs issued_ms = 0;
  std::shared_ptr<const DpopKey> key;
};

// kDenied with the check that failed (§4.3). The caller still has to compare thumbprint with cnf.jkt, nonce, and jti with those seen.
Result<DpopProof> verify_dpop(std::string_view proof, const DpopExpectations& expected);

Result<std::string> make_dpop(const PrivateKey& key, std::string_view method, std::string_view url, std::string_view access_token,
                              std::string_view nonce, UnixMs now_ms);

}  // namespace interlock::jose
