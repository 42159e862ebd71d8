// The configured part of a client: its names, and what of it cannot work or would leak.
#include <array>
#include <fstream>
#include <utility>

#include "oauth/challenge.hpp"
#include "oauth/client.hpp"
#include "oauth/metadata.hpp"

namespace interlock::oauth {
namespace {

constexpr std::size_t kAssertionBytes = 64 * 1024;

constexpr std::array<std::pair<Grant, std::string_view>, 4> kGrantNames{{{Grant::kAuthorizationCode, "authorization_code"},
                                                                         {Grant::kClientCredentials, "client_credentials"},
                                                                         {Grant::kJwtBearer, "jwt_bearer"},
                                                                         {Grant::kTokenExchange, "token_exchange"}}};

}  // namespace

std::string_view grant_name(Grant grant) {
  for (const auto& [known, name] : kGrantNames)
    if (known == grant) return name;
  return "authorization_code";
}

std::optional<Grant> grant_from_name(std::string_view name) {
  for (const auto& [grant, known] : kGrantNames)
    if (known == name) return grant;
  return std::nullopt;
}

std::string_view client_state_name(ClientState state) {
  switch (state) {
    case ClientState::kIdle: return "idle";
    case ClientState::kWorking: return "working";
    case ClientState::kWaitsForLogin: return "waits_for_login";
    case ClientState::kAuthorized: return "authorized";
    case ClientState::kFailed: return "failed";
  }
  return "idle";
}

AssertionSource assertion_from_file(std::string path) {
  return [path = std::move(path)](const std::string&, const std::function<void(Result<std::string>)>& done) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kAssertionBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
    if (text.empty())
      return done(fail(ErrorCode::kUnavailable, "the assertion file " + path + " cannot be read or is empty", "see what writes it"));
    if (text.size() > kAssertionBytes) return done(fail(ErrorCode::kTooLarge, "the assertion file " + path + " is too large"));
    done(std::move(text));
  };
}

Status check_options(const ClientOptions& options) {
  const auto bad = [](std::string message, std::string hint) {
    return fail(ErrorCode::kInvalid, "oauth: " + std::move(message), std::move(hint));
  };
  const bool has_own = !options.client_id.empty() || !options.client_secret.empty();
  if (!options.client_secret.empty() && options.client_id.empty())
    return bad("client_secret without client_id", "they are given out together");
  const bool can_leak = has_own || options.grant == Grant::kJwtBearer || options.grant == Grant::kTokenExchange;
  if (can_leak && options.issuer.empty())
    return bad("issuer is missing", "a client_id, secret or assertion belongs to one issuer and must go to no other: name it");
  if (!options.issuer.empty())
    if (auto fits = check_issuer(options.issuer); !fits) return fits;
  if (!options.client_metadata_url.empty()) {
    const auto url = net::parse_url(options.client_metadata_url);
    if (!url || url->scheme != "https" || url->target == "/")
      return bad("client_metadata_url must be https and have a path",
                 "it is the client id (draft-ietf-oauth-client-id-metadata-document §3)");
  }
  if (!options.private_key_pem.empty()) {
    const auto key = jose::PrivateKey::from_pem(options.private_key_pem);
    if (!key) return bad("private_key cannot be read: " + key.error().message, "PEM, PKCS#8, unencrypted");
    if (options.algorithm && !key->public_key().fits(*options.algorithm))
      return bad("algorithm does not fit private_key", "leave it out: the key has one");
  }
  if (options.grant == Grant::kClientCredentials && options.client_secret.empty() && options.private_key_pem.empty())
    return bad("client_credentials needs client_secret or private_key", "set one of them");
  if (options.grant == Grant::kJwtBearer && !options.assertion) return bad("jwt_bearer needs assertion", "a file, or spiffe");
  if (options.grant == Grant::kTokenExchange) {
    if (!options.idp.subject || options.idp.token_endpoint.empty() || options.idp.client_id.empty())
      return bad("token_exchange needs idp.token_endpoint, idp.client_id and idp.subject_token", "see docs/identity.md");
    if (auto fits = check_endpoint(options.idp.token_endpoint); !fits) return fits;
  }
  if (options.scopes.size() > kScopes || !parse_scopes(join_scopes(options.scopes)))
    return bad("scopes holds what is no scope", "RFC 6749 §3.3");
  return {};
}

}  // namespace interlock::oauth
