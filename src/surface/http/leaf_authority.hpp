// The authority that opens TLS: one CA made at install, its key sealed, and a leaf certificate for each host that an agent asks for.
//
// Constrained: pathLenConstraint 0, serverAuth only, and where the configuration lists the hosts, name constraints (RFC 5280 §4.2.1.10)
// that hold the CA to them. Leaves live a day, are made at the first handshake of a host, and remembered (bounded). Only agents are told to
// trust it; it is never put into a system's store. Loop thread only.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "net/tls.hpp"
#include "store/sealed.hpp"

namespace interlock::http {

inline constexpr std::size_t kRememberedLeaves = 2'000;

class LeafAuthority {
 public:
  // Loads it from `sealed`, bucket "egress-authority", or makes it there. `only_hosts`: name constraints; other hosts get no leaf.
  static Result<std::unique_ptr<LeafAuthority>> open(store::SealedStore& sealed, const Clock& clock, std::vector<std::string> only_hosts);
  ~LeafAuthority();
  const std::string& certificate_pem() const;  // of the CA: for the trust of agents
  // What a server named `host` shows. kDenied: outside the constraints. `http2`: offered by ALPN.
  Result<std::shared_ptr<net::TlsServer>> server_for(const std::string& host, bool http2 = true);

 private:
  LeafAuthority() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::http
