// Public keys: read by one door, whatever they came as, and signatures verified with them.
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium/crypto_core_ed25519.h>

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "jose/key.hpp"
#include "jose/openssl.hpp"

namespace interlock::jose {

// The key as OpenSSL wants it, as RFC 7638 writes it, and a context that is ready to verify with its usual algorithm (EdDSA has none):
// setting one up costs 2 µs, copying it a tenth of that, and an RSA verification 13 µs.
struct PublicKey::Material {
  OwnedKey key;
  KeyKind kind;
  std::size_t signature_bytes;
  std::string canonical;  // the required members, sorted
  OwnedKeyContext prepared;
};

namespace {

constexpr std::size_t kEd25519Bytes = 32;
constexpr std::size_t kEd25519SignatureBytes = 64;
constexpr std::array<const char*, 8> kPrivateMembers = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

std::string number_bytes(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

OwnedNumber number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return OwnedNumber(number);
}

Result<std::string> member_bytes(const json::object& jwk, std::string_view name) {
  const auto text = json::string_at(jwk, name);
  if (!text) return fail(ErrorCode::kInvalid, "the JWK has no text member '" + std::string(name) + "'");
  auto bytes = base64url_decode(*text);
  if (!bytes) return fail(ErrorCode::kInvalid, "the JWK's '" + std::string(name) + "' is not base64url without padding (RFC 7515 §2)");
  return std::move(*bytes);
}

// An empty key of the curve: to copy it and set the point costs a quarter of making a key from parameters.
EVP_PKEY* empty_key(const Curve& curve) {
  const auto make = [](const char* group) {
    OwnedKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(group), 0),
                               OSSL_PARAM_construct_end()};
    EVP_PKEY* key = nullptr;
    if (context && EVP_PKEY_fromdata_init(context.get()) == 1) EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, parameters);
    return OwnedKey(key);
  };
  static const std::array<OwnedKey, 3> keys = {make("prime256v1"), make("secp384r1"), make("secp521r1")};
  return keys[static_cast<std::size_t>(curve.kind)].get();
}

Result<OwnedKey> ec_key(const Curve& curve, std::string_view x, std::string_view y) {
  if (x.size() != curve.size_bytes || y.size() != curve.size_bytes) {
    return fail(ErrorCode::kInvalid, "a coordinate on " + std::string(curve.name) + " has " + std::to_string(curve.size_bytes) +
                                         " bytes, neither more nor fewer (RFC 7518 §6.2.1.2)");
  }
  std::string point = "\x04";
  point.append(x).append(y);
  OwnedKey key(EVP_PKEY_dup(empty_key(curve)));
  if (!key) return fail(ErrorCode::kInternal, "OpenSSL does not know the curve " + std::string(curve.name));
  // All three curves have prime order: a point on the curve is a good one.
  if (EVP_PKEY_set1_encoded_public_key(key.get(), octets(point), point.size()) != 1) {
    return fail(ErrorCode::kInvalid, "the point is not on the curve " + std::string(curve.name));
  }
  return key;
}

Status check_rsa(const BIGNUM* modulus, const BIGNUM* exponent) {
  const int bits = BN_num_bits(modulus);
  if (bits < kRsaBitsLeast || bits > kRsaBitsMost) {
    return fail(ErrorCode::kInvalid, "an RSA key of " + std::to_string(bits) + " bits is refused; it must have " +
                                         std::to_string(kRsaBitsLeast) + " to " + std::to_string(kRsaBitsMost));
  }
  if (BN_is_odd(modulus) == 0) return fail(ErrorCode::kInvalid, "the RSA modulus is even, so it is no product of two large primes");
  const auto value = BN_get_word(exponent);  // all ones where it is larger
  if (BN_is_odd(exponent) == 0 || value < kRsaExponentLeast || value > kRsaExponentMost) {
    return fail(ErrorCode::kInvalid, "the RSA exponent must be odd and between 65537 and 2^32");
  }
  return {};
}

Result<OwnedKey> rsa_key(std::string_view modulus_bytes, std::string_view exponent_bytes) {
  if (modulus_bytes.empty() || exponent_bytes.empty() || modulus_bytes[0] == 0 || exponent_bytes[0] == 0) {
    return fail(ErrorCode::kInvalid, "an RSA number of the JWK is empty or begins with a zero byte (RFC 7518 §6.3.1)");
  }
  if (modulus_bytes.size() > kRsaBitsMost / 8 || exponent_bytes.size() > sizeof(kRsaExponentMost)) {
    return fail(ErrorCode::kInvalid,
                "the RSA key is over the bound of " + std::to_string(kRsaBitsMost) + " bits, or its exponent over 2^32");
  }
  const OwnedNumber modulus(BN_bin2bn(octets(modulus_bytes), static_cast<int>(modulus_bytes.size()), nullptr));
  const OwnedNumber exponent(BN_bin2bn(octets(exponent_bytes), static_cast<int>(exponent_bytes.size()), nullptr));
  if (!modulus || !exponent) return fail(ErrorCode::kInternal, "OpenSSL has no memory for a key");
  if (auto checked = check_rsa(modulus.get(), exponent.get()); !checked) return fail(checked.error());
  const std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder(OSSL_PARAM_BLD_new());
  OwnedKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  if (!builder || !context || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1) {
    return fail(ErrorCode::kInternal, "OpenSSL cannot build a key");
  }
  const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  EVP_PKEY* key = nullptr;
  if (!parameters || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return fail(ErrorCode::kInvalid, "OpenSSL refuses the RSA key");
  }
  return OwnedKey(key);
}

Result<OwnedKey> ed25519_key(std::string_view x) {
  if (x.size() != kEd25519Bytes) return fail(ErrorCode::kInvalid, "an Ed25519 key has 32 bytes (RFC 8037 §2)");
  // With a key in a small subgroup, one signature would fit many messages.
  if (crypto_core_ed25519_is_valid_point(octets(x)) != 1) {
    return fail(ErrorCode::kInvalid, "the Ed25519 key is no point of the main subgroup, written canonically");
  }
  OwnedKey key(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, octets(x), x.size()));
  if (!key) return fail(ErrorCode::kInternal, "OpenSSL has no Ed25519");
  return key;
}

// The required members of a key that came from elsewhere than a JWK.
Result<json::object> members_of(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t size = 0;
    const auto* curve = EVP_PKEY_get_group_name(key, group.data(), group.size(), &size) == 1 ? curve_named({group.data(), size}) : nullptr;
    if (curve == nullptr) return fail(ErrorCode::kUnsupported, "the key is on another curve than P-256, P-384 and P-521");
    std::array<std::string, 2> coordinates;
    for (std::size_t i = 0; i < coordinates.size(); ++i) {
      const auto number = number_of(key, i == 0 ? OSSL_PKEY_PARAM_EC_PUB_X : OSSL_PKEY_PARAM_EC_PUB_Y);
      if (!number) return fail(ErrorCode::kInvalid, "the key has no point");
      std::string bytes(curve->size_bytes, '\0');
      BN_bn2binpad(number.get(), reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
      coordinates[i] = base64url_encode(bytes);
    }
    return json::object{{"crv", curve->name}, {"kty", "EC"}, {"x", coordinates[0]}, {"y", coordinates[1]}};
  }
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const auto modulus = number_of(key, OSSL_PKEY_PARAM_RSA_N);
    const auto exponent = number_of(key, OSSL_PKEY_PARAM_RSA_E);
    if (!modulus || !exponent) return fail(ErrorCode::kInvalid, "the RSA key has no modulus or exponent");
    return json::object{
        {"e", base64url_encode(number_bytes(exponent.get()))}, {"kty", "RSA"}, {"n", base64url_encode(number_bytes(modulus.get()))}};
  }
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    std::string x(kEd25519Bytes, '\0');
    std::size_t size = x.size();
    if (EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(x.data()), &size) != 1) {
      return fail(ErrorCode::kInvalid, "the Ed25519 key has no public part");
    }
    return json::object{{"crv", "Ed25519"}, {"kty", "OKP"}, {"x", base64url_encode(x)}};
  }
  return fail(ErrorCode::kUnsupported, "the key is of another kind than EC, RSA and Ed25519");
}

// r || s as the DER that OpenSSL reads, which then refuses numbers that are zero or not below the order.
class EcdsaDer {
 public:
  explicit EcdsaDer(std::string_view signature) {
    add_integer(signature.substr(0, signature.size() / 2));
    add_integer(signature.substr(signature.size() / 2));
    const auto body = size_ - kHeadBytes;
    const bool is_long = body > 127;
    start_ = is_long ? 0 : 1;
    bytes_[start_] = 0x30;
    if (is_long) bytes_[1] = 0x81;
    bytes_[kHeadBytes - 1] = static_cast<unsigned char>(body);
  }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes_.data()) + start_, size_ - start_}; }

 private:
  static constexpr std::size_t kHeadBytes = 3;
  static constexpr std::size_t kIntegerBytes = 2 + 1 + 66;

  void add_integer(std::string_view number) {
    number.remove_prefix(std::min(number.find_first_not_of('\0'), number.size() - 1));
    const bool is_high = (static_cast<unsigned char>(number[0]) & 0x80) != 0;
    bytes_[size_++] = 0x02;
    bytes_[size_++] = static_cast<unsigned char>(number.size() + (is_high ? 1 : 0));
    if (is_high) bytes_[size_++] = 0;
    for (const char c : number) bytes_[size_++] = static_cast<unsigned char>(c);
  }

  std::array<unsigned char, kHeadBytes + 2 * kIntegerBytes> bytes_{};
  std::size_t size_ = kHeadBytes;
  std::size_t start_ = 0;
};

bool verify_eddsa(EVP_PKEY* key, std::string_view signed_bytes, std::string_view signature) {
  const OwnedDigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(signed_bytes), signed_bytes.size()) == 1;
}

bool verify_digest(EVP_PKEY_CTX* context, const Scheme& scheme, std::string_view signed_bytes, std::string_view signature) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  return EVP_Digest(signed_bytes.data(), signed_bytes.size(), digest.data(), &size, digest_of(scheme), nullptr) == 1 &&
         EVP_PKEY_verify(context, octets(signature), signature.size(), digest.data(), size) == 1;
}

}  // namespace

Result<PublicKey> PublicKey::from_jwk(const json::object& jwk) {
  const ErrorsCleared cleared;
  for (const auto* name : kPrivateMembers) {
    if (jwk.contains(name)) {
      return fail(ErrorCode::kInvalid, std::string("the JWK holds the private or secret member '") + name + "' where a public key belongs",
                  "take the key out of use: whoever saw it can sign with it");
    }
  }
  const auto type = json::string_at(jwk, "kty");
  if (!type) return fail(ErrorCode::kInvalid, "the JWK has no text member 'kty'");
  auto material = std::make_shared<Material>();
  const auto member = [&](const char* name) { return *json::string_at(jwk, name); };
  const auto take = [&](Result<OwnedKey> key) -> Status {
    if (!key) return fail(key.error());
    material->key = std::move(*key);
    return {};
  };
  Status taken;
  if (*type == "RSA") {
    auto modulus = member_bytes(jwk, "n");
    auto exponent = member_bytes(jwk, "e");
    if (!modulus) return fail(modulus.error());
    if (!exponent) return fail(exponent.error());
    taken = take(rsa_key(*modulus, *exponent));
    material->kind = KeyKind::kRsa;
    material->signature_bytes = modulus->size();
    material->canonical.append(R"({"e":")").append(member("e")).append(R"(","kty":"RSA","n":")").append(member("n")).append("\"}");
  } else if (*type == "EC" || *type == "OKP") {
    const auto curve_name = json::string_at(jwk, "crv");
    if (!curve_name) return fail(ErrorCode::kInvalid, "the JWK has no text member 'crv'");
    auto x = member_bytes(jwk, "x");
    if (!x) return fail(x.error());
    if (*type == "OKP") {
      if (*curve_name != "Ed25519") return fail(ErrorCode::kUnsupported, "the JWK's curve is not Ed25519, the one OKP curve taken here");
      taken = take(ed25519_key(*x));
      material->kind = KeyKind::kEd25519;
      material->signature_bytes = kEd25519SignatureBytes;
      material->canonical.append(R"({"crv":"Ed25519","kty":"OKP","x":")").append(member("x")).append("\"}");
    } else {
      const auto* curve = curve_named(*curve_name);
      if (curve == nullptr || curve->name != *curve_name) {
        return fail(ErrorCode::kUnsupported, "the JWK's curve is not P-256, P-384 or P-521");
      }
      auto y = member_bytes(jwk, "y");
      if (!y) return fail(y.error());
      taken = take(ec_key(*curve, *x, *y));
      material->kind = curve->kind;
      material->signature_bytes = 2 * curve->size_bytes;
      material->canonical.append(R"({"crv":")").append(curve->name).append(R"(","kty":"EC","x":")").append(member("x"));
      material->canonical.append(R"(","y":")").append(member("y")).append("\"}");
    }
  } else {
    return fail(ErrorCode::kUnsupported,
                "the JWK's kty is not EC, RSA or OKP: other keys cannot verify a signature that proves who signed");
  }
  if (!taken) return fail(taken.error());
  if (material->kind != KeyKind::kEd25519) {
    material->prepared = verifying_context(material->key.get(), scheme_of(usual_algorithm(material->kind)));
    if (!material->prepared) return fail(ErrorCode::kInternal, "OpenSSL cannot verify with the key");
  }
  return PublicKey(std::move(material));
}

// By way of the members, so that each key meets the same rules and is on the curve that its name says.
Result<PublicKey> PublicKey::from_handle(EVP_PKEY* key) {
  const auto members = members_of(key);
  if (!members) return fail(members.error());
  return from_jwk(*members);
}

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  const ErrorsCleared cleared;
  if (pem.size() > kPemBytes) return fail(ErrorCode::kTooLarge, "the PEM text of a public key is over 64 KiB");
  const OwnedBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const OwnedKey key(bio ? PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!key) return fail(ErrorCode::kInvalid, "not a public key in PEM", "it begins with -----BEGIN PUBLIC KEY-----");
  return from_handle(key.get());
}

Result<PublicKey> PublicKey::from_certificate(std::string_view der) {
  const ErrorsCleared cleared;
  if (der.size() > kPemBytes) return fail(ErrorCode::kTooLarge, "the certificate is over 64 KiB");
  const auto* next = octets(der);
  const OwnedCertificate certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (!certificate || next != octets(der) + der.size()) return fail(ErrorCode::kInvalid, "not an X.509 certificate in DER");
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  if (key == nullptr) return fail(ErrorCode::kUnsupported, "the certificate's key is of a kind that is not known here");
  return from_handle(key);
}

json::object PublicKey::to_jwk() const { return json::parse(material_->canonical)->as_object(); }

std::string PublicKey::thumbprint() const { return base64url_encode(as_bytes(sha256(material_->canonical))); }

bool PublicKey::fits(Algorithm algorithm) const { return scheme_of(algorithm).kind == material_->kind; }

evp_pkey_st* PublicKey::handle() const { return material_->key.get(); }

bool PublicKey::verify(Algorithm algorithm, std::string_view signed_bytes, std::string_view signature) const {
  if (!fits(algorithm) || signature.size() != material_->signature_bytes) return false;
  const ErrorsCleared cleared;
  const auto& scheme = scheme_of(algorithm);
  auto* key = material_->key.get();
  if (scheme.kind == KeyKind::kEd25519) return verify_eddsa(key, signed_bytes, signature);
  const bool is_prepared = algorithm == usual_algorithm(scheme.kind);
  const auto context = is_prepared ? OwnedKeyContext(EVP_PKEY_CTX_dup(material_->prepared.get())) : verifying_context(key, scheme);
  if (!context) return false;
  if (scheme.kind == KeyKind::kRsa) return verify_digest(context.get(), scheme, signed_bytes, signature);
  return verify_digest(context.get(), scheme, signed_bytes, EcdsaDer(signature).view());
}

}  // namespace interlock::jose
