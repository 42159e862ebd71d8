// Tokens as outsiders may write them. As they come: no bytes verify with a key that signed none. As a header and claims that a known key
// signs ("header\nclaims", since no fuzzer finds a signature): whatever is taken says what was asked for.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/hash.hpp"
#include "jose/token.hpp"

namespace {

using namespace interlock;
using namespace interlock::jose;

void check_as_it_comes(std::string_view bytes, const PublicKey& never_used) {
  const auto token = parse_token(bytes);
  if (!token) {
    if (token.error().message.empty()) std::abort();
    return;
  }
  if (token->text != bytes || token->signature.empty() || !bytes.starts_with(token->signing_input())) std::abort();
  if (token->header.contains("crit") || token->header.contains("b64") || token->kid.size() > kKeyIdBytes) std::abort();
  if (algorithm_from_name(*json::string_at(token->header, "alg")) != token->algorithm) std::abort();
  if (verify_token(*token, never_used, {})) std::abort();
}

void check_signed(std::string_view header, std::string_view claims, const PrivateKey& key) {
  auto text = base64url_encode(header) + "." + base64url_encode(claims);
  text += "." + base64url_encode(*key.sign(Algorithm::kEdDsa, text));
  const auto token = parse_token(text);
  if (!token) return;
  Expectations expected;
  expected.issuer = "i";
  expected.audiences = {"a", "b"};
  expected.types = {"", "jwt"};
  expected.requires_subject = true;
  expected.longest_life_ms = 3'600'000;
  expected.now_ms = 1'000'000'000;
  if (!verify_token(*token, key.public_key(), expected)) return;
  const auto audiences = audiences_of(token->claims);
  const bool is_for_us = std::any_of(audiences.begin(), audiences.end(), [](const auto& one) { return one == "a" || one == "b"; });
  const auto expires = time_claim(token->claims, "exp");
  if (token->algorithm != Algorithm::kEdDsa || !is_for_us || json::string_at(token->claims, "iss") != "i") std::abort();
  if (json::string_at(token->claims, "sub").value_or("").empty() || !(token->typ.empty() || token->typ == "jwt")) std::abort();
  if (!expires || !*expires || **expires + expected.leeway_ms <= expected.now_ms) std::abort();
  if (**expires > expected.now_ms + expected.leeway_ms + expected.longest_life_ms) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto key = *PrivateKey::generate(Algorithm::kEdDsa);
  static const auto never_used = PrivateKey::generate(Algorithm::kEs256)->public_key();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_as_it_comes(bytes, never_used);
  if (const auto line = bytes.find('\n'); line != std::string_view::npos) check_signed(bytes.substr(0, line), bytes.substr(line + 1), key);
  return 0;
}
