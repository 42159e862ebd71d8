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
  std::string_view method;
  std::string url;       // of this request as the client wrote it, without query: what `htu` must be
  std::string resource;  // RFC 8707 identifier of what is asked for: an audience that a token may name
  std::vector<std::string> required_scopes;  // of the endpoint; a token without one is refused with insufficient_scope
  std::shared_ptr<const net::PeerCertificates> certificates;  // null: none was shown
  int peer_pid = -1;                                          // of a Unix socket
  int peer_uid = -1;
};

// Why nobody was recognized, and what RFC 6750 §3 and RFC 9449 §7 want said in WWW-Authenticate.
struct Refusal {
  Error error;
  int status = 401;         // 403 for insufficient_scope
  std::string oauth_error;  // "invalid_token", "insufficient_scope", "invalid_dpop_proof", "use_dpop_nonce"; empty: nothing was shown
  std::vector<std::string> scopes;
  std::string dpop_nonce;  // to be sent as DPoP-Nonce; empty: none
};

using Answer = std::expected<model::Subject, Refusal>;

enum class NonceUse : std::uint8_t { kOff, kRequired };  // kRequired: proofs must carry a nonce of ours (RFC 9449 §9)

struct SpiffeTrust {
  std::function<std::shared_ptr<const spiffe::BundleSet>()> bundles;  // empty: no SPIFFE identity is believed
  std::vector<std::string> audiences;                                 // of JWT-SVIDs, beside the resource
  bool accepts_bearer = false;                                        // a JWT-SVID is a bearer token
};

struct AuthenticatorOptions {
  std::vector<IssuerConfig> issuers;
  SpiffeTrust spiffe;
  NonceUse nonces = NonceUse::kOff;
  std::int64_t dpop_window_ms = 60'000;
  std::size_t replay_entries = 100'000;  // full: proofs are refused until some expire, nothing is forgotten early
  bool local_peers = true;               // a Unix socket's peer is a subject
};

class Authenticator {
 public:
  Authenticator(net::Loop& loop, net::HttpClient& client, const Clock& clock, AuthenticatorOptions options);
  ~Authenticator();

  void set_tokens(TokenBook tokens);                       // of the configuration, replaced with it
  Status set_issuers(std::vector<IssuerConfig> issuers);   // likewise; what is cached of issuers that stay is kept
  // Calls `done` exactly once: at once where nothing has to be fetched, as for every subject that was verified before.
  void authenticate(Presentation presentation, std::function<void(Answer)> done);
  // Issuers and their keys, for `interlock status` and the log: {"issuer","keys","fetched","trouble"?}.
  json::array describe() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::identity
