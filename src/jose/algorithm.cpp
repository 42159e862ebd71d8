// The algorithms of RFC 7518 §3 and RFC 8037, and how OpenSSL is told of them.
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <utility>

#include "jose/key.hpp"
#include "jose/openssl.hpp"

namespace interlock::jose {
namespace {

// In the order of the enumeration.
constexpr std::array<Scheme, 10> kSchemes{{
    {Algorithm::kEs256, "ES256", KeyKind::kP256, "SHA2-256", false},
    {Algorithm::kEs384, "ES384", KeyKind::kP384, "SHA2-384", false},
    {Algorithm::kEs512, "ES512", KeyKind::kP521, "SHA2-512", false},
    {Algorithm::kRs256, "RS256", KeyKind::kRsa, "SHA2-256", false},
    {Algorithm::kRs384, "RS384", KeyKind::kRsa, "SHA2-384", false},
    {Algorithm::kRs512, "RS512", KeyKind::kRsa, "SHA2-512", false},
    {Algorithm::kPs256, "PS256", KeyKind::kRsa, "SHA2-256", true},
    {Algorithm::kPs384, "PS384", KeyKind::kRsa, "SHA2-384", true},
    {Algorithm::kPs512, "PS512", KeyKind::kRsa, "SHA2-512", true},
    {Algorithm::kEdDsa, "EdDSA", KeyKind::kEd25519, nullptr, false},
}};

constexpr std::array<Curve, 3> kCurves{{
    {KeyKind::kP256, "P-256", "prime256v1", 32},
    {KeyKind::kP384, "P-384", "secp384r1", 48},
    {KeyKind::kP521, "P-521", "secp521r1", 66},
}};

// RFC 7518 §3.5: MGF1 with the same digest, a salt as long as its output.
bool pad(EVP_PKEY_CTX* context, const Scheme& scheme) {
  if (scheme.kind != KeyKind::kRsa) return true;
  if (!scheme.is_pss) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

}  // namespace

std::string_view algorithm_name(Algorithm algorithm) { return scheme_of(algorithm).name; }

std::optional<Algorithm> algorithm_from_name(std::string_view name) {
  if (name == "Ed25519") return Algorithm::kEdDsa;
  for (const auto& scheme : kSchemes) {
    if (scheme.name == name) return scheme.algorithm;
  }
  return std::nullopt;
}

std::span<const Algorithm> all_algorithms() {
  static constexpr auto kAll = [] {
    std::array<Algorithm, kSchemes.size()> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = kSchemes[i].algorithm;
    return all;
  }();
  return kAll;
}

const Scheme& scheme_of(Algorithm algorithm) { return kSchemes[static_cast<std::size_t>(algorithm)]; }

Algorithm usual_algorithm(KeyKind kind) {
  return std::find_if(kSchemes.begin(), kSchemes.end(), [&](const auto& scheme) { return scheme.kind == kind; })->algorithm;
}

const Curve* curve_of(KeyKind kind) {
  const auto found = std::find_if(kCurves.begin(), kCurves.end(), [&](const auto& curve) { return curve.kind == kind; });
  return found == kCurves.end() ? nullptr : &*found;
}

const Curve* curve_named(std::string_view name) {
  const auto found =
      std::find_if(kCurves.begin(), kCurves.end(), [&](const auto& curve) { return curve.name == name || curve.openssl_name == name; });
  return found == kCurves.end() ? nullptr : &*found;
}

const EVP_MD* digest_of(const Scheme& scheme) {
  static const auto digests = [] {
    std::array<OwnedDigest, kSchemes.size()> fetched;
    for (std::size_t i = 0; i < fetched.size(); ++i) {
      if (kSchemes[i].digest != nullptr) fetched[i].reset(EVP_MD_fetch(nullptr, kSchemes[i].digest, nullptr));
    }
    return fetched;
  }();
  return digests[static_cast<std::size_t>(scheme.algorithm)].get();
}

bool begin_signing(EVP_MD_CTX* context, EVP_PKEY* key, const Scheme& scheme) {
  EVP_PKEY_CTX* inner = nullptr;  // owned by `context`
  return EVP_DigestSignInit(context, &inner, digest_of(scheme), nullptr, key) == 1 && pad(inner, scheme);
}

OwnedKeyContext verifying_context(EVP_PKEY* key, const Scheme& scheme) {
  OwnedKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  // ECDSA takes a digest of whatever name; RSA writes the name into what is signed.
  const bool ready = context && EVP_PKEY_verify_init(context.get()) == 1 && pad(context.get(), scheme) &&
                     (scheme.kind != KeyKind::kRsa || EVP_PKEY_CTX_set_signature_md(context.get(), digest_of(scheme)) == 1);
  return ready ? std::move(context) : nullptr;
}

}  // namespace interlock::jose
