// Signatures as an adversary would shape them, in the manner of Project Wycheproof: each is refused, beside a control that holds.
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <memory>

#include "base/hash.hpp"
#include "jose/key.hpp"

namespace interlock::jose {
namespace {

const std::string kMessage = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9";

struct Case {
  const char* what;
  std::string signature;
  bool holds = false;
};

void expect_each(const PublicKey& key, Algorithm algorithm, const std::vector<Case>& cases) {
  for (const auto& c : cases) {
    EXPECT_EQ(key.verify(algorithm, kMessage, c.signature), c.holds) << algorithm_name(algorithm) << ": " << c.what;
    EXPECT_EQ(ERR_peek_error(), 0U) << algorithm_name(algorithm) << ": " << c.what;
  }
}

using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
Number number(std::string_view bytes) {
  return {BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr), &BN_free};
}
std::string bytes_of(const BIGNUM* value, std::size_t size) {
  std::string bytes(size, '\0');
  return BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size)) < 0 ? std::string() : bytes;
}

std::string der_of(std::string_view r, std::string_view s) {
  ECDSA_SIG* pair = ECDSA_SIG_new();
  ECDSA_SIG_set0(pair, number(r).release(), number(s).release());
  unsigned char* out = nullptr;
  const auto size = static_cast<std::size_t>(i2d_ECDSA_SIG(pair, &out));
  std::string der(reinterpret_cast<char*>(out), size);
  OPENSSL_free(out);
  ECDSA_SIG_free(pair);
  return der;
}

TEST(Signature, OfEcdsaIsTakenInItsOneFormAlone) {
  struct {
    Algorithm algorithm;
    int curve;
    std::size_t size;
  } const curves[] = {
      {Algorithm::kEs256, NID_X9_62_prime256v1, 32}, {Algorithm::kEs384, NID_secp384r1, 48}, {Algorithm::kEs512, NID_secp521r1, 66}};
  for (const auto& curve : curves) {
    const auto key = *PrivateKey::generate(curve.algorithm);
    const auto good = *key.sign(curve.algorithm, kMessage);
    const auto size = curve.size;
    ASSERT_EQ(good.size(), 2 * size);
    const auto r = good.substr(0, size);
    const auto s = good.substr(size);

    EC_GROUP* group = EC_GROUP_new_by_curve_name(curve.curve);
    const BIGNUM* order = EC_GROUP_get0_order(group);
    Number prime(BN_new(), &BN_free);
    EC_GROUP_get_curve(group, prime.get(), nullptr, nullptr, nullptr);
    Number other_s(BN_new(), &BN_free);
    BN_sub(other_s.get(), order, number(s).get());
    Number wrapped_s(BN_new(), &BN_free);
    BN_add(wrapped_s.get(), order, number(s).get());
    Number below_order(BN_dup(order), &BN_free);
    BN_sub_word(below_order.get(), 1);
    const auto n = bytes_of(order, size);
    const auto p = bytes_of(prime.get(), size);
    const auto n_less_s = bytes_of(other_s.get(), size);
    const auto n_more_s = bytes_of(wrapped_s.get(), size);
    const auto n_less_1 = bytes_of(below_order.get(), size);
    EC_GROUP_free(group);

    const std::string zero(size, '\0');
    const auto one = std::string(size - 1, '\0') + '\x01';
    const std::string ones(size, '\xff');
    auto flipped = good;
    flipped[size / 2] = static_cast<char>(flipped[size / 2] ^ 1);
    auto flipped_end = good;
    flipped_end.back() = static_cast<char>(flipped_end.back() ^ 1);
    std::vector<Case> cases = {
        {"as it was made", good, true},
        {"with n - s, which ECDSA takes for the same", r + n_less_s, true},
        {"all zeros: the psychic signature", zero + zero},
        {"r zero", zero + s},
        {"s zero", r + zero},
        {"r one, s one", one + one},
        {"r zero, s one", zero + one},
        {"r the order", n + s},
        {"s the order", r + n},
        {"both the order", n + n},
        {"r the order less one", n_less_1 + s},
        {"s the order less one", r + n_less_1},
        {"r the field's prime", p + s},
        {"s the field's prime", r + p},
        {"all ones", ones + ones},
        {"r all ones", ones + s},
        {"r and s changed over", s + r},
        {"a bit of r flipped", flipped},
        {"the last bit of s flipped", flipped_end},
        {"in DER, as OpenSSL writes it", der_of(r, s)},
        {"in DER with a zero byte to the right length",
         der_of(r, s) + std::string(2 * size > der_of(r, s).size() ? 2 * size - der_of(r, s).size() : 0, '\0')},
        {"empty", ""},
        {"r alone", r},
        {"one byte short", good.substr(0, 2 * size - 1)},
        {"without its first byte", good.substr(1)},
        {"one zero byte more", good + '\0'},
        {"one zero byte before", '\0' + good},
        {"both numbers with a zero byte before", '\0' + r + '\0' + s},
        {"twice", good + good},
    };
    if (!n_more_s.empty()) cases.push_back({"with n + s", r + n_more_s});
    expect_each(key.public_key(), curve.algorithm, cases);
    const auto other = *PrivateKey::generate(curve.algorithm);
    EXPECT_FALSE(other.public_key().verify(curve.algorithm, kMessage, good)) << "another key";
    EXPECT_FALSE(key.public_key().verify(curve.algorithm, "", good)) << "another message";
  }
}

// RSA's private operation on a block of one's own making.
std::string raw_rsa(const PrivateKey& key, std::string_view block) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key.handle(), nullptr);
  EVP_PKEY_sign_init(context);
  EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING);
  std::string out(block.size(), '\0');
  std::size_t size = out.size();
  const int made = EVP_PKEY_sign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                                 reinterpret_cast<const unsigned char*>(block.data()), block.size());
  EVP_PKEY_CTX_free(context);
  return made == 1 ? out : std::string();
}

// RFC 8017 §9.2: 00 01 PS 00 T.
std::string block_of(std::string_view t, std::size_t size, std::string_view start = std::string_view("\x00\x01", 2),
                     char padding = '\xff') {
  return std::string(start) + std::string(size - 3 - t.size(), padding) + '\0' + std::string(t);
}

TEST(Signature, OfRsaIsTakenWithItsOnePaddingAlone) {
  const auto key = *PrivateKey::generate(Algorithm::kRs256);
  const auto good = *key.sign(Algorithm::kRs256, kMessage);
  const auto size = good.size();
  ASSERT_EQ(size, 256U);
  const std::string info = *from_hex("3031300d060960864801650304020105000420");
  const std::string hash(as_bytes(sha256(kMessage)));
  const std::string other_hash(as_bytes(sha256("another message")));
  const std::string without_null = *from_hex("302f300b0609608648016503040201") + *from_hex("0420") + hash;
  const std::string long_lengths = *from_hex("308131300d060960864801650304020105000420") + hash;
  const std::string sha1_info = *from_hex("3021300906052b0e03021a05000414") + hash.substr(0, 20);
  const std::string sha512_info = *from_hex("3051300d060960864801650304020305000440") + hash + hash;
  const std::string head("\x00\x01", 2);
  const std::string garbage(size - 3 - 8 - info.size() - hash.size(), '\x5a');
  auto flipped = good;
  flipped[100] = static_cast<char>(flipped[100] ^ 1);

  EVP_PKEY* handle = key.handle();
  BIGNUM* modulus = nullptr;
  EVP_PKEY_get_bn_param(handle, "n", &modulus);
  Number sum(BN_new(), &BN_free);
  BN_add(sum.get(), modulus, number(good).get());
  Number difference(BN_new(), &BN_free);
  BN_sub(difference.get(), modulus, number(good).get());
  const auto n = bytes_of(modulus, size);
  const auto n_more = bytes_of(sum.get(), size);
  const auto n_less = bytes_of(difference.get(), size);
  BN_free(modulus);

  std::vector<Case> cases = {
      {"as it was made", good, true},
      {"of a block of our own that is right", raw_rsa(key, block_of(info + hash, size)), true},
      {"of another message's hash", raw_rsa(key, block_of(info + other_hash, size))},
      {"with eight bytes of padding, then garbage after the hash",
       raw_rsa(key, head + std::string(8, '\xff') + '\0' + info + hash + garbage)},
      {"with garbage before the hash", raw_rsa(key, head + std::string(8, '\xff') + '\0' + garbage + info + hash)},
      {"with one byte of garbage after the hash", raw_rsa(key, block_of(info + hash + "x", size))},
      {"with padding of zeros", raw_rsa(key, block_of(info + hash, size, head, '\0'))},
      {"with padding of type 2", raw_rsa(key, block_of(info + hash, size, std::string_view("\x00\x02", 2)))},
      {"with padding of type 0", raw_rsa(key, block_of(info + hash, size, std::string_view("\x00\x00", 2)))},
      {"with one wrong byte in the padding", raw_rsa(key, head + '\xfe' + block_of(info + hash, size).substr(3))},
      {"without the zero before the hash", raw_rsa(key, head + std::string(size - 2 - info.size() - hash.size(), '\xff') + info + hash)},
      {"without the parameters' NULL", raw_rsa(key, block_of(without_null, size))},
      {"with lengths in long form", raw_rsa(key, block_of(long_lengths, size))},
      {"named SHA-1", raw_rsa(key, block_of(sha1_info, size))},
      {"named SHA-512", raw_rsa(key, block_of(sha512_info, size))},
      {"of the bare hash", raw_rsa(key, block_of(hash, size))},
      {"of a block of zeros", std::string(size, '\0')},
      {"one", std::string(size - 1, '\0') + '\x01'},
      {"all ones", std::string(size, '\xff')},
      {"the modulus", n},
      {"the modulus less it", n_less},
      {"a bit flipped", flipped},
      {"empty", ""},
      {"one byte short", good.substr(0, size - 1)},
      {"without its first byte", good.substr(1)},
      {"one byte more", good + '\0'},
      {"one zero byte before", '\0' + good},
  };
  if (!n_more.empty()) cases.push_back({"the modulus more it", n_more});
  expect_each(key.public_key(), Algorithm::kRs256, cases);
  EXPECT_FALSE(key.public_key().verify(Algorithm::kRs384, kMessage, good));
  EXPECT_FALSE(key.public_key().verify(Algorithm::kPs256, kMessage, good)) << "PKCS#1 is no PSS";
  EXPECT_FALSE(PrivateKey::generate(Algorithm::kRs256)->public_key().verify(Algorithm::kRs256, kMessage, good)) << "another key";
}

std::string pss(const PrivateKey& key, int salt_bytes, const EVP_MD* digest, const EVP_MD* mask_digest) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* inner = nullptr;
  EVP_DigestSignInit(context, &inner, digest, nullptr, key.handle());
  EVP_PKEY_CTX_set_rsa_padding(inner, RSA_PKCS1_PSS_PADDING);
  EVP_PKEY_CTX_set_rsa_mgf1_md(inner, mask_digest);
  EVP_PKEY_CTX_set_rsa_pss_saltlen(inner, salt_bytes);
  std::string out(512, '\0');
  std::size_t size = out.size();
  const int made = EVP_DigestSign(context, reinterpret_cast<unsigned char*>(out.data()), &size,
                                  reinterpret_cast<const unsigned char*>(kMessage.data()), kMessage.size());
  EVP_MD_CTX_free(context);
  out.resize(made == 1 ? size : 0);
  return out;
}

TEST(Signature, OfPssHasASaltAsLongAsItsHash) {
  const auto key = *PrivateKey::generate(Algorithm::kPs256);
  const auto good = *key.sign(Algorithm::kPs256, kMessage);
  auto flipped = good;
  flipped[17] = static_cast<char>(flipped[17] ^ 64);
  expect_each(key.public_key(), Algorithm::kPs256,
              {
                  {"as it was made", good, true},
                  {"made by OpenSSL with the same parameters", pss(key, 32, EVP_sha256(), EVP_sha256()), true},
                  {"without salt", pss(key, 0, EVP_sha256(), EVP_sha256())},
                  {"salt of 20 bytes", pss(key, 20, EVP_sha256(), EVP_sha256())},
                  {"salt of 31 bytes", pss(key, 31, EVP_sha256(), EVP_sha256())},
                  {"salt of 33 bytes", pss(key, 33, EVP_sha256(), EVP_sha256())},
                  {"the longest salt", pss(key, RSA_PSS_SALTLEN_MAX, EVP_sha256(), EVP_sha256())},
                  {"mask by SHA-1", pss(key, 32, EVP_sha256(), EVP_sha1())},
                  {"mask by SHA-512", pss(key, 32, EVP_sha256(), EVP_sha512())},
                  {"hash and mask by SHA-1", pss(key, 32, EVP_sha1(), EVP_sha1())},
                  {"hash and mask by SHA-512", pss(key, 64, EVP_sha512(), EVP_sha512())},
                  {"hash by SHA-512/256", pss(key, 32, EVP_sha512_256(), EVP_sha512_256())},
                  {"a bit flipped", flipped},
                  {"zeros", std::string(256, '\0')},
                  {"one byte short", good.substr(1)},
                  {"one byte more", good + '\0'},
                  {"empty", ""},
              });
  EXPECT_FALSE(key.public_key().verify(Algorithm::kRs256, kMessage, good)) << "PSS is no PKCS#1";
  EXPECT_FALSE(key.public_key().verify(Algorithm::kPs384, kMessage, good));
}

// The same scalar, written larger by the group's order (RFC 8032 §5.1.7 wants it below).
std::string with_order_added(std::string signature) {
  const auto order = *from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]) + static_cast<unsigned char>(order[i]);
    signature[32 + i] = static_cast<char>(carry & 0xff);
    carry >>= 8;
  }
  return signature;
}

TEST(Signature, OfEd25519IsCanonical) {
  const auto key = *PrivateKey::generate(Algorithm::kEdDsa);
  const auto good = *key.sign(Algorithm::kEdDsa, kMessage);
  ASSERT_EQ(good.size(), 64U);
  const auto identity = '\x01' + std::string(31, '\0');
  auto flipped_r = good;
  flipped_r[0] = static_cast<char>(flipped_r[0] ^ 1);
  auto flipped_s = good;
  flipped_s[32] = static_cast<char>(flipped_s[32] ^ 1);
  auto high_bit = good;
  high_bit[63] = static_cast<char>(high_bit[63] | 0x80);
  expect_each(key.public_key(), Algorithm::kEdDsa,
              {
                  {"as it was made", good, true},
                  {"the group's order added to S", with_order_added(good)},
                  {"the high bit of S set", high_bit},
                  {"a bit of R flipped", flipped_r},
                  {"a bit of S flipped", flipped_s},
                  {"zeros", std::string(64, '\0')},
                  {"R the identity, S zero", identity + std::string(32, '\0')},
                  {"R as made, S zero", good.substr(0, 32) + std::string(32, '\0')},
                  {"all ones", std::string(64, '\xff')},
                  {"R and S changed over", good.substr(32) + good.substr(0, 32)},
                  {"one byte short", good.substr(0, 63)},
                  {"one byte more", good + '\0'},
                  {"R alone", good.substr(0, 32)},
                  {"empty", ""},
              });
  EXPECT_FALSE(PrivateKey::generate(Algorithm::kEdDsa)->public_key().verify(Algorithm::kEdDsa, kMessage, good)) << "another key";
}

}  // namespace
}  // namespace interlock::jose
