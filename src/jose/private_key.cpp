// Private keys: made, read, written, signed with. What is secret is wiped.
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <utility>

#include "base/hash.hpp"
#include "jose/key.hpp"
#include "jose/openssl.hpp"

namespace interlock::jose {
namespace {

struct Members {
  const char* jwk;
  const char* openssl;
};
constexpr std::array<Members, 8> kRsaMembers{{{"n", OSSL_PKEY_PARAM_RSA_N},
                                              {"e", OSSL_PKEY_PARAM_RSA_E},
                                              {"d", OSSL_PKEY_PARAM_RSA_D},
                                              {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                              {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                              {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                              {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                              {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};

constexpr std::size_t kMemberBytes = kRsaBitsMost / 8;

// A secret's bytes, wiped when they go.
struct Secret {
  std::string bytes;
  ~Secret() { OPENSSL_cleanse(bytes.data(), bytes.size()); }
};

// The parameters of a private key while OpenSSL reads them. The builder only refers to what it is given: numbers are kept here, texts
// and bytes must outlive it.
class Parameters {
 public:
  Parameters() : builder_(OSSL_PARAM_BLD_new()) {}

  bool number(const char* name, std::string_view bytes) {
    numbers_.emplace_back(BN_secure_new());
    auto* number = numbers_.back().get();
    return builder_ && number != nullptr && BN_bin2bn(octets(bytes), static_cast<int>(bytes.size()), number) != nullptr &&
           OSSL_PARAM_BLD_push_BN(builder_.get(), name, number) == 1;
  }
  bool text(const char* name, const char* value) {
    return builder_ && OSSL_PARAM_BLD_push_utf8_string(builder_.get(), name, value, 0) == 1;
  }
  bool bytes(const char* name, std::string_view value) {
    return builder_ && OSSL_PARAM_BLD_push_octet_string(builder_.get(), name, value.data(), value.size()) == 1;
  }
  OwnedKey build(const char* type) {
    const std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder_.get()));
    const OwnedKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1) {
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get());
    }
    return OwnedKey(key);
  }

 private:
  std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>> builder_;
  std::vector<OwnedNumber> numbers_;
};

Result<Secret> member_bytes(const json::object& jwk, std::string_view name) {
  const auto text = json::string_at(jwk, name);
  auto bytes = text ? base64url_decode(*text) : std::nullopt;
  if (!bytes || bytes->empty() || bytes->size() > kMemberBytes) {
    return fail(ErrorCode::kInvalid, "the private JWK's '" + std::string(name) + "' is absent, or not base64url");
  }
  return Secret{std::move(*bytes)};
}

Result<OwnedKey> key_of(const json::object& jwk) {
  const auto type = json::string_at(jwk, "kty").value_or("");
  const auto curve_name = json::string_at(jwk, "crv").value_or("");
  OwnedKey key;
  if (type == "RSA") {
    Parameters parameters;
    for (const auto& member : kRsaMembers) {
      auto bytes = member_bytes(jwk, member.jwk);
      if (!bytes) return fail(bytes.error());
      if (!parameters.number(member.openssl, bytes->bytes)) return fail(ErrorCode::kInternal, "OpenSSL has no memory for a key");
    }
    key = parameters.build("RSA");
  } else if (type == "EC" || (type == "OKP" && curve_name == "Ed25519")) {
    auto secret = member_bytes(jwk, "d");
    auto x = member_bytes(jwk, "x");
    if (!secret) return fail(secret.error());
    if (!x) return fail(x.error());
    Parameters parameters;
    if (type == "OKP") {
      if (parameters.bytes(OSSL_PKEY_PARAM_PUB_KEY, x->bytes) && parameters.bytes(OSSL_PKEY_PARAM_PRIV_KEY, secret->bytes)) {
        key = parameters.build("ED25519");
      }
    } else {
      const auto* curve = curve_named(curve_name);
      if (curve == nullptr) return fail(ErrorCode::kUnsupported, "the private JWK's curve is not P-256, P-384 or P-521");
      auto y = member_bytes(jwk, "y");
      if (!y) return fail(y.error());
      if (secret->bytes.size() != curve->size_bytes) {
        return fail(ErrorCode::kInvalid, "the private JWK's 'd' has the wrong length for its curve (RFC 7518 §6.2.2.1)");
      }
      const auto point = "\x04" + x->bytes + y->bytes;
      if (parameters.text(OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl_name) && parameters.bytes(OSSL_PKEY_PARAM_PUB_KEY, point) &&
          parameters.number(OSSL_PKEY_PARAM_PRIV_KEY, secret->bytes)) {
        key = parameters.build("EC");
      }
    }
  } else {
    return fail(ErrorCode::kUnsupported, "the private JWK is of another kind than EC, RSA and Ed25519");
  }
  if (!key) return fail(ErrorCode::kInvalid, "OpenSSL refuses the private JWK: its members are out of range or do not belong together");
  return key;
}

// OpenSSL's DER as r || s, each as long as the curve's order.
std::string raw_of(std::string_view der, std::size_t size_bytes) {
  const auto* next = octets(der);
  const OwnedEcdsaSignature pair(d2i_ECDSA_SIG(nullptr, &next, static_cast<long>(der.size())));
  if (!pair) return {};
  std::string raw(2 * size_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(raw.data());
  const auto size = static_cast<int>(size_bytes);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(pair.get()), out, size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(pair.get()), out + size, size) != size) {
    return {};
  }
  return raw;
}

}  // namespace

Result<PrivateKey> PrivateKey::from_handle(std::shared_ptr<EVP_PKEY> key, std::optional<Algorithm> algorithm) {
  auto public_key = PublicKey::from_handle(key.get());
  if (!public_key) return fail(public_key.error());
  for (const auto usual : {Algorithm::kEs256, Algorithm::kEs384, Algorithm::kEs512, Algorithm::kRs256, Algorithm::kEdDsa}) {
    if (!algorithm && public_key->fits(usual)) algorithm = usual;
  }
  if (!public_key->fits(*algorithm)) {
    return fail(ErrorCode::kInvalid, "the private key does not fit the algorithm " + std::string(algorithm_name(*algorithm)));
  }
  PrivateKey made(std::move(key), std::move(*public_key), *algorithm);
  // A private part that belongs to another public one would sign what nobody can verify.
  const auto signature = made.sign(*algorithm, "pair");
  if (!signature || !made.public_.verify(*algorithm, "pair", *signature)) {
    return fail(ErrorCode::kInvalid, "the private key's parts do not belong together: it does not verify what it signs");
  }
  return made;
}

Result<PrivateKey> PrivateKey::generate(Algorithm algorithm) {
  const ErrorsCleared cleared;
  const auto& scheme = scheme_of(algorithm);
  const auto* curve = curve_of(scheme.kind);
  EVP_PKEY* made = curve != nullptr                   ? EVP_EC_gen(curve->openssl_name)
                   : scheme.kind == KeyKind::kEd25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                                      : EVP_RSA_gen(static_cast<unsigned int>(kRsaBitsLeast));
  std::shared_ptr<EVP_PKEY> key(made, Freed<EVP_PKEY_free>{});
  if (!key) return fail(ErrorCode::kInternal, "OpenSSL cannot generate a key");
  return from_handle(std::move(key), algorithm);
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
  const ErrorsCleared cleared;
  if (pem.size() > kPemBytes) return fail(ErrorCode::kTooLarge, "the PEM text of a private key is over 64 KiB");
  const OwnedBio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  // Without this, OpenSSL asks the terminal for the passphrase of an encrypted key.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  std::shared_ptr<EVP_PKEY> key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr) : nullptr,
                                Freed<EVP_PKEY_free>{});
  if (!key) return fail(ErrorCode::kInvalid, "not an unencrypted private key in PEM", "write it with: openssl pkcs8 -topk8 -nocrypt");
  return from_handle(std::move(key), std::nullopt);
}

Result<PrivateKey> PrivateKey::from_jwk(const json::object& jwk) {
  const ErrorsCleared cleared;
  std::optional<Algorithm> algorithm;
  if (const auto* named = json::find(jwk, "alg")) {
    algorithm = named->is_string() ? algorithm_from_name(json::view(named->get_string())) : std::nullopt;
    if (!algorithm) return fail(ErrorCode::kUnsupported, "the private JWK's alg is no signature algorithm that is known here");
  }
  auto key = key_of(jwk);
  if (!key) return fail(key.error());
  return from_handle(std::shared_ptr<EVP_PKEY>(std::move(*key)), algorithm);
}

std::string PrivateKey::to_pem() const {
  const ErrorsCleared cleared;
  const OwnedBio bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<std::string> PrivateKey::sign(Algorithm algorithm, std::string_view bytes) const {
  const ErrorsCleared cleared;
  const auto& scheme = scheme_of(algorithm);
  if (!public_.fits(algorithm)) return fail(ErrorCode::kInvalid, "the private key does not fit the algorithm " + std::string(scheme.name));
  const OwnedDigestContext context(EVP_MD_CTX_new());
  std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
  std::string signature(size, '\0');
  if (!context || !begin_signing(context.get(), key_.get(), scheme) ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, octets(bytes), bytes.size()) != 1) {
    return fail(ErrorCode::kInternal, "OpenSSL cannot sign with the key");
  }
  signature.resize(size);
  if (const auto* curve = curve_of(scheme.kind)) signature = raw_of(signature, curve->size_bytes);
  if (signature.empty()) return fail(ErrorCode::kInternal, "OpenSSL made a signature that it cannot read");
  return signature;
}

}  // namespace interlock::jose
