#include "jose/key_set.hpp"

#include <algorithm>
#include <utility>

namespace interlock::jose {
namespace {

constexpr std::size_t kKeySetDepth = 16;

// Whether the set's own words (RFC 7517 §4.2, §4.3; SPIFFE Bundle §4.2.2) let the key verify signatures of tokens.
bool verifies_tokens(const json::object& jwk, std::string_view use) {
  if (!use.empty() && use != "sig" && use != "jwt-svid") return false;
  const auto* operations = json::find(jwk, "key_ops");
  if (operations == nullptr) return true;
  const auto* list = operations->if_array();
  return list != nullptr && std::any_of(list->begin(), list->end(), [](const json::value& operation) {
           return operation.is_string() && json::view(operation.get_string()) == "verify";
         });
}

// A text member, "" where it is absent; nullopt where it is something else.
std::optional<std::string_view> text_or_absent(const json::object& jwk, std::string_view name) {
  const auto* member = json::find(jwk, name);
  if (member == nullptr) return "";
  return json::string_at(jwk, name);
}

// nullopt: a key that is of no use here.
std::optional<SetKey> usable_key(const json::object& jwk) {
  const auto kid = text_or_absent(jwk, "kid");
  const auto use = text_or_absent(jwk, "use");
  const auto name = text_or_absent(jwk, "alg");
  if (!kid || !use || !name || kid->size() > kKeyIdBytes || !verifies_tokens(jwk, *use)) return std::nullopt;
  std::optional<Algorithm> algorithm;
  if (json::find(jwk, "alg") != nullptr) {
    algorithm = algorithm_from_name(*name);
    if (!algorithm) return std::nullopt;
  }
  auto key = PublicKey::from_jwk(jwk);
  if (!key || (algorithm && !key->fits(*algorithm))) return std::nullopt;
  return SetKey{std::move(*key), std::string(*kid), algorithm, std::string(*use)};
}

}  // namespace

Result<KeySet> KeySet::parse(std::string_view text) {
  if (text.size() > kKeySetBytes) return fail(ErrorCode::kTooLarge, "the JWK set is over the bound of 1 MiB");
  const auto document = json::parse(text, {.size_bytes = kKeySetBytes, .depth = kKeySetDepth});
  if (!document) return fail(document.error().code, "the JWK set is refused: " + document.error().message, document.error().hint);
  const auto* object = document->if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalid, "the JWK set is no JSON object (RFC 7517 §5)");
  return from_json(*object);
}

Result<KeySet> KeySet::from_json(const json::object& document) {
  const auto* list = json::array_at(document, "keys");
  if (list == nullptr) return fail(ErrorCode::kInvalid, "the JWK set has no list 'keys' (RFC 7517 §5.1)");
  if (list->size() > kKeySetKeys) {
    return fail(ErrorCode::kTooLarge,
                "the JWK set has " + std::to_string(list->size()) + " keys, over the bound of " + std::to_string(kKeySetKeys));
  }
  KeySet set;
  for (const auto& entry : *list) {
    const auto* jwk = entry.if_object();
    if (jwk == nullptr) return fail(ErrorCode::kInvalid, "the JWK set lists something that is no JSON object");
    auto key = usable_key(*jwk);
    if (!key) {
      ++set.skipped_;
      continue;
    }
    for (const auto& other : set.keys_) {
      if (!key->kid.empty() && other.kid == key->kid && other.key.thumbprint() != key->key.thumbprint()) {
        return fail(ErrorCode::kInvalid, "the JWK set names two different keys by one kid, so it does not say which of them signed",
                    "the issuer has to give each key a kid of its own");
      }
    }
    set.keys_.push_back(std::move(*key));
  }
  return set;
}

const SetKey* KeySet::find(std::string_view kid, Algorithm algorithm) const {
  const SetKey* found = nullptr;
  for (const auto& key : keys_) {
    if (!key.key.fits(algorithm) || (key.algorithm && *key.algorithm != algorithm)) continue;
    if (!kid.empty()) {
      if (key.kid == kid) return &key;
    } else if (found != nullptr) {
      return nullptr;
    } else {
      found = &key;
    }
  }
  return found;
}

bool KeySet::has_kid(std::string_view kid) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const SetKey& key) { return key.kid == kid; });
}

json::object KeySet::to_json() const {
  json::array list;
  for (const auto& key : keys_) {
    auto jwk = key.key.to_jwk();
    if (!key.kid.empty()) jwk["kid"] = key.kid;
    if (!key.use.empty()) jwk["use"] = key.use;
    if (key.algorithm) jwk["alg"] = algorithm_name(*key.algorithm);
    list.push_back(std::move(jwk));
  }
  return {{"keys", std::move(list)}};
}

}  // namespace interlock::jose
