#include "oauth/registration.hpp"

#include <algorithm>

#include "base/json.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kDocumentDepth = 16;

bool takes(const ServerMetadata& server, AuthMethod method) {
  const auto name = auth_method_name(method);
  if (server.token_auth_methods.empty()) return method == AuthMethod::kBasic;
  return std::find(server.token_auth_methods.begin(), server.token_auth_methods.end(), name) != server.token_auth_methods.end();
}

bool is_visible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace

std::string write_registration(const Registration& registration) {
  return json::write(json::object{{"issuer", registration.issuer},
                                  {"redirect_uri", registration.redirect_uri},
                                  {"client_id", registration.client_id},
                                  {"client_secret", registration.client_secret},
                                  {"method", registration.method},
                                  {"expires_ms", registration.expires_ms}});
}

Result<Registration> read_kept_registration(std::string_view text) {
  auto parsed = json::parse(text, {.size_bytes = kDocumentBytes, .depth = kDocumentDepth});
  if (!parsed) return fail(std::move(parsed.error()));
  const auto* kept = parsed->if_object();
  if (kept == nullptr) return fail(ErrorCode::kInvalid, "a kept registration is no object");
  const auto at = [&](std::string_view name) { return std::string(json::string_at(*kept, name).value_or("")); };
  return Registration{.issuer = at("issuer"),
                      .redirect_uri = at("redirect_uri"),
                      .client_id = at("client_id"),
                      .client_secret = at("client_secret"),
                      .method = at("method"),
                      .expires_ms = json::int_at(*kept, "expires_ms").value_or(0)};
}

json::object registration_request(const ClientOptions& options, const ServerMetadata& server, std::string_view redirect_uri) {
  const auto url = net::parse_url(redirect_uri);
  const bool is_native = url && is_loopback_host(url->host);
  json::object out{{"client_name", "Interlock"}, {"application_type", is_native ? "native" : "web"}};
  if (options.grant == Grant::kAuthorizationCode) {
    out["redirect_uris"] = json::array{json::value(redirect_uri)};
    out["grant_types"] = json::array{"authorization_code", "refresh_token"};
    out["response_types"] = json::array{"code"};
  } else {
    out["grant_types"] =
        json::array{options.grant == Grant::kClientCredentials ? "client_credentials" : "urn:ietf:params:oauth:grant-type:jwt-bearer"};
  }
  // A secret that a native client is given protects nothing that PKCE does not: it is asked for only where the server wants one.
  auto method = AuthMethod::kNone;
  if (!options.private_key_pem.empty() && takes(server, AuthMethod::kPrivateKeyJwt)) {
    if (const auto key = jose::PrivateKey::from_pem(options.private_key_pem)) {
      auto jwk = key->public_key().to_jwk();
      if (!options.key_id.empty()) jwk["kid"] = options.key_id;
      out["jwks"] = json::object{{"keys", json::array{std::move(jwk)}}};
      method = AuthMethod::kPrivateKeyJwt;
    }
  } else if (!server.token_auth_methods.empty() && !takes(server, AuthMethod::kNone)) {
    method = takes(server, AuthMethod::kBasic) ? AuthMethod::kBasic : AuthMethod::kPost;
  }
  out["token_endpoint_auth_method"] = auth_method_name(method);
  return out;
}

Result<Registration> read_registration_response(int status, std::string_view body) {
  auto parsed = json::parse(body, {.size_bytes = kDocumentBytes, .depth = kDocumentDepth});
  const auto* document = parsed ? parsed->if_object() : nullptr;
  if (status != 201 && status != 200) {
    const auto name = document == nullptr ? std::nullopt : json::string_at(*document, "error");
    return fail(status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kDenied,
                "the authorization server does not register the gate: " + (name ? shown(*name) : "HTTP " + std::to_string(status)),
                "register it by hand, and set servers.NAME.oauth.client_id and issuer");
  }
  if (document == nullptr) return fail(ErrorCode::kInvalid, "the answer to the registration is no JSON object");
  Registration out;
  out.client_id = std::string(json::string_at(*document, "client_id").value_or(""));
  out.client_secret = std::string(json::string_at(*document, "client_secret").value_or(""));
  out.method = std::string(json::string_at(*document, "token_endpoint_auth_method").value_or(""));
  if (out.client_id.empty() || out.client_id.size() > kClientIdBytes || !is_visible(out.client_id) ||
      out.client_secret.size() > kClientIdBytes || !is_visible(out.client_secret))
    return fail(ErrorCode::kInvalid, "the answer to the registration holds no client_id that could be used");
  if (const auto expires_s = json::int_at(*document, "client_secret_expires_at");
      expires_s && *expires_s > 0 && *expires_s < kLongestLife_s * 100)
    out.expires_ms = *expires_s * 1000;
  return out;
}

Result<AuthMethod> choose_auth_method(const ServerMetadata& server, bool has_secret, bool has_key, std::string_view told) {
  if (const auto method = auth_method_from_name(told)) {
    const bool fits = *method == AuthMethod::kNone || (*method == AuthMethod::kPrivateKeyJwt ? has_key : has_secret);
    if (fits) return *method;
  }
  if (has_key && (takes(server, AuthMethod::kPrivateKeyJwt) || !has_secret)) return AuthMethod::kPrivateKeyJwt;
  if (has_secret) {
    for (const auto method : {AuthMethod::kBasic, AuthMethod::kPost})
      if (takes(server, method)) return method;
  }
  if (!has_secret || takes(server, AuthMethod::kNone)) return AuthMethod::kNone;
  return fail(ErrorCode::kUnsupported, "the authorization server takes none of the ways in which the gate could authenticate",
              "it takes client_secret_basic, client_secret_post, private_key_jwt or none");
}

}  // namespace interlock::oauth
