// DPoP proofs that are right: RFC 9449's own, and what is made here. What is wrong stands in hostile_token_test.cpp.
#include "jose/dpop.hpp"

#include <gtest/gtest.h>

#include "jose/token.hpp"
#include "rfc_vectors.hpp"

namespace interlock::jose {
namespace {

TEST(Dpop, ProofsOfRfc9449AreVerified) {
  const auto token = verify_dpop(
      vectors::kDpopToken, {.method = "POST", .url = "https://server.example.com/token", .access_token = {}, .now_ms = 1'562'262'616'000});
  ASSERT_TRUE(token) << token.error().text();
  EXPECT_EQ(token->thumbprint, vectors::kDpopThumbprint);
  EXPECT_EQ(token->jti, "-BwC3ESc6acc2lTc");
  EXPECT_EQ(token->nonce, "");
  EXPECT_EQ(token->issued_ms, 1'562'262'616'000);

  const auto resource = verify_dpop(vectors::kDpopResource, {.method = "GET",
                                                             .url = "HTTPS://resource.example.org:443/protectedresource?page=2",
                                                             .access_token = vectors::kDpopAccessToken,
                                                             .now_ms = 1'562'262'618'000 + 60'000});
  ASSERT_TRUE(resource) << resource.error().text();
  EXPECT_EQ(resource->thumbprint, vectors::kDpopThumbprint);
  EXPECT_EQ(resource->jti, "e1j3V_bKic8-LAEB");
}

TEST(Dpop, ProofsThatAreMadeAreVerifiedWithEveryAlgorithm) {
  constexpr UnixMs kNow = 1'800'000'000'000;
  for (const auto algorithm : all_algorithms()) {
    const auto key = *PrivateKey::generate(algorithm);
    const auto proof = make_dpop(key, "POST", "https://gate.example/mcp?x=1#y", "access-token", "nonce-1", kNow);
    ASSERT_TRUE(proof) << algorithm_name(algorithm);
    const auto read =
        verify_dpop(*proof, {.method = "POST", .url = "https://gate.example/mcp", .access_token = "access-token", .now_ms = kNow});
    ASSERT_TRUE(read) << algorithm_name(algorithm) << ": " << read.error().text();
    EXPECT_EQ(read->thumbprint, key.public_key().thumbprint());
    EXPECT_EQ(read->nonce, "nonce-1");
    EXPECT_EQ(parse_token(*proof)->claims.at("htu").as_string(), "https://gate.example/mcp");
    const auto another = make_dpop(key, "POST", "https://gate.example/mcp", "access-token", "nonce-1", kNow);
    EXPECT_NE(parse_token(*another)->claims.at("jti"), parse_token(*proof)->claims.at("jti"));
  }
}

TEST(Dpop, AKeyThatIsKnownCountsForItsOwnProofsAlone) {
  constexpr UnixMs kNow = 1'800'000'000'000;
  const auto verify = [](std::string_view proof, std::shared_ptr<const DpopKey> known) {
    return verify_dpop(
        proof, {.method = "POST", .url = "https://gate.example/mcp", .access_token = {}, .now_ms = kNow, .known_key = std::move(known)});
  };
  const auto prove = [](const PrivateKey& key) { return *make_dpop(key, "POST", "https://gate.example/mcp", {}, {}, kNow); };
  const auto mine = *PrivateKey::generate(Algorithm::kEs256);
  const auto other = *PrivateKey::generate(Algorithm::kEs256);
  const auto first = verify(prove(mine), nullptr);
  ASSERT_TRUE(first);
  const auto second = verify(prove(mine), first->key);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->key, first->key) << "it was read again";
  EXPECT_EQ(second->thumbprint, mine.public_key().thumbprint());

  const auto of_another = verify(prove(other), first->key);
  ASSERT_TRUE(of_another);
  EXPECT_EQ(of_another->thumbprint, other.public_key().thumbprint());
  auto forged = prove(mine);
  const auto signature = prove(other);
  forged.replace(forged.rfind('.'), std::string::npos, signature, signature.rfind('.'));
  EXPECT_FALSE(verify(forged, first->key));
}

}  // namespace
}  // namespace interlock::jose
