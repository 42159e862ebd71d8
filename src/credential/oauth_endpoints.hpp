// Where an OAuth broker asks for tokens and has them revoked, and who it is there: from its settings, and the issuer's metadata
// (RFC 8414) where they name an issuer. Loop thread only.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "credential/broker_calls.hpp"
#include "credential/broker_settings.hpp"
#include "credential/vault.hpp"
#include "oauth/metadata.hpp"
#include "oauth/token_request.hpp"

namespace interlock::credential {

inline constexpr std::int64_t kMetadataLife_ms = 600'000;

class OauthEndpoints {
 public:
  struct Found {
    std::string token;
    std::string revocation;  // empty: tokens cannot be revoked there
    std::string audience;    // of client assertions
    oauth::ServerMetadata metadata;
  };

  // Reads its keys: issuer or token_endpoint (and revocation_endpoint), client_id, client_secret_secret or private_key_secret, key_id,
  // auth_method.
  OauthEndpoints(BrokerSettings& settings, BrokerCalls& calls, const Clock& clock, Vault& vault);

  // What a lease remembers of whom its token may be shown to.
  const std::string& authority() const { return issuer_.empty() ? token_ : issuer_; }
  const std::string& client_id() const { return client_id_; }
  bool can_revoke() const { return revocation_ != kNoRevocation; }
  // Once, on the loop or at once. The metadata are asked for again when they are old.
  void find(std::function<void(Result<Found>)> done);
  // With its secret out of the vault, as the server takes it.
  Result<oauth::ClientIdentity> client(const Found& found);

 private:
  static constexpr std::string_view kNoRevocation = "none";
  void take(Result<oauth::ServerMetadata> metadata);

  BrokerCalls& calls_;
  const Clock& clock_;
  Vault& vault_;
  std::string issuer_;
  std::string token_;
  std::string revocation_;
  std::string client_id_;
  std::string client_secret_secret_;
  std::string private_key_secret_;
  std::string key_id_;
  std::string auth_method_;
  Found found_;
  UnixMs found_ms_ = 0;
  std::vector<std::function<void(Result<Found>)>> waiting_;
};

}  // namespace interlock::credential
