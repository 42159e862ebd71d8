// OAuth towards the servers of a configuration: a client a server, their tokens sealed in the state folder, and the logins of humans.
//
// The address of a login goes to whoever asks over the admin socket, and into no log: an agent that had it could log in as somebody
// else. Loop thread only; what is given outlives it.
#pragma once

#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "cli/identity_wiring.hpp"
#include "oauth/clients.hpp"
#include "oauth/vault.hpp"
#include "surface/api/admin_servers.hpp"

namespace interlock::cli {

class OAuthWiring {
 public:
  // Null where no server of the configuration has `oauth`.
  static Result<std::unique_ptr<OAuthWiring>> open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                   const Config& config);
  ~OAuthWiring();

  // The client of a server; null: it has none.
  std::shared_ptr<oauth::Client> client(std::string_view server) const { return clients_.find(server); }
  // For the admin socket.
  api::ServerOperations operations();

 private:
  class SealedVault;
  OAuthWiring(oauth::ClientParts parts, std::unique_ptr<SealedVault> vault);
  std::unique_ptr<SealedVault> vault_;
  oauth::Clients clients_;
};

}  // namespace interlock::cli
