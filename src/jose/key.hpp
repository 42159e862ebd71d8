// Keys for signatures: JWK and PEM in, JWS signatures out (RFC 7517, RFC 7518 §3, RFC 8037, RFC 7638).
//
// Asymmetric algorithms only: `none` and HMAC have no name here, so that no token can choose them. A weak or malformed key is refused
// when it is read, with the rule it breaks: RSA outside the bounds below, points that are not on a curve we know, Ed25519 points of a
// small subgroup, private members in a public key. Immutable, shared by copying; any thread. OpenSSL does the arithmetic. What fails
// leaves nothing in OpenSSL's error queue, where a TLS connection of the same thread would find it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

struct evp_pkey_st;

namespace interlock::jose {

inline constexpr int kRsaBitsLeast = 2048;
inline constexpr int kRsaBitsMost = 8192;                       // a bound on what one verification costs
inline constexpr std::uint64_t kRsaExponentLeast = 65537;       // below it, forgeries of sloppy padding are cheap
inline constexpr std::uint64_t kRsaExponentMost = 0xFFFF'FFFF;  // above it, verification is slow and nobody gains
inline constexpr std::size_t kPemBytes = 64 * 1024;

enum class Algorithm : std::uint8_t { kEs256, kEs384, kEs512, kRs256, kRs384, kRs512, kPs256, kPs384, kPs512, kEdDsa };

std::string_view algorithm_name(Algorithm algorithm);  // "ES256"; kEdDsa is "EdDSA" (Ed25519)
// "ES256" ... "EdDSA", and "Ed25519" (RFC 9864) for kEdDsa. nullopt for everything else: `none`, HS256, other letter case.
std::optional<Algorithm> algorithm_from_name(std::string_view name);
std::span<const Algorithm> all_algorithms();

class PublicKey {
 public:
  // Of a JWK object with public members only; `kid`, `alg`, `use` and `key_ops` are the KeySet's business.
  static Result<PublicKey> from_jwk(const json::object& jwk);
  static Result<PublicKey> from_pem(std::string_view pem);          // SubjectPublicKeyInfo
  static Result<PublicKey> from_certificate(std::string_view der);  // the key of an X.509 certificate

  json::object to_jwk() const;     // required members only, sorted
  std::string thumbprint() const;  // RFC 7638 SHA-256, base64url
  bool fits(Algorithm algorithm) const;
  // `signature` is in JWS form (r || s for ECDSA, RFC 7518 §3.4). False for anything that is not exactly right: wrong length, r or s
  // zero or above the order, a key that does not fit.
  bool verify(Algorithm algorithm, std::string_view signed_bytes, std::string_view signature) const;
  evp_pkey_st* handle() const;

 private:
  friend class PrivateKey;
  struct Material;
  explicit PublicKey(std::shared_ptr<const Material> material) : material_(std::move(material)) {}
  static Result<PublicKey> from_handle(evp_pkey_st* key);
  std::shared_ptr<const Material> material_;
};

class PrivateKey {
 public:
  static Result<PrivateKey> generate(Algorithm algorithm);   // RSA: 2048 bits
  static Result<PrivateKey> from_pem(std::string_view pem);  // PKCS#8 or the traditional forms, unencrypted
  static Result<PrivateKey> from_jwk(const json::object& jwk);
  std::string to_pem() const;  // PKCS#8. A secret.
  const PublicKey& public_key() const { return public_; }
  Algorithm algorithm() const { return algorithm_; }  // from the curve; RSA: RS256 unless generated for another, or its JWK says so
  Result<std::string> sign(Algorithm algorithm, std::string_view bytes) const;  // JWS form
  evp_pkey_st* handle() const { return key_.get(); }

 private:
  PrivateKey(std::shared_ptr<evp_pkey_st> key, PublicKey public_key, Algorithm algorithm)
      : key_(std::move(key)), public_(std::move(public_key)), algorithm_(algorithm) {}
  static Result<PrivateKey> from_handle(std::shared_ptr<evp_pkey_st> key, std::optional<Algorithm> algorithm);
  std::shared_ptr<evp_pkey_st> key_;
  PublicKey public_;
  Algorithm algorithm_;
};

}  // namespace interlock::jose
