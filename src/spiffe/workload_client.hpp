// The SPIFFE Workload API as a client (SPIFFE_Workload_API §5, §6): our own SVIDs, and bundles, kept fresh from a SPIRE agent.
//
// Streams are reopened with backoff; what was received stays in force meanwhile. Loop thread only; callbacks must not destroy it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/svid.hpp"

namespace interlock::spiffe {

struct WorkloadUpdate {
  std::vector<X509Svid> svids;               // the first is the default; empty before the first message, or where we are given none
  std::shared_ptr<const BundleSet> bundles;  // X.509 and JWT authorities, own and federated
};

class WorkloadClient {
 public:
  // `endpoint`: "unix:///..." (SPIFFE_ENDPOINT_SOCKET). `on_update` comes with each change.
  static Result<std::unique_ptr<WorkloadClient>> open(net::Loop& loop, std::string_view endpoint,
                                                      std::function<void(const WorkloadUpdate&)> on_update);
  ~WorkloadClient();
  const WorkloadUpdate& current() const;
  std::string trouble() const;  // why nothing comes at present; empty: all is well
  void fetch_jwt_svid(std::vector<std::string> audiences, std::function<void(Result<std::string>)> done);

 private:
  WorkloadClient() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::spiffe
