#include "credential/oauth_endpoints.hpp"

#include <optional>

#include "jose/key.hpp"
#include "oauth/registration.hpp"

namespace interlock::credential {

OauthEndpoints::OauthEndpoints(BrokerSettings& settings, BrokerCalls& calls, const Clock& clock, Vault& vault)
    : calls_(calls), clock_(clock), vault_(vault) {
  issuer_ = settings.text("issuer");
  token_ = settings.text("token_endpoint");
  revocation_ = settings.text("revocation_endpoint");
  client_id_ = settings.needed_text("client_id", "write the id that the authorization server knows this gate by");
  client_secret_secret_ = settings.text("client_secret_secret");
  private_key_secret_ = settings.text("private_key_secret");
  key_id_ = settings.text("key_id");
  auth_method_ = settings.text("auth_method");
  if (issuer_.empty() == token_.empty())
    settings.complain("issuer", "and token_endpoint: one of them, not both",
                      "write the issuer, and its endpoints are found; or token_endpoint and revocation_endpoint");
  if (issuer_.empty() && revocation_.empty())
    settings.complain("revocation_endpoint", "is missing", "write its URL (RFC 7009), or none where tokens can only expire");
  if (!issuer_.empty()) {
    if (const auto right = oauth::check_issuer(issuer_); !right)
      settings.complain("issuer", "is refused: " + right.error().message, right.error().hint);
  }
  for (const auto& [key, url] : {std::pair{"token_endpoint", &token_}, {"revocation_endpoint", &revocation_}}) {
    if (url->empty() || *url == kNoRevocation) continue;
    if (const auto right = oauth::check_endpoint(*url); !right)
      settings.complain(key, "is refused: " + right.error().message, right.error().hint);
  }
  if (!client_secret_secret_.empty() && !private_key_secret_.empty())
    settings.complain("private_key_secret", "and client_secret_secret: one of them, not both",
                      "write the one that the client is registered with");
  if (!auth_method_.empty() && !oauth::auth_method_from_name(auth_method_))
    settings.complain("auth_method", "is unknown", "write client_secret_basic, client_secret_post, private_key_jwt or none");
}

void OauthEndpoints::find(std::function<void(Result<Found>)> done) {
  if (issuer_.empty()) return done(Found{token_, can_revoke() ? revocation_ : "", token_, {}});
  if (found_ms_ != 0 && clock_.now_ms() - found_ms_ < kMetadataLife_ms) return done(found_);
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  calls_.run([this](std::function<void()> over) {
    return oauth::discover(calls_.loop(), calls_.http(), issuer_, [this, over = std::move(over)](Result<oauth::ServerMetadata> metadata) {
      const auto end = over;  // what follows outlives the call
      end();
      take(std::move(metadata));
    });
  });
}

void OauthEndpoints::take(Result<oauth::ServerMetadata> metadata) {
  const auto waiting = std::exchange(waiting_, {});
  Result<Found> result = fail(ErrorCode::kInternal, "");
  const bool is_away = !metadata && (metadata.error().code == ErrorCode::kUnavailable || metadata.error().code == ErrorCode::kTimeout);
  if (is_away && found_ms_ != 0) {
    result = found_;  // what was right a while ago still ends tokens
  } else if (!metadata) {
    result = fail(std::move(metadata.error()));
  } else if (metadata->token_endpoint.empty()) {
    result = fail(ErrorCode::kUnsupported, "issuer " + issuer_ + " has no token endpoint");
  } else if (can_revoke() && revocation_.empty() && metadata->revocation_endpoint.empty()) {
    result = fail(ErrorCode::kUnsupported, "issuer " + issuer_ + " has no revocation endpoint: its tokens would outlive their task",
                  "write revocation_endpoint: none if their expiry is enough");
  } else {
    found_.token = metadata->token_endpoint;
    found_.revocation = !can_revoke() ? "" : revocation_.empty() ? metadata->revocation_endpoint : revocation_;
    found_.audience = issuer_;
    found_.metadata = std::move(*metadata);
    found_ms_ = clock_.now_ms();
    result = found_;
  }
  for (const auto& done : waiting) done(result);
}

Result<oauth::ClientIdentity> OauthEndpoints::client(const Found& found) {
  oauth::ClientIdentity out;
  out.id = client_id_;
  out.key_id = key_id_;
  if (!auth_method_.empty()) {
    out.method = *oauth::auth_method_from_name(auth_method_);
  } else if (!found.metadata.issuer.empty()) {
    auto method = oauth::choose_auth_method(found.metadata, !client_secret_secret_.empty(), !private_key_secret_.empty(), {});
    if (!method) return fail(std::move(method.error()));
    out.method = *method;
  } else if (!private_key_secret_.empty()) {
    out.method = oauth::AuthMethod::kPrivateKeyJwt;
  } else if (!client_secret_secret_.empty()) {
    out.method = oauth::AuthMethod::kBasic;
  }
  if (!client_secret_secret_.empty()) {
    const auto secret = vault_.get(client_secret_secret_);
    if (!secret) return fail(secret.error());
    out.secret = std::string(secret->view());
  }
  if (!private_key_secret_.empty()) {
    const auto pem = vault_.get(private_key_secret_);
    if (!pem) return fail(pem.error());
    auto key = jose::PrivateKey::from_pem(pem->view());
    if (!key) return fail(ErrorCode::kInvalid, "the secret " + private_key_secret_ + " is no private key: " + key.error().message);
    out.key = std::move(*key);
  }
  return out;
}

}  // namespace interlock::credential
