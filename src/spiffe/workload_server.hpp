// Serves the SPIFFE Workload API on a Unix socket: FetchX509SVID, FetchX509Bundles, FetchJWTSVID, FetchJWTBundles, ValidateJWTSVID.
//
// Who asks is told by the kernel (SO_PEERCRED) and named by `attest`, given by whoever composes it; a process that is not known, or that
// has ended while others go on with its socket, gets PermissionDenied. Calls without "workload.spiffe.io: true" get InvalidArgument (SPIFFE
// Workload Endpoint §6). SVIDs are pushed anew at half of their life and whenever the bundles change. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "spiffe/authority.hpp"
#include "spiffe/bundle.hpp"

namespace interlock::spiffe {

struct WorkloadPeer {
  int pid = -1;
  int uid = -1;
};

class WorkloadServer {
 public:
  using Attest = std::function<Result<std::vector<SpiffeId>>(const WorkloadPeer& peer)>;
  using Bundles = std::function<std::shared_ptr<const BundleSet>()>;  // own one and federated ones

  WorkloadServer(net::Loop& loop, Authority& authority, Attest attest, Bundles bundles);
  ~WorkloadServer();
  Status listen(const std::string& socket_path, bool every_user);
  void bundles_changed();  // streams are told

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::spiffe
