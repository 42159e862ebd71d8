#include "oauth/token_set.hpp"

#include "base/json.hpp"
#include "oauth/challenge.hpp"
#include "oauth/fetch.hpp"

namespace interlock::oauth {

std::string write_token_set(const TokenSet& tokens) {
  json::object out{{"issuer", tokens.issuer},
                   {"resource", tokens.resource},
                   {"metadata_url", tokens.metadata_url},
                   {"client_id", tokens.client_id},
                   {"access_token", tokens.access_token},
                   {"refresh_token", tokens.refresh_token},
                   {"asked", join_scopes(tokens.asked)},
                   {"granted", join_scopes(tokens.granted)},
                   {"made_ms", tokens.made_ms},
                   {"is_bound", tokens.is_bound}};
  if (tokens.expires_ms) out["expires_ms"] = *tokens.expires_ms;
  if (tokens.dpop_key) out["dpop_key"] = tokens.dpop_key->to_pem();
  return json::write(out);
}

Result<TokenSet> read_token_set(std::string_view text) {
  auto parsed = json::parse(text, {.size_bytes = kDocumentBytes, .depth = 4});
  if (!parsed) return fail(std::move(parsed.error()));
  const auto* kept = parsed->if_object();
  if (kept == nullptr) return fail(ErrorCode::kInvalid, "kept tokens are no object");
  const auto at = [&](std::string_view name) { return std::string(json::string_at(*kept, name).value_or("")); };
  TokenSet out{.issuer = at("issuer"),
               .resource = at("resource"),
               .metadata_url = at("metadata_url"),
               .client_id = at("client_id"),
               .access_token = at("access_token"),
               .refresh_token = at("refresh_token"),
               .asked = parse_scopes(at("asked")).value_or(std::vector<std::string>{}),
               .granted = parse_scopes(at("granted")).value_or(std::vector<std::string>{}),
               .made_ms = json::int_at(*kept, "made_ms").value_or(0),
               .expires_ms = json::int_at(*kept, "expires_ms"),
               .is_bound = json::bool_at(*kept, "is_bound"),
               .dpop_key = std::nullopt};
  if (const auto pem = at("dpop_key"); !pem.empty()) {
    auto key = jose::PrivateKey::from_pem(pem);
    if (!key) return fail(std::move(key.error()));
    out.dpop_key = std::move(*key);
  }
  if (out.is_bound && !out.dpop_key) return fail(ErrorCode::kInvalid, "kept tokens are bound to a key that is not with them");
  return out;
}

}  // namespace interlock::oauth
