// Who asks over HTTP: the one place that turns credentials into a Subject, whatever their kind.
//
// What is shown decides the way: an Authorization header of scheme DPoP or Bearer (a configured token, a JWT-SVID, a token of an OIDC
// issuer, a token that this gate exchanged), else a client certificate (X.509-SVID), else a Unix socket's peer, else
// anonymous where the configuration lets it in. A token that is bound to a key (cnf.jkt, cnf.x5t#S256) counts only with the proof.
// What is shown and wrong is refused: there is no falling back to a weaker kind. Loop thread only.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "identity/issuers.hpp"
#include "identity/tokens.hpp"
#include "model/action.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "spiffe/bundle.hpp"

namespace interlock::identity {

// Credentials as they came. Views hold for the call alone.
struct Presentation {
  std::optional<std::string_view> authorization;
  std::vector<std::string_view> dpop;  // every DPoP header; more than one is refused
  bool token_request = false;          // a token endpoint's: the proof has no `ath` (RFC 9449 §5), it is of the key alone
  std::string_view method;
  std::string url;                     // of this request as the client is to write it, without query: what `htu` must be
  std::vector<std::string> resources;  // RFC 8707 identifiers of what is asked for: audiences that a token may name
  // Of the endpoint: an OAuth token (an issuer's, or one of this gate) without one of them is refused with insufficient_scope. SVIDs,
  // configured tokens and local peers have no scopes: of those policy alone speaks.
  std::vector<std::string> required_scopes;
  std::shared_ptr<const net::PeerCertificates> certificates;  // null: none was shown
  int peer_pid = -1;                                          // of a Unix socket
  int peer_uid = -1;
};

// Why nobody was recognized, and what RFC 6750 §3 and RFC 9449 §7 want said in WWW-Authenticate.
struct Refusal {
  Error error;
  int status = 401;         // 403 for insufficient_scope, 503 where an issuer's keys cannot be had or replays cannot be told apart
  std::string oauth_error;  // "invalid_token", "insufficient_scope", "invalid_dpop_proof", "use_dpop_nonce"; empty: nothing was shown
  std::vector<std::string> scopes;
  std::string dpop_nonce;  // to be sent as DPoP-Nonce; empty: none
  // The human whose token an agent showed as if it were its own: verified, and refused for that alone. Else empty.
  // Whoever composes the gate leaves a receipt of it.
  std::string inherited_from;
};

using Answer = std::expected<model::Subject, Refusal>;

enum class NonceUse : std::uint8_t { kOff, kRequired };  // kRequired: proofs must carry a nonce of ours (RFC 9449 §9)

struct SpiffeTrust {
  std::function<std::shared_ptr<const spiffe::BundleSet>()> bundles;  // empty: no SPIFFE identity is believed
  std::vector<std::string> audiences;                                 // of JWT-SVIDs, beside the resource
  bool accepts_bearer = false;                                        // a JWT-SVID is a bearer token
};

// Tokens that this gate made (exchange.hpp).
struct OwnTokens {
  std::string issuer;                                         // `iss`; empty: there are none
  std::function<std::shared_ptr<const jose::KeySet>()> keys;  // another pointer after each change
  bool accepts_bearer = false;                                // such a token without a key that it is bound to
};

struct AuthenticatorOptions {
  std::vector<IssuerConfig> issuers;
  SpiffeTrust spiffe;
  OwnTokens own;
  NonceUse nonces = NonceUse::kOff;
  std::int64_t dpop_window_ms = 60'000;
  std::size_t replay_entries = 1'000'000;  // 32 bytes each. Full: proofs are refused until some expire, nothing is forgotten early
  std::size_t remembered_tokens = 10'000;  // verified tokens and certificates; the one used longest ago is forgotten first. 0: none
  bool local_peers = true;                 // a Unix socket's peer is a subject
};

class Authenticator {
 public:
  // Fails as set_issuers does. `client` fetches keys where an issuer has no ca_file of its own.
  static Result<std::unique_ptr<Authenticator>> create(net::Loop& loop, net::HttpClient& client, const Clock& clock,
                                                       AuthenticatorOptions options);
  ~Authenticator();  // what waits is answered kUnavailable

  void set_tokens(TokenBook tokens);  // of the configuration, replaced with it
  // Likewise; keys of issuers that stay are kept. Fails, and changes nothing, on an issuer without a name or named twice, templates that
  // cannot be read, and issuers whose default subjects could be mistaken for each other's.
  Status set_issuers(std::vector<IssuerConfig> issuers);
  // Calls `done` exactly once: at once where nothing has to be fetched, as for every subject that was verified before.
  void authenticate(Presentation presentation, std::function<void(Answer)> done);
  // A subject_token or actor_token of a token exchange (RFC 8693 §2.1): verified as above, but what it is bound to need not be shown, and
  // a human's token is a subject (with `inherited`), whatever is configured for acts.
  void verify_token(std::string token, std::vector<std::string> resources, std::function<void(Answer)> done);
  bool takes_dpop() const;  // whether a DPoP challenge makes sense: some token could be bound to a key
  // Issuers and their keys, for `interlock status` and the log: {"issuer","keys","fetched","trouble"?}.
  json::array describe() const;

 private:
  struct State;
  explicit Authenticator(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace interlock::identity
