// The gate in the world of SPIFFE: its own SVID, the bundles that it believes, and the Workload API that it serves to local processes.
//
// Own SVIDs come from a Workload API or from the embedded authority, bundles of other trust domains from files and endpoints. Whatever
// changes is in force at once; what cannot be renewed stays in force until it ends, and trouble() says so. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "cli/config_identity.hpp"
#include "net/loop.hpp"
#include "spiffe/authority.hpp"
#include "spiffe/bundle.hpp"
#include "spiffe/bundle_source.hpp"
#include "spiffe/workload_client.hpp"
#include "spiffe/workload_server.hpp"
#include "store/sealed.hpp"

namespace interlock::cli {

struct SpiffeSetup {
  SpiffeConfig config;
  std::vector<std::string> names;     // host names and addresses that the gate's certificate is good for, beside its ID
  std::filesystem::path cache;        // folder for bundles of endpoints
  bool serves = true;                 // the Workload API, where there is an authority
  std::function<void()> on_new_svid;  // the first one, and each after it; not from within open()
};

class SpiffeWiring {
 public:
  // `vault` is needed by the authority alone.
  static Result<std::unique_ptr<SpiffeWiring>> open(net::Loop& loop, store::SealedStore* vault, const Clock& clock, SpiffeSetup setup);
  ~SpiffeWiring();

  std::shared_ptr<const spiffe::BundleSet> bundles() const { return bundles_; }
  const std::optional<spiffe::X509Svid>& svid() const { return svid_; }  // nullopt: none has come yet
  spiffe::Authority* authority() const { return authority_.get(); }      // null: SVIDs come from elsewhere
  void fetch_jwt_svid(std::string audience, std::function<void(Result<std::string>)> done);
  // Who a process is that is inside a run; nullopt: it is in none. No program inside is one of the configured workloads, whatever its file
  // is called there.
  using RunOf = std::function<std::optional<Result<spiffe::SpiffeId>>(int pid)>;
  void set_runs(RunOf run_of) { run_of_ = std::move(run_of); }
  // Rotates what is due; call it every second or so.
  void tick();
  std::string trouble() const;  // empty: all is well
  json::object describe() const;

 private:
  SpiffeWiring(net::Loop& loop, const Clock& clock, SpiffeSetup setup);
  Status start_authority(store::SealedStore& vault);
  Status start_client();
  Status start_sources();
  Status renew_own();
  void join_bundles();

  RunOf run_of_;
  net::Loop& loop_;
  const Clock& clock_;
  SpiffeSetup setup_;
  std::shared_ptr<const spiffe::BundleSet> bundles_;
  std::vector<spiffe::Bundle> extra_;  // from files and endpoints
  std::optional<spiffe::X509Svid> svid_;
  UnixMs renew_at_ms_ = 0;
  std::string own_trouble_;
  bool opened_ = false;
  std::unique_ptr<spiffe::Authority> authority_;
  std::unique_ptr<spiffe::WorkloadServer> server_;
  std::unique_ptr<spiffe::WorkloadClient> client_;
  std::vector<std::unique_ptr<spiffe::BundleSource>> sources_;
};

}  // namespace interlock::cli
