// JWTs in compact JWS form (RFC 7515, RFC 7519, RFC 8725): read, verified, made.
//
// Everything that an outsider wrote is bounded before it is decoded, and nothing of a header chooses a key by address: `jwk` (outside
// DPoP), `jku`, `x5u`, `x5c` are ignored, `crit` and `b64` refused (RFC 7515 §4.1.11). Any thread. No error holds a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"
#include "jose/key_set.hpp"

namespace interlock::jose {

inline constexpr std::size_t kTokenBytes = 16 * 1024;
inline constexpr std::size_t kTokenDepth = 16;

// A token whose form is right, and of which nothing is believed yet.
struct Token {
  std::string text;
  json::object header;
  json::object claims;
  Algorithm algorithm = Algorithm::kEs256;
  std::string kid;  // empty: none
  std::string typ;  // lower case, without "application/"; empty: none
  std::string signature;
  std::string_view signing_input() const;  // of `text`
};

// kInvalid with a reason: not three parts, not base64url, not strict JSON (duplicate members), `alg` unknown or `none`, crit. kTooLarge.
Result<Token> parse_token(std::string_view text);

// What a claim set must say. Empty lists and zeroes ask for nothing, except where stated.
struct Expectations {
  std::string_view issuer;                // exact, no normalization
  std::vector<std::string> audiences;     // one of them must be in `aud`
  std::span<const Algorithm> algorithms;  // empty: all of all_algorithms()
  std::vector<std::string> types;         // allowed typ values; "" allows its absence; empty list: any
  bool requires_expiry = true;
  bool requires_subject = false;
  std::int64_t leeway_ms = 30'000;   // of clocks
  std::int64_t longest_life_ms = 0;  // of exp - iat (or - now where there is no iat)
  UnixMs now_ms = 0;
};

// Checks signature, then claims. kDenied, or kExpired where only the time is wrong. The message says which check failed.
Status verify_token(const Token& token, const PublicKey& key, const Expectations& expected);
// The claims alone: for callers that verified the signature themselves.
Status check_claims(const Token& token, const Expectations& expected);

// NumericDate of a claim in milliseconds; nullopt where absent. Fails on what is no number, negative or beyond year 9999.
Result<std::optional<UnixMs>> time_claim(const json::object& claims, std::string_view name);
std::vector<std::string> audiences_of(const json::object& claims);  // a text or a list; empty where malformed

// Signs. `header` gets alg (and kid, typ where they are not empty).
Result<std::string> make_token(const PrivateKey& key, Algorithm algorithm, std::string_view kid, std::string_view typ,
                               const json::object& claims, json::object header = {});

}  // namespace interlock::jose
