// Keys: the RFCs' own examples, round trips of every form, and each way in which a key can be wrong.
#include "jose/key.hpp"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/hash.hpp"
#include "rfc_vectors.hpp"

namespace interlock::jose {
namespace {

json::object object(std::string_view text) { return json::parse(text)->as_object(); }
PublicKey public_key(std::string_view text) { return *PublicKey::from_jwk(object(text)); }
std::string decoded(std::string_view text) { return *base64url_decode(text); }

json::object with(std::string_view text, std::string_view name, const json::value& value) {
  auto jwk = object(text);
  jwk[name] = value;
  return jwk;
}
json::object without(std::string_view text, std::string_view name) {
  auto jwk = object(text);
  jwk.erase(name);
  return jwk;
}

TEST(Key, VerifiesTheSignaturesOfTheRfcs) {
  struct {
    const char* what;
    std::string key;
    Algorithm algorithm;
    std::string input;
    std::string signature;
  } const cases[] = {
      {"RFC 7515 A.2", vectors::kRsaPublic, Algorithm::kRs256, "eyJhbGciOiJSUzI1NiJ9." + vectors::kJoePayload, vectors::kRsaSignature},
      {"RFC 7515 A.3", vectors::kP256Public, Algorithm::kEs256, "eyJhbGciOiJFUzI1NiJ9." + vectors::kJoePayload, vectors::kP256Signature},
      {"RFC 7515 A.4", vectors::kP521Public, Algorithm::kEs512, "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA", vectors::kP521Signature},
      {"RFC 8037 A.4", vectors::kEdPublic, Algorithm::kEdDsa, vectors::kEdInput, vectors::kEdSignature},
  };
  for (const auto& c : cases) {
    const auto key = public_key(c.key);
    EXPECT_TRUE(key.verify(c.algorithm, c.input, decoded(c.signature))) << c.what;
    EXPECT_FALSE(key.verify(c.algorithm, c.input + "x", decoded(c.signature))) << c.what;
    for (const auto other : all_algorithms()) {
      if (other != c.algorithm) {
        EXPECT_FALSE(key.verify(other, c.input, decoded(c.signature))) << c.what << " as " << algorithm_name(other);
      }
    }
  }
}

TEST(Key, SignsAsTheRfcsDoWhereTheSignatureIsDetermined) {
  const auto rsa = PrivateKey::from_jwk(object(vectors::kRsaPrivate));
  ASSERT_TRUE(rsa) << rsa.error().text();
  EXPECT_EQ(base64url_encode(*rsa->sign(Algorithm::kRs256, "eyJhbGciOiJSUzI1NiJ9." + vectors::kJoePayload)), vectors::kRsaSignature);
  const auto ed = PrivateKey::from_jwk(object(vectors::kEdPrivate));
  ASSERT_TRUE(ed) << ed.error().text();
  EXPECT_EQ(base64url_encode(*ed->sign(Algorithm::kEdDsa, vectors::kEdInput)), vectors::kEdSignature);
}

TEST(Key, HasTheThumbprintOfTheRfcs) {
  EXPECT_EQ(public_key(vectors::kThumbprintKey).thumbprint(), vectors::kThumbprint);
  EXPECT_EQ(public_key(vectors::kEdPublic).thumbprint(), vectors::kEdThumbprint);
}

TEST(Key, GoesThroughEveryFormAndStaysTheSame) {
  for (const auto algorithm : all_algorithms()) {
    const auto name = std::string(algorithm_name(algorithm));
    const auto key = PrivateKey::generate(algorithm);
    ASSERT_TRUE(key) << name << ": " << key.error().text();
    EXPECT_EQ(key->algorithm(), algorithm);
    EXPECT_TRUE(key->public_key().fits(algorithm)) << name;
    const auto signature = key->sign(algorithm, "bytes");
    ASSERT_TRUE(signature) << name;

    const auto again = PrivateKey::from_pem(key->to_pem());
    ASSERT_TRUE(again) << name << ": " << again.error().text();
    EXPECT_EQ(again->public_key().thumbprint(), key->public_key().thumbprint()) << name;
    const auto jwk = PublicKey::from_jwk(key->public_key().to_jwk());
    ASSERT_TRUE(jwk) << name << ": " << jwk.error().text();
    EXPECT_EQ(jwk->thumbprint(), key->public_key().thumbprint()) << name;
    EXPECT_TRUE(jwk->verify(algorithm, "bytes", *signature)) << name;
    EXPECT_FALSE(jwk->verify(algorithm, "other bytes", *signature)) << name;

    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PUBKEY(bio, key->public_key().handle());
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &text));
    const auto pem = PublicKey::from_pem({text, size});
    BIO_free(bio);
    ASSERT_TRUE(pem) << name << ": " << pem.error().text();
    EXPECT_EQ(pem->to_jwk(), key->public_key().to_jwk()) << name;
  }
}

TEST(Key, FitsTheAlgorithmsOfItsKindAlone) {
  for (const auto algorithm : all_algorithms()) {
    const auto name = algorithm_name(algorithm);
    const bool is_rsa = name.starts_with("RS") || name.starts_with("PS");
    EXPECT_EQ(public_key(vectors::kRsaPublic).fits(algorithm), is_rsa) << name;
    EXPECT_EQ(public_key(vectors::kP256Public).fits(algorithm), name == "ES256") << name;
    EXPECT_EQ(public_key(vectors::kP521Public).fits(algorithm), name == "ES512") << name;
    EXPECT_EQ(public_key(vectors::kEdPublic).fits(algorithm), name == "EdDSA") << name;
  }
  const auto key = *PrivateKey::from_jwk(object(vectors::kP256Private));
  EXPECT_FALSE(key.sign(Algorithm::kRs256, "bytes"));
  EXPECT_FALSE(key.sign(Algorithm::kEs384, "bytes"));
}

TEST(Key, IsSharedByThreadsThatVerifyAtATime) {
  for (const auto algorithm : {Algorithm::kEs256, Algorithm::kRs256, Algorithm::kPs256, Algorithm::kEdDsa}) {
    const auto key = *PrivateKey::generate(algorithm);
    const auto signature = *key.sign(algorithm, "bytes");
    std::atomic<int> right = 0;
    {
      std::vector<std::jthread> threads;
      for (int thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, shared = key.public_key()] {
          for (int i = 0; i < 50; ++i) {
            const bool good = shared.verify(algorithm, "bytes", signature);
            const bool bad = shared.verify(algorithm, "other", signature);
            if (good && !bad) ++right;
          }
        });
      }
    }
    EXPECT_EQ(right, 200) << algorithm_name(algorithm);
  }
}

TEST(Algorithm, IsNamedExactly) {
  for (const auto algorithm : all_algorithms()) EXPECT_EQ(algorithm_from_name(algorithm_name(algorithm)), algorithm);
  EXPECT_EQ(algorithm_from_name("Ed25519"), Algorithm::kEdDsa);
  for (const auto* name : {"", "none", "None", "NONE", "HS256", "HS384", "HS512", "ES256K", "es256", "RS1", "RSA-OAEP", "dir", "A128GCM",
                           "Ed448", "EdDSA ", " ES256", "ES256,RS256", "PS257"}) {
    EXPECT_EQ(algorithm_from_name(name), std::nullopt) << name;
  }
}

TEST(Jwk, OfAPublicKeyIsRefusedWithItsReason) {
  const auto rsa_numbers = object(vectors::kRsaPublic);
  const auto modulus = decoded(rsa_numbers.at("n").as_string().c_str());
  auto even = modulus;
  even.back() = static_cast<char>(even.back() & ~1);
  const auto flipped = [](std::string_view jwk, const char* name) {
    auto bytes = decoded(object(jwk).at(name).as_string().c_str());
    bytes[7] = static_cast<char>(bytes[7] ^ 1);
    return json::value(base64url_encode(bytes));
  };
  const auto b64 = [](std::string_view bytes) { return json::value(base64url_encode(bytes)); };
  struct {
    json::object jwk;
    const char* reason;
  } const cases[] = {
      {{}, "no text member 'kty'"},
      {{{"kty", 1}}, "no text member 'kty'"},
      {{{"kty", "oct"}, {"k", "c2VjcmV0"}}, "private or secret member 'k'"},
      {{{"kty", "oct"}}, "kty is not EC, RSA or OKP"},
      {{{"kty", "ec"}}, "kty is not EC, RSA or OKP"},
      {object(vectors::kP256Private), "private or secret member 'd'"},
      {object(vectors::kRsaPrivate), "private or secret member 'd'"},
      {with(vectors::kRsaPublic, "p", "AQ"), "private or secret member 'p'"},
      {with(vectors::kRsaPublic, "oth", json::array()), "private or secret member 'oth'"},
      {without(vectors::kP256Public, "crv"), "no text member 'crv'"},
      {with(vectors::kP256Public, "crv", "P-192"), "curve is not P-256"},
      {with(vectors::kP256Public, "crv", "secp256k1"), "curve is not P-256"},
      {with(vectors::kP256Public, "crv", "prime256v1"), "curve is not P-256"},
      {with(vectors::kP256Public, "crv", "p-256"), "curve is not P-256"},
      {with(vectors::kP256Public, "crv", "P-384"), "a coordinate on P-384 has 48 bytes"},
      {with(vectors::kP521Public, "crv", "P-256"), "a coordinate on P-256 has 32 bytes"},
      {without(vectors::kP256Public, "x"), "no text member 'x'"},
      {without(vectors::kP256Public, "y"), "no text member 'y'"},
      {with(vectors::kP256Public, "y", 5), "no text member 'y'"},
      {with(vectors::kP256Public, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU="), "'x' is not base64url"},
      {with(vectors::kP256Public, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV"), "'x' is not base64url"},
      {with(vectors::kP256Public, "x", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA"), "neither more nor fewer"},
      {with(vectors::kP256Public, "x", ""), "neither more nor fewer"},
      {with(vectors::kP256Public, "y", flipped(vectors::kP256Public, "y")), "not on the curve P-256"},
      {with(vectors::kP521Public, "x", flipped(vectors::kP521Public, "x")), "not on the curve P-521"},
      {{{"kty", "EC"}, {"crv", "P-256"}, {"x", b64(std::string(32, '\0'))}, {"y", b64(std::string(32, '\0'))}}, "not on the curve P-256"},
      {{{"kty", "EC"}, {"crv", "P-256"}, {"x", b64(std::string(32, '\xff'))}, {"y", b64(std::string(32, '\xff'))}},
       "not on the curve P-256"},
      {without(vectors::kRsaPublic, "n"), "no text member 'n'"},
      {without(vectors::kRsaPublic, "e"), "no text member 'e'"},
      {with(vectors::kRsaPublic, "n", ""), "empty or begins with a zero byte"},
      {with(vectors::kRsaPublic, "e", ""), "empty or begins with a zero byte"},
      {with(vectors::kRsaPublic, "n", b64(std::string(1, '\0') + modulus)), "empty or begins with a zero byte"},
      {with(vectors::kRsaPublic, "e", "AAEAAQ"), "empty or begins with a zero byte"},
      {with(vectors::kRsaPublic, "n", b64(modulus.substr(0, 128))), "RSA key of 1024 bits"},
      {with(vectors::kRsaPublic, "n", b64(modulus.substr(0, 255))), "RSA key of 2040 bits"},
      {with(vectors::kRsaPublic, "n", b64(std::string(1025, '\x81'))), "over the bound of 8192 bits"},
      {with(vectors::kRsaPublic, "n", b64(even)), "the RSA modulus is even"},
      {with(vectors::kRsaPublic, "e", "AQ"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", "Aw"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", "EQ"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", "AQAA"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", "AQAC"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", "AQAAAAE"), "RSA exponent must be odd and between"},
      {with(vectors::kRsaPublic, "e", b64(std::string(9, '\x01'))), "over 2^32"},
      {with(vectors::kEdPublic, "crv", "Ed448"), "curve is not Ed25519"},
      {with(vectors::kEdPublic, "crv", "X25519"), "curve is not Ed25519"},
      {without(vectors::kEdPublic, "x"), "no text member 'x'"},
      {with(vectors::kEdPublic, "x", b64(std::string(31, '\x01'))), "an Ed25519 key has 32 bytes"},
      {with(vectors::kEdPublic, "x", b64(std::string(33, '\x01'))), "an Ed25519 key has 32 bytes"},
      {with(vectors::kEdPublic, "x", b64("\x02" + std::string(31, '\0'))), "no point of the main subgroup"},
  };
  for (const auto& c : cases) {
    const auto key = PublicKey::from_jwk(c.jwk);
    ASSERT_FALSE(key) << c.reason;
    EXPECT_NE(key.error().message.find(c.reason), std::string::npos) << "wanted: " << c.reason << "\ngot: " << key.error().message;
    EXPECT_EQ(ERR_peek_error(), 0U) << c.reason;
  }
}

TEST(Jwk, OfASmallSubgroupOfEd25519IsRefused) {
  // y = 0, 1, -1, the two points of order eight with their negatives, and y = 1, 0 written with the prime added.
  for (const auto* hex : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0000000000000000000000000000000000000000000000000000000000000080",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000080",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
                          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
                          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"}) {
    const auto key = PublicKey::from_jwk({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url_encode(*from_hex(hex))}});
    ASSERT_FALSE(key) << hex;
    EXPECT_NE(key.error().message.find("no point of the main subgroup"), std::string::npos) << hex;
  }
}

TEST(Jwk, OfAPrivateKeyIsRefusedWithItsReason) {
  const auto other = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
  struct {
    json::object jwk;
    const char* reason;
  } const cases[] = {
      {object(vectors::kP256Public), "'d' is absent"},
      {with(vectors::kP256Private, "d", other), "do not belong together"},
      {with(vectors::kP256Private, "d", "AQ"), "'d' has the wrong length"},
      {with(vectors::kP256Private, "d", "!"), "not base64url"},
      {with(vectors::kP256Private, "alg", "HS256"), "alg is no signature algorithm"},
      {with(vectors::kP256Private, "alg", 5), "alg is no signature algorithm"},
      {with(vectors::kP256Private, "alg", "ES384"), "does not fit the algorithm ES384"},
      {with(vectors::kP256Private, "crv", "secp256k1"), "curve is not P-256"},
      {with(vectors::kEdPrivate, "d", other), "do not belong together"},
      {with(vectors::kEdPrivate, "crv", "Ed448"), "another kind than EC, RSA and Ed25519"},
      {without(vectors::kRsaPrivate, "qi"), "'qi' is absent"},
      {with(vectors::kRsaPrivate, "e", "AQAP"), "do not belong together"},
      {{{"kty", "oct"}, {"k", "c2VjcmV0"}}, "another kind than EC, RSA and Ed25519"},
  };
  for (const auto& c : cases) {
    const auto key = PrivateKey::from_jwk(c.jwk);
    ASSERT_FALSE(key) << c.reason;
    EXPECT_NE(key.error().message.find(c.reason), std::string::npos) << "wanted: " << c.reason << "\ngot: " << key.error().message;
    EXPECT_EQ(ERR_peek_error(), 0U) << c.reason;
  }
  const auto named = PrivateKey::from_jwk(with(vectors::kRsaPrivate, "alg", "PS384"));
  ASSERT_TRUE(named) << named.error().text();
  EXPECT_EQ(named->algorithm(), Algorithm::kPs384);
}

std::string pem_of(EVP_PKEY* key, bool is_private, const EVP_CIPHER* cipher = nullptr) {
  BIO* bio = BIO_new(BIO_s_mem());
  if (is_private) {
    char passphrase[] = "passphrase";
    PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, cipher == nullptr ? nullptr : passphrase, cipher == nullptr ? 0 : 10, nullptr, nullptr);
  } else {
    PEM_write_bio_PUBKEY(bio, key);
  }
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio, &text));
  std::string pem(text, size);
  BIO_free(bio);
  EVP_PKEY_free(key);
  return pem;
}

TEST(Pem, OfAnotherOrWeakKindIsRefusedWithItsReason) {
  struct {
    std::string pem;
    const char* reason;
  } const cases[] = {
      {pem_of(EVP_RSA_gen(1024), true), "RSA key of 1024 bits"},
      {pem_of(EVP_EC_gen("secp256k1"), true), "another curve than P-256"},
      {pem_of(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"), true), "another kind than EC, RSA and Ed25519"},
      {pem_of(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), true), "another kind than EC, RSA and Ed25519"},
      {pem_of(EVP_EC_gen("P-256"), true, EVP_aes_256_cbc()), "not an unencrypted private key"},
      {pem_of(EVP_EC_gen("P-256"), false), "not an unencrypted private key"},
      {"", "not an unencrypted private key"},
      {"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not an unencrypted private key"},
      {std::string(kPemBytes + 1, 'A'), "over 64 KiB"},
  };
  for (const auto& c : cases) {
    const auto key = PrivateKey::from_pem(c.pem);
    ASSERT_FALSE(key) << c.reason;
    EXPECT_NE(key.error().message.find(c.reason), std::string::npos) << "wanted: " << c.reason << "\ngot: " << key.error().message;
    EXPECT_EQ(ERR_peek_error(), 0U) << c.reason;
  }
  EXPECT_FALSE(PublicKey::from_pem(pem_of(EVP_EC_gen("secp256k1"), false)));
  EXPECT_FALSE(PublicKey::from_pem(pem_of(EVP_RSA_gen(1024), false)));
  EXPECT_FALSE(PublicKey::from_pem(pem_of(EVP_EC_gen("P-256"), true)));
  EXPECT_TRUE(PublicKey::from_pem(pem_of(EVP_EC_gen("P-256"), false)));
}

TEST(Certificate, GivesItsKey) {
  const auto key = *PrivateKey::generate(Algorithm::kEs256);
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
  X509_set_pubkey(certificate, key.handle());
  X509_sign(certificate, key.handle(), EVP_sha256());
  unsigned char* bytes = nullptr;
  const auto size = static_cast<std::size_t>(i2d_X509(certificate, &bytes));
  std::string der(reinterpret_cast<char*>(bytes), size);
  OPENSSL_free(bytes);
  X509_free(certificate);

  const auto read = PublicKey::from_certificate(der);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->thumbprint(), key.public_key().thumbprint());
  EXPECT_FALSE(PublicKey::from_certificate(der + '\0'));
  EXPECT_FALSE(PublicKey::from_certificate(der.substr(0, der.size() - 1)));
  EXPECT_FALSE(PublicKey::from_certificate(""));
  EXPECT_EQ(ERR_peek_error(), 0U);
}

}  // namespace
}  // namespace interlock::jose
