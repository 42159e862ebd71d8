// Who a gate believes, composed from its configuration: SPIFFE, TLS, the keys of its own tokens, and the one door through which
// every credential goes, Authenticator and then Registry.
//
// open() makes what needs no address, begin() the rest once the listener is bound; nobody is recognized before. Loop thread only; loop,
// log and organs outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "cli/logging.hpp"
#include "cli/organs.hpp"
#include "cli/spiffe_wiring.hpp"
#include "cli/tls_files.hpp"
#include "cli/token_keys.hpp"
#include "identity/authenticator.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "net/tls.hpp"
#include "surface/mcp/protected_resource.hpp"

namespace interlock::cli {

class IdentityWiring {
 public:
  // `serves`: over HTTP. A gate for one stdio client needs no more than its own SVID, and that only where a server is to see it.
  static Result<std::unique_ptr<IdentityWiring>> open(net::Loop& loop, Log& log, Organs& organs, const Config& config, bool serves);
  ~IdentityWiring();
  Status begin(const Config& config, std::string public_url, identity::TokenBook tokens);

  void authenticate(identity::Presentation shown, std::function<void(identity::Answer)> done);
  // The parts that can change while the gate runs: all of them, or, with an error, none.
  Status take_over(const Config& config, identity::TokenBook tokens);

  // Null: plain HTTP, or an SVID that has not come yet.
  std::shared_ptr<net::TlsServer> tls() const;
  // Called once, when the SVID that TLS waits for is there.
  void on_tls(std::function<void()> work) { on_tls_ = std::move(work); }

  const std::string& public_url() const { return public_url_; }
  mcp::ProtectedResource resource(const Config& config) const;
  identity::Authenticator& authenticator() { return *authenticator_; }
  TokenKeys* token_keys() const { return token_keys_.get(); }  // null: tokens are not exchanged here
  SpiffeWiring* spiffe() const { return spiffe_.get(); }
  net::HttpClient& client() { return client_; }

  // Rotations, renewals, files that changed. Call it twice a second or so.
  void tick();
  json::object describe() const;

 private:
  IdentityWiring(net::Loop& loop, Log& log, Organs& organs);
  Status open_spiffe(const Config& config, bool serves);
  void new_svid();
  void record_borrowed(const identity::Refusal& refusal);

  net::Loop& loop_;
  Log& log_;
  Organs& organs_;
  net::HttpClient client_;
  std::string public_url_;
  bool tls_by_spiffe_ = false;
  std::function<void()> on_tls_;
  std::string last_trouble_;

  std::unique_ptr<TlsFiles> tls_files_;
  std::shared_ptr<net::TlsServer> svid_tls_;
  std::unique_ptr<TokenKeys> token_keys_;
  std::unique_ptr<SpiffeWiring> spiffe_;
  std::unique_ptr<identity::Authenticator> authenticator_;
};

}  // namespace interlock::cli
