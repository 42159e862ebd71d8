// DPoP proofs from outsiders, and the URLs that they name. As a proof that comes, and as claims that the proof's own key signs: what is
// taken is for this request and this token, now.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/hash.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "jose/url.hpp"

namespace {

using namespace interlock;
using namespace interlock::jose;

const DpopExpectations kExpected{.method = "POST", .url = "http://g/m", .access_token = "t", .now_ms = 1'000'000'000};

void check_taken(std::string_view text, const DpopProof& proof) {
  const auto token = parse_token(text);
  if (!token || token->typ != "dpop+jwt" || proof.thumbprint.size() != 43) std::abort();
  const auto& claims = token->claims;
  if (json::string_at(claims, "htm") != kExpected.method || json::string_at(claims, "jti") != proof.jti || proof.jti.empty()) std::abort();
  if (json::string_at(claims, "ath") != base64url_encode(as_bytes(sha256("t")))) std::abort();
  if (comparable_url(*json::string_at(claims, "htu")) != comparable_url(kExpected.url)) std::abort();
  if (std::abs(proof.issued_ms - kExpected.now_ms) > kExpected.window_ms) std::abort();
  if (verify_dpop(text, {.method = "GET", .url = "http://g/m", .access_token = "t", .now_ms = kExpected.now_ms})) std::abort();
  if (verify_dpop(text, {.method = "POST", .url = "http://g/n", .access_token = "t", .now_ms = kExpected.now_ms})) std::abort();
  if (verify_dpop(text, {.method = "POST", .url = "http://g/m", .access_token = "u", .now_ms = kExpected.now_ms})) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto key = *PrivateKey::generate(Algorithm::kEdDsa);
  static const auto header = json::write(json::object{{"alg", "EdDSA"}, {"typ", "dpop+jwt"}, {"jwk", key.public_key().to_jwk()}});
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto url = comparable_url(bytes); url && comparable_url(*url) != url) std::abort();

  if (const auto proof = verify_dpop(bytes, kExpected)) check_taken(bytes, *proof);
  auto text = base64url_encode(header) + "." + base64url_encode(bytes);
  text += "." + base64url_encode(*key.sign(Algorithm::kEdDsa, text));
  if (const auto proof = verify_dpop(text, kExpected)) {
    check_taken(text, *proof);
  } else if (proof.error().message.empty()) {
    std::abort();
  }
  return 0;
}
