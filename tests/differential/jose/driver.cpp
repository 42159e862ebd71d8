// Answers questions about tokens for tests/identity/jose.test.mjs, which asks npm `jose` the same: one JSON object a line in, one out.
#include <functional>
#include <iostream>
#include <map>
#include <string>

#include "jose/dpop.hpp"
#include "jose/key_set.hpp"
#include "jose/token.hpp"

namespace {

using namespace interlock;
using namespace interlock::jose;

std::string text(const json::object& question, std::string_view name) { return std::string(json::string_at(question, name).value_or("")); }

json::object refused(const Error& error) { return {{"ok", false}, {"error", error.text()}}; }

Algorithm algorithm_of(const json::object& question) { return algorithm_from_name(text(question, "alg")).value_or(Algorithm::kEs256); }

json::object generate(const json::object& question) {
  const auto key = PrivateKey::generate(algorithm_of(question));
  if (!key) return refused(key.error());
  return {{"ok", true}, {"pem", key->to_pem()}, {"jwk", key->public_key().to_jwk()}, {"thumbprint", key->public_key().thumbprint()}};
}

// A private key as a JWK: its public part, as this side sees it.
json::object import_key(const json::object& question) {
  const auto key = PrivateKey::from_jwk(*json::object_at(question, "jwk"));
  if (!key) return refused(key.error());
  return {{"ok", true}, {"pem", key->to_pem()}, {"jwk", key->public_key().to_jwk()}, {"thumbprint", key->public_key().thumbprint()}};
}

json::object sign(const json::object& question) {
  const auto key = PrivateKey::from_pem(text(question, "pem"));
  if (!key) return refused(key.error());
  const auto token =
      make_token(*key, algorithm_of(question), text(question, "kid"), text(question, "typ"), *json::object_at(question, "claims"));
  if (!token) return refused(token.error());
  return {{"ok", true}, {"token", *token}};
}

json::object verify(const json::object& question) {
  const auto keys = KeySet::from_json(*json::object_at(question, "keys"));
  if (!keys) return refused(keys.error());
  const auto token = parse_token(text(question, "token"));
  if (!token) return refused(token.error());
  const auto* key = keys->find(token->kid, token->algorithm);
  if (key == nullptr) return {{"ok", false}, {"error", "no key"}};
  const std::string issuer = text(question, "issuer");
  Expectations expected;
  expected.issuer = issuer;
  if (const auto audience = text(question, "audience"); !audience.empty()) expected.audiences = {audience};
  expected.leeway_ms = 0;
  expected.now_ms = json::int_at(question, "now_ms").value_or(0);
  if (auto status = verify_token(*token, key->key, expected); !status) return refused(status.error());
  return {{"ok", true}, {"claims", token->claims}};
}

json::object prove(const json::object& question) {
  const auto key = PrivateKey::from_pem(text(question, "pem"));
  if (!key) return refused(key.error());
  const auto proof = make_dpop(*key, text(question, "method"), text(question, "url"), text(question, "access_token"),
                               text(question, "nonce"), json::int_at(question, "now_ms").value_or(0));
  if (!proof) return refused(proof.error());
  return {{"ok", true}, {"proof", *proof}};
}

json::object verify_proof(const json::object& question) {
  const auto method = text(question, "method");
  const auto url = text(question, "url");
  const auto access_token = text(question, "access_token");
  const auto proof =
      verify_dpop(text(question, "proof"),
                  {.method = method, .url = url, .access_token = access_token, .now_ms = json::int_at(question, "now_ms").value_or(0)});
  if (!proof) return refused(proof.error());
  return {{"ok", true}, {"thumbprint", proof->thumbprint}, {"jti", proof->jti}, {"nonce", proof->nonce}};
}

}  // namespace

int main() {
  const std::map<std::string, std::function<json::object(const json::object&)>> answers = {
      {"generate", generate}, {"import", import_key}, {"sign", sign}, {"verify", verify}, {"prove", prove}, {"verify_proof", verify_proof}};
  for (std::string line; std::getline(std::cin, line);) {
    const auto question = json::parse(line);
    const auto answer = question ? answers.find(text(question->as_object(), "ask")) : answers.end();
    if (answer == answers.end()) {
      std::cerr << "not a question: " << line << '\n';
      return 1;
    }
    std::cout << json::write(answer->second(question->as_object())) << '\n' << std::flush;
  }
  return 0;
}
