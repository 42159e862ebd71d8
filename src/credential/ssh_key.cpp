#include "credential/ssh_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>

#include "credential/ssh_key_file.hpp"
#include "credential/ssh_wire.hpp"
#include "store/sealed.hpp"

namespace interlock::credential {
namespace {

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
using OwnedNumberContext = std::unique_ptr<BN_CTX, Freed<BN_CTX_free>>;
using OwnedBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using OwnedParameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using OwnedSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;
using OwnedBio = std::unique_ptr<BIO, Freed<BIO_free_all>>;

// What fails leaves nothing in OpenSSL's error queue, where a TLS connection of the same thread would find it.
struct ErrorsCleared {
  ErrorsCleared() = default;
  ErrorsCleared(const ErrorsCleared&) = delete;
  ErrorsCleared& operator=(const ErrorsCleared&) = delete;
  ~ErrorsCleared() { ERR_clear_error(); }
};

constexpr std::string_view kEd25519 = "ssh-ed25519";
constexpr std::string_view kRsa = "ssh-rsa";
constexpr std::string_view kRsaSignature = "rsa-sha2-512";  // RFC 8332
constexpr std::size_t kEd25519Bytes = 32;
constexpr std::size_t kEd25519SignatureBytes = 64;

struct Curve {
  std::string_view type;
  std::string_view name;
  const char* group;
  const EVP_MD* (*digest)();
  std::size_t point_bytes;
};
constexpr std::array<Curve, 3> kCurves{{{"ecdsa-sha2-nistp256", "nistp256", "prime256v1", EVP_sha256, 65},
                                        {"ecdsa-sha2-nistp384", "nistp384", "secp384r1", EVP_sha384, 97},
                                        {"ecdsa-sha2-nistp521", "nistp521", "secp521r1", EVP_sha512, 133}}};

std::unexpected<Error> malformed(std::string_view what) {
  return fail(ErrorCode::kInvalid, "the private key " + std::string(what), "make another: ssh-keygen -t ed25519 -N '' -f FILE");
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

OwnedNumber number_from(std::string_view bytes) { return OwnedNumber(BN_bin2bn(bytes_of(bytes), static_cast<int>(bytes.size()), nullptr)); }

std::string bytes_from(const BIGNUM* number) {
  std::string out(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(out.data()));
  return out;
}

OwnedNumber parameter(const EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  EVP_PKEY_get_bn_param(key, name, &number);
  return OwnedNumber(number);
}

OwnedKey key_from(const char* kind, OSSL_PARAM_BLD* builder) {
  const OwnedParameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const OwnedKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (parameters == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, parameters.get()) != 1)
    return nullptr;
  return OwnedKey(key);
}

bool is_consistent(EVP_PKEY* key) {
  const OwnedKeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  return context != nullptr && EVP_PKEY_pairwise_check(context.get()) == 1;
}

Result<OwnedKey> ed25519_from(SshReader in) {
  const auto public_bytes = in.text();
  const auto both = in.text();
  if (!public_bytes || !both || public_bytes->size() != kEd25519Bytes || both->size() != 2 * kEd25519Bytes)
    return malformed("has parts of the wrong length");
  OwnedKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes_of(*both), kEd25519Bytes));
  std::array<unsigned char, kEd25519Bytes> derived{};
  auto size = derived.size();
  if (key == nullptr || EVP_PKEY_get_raw_public_key(key.get(), derived.data(), &size) != 1) return malformed("cannot be used");
  const std::string_view expected(reinterpret_cast<const char*>(derived.data()), size);
  if (expected != *public_bytes || expected != both->substr(kEd25519Bytes)) return malformed("and its public part do not belong together");
  return key;
}

Result<OwnedKey> ecdsa_from(std::string_view type, SshReader in) {
  const auto curve = std::ranges::find(kCurves, type, &Curve::type);
  const auto name = in.text();
  const auto point = in.text();
  const auto scalar = in.number();
  if (curve == kCurves.end() || !name || *name != curve->name || !point || point->size() != curve->point_bytes || !scalar ||
      scalar->size() > curve->point_bytes / 2)
    return malformed("has parts that do not fit its curve");
  const OwnedBuilder builder(OSSL_PARAM_BLD_new());
  const auto secret = number_from(*scalar);
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point->data(), point->size());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, secret.get());
  auto key = key_from("EC", builder.get());
  if (key == nullptr || !is_consistent(key.get())) return malformed("and its public part do not belong together");
  return key;
}

Result<OwnedKey> rsa_from(SshReader in) {
  std::array<std::string_view, 6> parts;
  for (auto& part : parts) {
    const auto read = in.number();
    if (!read || read->empty() || read->size() > kSshRsaBitsMost / 8) return malformed("has numbers that are no RSA key's");
    part = *read;
  }
  const auto n = number_from(parts[0]);
  const auto e = number_from(parts[1]);
  const auto d = number_from(parts[2]);
  const auto coefficient = number_from(parts[3]);
  const auto p = number_from(parts[4]);
  const auto q = number_from(parts[5]);
  if (BN_num_bits(n.get()) < kSshRsaBitsLeast || BN_is_one(p.get()) || BN_is_one(q.get()))
    return fail(ErrorCode::kInvalid, "the RSA key is shorter than " + std::to_string(kSshRsaBitsLeast) + " bits", "use ed25519");
  const OwnedNumberContext context(BN_CTX_secure_new());
  const OwnedNumber one_less(BN_new());
  const auto exponent = [&](const BIGNUM* prime) {
    OwnedNumber out(BN_secure_new());
    if (BN_sub(one_less.get(), prime, BN_value_one()) != 1 || BN_mod(out.get(), d.get(), one_less.get(), context.get()) != 1) out.reset();
    return out;
  };
  const auto d_p = exponent(p.get());
  const auto d_q = exponent(q.get());
  if (d_p == nullptr || d_q == nullptr) return malformed("has numbers that are no RSA key's");
  const OwnedBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, d.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_FACTOR1, p.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_FACTOR2, q.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_EXPONENT1, d_p.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_EXPONENT2, d_q.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_COEFFICIENT1, coefficient.get());
  auto key = key_from("RSA", builder.get());
  if (key == nullptr) return malformed("has numbers that are no RSA key's");
  return key;
}

Result<OwnedKey> openssl_from(std::string_view text) {
  const OwnedBio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  // A passphrase is never asked for.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  OwnedKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) return malformed("can be read neither as OpenSSH's nor as PEM; one with a passphrase is stored without it");
  return key;
}

// The kinds that sign, by their names.
Result<std::string> type_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519: return std::string(kEd25519);
    case EVP_PKEY_RSA:
      if (EVP_PKEY_get_bits(key) < kSshRsaBitsLeast || EVP_PKEY_get_bits(key) > kSshRsaBitsMost)
        return fail(ErrorCode::kInvalid, "the RSA key has fewer or more bits than are taken", "use 3072 bits, or ed25519");
      return std::string(kRsa);
    case EVP_PKEY_EC: {
      std::array<char, 64> group{};
      std::size_t size = 0;
      EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(), &size);
      const auto* const curve =
          std::ranges::find(kCurves, std::string_view(group.data(), size), [](const Curve& one) { return std::string_view(one.group); });
      if (curve != kCurves.end()) return std::string(curve->type);
      break;
    }
    default: break;
  }
  return fail(ErrorCode::kUnsupported, "the private key is of a kind that SSH does not sign with",
              "use ed25519, ecdsa on NIST's curves or rsa");
}

}  // namespace

struct SshKey::Material {
  OwnedKey key;
  std::string type;
  const Curve* curve = nullptr;
};

Result<SshKey> SshKey::read(std::string_view text) {
  const ErrorsCleared cleared;
  if (text.size() > kSshKeyBytes) return fail(ErrorCode::kTooLarge, "the private key is too large", "store one key alone");
  auto key = [&]() -> Result<OwnedKey> {
    if (text.find(kOpensshBegin) == std::string_view::npos) return openssl_from(text);
    auto held = read_openssh_key(text);
    if (!held) return fail(std::move(held.error()));
    const SshReader fields(held->fields);
    auto found = held->type == kEd25519 ? ed25519_from(fields) : held->type == kRsa ? rsa_from(fields) : ecdsa_from(held->type, fields);
    store::wipe(held->fields);
    return found;
  }();
  if (!key) return fail(std::move(key.error()));
  auto type = type_of(key->get());
  if (!type) return fail(std::move(type.error()));
  const auto* const curve = std::ranges::find(kCurves, *type, &Curve::type);
  return SshKey(std::make_shared<Material>(std::move(*key), std::move(*type), curve == kCurves.end() ? nullptr : curve));
}

Result<SshKey> SshKey::generate() {
  const ErrorsCleared cleared;
  OwnedKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return fail(ErrorCode::kInternal, "a key pair could not be made", "");
  return SshKey(std::make_shared<Material>(std::move(key), std::string(kEd25519), nullptr));
}

std::string_view SshKey::type() const { return material_->type; }

std::string SshKey::public_bytes() const {
  std::string out(kEd25519Bytes, '\0');
  auto size = out.size();
  if (material_->type != kEd25519 ||
      EVP_PKEY_get_raw_public_key(material_->key.get(), reinterpret_cast<unsigned char*>(out.data()), &size) != 1)
    return {};
  return out;
}

std::string SshKey::public_blob() const {
  const ErrorsCleared cleared;
  auto* const key = material_->key.get();
  SshWriter out;
  out.text(material_->type);
  if (material_->type == kEd25519) {
    out.text(public_bytes());
  } else if (material_->type == kRsa) {
    out.number(bytes_from(parameter(key, OSSL_PKEY_PARAM_RSA_E).get())).number(bytes_from(parameter(key, OSSL_PKEY_PARAM_RSA_N).get()));
  } else {
    unsigned char* point = nullptr;
    const auto size = EVP_PKEY_get1_encoded_public_key(key, &point);
    out.text(material_->curve->name).text({reinterpret_cast<const char*>(point), size});
    OPENSSL_free(point);
  }
  return out.take();
}

Result<std::string> SshKey::sign(std::string_view bytes) const {
  const ErrorsCleared cleared;
  const auto& held = *material_;
  const auto* const digest = held.type == kEd25519 ? nullptr : held.type == kRsa ? EVP_sha512() : held.curve->digest();
  const OwnedDigestContext context(EVP_MD_CTX_new());
  std::size_t size = 0;
  std::string signature;
  const auto failed = [] { return fail(ErrorCode::kInternal, "a signature could not be made", ""); };
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, held.key.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes_of(bytes), bytes.size()) != 1)
    return failed();
  signature.resize(size);
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes_of(bytes), bytes.size()) != 1)
    return failed();
  signature.resize(size);
  SshWriter out;
  if (held.type == kEd25519) {
    if (size != kEd25519SignatureBytes) return failed();
    out.text(held.type).text(signature);
  } else if (held.type == kRsa) {
    out.text(kRsaSignature).text(signature);
  } else {
    const auto* at = bytes_of(signature);
    const OwnedSignature pair(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size)));
    if (pair == nullptr) return failed();
    SshWriter numbers;
    numbers.number(bytes_from(ECDSA_SIG_get0_r(pair.get()))).number(bytes_from(ECDSA_SIG_get0_s(pair.get())));
    out.text(held.type).text(numbers.written());
  }
  return out.take();
}

Result<Secret> SshKey::private_text(std::string_view comment) const {
  const ErrorsCleared cleared;
  std::array<unsigned char, kEd25519Bytes> seed{};
  auto size = seed.size();
  if (material_->type != kEd25519 || EVP_PKEY_get_raw_private_key(material_->key.get(), seed.data(), &size) != 1)
    return fail(ErrorCode::kUnsupported, "only ed25519 keys are written out", "");
  const auto public_part = public_bytes();
  std::string both(reinterpret_cast<const char*>(seed.data()), size);
  both.reserve(2 * kEd25519Bytes);
  both += public_part;
  OPENSSL_cleanse(seed.data(), seed.size());
  SshWriter fields;
  fields.text(public_part).text(both);
  store::wipe(both);
  auto secret = fields.take();
  auto text = write_openssh_key(material_->type, public_blob(), secret, comment);
  store::wipe(secret);
  return Secret::take(std::move(text));
}

}  // namespace interlock::credential
