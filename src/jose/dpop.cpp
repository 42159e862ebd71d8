#include "jose/dpop.hpp"

#include <cstdlib>
#include <utility>

#include "base/hash.hpp"
#include "base/ids.hpp"
#include "jose/token.hpp"
#include "jose/url.hpp"

namespace interlock::jose {
namespace {

constexpr std::string_view kDpopType = "dpop+jwt";

std::string hash_of(std::string_view access_token) { return base64url_encode(as_bytes(sha256(access_token))); }

std::unexpected<Error> refuse(std::string_view why, std::string hint = {}) {
  return fail(ErrorCode::kDenied, "the DPoP proof is refused: " + std::string(why), std::move(hint));
}

// The key that a proof carries; `known`, where that is the same.
Result<std::shared_ptr<const DpopKey>> key_of(const json::object& jwk, const std::shared_ptr<const DpopKey>& known) {
  if (known && known->jwk == jwk) return known;
  auto key = PublicKey::from_jwk(jwk);
  if (!key) return fail(std::move(key.error()));
  auto thumbprint = key->thumbprint();
  return std::make_shared<const DpopKey>(DpopKey{jwk, std::move(*key), std::move(thumbprint)});
}

}  // namespace

Result<DpopProof> verify_dpop(std::string_view proof, const DpopExpectations& expected) {
  const auto token = parse_token(proof);
  if (!token) return refuse(token.error().message, token.error().hint);
  if (token->typ != kDpopType) return refuse("its typ is not dpop+jwt");
  const auto* jwk = json::object_at(token->header, "jwk");
  if (jwk == nullptr) return refuse("its header has no jwk");
  const auto found = key_of(*jwk, expected.known_key);
  if (!found) return refuse(found.error().message, found.error().hint);
  const auto& key = (*found)->key;
  if (!key.fits(token->algorithm)) return refuse("its alg does not fit its jwk");

  // What costs nothing is asked before the signature.
  const auto& claims = token->claims;
  const auto jti = json::string_at(claims, "jti").value_or("");
  if (jti.empty() || jti.size() > kDpopTextBytes) return refuse("its jti is absent, empty, or over the bound of 256 bytes");
  if (json::string_at(claims, "htm") != expected.method) return refuse("its htm is not the method of this request");
  const auto said = comparable_url(json::string_at(claims, "htu").value_or(""));
  if (!said) return refuse("its htu is no http or https URL");
  if (said != comparable_url(expected.url)) {
    return refuse("its htu is not the URL of this request", "behind a proxy, public_url must be what clients write");
  }
  const auto issued = time_claim(claims, "iat");
  if (!issued) return refuse(issued.error().message);
  if (!*issued) return refuse("it has no iat");
  if (std::abs(**issued - expected.now_ms) > expected.window_ms) {
    return refuse("its iat is too far from now", "make a proof for each request; if this one is new, compare the clocks");
  }
  const Expectations times{.issuer = {},
                           .audiences = {},
                           .algorithms = {},
                           .types = {},
                           .requires_expiry = false,
                           .leeway_ms = expected.window_ms,
                           .now_ms = expected.now_ms};
  if (const auto checked = check_claims(*token, times); !checked) return refuse(checked.error().message);
  if (!expected.access_token.empty()) {
    const auto hash = json::string_at(claims, "ath");
    if (!hash) return refuse("it has no ath, so it is not bound to the access token");
    if (!equal_constant_time(*hash, hash_of(expected.access_token))) return refuse("its ath is the hash of another access token");
  }
  const auto* nonce = json::find(claims, "nonce");
  if (nonce != nullptr && (!nonce->is_string() || nonce->get_string().size() > kDpopTextBytes)) {
    return refuse("its nonce is no text of up to 256 bytes");
  }
  if (!key.verify(token->algorithm, token->signing_input(), token->signature)) return refuse("its signature does not verify with its jwk");
  return DpopProof{(*found)->thumbprint, std::string(jti), nonce == nullptr ? std::string() : std::string(json::view(nonce->get_string())),
                   **issued, *found};
}

Result<std::string> make_dpop(const PrivateKey& key, std::string_view method, std::string_view url, std::string_view access_token,
                              std::string_view nonce, UnixMs now_ms) {
  json::object claims{{"htm", method}, {"htu", url.substr(0, url.find_first_of("?#"))}, {"iat", now_ms / 1000}, {"jti", new_token()}};
  if (!access_token.empty()) claims["ath"] = hash_of(access_token);
  if (!nonce.empty()) claims["nonce"] = nonce;
  return make_token(key, key.algorithm(), {}, kDpopType, claims, {{"jwk", key.public_key().to_jwk()}});
}

}  // namespace interlock::jose
