// The gate as an OAuth 2.1 client of one upstream MCP server: it finds who authorizes, gets a token, keeps it, and never shows it.
//
// Source: MCP 2025-11-25 and 2026-07-28 basic/authorization; RFC 6749, 7523, 7591, 7636, 8414, 8693, 8707, 9207, 9449, 9728. All that a
// server or an authorization server says is untrusted and bounded. Credentials belong to the issuer they were made for and go to no
// other. Loop thread only; owned by shared_ptr. No error, log or callback holds a token, a code or a secret; the authorization URL of a
// login is for the human alone: an agent that had it could log in as somebody else.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "jose/key.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "oauth/vault.hpp"

namespace interlock::oauth {

enum class Grant : std::uint8_t {
  kAuthorizationCode,  // a human logs in (RFC 6749 §4.1 with PKCE)
  kClientCredentials,  // the gate itself, by secret or key (§4.4)
  kJwtBearer,          // workload identity federation: an assertion of the workload's identity (RFC 7523 §2.1)
  kTokenExchange,      // enterprise-managed: an ID-JAG of the enterprise's identity provider (RFC 8693), then RFC 7523
};
std::string_view grant_name(Grant grant);
std::optional<Grant> grant_from_name(std::string_view name);

// Gives a JWT (or ID token) for `audience`, now or later, once.
using AssertionSource = std::function<void(std::string audience, std::function<void(Result<std::string>)> done)>;
// Reads the file at each use: what projects tokens into files (Kubernetes, SPIFFE helpers) renews them there.
AssertionSource assertion_from_file(std::string path);

// servers.NAME.oauth of the configuration.
struct ClientOptions {
  Grant grant = Grant::kAuthorizationCode;
  std::string client_id;            // registered by hand; empty: the metadata document, else dynamic registration
  std::string client_secret;        // a secret
  std::string client_metadata_url;  // https, what the client-id metadata document is published as
  std::string private_key_pem;      // private_key_jwt; a secret
  std::string key_id;
  std::optional<jose::Algorithm> algorithm;  // of private_key_jwt; none: the key's own
  // The only issuer to deal with. Must be given where there is something to leak to another: a secret, an assertion, an identity provider.
  std::string issuer;
  std::vector<std::string> scopes;  // asked for where the server's challenge names none, and with what it names
  bool dpop = false;                // refuse tokens that are not bound to a key of ours (RFC 9449)
  bool assume_endpoints = false;    // 2025-03-26: a server without any metadata has /authorize, /token and /register
  AssertionSource assertion;        // kJwtBearer
  struct IdentityProvider {         // kTokenExchange
    std::string token_endpoint;
    std::string client_id;
    std::string client_secret;  // a secret; empty: a public client
    AssertionSource subject;    // the ID token (or other) that is exchanged; its audience is asked as client_id
    std::string subject_token_type = "urn:ietf:params:oauth:token-type:id_token";
  } idp;
  std::int64_t login_wait_ms = 30'000;  // how long a call waits for a human to log in before it is refused with a hint
};
// What is missing or contradicts itself, for whoever reads configuration.
Status check_options(const ClientOptions& options);

enum class ClientState : std::uint8_t { kIdle, kWorking, kWaitsForLogin, kAuthorized, kFailed };
std::string_view client_state_name(ClientState state);

// For `interlock status` and `interlock server`: nothing secret.
struct ClientStatus {
  ClientState state = ClientState::kIdle;
  std::string server;
  std::string issuer;
  std::string resource;
  std::vector<std::string> scopes;  // granted
  std::optional<UnixMs> expires_ms;
  bool refreshable = false;
  bool bound = false;   // to a DPoP key
  std::string problem;  // of the last attempt
};

// What the server answered instead of the result.
struct Refusal {
  int status = 0;                       // 401 or 403
  std::vector<std::string> challenges;  // the WWW-Authenticate fields
  std::string dpop_nonce;               // the DPoP-Nonce field
  std::uint64_t token = 0;              // of the Credentials that were sent
};

// What a request to the server carries.
struct Credentials {
  net::Headers headers;     // Authorization, DPoP; none where no token is had
  std::uint64_t token = 0;  // names the token among those of this client; 0: none
};

struct ClientParts {
  net::Loop* loop = nullptr;
  net::HttpClient* http = nullptr;
  const Clock* clock = nullptr;
  Vault* vault = nullptr;
  std::string redirect_uri;  // where the authorization server sends the human's browser back to
  // A human is to open the URL. Tell the human, never the agent.
  std::function<void(const std::string& server, const std::string& url)> on_login;
  // For receipts and logs: "authorized", "refreshed", "refused: ...". Nothing secret.
  std::function<void(const std::string& server, const std::string& what)> on_event;
};

class Client : public std::enable_shared_from_this<Client> {
 public:
  static Result<std::shared_ptr<Client>> create(ClientParts parts, std::string server, std::string server_url, ClientOptions options);
  virtual ~Client() = default;

  // The headers of one request to the server's URL; refreshes first what is about to expire. `done` may come at once.
  virtual void credentials(std::string method, std::function<void(Result<Credentials>)> done) = 0;
  // The server refused a request. Success: there are other credentials, try it once more. Every call counts against bounds: what cannot
  // help (a scope that was asked for already, a token that was just made) is not tried.
  virtual void refused(Refusal refusal, std::function<void(Status)> done) = 0;
  // The server took a request that carried this token. `dpop_nonce`: its DPoP-Nonce field, for the next (RFC 9449 §8.2).
  virtual void accepted(std::uint64_t token, std::string_view dpop_nonce) = 0;

  // Begins (or joins) a login by a human, whether or not the server has asked for one, and gives the URL to open. kUnsupported for
  // grants without a human.
  virtual void begin_login(std::function<void(Result<std::string>)> done) = 0;
  // What the browser brought to redirect_uri, without "?". Each state is taken once. kNotFound: it is not ours.
  virtual void finish_login(std::string_view query, std::function<void(Status)> done) = 0;
  virtual bool has_login(std::string_view state) const = 0;
  // Forgets the tokens and what is under way; registrations stay.
  virtual Status forget() = 0;
  virtual ClientStatus status() const = 0;
};

}  // namespace interlock::oauth
