// A JWT that somebody showed, verified by whoever's it is: an OIDC issuer, a SPIFFE trust domain, this gate. And X.509-SVIDs.
//
// Says what a credential is and what it is bound to, not whether it may be used as it was shown: that is the Authenticator's. What was
// verified is remembered for as long as nothing about it changed: the token's time, the issuer's keys and configuration, the bundles.
// Loop thread only. Private to the room.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "identity/authenticator.hpp"
#include "identity/issuer_keys.hpp"
#include "identity/remembered.hpp"
#include "jose/dpop.hpp"
#include "jose/token.hpp"

namespace interlock::identity {

struct Issuer {
  IssuerConfig config;
  std::shared_ptr<net::HttpClient> own_client;  // where it has authorities of its own
  std::shared_ptr<IssuerKeys> keys;
};

struct Verified {
  model::Subject subject;
  std::string key;          // cnf.jkt: RFC 9449 §6.1; empty: not bound to a key
  std::string certificate;  // cnf.x5t#S256, 32 bytes: RFC 8705 §3.1; empty: not bound to a certificate
  bool accepts_bearer = false;
  Inherited inherited = Inherited::kRefuse;
  UnixMs good_until_ms = 0;
  mutable std::shared_ptr<const jose::DpopKey> proven_key;  // of `key`, once a proof has shown it: the next one is checked sooner

  // What it was verified by; it counts while these are in force.
  std::shared_ptr<Issuer> issuer;
  std::uint64_t keys_version = 0;
  IssuerKeys::Keys own_keys;
  std::uint64_t bundles_version = 0;
};

class TokenVerifier {
 public:
  using Found = std::expected<std::shared_ptr<const Verified>, Refusal>;

  TokenVerifier(net::Loop& loop, net::HttpClient& client, const Clock& clock, SpiffeTrust spiffe, OwnTokens own, std::size_t remembered);
  Status set_issuers(std::vector<IssuerConfig> issuers);

  // What a token is remembered by, where it was shown for these resources.
  Digest key_of(std::string_view token, const std::vector<std::string>& resources) const;
  // Null where it has to be verified (again).
  std::shared_ptr<const Verified> remembered(const Digest& key);
  // `done` comes once, at once where no key has to be fetched. `key` is that of the token and the resources.
  void verify(const Digest& key, std::string_view token, const std::vector<std::string>& resources, std::function<void(Found)> done);
  Found verify_certificates(const net::PeerCertificates& certificates);

  bool believes_certificates() const { return static_cast<bool>(spiffe_.bundles); }
  bool knows_issuers() const { return !issuers_.empty() || !own_.issuer.empty(); }
  json::array describe() const;

 private:
  bool still_counts(const Verified& verified);
  Found keep(const Digest& key, Found found);
  Found by_issuer(const std::shared_ptr<Issuer>& issuer, const jose::Token& token, const std::vector<std::string>& resources,
                  const IssuerKeys::Keys& keys);
  Found by_own_keys(const jose::Token& token, const std::vector<std::string>& resources);
  Found by_bundles(const jose::Token& token, const std::vector<std::string>& resources);

  net::Loop& loop_;
  net::HttpClient& client_;
  const Clock& clock_;
  SpiffeTrust spiffe_;
  OwnTokens own_;
  std::map<std::string, std::shared_ptr<Issuer>, std::less<>> issuers_;
  std::string secret_;  // of this process: what the memory's keys are hashed with
  Remembered<std::shared_ptr<const Verified>> memory_;
};

// A refusal of a token (RFC 6750 §3.1), or 503 where the error is kUnavailable.
Refusal refusal_of(Error error, std::string_view oauth_error = "invalid_token");

}  // namespace interlock::identity
