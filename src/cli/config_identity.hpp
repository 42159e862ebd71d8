// What interlock.yaml says of who asks: TLS, SPIFFE, issuers of tokens, the agents and their owners, and OAuth towards servers.
//
// Plain data, as config.hpp: complete, checked and defaulted once it is loaded. Texts that are secrets say so; describe() hides them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "identity/issuers.hpp"
#include "identity/registry.hpp"
#include "jose/key.hpp"
#include "oauth/client.hpp"

namespace interlock::cli {

// Serving over https. Either two files, which are read anew when they change, or the gate's own X.509-SVID, rotated with it.
struct TlsConfig {
  std::filesystem::path certificate;  // PEM, leaf first
  std::filesystem::path key;          // PEM; only its owner and its group may read it
  bool spiffe = false;
  bool is_on() const { return spiffe || !certificate.empty(); }
  friend bool operator==(const TlsConfig&, const TlsConfig&) = default;
};

// Which local processes are given `id` by the gate's own authority: all that is written must hold, at least one thing is.
struct WorkloadConfig {
  std::string id;
  std::string user;
  std::filesystem::path executable;
  std::string sha256;  // of the executable: 64 lower-case hex digits
  std::string cgroup;  // '*' at the end: a prefix
  friend bool operator==(const WorkloadConfig&, const WorkloadConfig&) = default;
};

struct AuthorityConfig {
  std::filesystem::path socket;  // of the Workload API that the gate serves
  std::int64_t svid_lifetime_ms = 3'600'000;
  std::vector<WorkloadConfig> workloads;  // empty: each local process is spiffe://DOMAIN/local/USER/PROGRAM
  friend bool operator==(const AuthorityConfig&, const AuthorityConfig&) = default;
};

// Another trust domain whose SVIDs are believed: exactly one of `file` and `url`.
struct BundleConfig {
  std::string trust_domain;
  std::filesystem::path file;
  std::string url;
  std::string endpoint_id;  // https_spiffe: the endpoint's SPIFFE ID, with `first`
  std::filesystem::path first;
  std::filesystem::path ca_file;
  friend bool operator==(const BundleConfig&, const BundleConfig&) = default;
};

struct SpiffeConfig {
  std::string trust_domain;
  std::string workload_api;  // "unix:///...": SVIDs and bundles come from there; or:
  std::optional<AuthorityConfig> authority;
  std::vector<BundleConfig> bundles;
  std::vector<std::string> audiences;
  bool accept_bearer = false;
  friend bool operator==(const SpiffeConfig&, const SpiffeConfig&) = default;
};

// "github", "gitlab", "kubernetes", "entra", "okta".
const std::vector<std::string_view>& issuer_presets();

struct ProofConfig {
  std::int64_t window_ms = 60'000;
  bool nonces = false;
  friend bool operator==(const ProofConfig&, const ProofConfig&) = default;
};

struct ExchangeConfig {
  bool enabled = false;
  std::int64_t lifetime_ms = 600'000;
  friend bool operator==(const ExchangeConfig&, const ExchangeConfig&) = default;
};

struct IdentityConfig {
  std::optional<SpiffeConfig> spiffe;
  std::vector<identity::IssuerConfig> issuers;  // with what their presets fill in
  ProofConfig dpop;
  ExchangeConfig token_exchange;
};

// RFC 9728: what the gate says of itself as a protected resource.
struct ResourceConfig {
  std::vector<std::string> authorization_servers;
  std::vector<std::string> scopes;
  friend bool operator==(const ResourceConfig&, const ResourceConfig&) = default;
};

// Where an assertion comes from: a file that is read anew for each use, or the gate's own JWT-SVID. Neither: there is none.
struct AssertionConfig {
  std::filesystem::path file;
  bool spiffe = false;
  bool is_given() const { return spiffe || !file.empty(); }
  friend bool operator==(const AssertionConfig&, const AssertionConfig&) = default;
};

// Enterprise-managed authorization: whose token is exchanged for one that the server's authorization server takes.
struct IdentityProviderConfig {
  std::string token_endpoint;
  std::string client_id;
  std::string client_secret;  // a secret
  AssertionConfig subject_token;
  std::string subject_token_type;  // empty: an ID token
  friend bool operator==(const IdentityProviderConfig&, const IdentityProviderConfig&) = default;
};

// OAuth towards one server: how the gate comes by tokens for it.
struct OAuthConfig {
  oauth::Grant grant = oauth::Grant::kAuthorizationCode;
  std::string client_id;
  std::string client_secret;          // a secret
  std::string client_metadata_url;    // a client ID that is the address of its own metadata
  std::filesystem::path private_key;  // PEM: private_key_jwt
  std::string key_id;
  std::optional<jose::Algorithm> algorithm;
  std::string issuer;  // the only authorization server to use; empty: the one that the server names
  std::vector<std::string> scopes;
  bool dpop = false;
  bool assume_endpoints = false;
  std::int64_t login_wait_ms = 30'000;
  AssertionConfig assertion;
  std::optional<IdentityProviderConfig> idp;
  bool uses_spiffe() const { return assertion.spiffe || (idp && idp->subject_token.spiffe); }
  friend bool operator==(const OAuthConfig&, const OAuthConfig&) = default;
};

}  // namespace interlock::cli
