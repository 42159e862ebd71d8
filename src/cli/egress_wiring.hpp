// The HTTP road out of a gate, composed from its configuration: the proxy, the authority that opens TLS, the names it looks up, and the
// files that agents' clients are pointed to.
//
// Credentials go through the same door as those of MCP (IdentityWiring), acts through the same gate. Loop thread only; loop, log, organs
// and identity outlive it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/config.hpp"
#include "cli/identity_wiring.hpp"
#include "cli/logging.hpp"
#include "cli/organs.hpp"
#include "net/loop.hpp"
#include "net/resolver.hpp"
#include "surface/http/leaf_authority.hpp"
#include "surface/http/proxy.hpp"

namespace interlock::cli {

// What clients trust, in <state>/egress: for those that add a certificate to their own, and for those that replace them all.
struct TrustFiles {
  std::filesystem::path authority;  // ca.pem: the authority of this gate
  std::filesystem::path bundle;     // ca-bundle.pem: the system's roots, `upstream_ca_file`, and ca.pem
};
TrustFiles trust_files(const std::filesystem::path& state_folder);
// Writes both, each whole or not at all.
Status write_trust(const Config& config, const http::LeafAuthority& authority);

class EgressWiring {
 public:
  // Null where the configuration has no `egress`. Makes the authority where there is none yet. kNotFound: a host's connector is in no
  // catalogue.
  static Result<std::unique_ptr<EgressWiring>> open(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                    const Config& config);
  // For runs of a gate whose configuration has no `egress`: the road is there, and nobody else listens on it.
  static Result<std::unique_ptr<EgressWiring>> open_for_runs(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity,
                                                             const Config& config);
  // As http::Proxy::adopt_listener. Null before begin().
  std::shared_ptr<void> adopt_listener(net::OwnedFd listening, http::Door door);
  // Listens. `gate_address`: where the gate itself does, "127.0.0.1:7410"; asking for it through the proxy is a loop.
  Status begin(const Config& config, const std::string& gate_address);
  // Whether take_over() can do it.
  Status check(const Config& config, const catalogue::Catalogue& catalogue) const;
  void take_over(const Config& config);  // its hosts and routes

  void close(std::string_view why);
  std::size_t under_way() const;
  // "http://127.0.0.1:7420"; empty: there is no listener, or none yet.
  const std::string& listening() const { return listening_; }
  json::object describe() const;

 private:
  EgressWiring(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity);
  net::Loop& loop_;
  Log& log_;
  Organs& organs_;
  IdentityWiring& identity_;
  net::Resolver resolver_;
  std::unique_ptr<http::LeafAuthority> authority_;
  std::unique_ptr<http::Proxy> proxy_;
  std::string listening_;
  std::string socket_;
};

}  // namespace interlock::cli
