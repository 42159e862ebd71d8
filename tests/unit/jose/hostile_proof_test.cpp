// DPoP proofs of an adversary (RFC 9449 §4.3, §11): every one is refused, by the rule that it breaks, beside controls that are taken.
// Replays and nonces are the authenticator's: tests/unit/identity/hostile_token_test.cpp.
#include <gtest/gtest.h>

#include <cstdio>

#include "base/hash.hpp"
#include "hostile.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"

namespace interlock::jose::hostile {
namespace {

// What a DPoP proof says, by default rightly.
struct Proof {
  std::string typ = "\"dpop+jwt\"";
  std::string alg = "ES256";
  std::string jwk = json::write(world().ec.public_key().to_jwk());
  std::string htm = "\"POST\"";
  std::string htu = '"' + kUrl + '"';
  std::string iat = std::to_string(kSeconds);
  std::string jti = "\"one-time\"";
  std::string ath = '"' + b64(as_bytes(sha256(kAccessToken))) + '"';
  std::string header_more;
  std::string claims_more;
};

std::string proof(
    const std::function<void(Proof&)>& change = [](Proof&) {}, const PrivateKey& key = world().ec,
    Algorithm algorithm = Algorithm::kEs256) {
  Proof p;
  change(p);
  std::string header = "{\"alg\":\"" + p.alg + "\"" + (p.typ.empty() ? "" : ",\"typ\":" + p.typ) +
                       (p.jwk.empty() ? "" : ",\"jwk\":" + p.jwk) + p.header_more + "}";
  std::string claims;
  for (const auto& [name, value] : {std::pair{"htm", p.htm}, {"htu", p.htu}, {"iat", p.iat}, {"jti", p.jti}, {"ath", p.ath}}) {
    if (!value.empty()) claims += (claims.empty() ? "\"" : ",\"") + std::string(name) + "\":" + value;
  }
  return signed_by(key, algorithm, header, "{" + claims + p.claims_more + "}");
}

TEST(HostileProof, IsRefusedByTheRuleItBreaks) {
  const auto& w = world();
  const auto seconds = [](std::int64_t from_now) { return std::to_string(kSeconds + from_now); };
  const auto private_jwk = [&] {
    auto jwk = w.ec.public_key().to_jwk();
    jwk["d"] = b64(std::string(32, '\x01'));
    return json::write(jwk);
  }();
  const auto identity = R"({"crv":"Ed25519","kty":"OKP","x":")" + b64('\x01' + std::string(31, '\0')) + "\"}";
  const std::string method = "htm is not the method";
  const std::string url = "htu is not the URL of this request";
  const std::string no_url = "htu is no http or https URL";
  const std::vector<Case> cases = {
      {"a good proof", proof(), ""},
      {"htu in other letters, with the default port and a query",
       proof([](Proof& p) { p.htu = "\"HTTPS://Gate.example:443/./mcp?a=b#c\""; }), ""},
      {"iat at the edge of the window", proof([&](Proof& p) { p.iat = seconds(-60); }), ""},
      {"typ JWT", proof([](Proof& p) { p.typ = "\"JWT\""; }), "typ is not dpop+jwt"},
      {"typ at+jwt", proof([](Proof& p) { p.typ = "\"at+jwt\""; }), "typ is not dpop+jwt"},
      {"no typ", proof([](Proof& p) { p.typ = ""; }), "typ is not dpop+jwt"},
      {"an access token in place of a proof", good_token(), "typ is not dpop+jwt"},
      {"alg none", proof([](Proof& p) { p.alg = "none"; }), "alg is none"},
      {"alg HS256", proof([](Proof& p) { p.alg = "HS256"; }), "alg is symmetric"},
      {"alg of another kind of key", proof([](Proof& p) { p.alg = "RS256"; }), "alg does not fit its jwk"},
      {"alg of another curve", proof([](Proof& p) { p.alg = "ES384"; }), "alg does not fit its jwk"},
      {"no jwk", proof([](Proof& p) { p.jwk = ""; }), "header has no jwk"},
      {"jwk a text", proof([](Proof& p) { p.jwk = "\"key\""; }), "header has no jwk"},
      {"jwk null", proof([](Proof& p) { p.jwk = "null"; }), "header has no jwk"},
      {"jwk empty", proof([](Proof& p) { p.jwk = "{}"; }), "no text member 'kty'"},
      {"no jwk, but jku", proof([](Proof& p) { p.jwk = "", p.header_more = R"(,"jku":"http://127.0.0.1:1/")"; }), "header has no jwk"},
      {"no jwk, but kid", proof([](Proof& p) { p.jwk = "", p.header_more = R"(,"kid":"ec-1")"; }), "header has no jwk"},
      {"jwk with the private part", proof([&](Proof& p) { p.jwk = private_jwk; }), "private or secret member 'd'"},
      {"jwk a secret", proof([](Proof& p) { p.jwk = R"({"kty":"oct","k":"c2VjcmV0"})"; }), "private or secret member 'k'"},
      {"jwk off the curve", proof([](Proof& p) {
         p.jwk = R"({"kty":"EC","crv":"P-256","x":")" + b64(std::string(32, '\x02')) + R"(","y":")" + b64(std::string(32, '\x03')) + "\"}";
       }),
       "not on the curve"},
      {"jwk of a small subgroup",
       with_signature("{\"alg\":\"EdDSA\",\"typ\":\"dpop+jwt\",\"jwk\":" + identity + "}", "{}", '\x01' + std::string(63, '\0')),
       "no point of the main subgroup"},
      {"jwk of another's key", proof([](Proof& p) { p.jwk = json::write(world().stranger.public_key().to_jwk()); }),
       "signature does not verify with its jwk"},
      {"signed by another", proof([](Proof&) {}, w.stranger), "signature does not verify with its jwk"},
      {"psychic", proof().substr(0, proof().rfind('.') + 1) + b64(std::string(64, '\0')), "signature does not verify with its jwk"},
      {"crit", proof([](Proof& p) { p.header_more = R"(,"crit":["exp"])"; }), "header has crit"},
      {"htm of another method", proof([](Proof& p) { p.htm = "\"GET\""; }), method},
      {"htm in small letters", proof([](Proof& p) { p.htm = "\"post\""; }), method},
      {"htm absent", proof([](Proof& p) { p.htm = ""; }), method},
      {"htm empty", proof([](Proof& p) { p.htm = "\"\""; }), method},
      {"htm a list", proof([](Proof& p) { p.htm = "[\"POST\"]"; }), method},
      {"htu of another host", proof([](Proof& p) { p.htu = "\"https://evil.example/mcp\""; }), url},
      {"htu of another path", proof([](Proof& p) { p.htu = "\"https://gate.example/other\""; }), url},
      {"htu of a path in other letters", proof([](Proof& p) { p.htu = "\"https://gate.example/MCP\""; }), url},
      {"htu with a slash after it", proof([](Proof& p) { p.htu = "\"https://gate.example/mcp/\""; }), url},
      {"htu of the origin alone", proof([](Proof& p) { p.htu = "\"https://gate.example\""; }), url},
      {"htu over http", proof([](Proof& p) { p.htu = "\"http://gate.example/mcp\""; }), url},
      {"htu of another port", proof([](Proof& p) { p.htu = "\"https://gate.example:8443/mcp\""; }), url},
      {"htu that goes on", proof([](Proof& p) { p.htu = "\"https://gate.example.evil.example/mcp\""; }), url},
      {"htu with user information", proof([](Proof& p) { p.htu = "\"https://gate.example@evil.example/mcp\""; }), no_url},
      {"htu a path alone", proof([](Proof& p) { p.htu = "\"/mcp\""; }), no_url},
      {"htu absent", proof([](Proof& p) { p.htu = ""; }), no_url},
      {"htu a number", proof([](Proof& p) { p.htu = "1"; }), no_url},
      {"htu with a backslash", proof([](Proof& p) { p.htu = R"("https://gate.example\\mcp")"; }), no_url},
      {"iat before the window", proof([&](Proof& p) { p.iat = seconds(-61); }), "iat is too far from now"},
      {"iat after the window", proof([&](Proof& p) { p.iat = seconds(61); }), "iat is too far from now"},
      {"iat in 1970", proof([](Proof& p) { p.iat = "0"; }), "iat is too far from now"},
      {"iat in 9999", proof([](Proof& p) { p.iat = "253402300799"; }), "iat is too far from now"},
      {"iat absent", proof([](Proof& p) { p.iat = ""; }), "it has no iat"},
      {"iat a text", proof([&](Proof& p) { p.iat = "\"" + seconds(0) + "\""; }), "iat is no number"},
      {"iat negative", proof([](Proof& p) { p.iat = "-1"; }), "not a time between 1970 and 9999"},
      {"iat 1e400", proof([](Proof& p) { p.iat = "1e400"; }), "not valid JSON"},
      {"exp in the past", proof([&](Proof& p) { p.claims_more = ",\"exp\":" + seconds(-61), p.iat = ""; }), "it has no iat"},
      {"exp that has passed", proof([&](Proof& p) { p.iat = seconds(-60), p.claims_more = ",\"exp\":" + seconds(-60); }),
       "exp is not after its iat"},
      {"nbf that has not come", proof([&](Proof& p) { p.claims_more = ",\"nbf\":" + seconds(600); }), "not valid before"},
      {"jti absent", proof([](Proof& p) { p.jti = ""; }), "jti is absent, empty"},
      {"jti empty", proof([](Proof& p) { p.jti = "\"\""; }), "jti is absent, empty"},
      {"jti a number", proof([](Proof& p) { p.jti = "7"; }), "jti is absent, empty"},
      {"jti huge", proof([](Proof& p) { p.jti = "\"" + std::string(257, 'j') + "\""; }), "over the bound of 256"},
      {"jti twice", proof([](Proof& p) { p.claims_more = R"(,"jti":"another")"; }), "a key comes twice"},
      {"ath absent", proof([](Proof& p) { p.ath = ""; }), "it has no ath"},
      {"ath of another token", proof([](Proof& p) { p.ath = "\"" + b64(as_bytes(sha256("another"))) + "\""; }),
       "hash of another access token"},
      {"ath the token itself", proof([](Proof& p) { p.ath = "\"" + kAccessToken + "\""; }), "hash of another access token"},
      {"ath in hexadecimal", proof([](Proof& p) { p.ath = "\"" + to_hex(sha256(kAccessToken)) + "\""; }), "hash of another access token"},
      {"ath with padding", proof([](Proof& p) { p.ath.insert(p.ath.size() - 1, "="); }), "hash of another access token"},
      {"ath empty", proof([](Proof& p) { p.ath = "\"\""; }), "hash of another access token"},
      {"ath null", proof([](Proof& p) { p.ath = "null"; }), "it has no ath"},
      {"nonce a number", proof([](Proof& p) { p.claims_more = ",\"nonce\":5"; }), "nonce is no text"},
      {"nonce huge", proof([](Proof& p) { p.claims_more = ",\"nonce\":\"" + std::string(257, 'n') + "\""; }), "nonce is no text"},
      {"cut", proof().substr(0, 80), "three parts"},
      {"empty", "", "three parts"},
      {"two in one header", proof() + "," + proof(), "encrypted (JWE)"},
      {"huge", proof([](Proof& p) { p.claims_more = ",\"x\":\"" + std::string(kTokenBytes, 'x') + "\""; }), "over the bound of 16 KiB"},
  };
  const auto refused = expect_each(cases, [](std::string_view text) -> Status {
    const auto read = verify_dpop(text, {.method = "POST", .url = kUrl, .access_token = kAccessToken, .now_ms = kNow});
    if (!read) return fail(read.error());
    return {};
  });
  std::printf("%zu hostile DPoP proofs refused, each by its rule\n", refused);
  EXPECT_GE(refused, 65U);
}

}  // namespace
}  // namespace interlock::jose::hostile
