// What the room needs of OpenSSL: owners of its objects, and the algorithms as OpenSSL names them. For src/jose alone.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "jose/key.hpp"

namespace interlock::jose {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using OwnedKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using OwnedKeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using OwnedDigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using OwnedNumber = std::unique_ptr<BIGNUM, Freed<BN_clear_free>>;
using OwnedDigest = std::unique_ptr<EVP_MD, Freed<EVP_MD_free>>;
using OwnedEcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using OwnedBio = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using OwnedCertificate = std::unique_ptr<X509, Freed<X509_free>>;

// Leaves the thread's error queue as empty as it must be for whoever uses OpenSSL next.
struct ErrorsCleared {
  ErrorsCleared() = default;
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
  ~ErrorsCleared() { ERR_clear_error(); }
};

enum class KeyKind : std::uint8_t { kP256, kP384, kP521, kRsa, kEd25519 };

// One signature algorithm: the kind of its keys, its digest (null: EdDSA hashes by itself), its padding.
struct Scheme {
  Algorithm algorithm;
  std::string_view name;
  KeyKind kind;
  const char* digest;
  bool is_pss;
};
const Scheme& scheme_of(Algorithm algorithm);
// The algorithm that keys of this kind are used with where nobody says otherwise.
Algorithm usual_algorithm(KeyKind kind);

// One elliptic curve of RFC 7518 §6.2.1.1.
struct Curve {
  KeyKind kind;
  std::string_view name;     // "P-256"
  const char* openssl_name;  // "prime256v1"
  std::size_t size_bytes;    // of a coordinate, and of r and s
};
const Curve* curve_of(KeyKind kind);  // nullptr: no elliptic curve of ECDSA
const Curve* curve_named(std::string_view name);

// The scheme's digest, fetched once; nullptr for EdDSA.
const EVP_MD* digest_of(const Scheme& scheme);
// Sets `context` up to sign with `key`. False: OpenSSL will not.
bool begin_signing(EVP_MD_CTX* context, EVP_PKEY* key, const Scheme& scheme);
// A context to verify digests with `key`; nullptr: OpenSSL will not. Not for EdDSA, which signs no digest.
OwnedKeyContext verifying_context(EVP_PKEY* key, const Scheme& scheme);

inline const unsigned char* octets(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }

}  // namespace interlock::jose
