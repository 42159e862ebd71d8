// Runs of a gate, composed from its configuration: who they are, what their view of files has, their roads out, and what is told of them at
// their end (surface/exec). Loop thread only; what it is given outlives it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cli/config.hpp"
#include "cli/egress_wiring.hpp"
#include "cli/identity_wiring.hpp"
#include "cli/logging.hpp"
#include "cli/organs.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"
#include "surface/exec/exec.hpp"
#include "surface/mcp/http_front.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::cli {

class ExecWiring {
 public:
  // `egress` is null where the configuration has none: one is made for the first run.
  ExecWiring(net::Loop& loop, Log& log, Organs& organs, IdentityWiring& identity, mcp::Surface& surface, const Config& config);
  ~ExecWiring();

  void set_egress(EgressWiring* egress, std::string gate_address);
  exec::ExecSurface& surface() { return *exec_; }
  // `pid` is in a run: it decides nothing for a human.
  bool is_inside(int pid) const { return exec_->run_of(pid).has_value(); }

 private:
  struct Roads;
  Result<json::object> prepare(const exec::RunView& run, const json::object& order);
  Status adopt(const exec::RunView& run, std::vector<net::OwnedFd> listeners);
  void identify(const net::Peer& peer, const json::object& order, std::function<void(Result<model::Subject>)> done);
  Result<EgressWiring*> egress();
  void add_other_roads(const exec::RunView& run, json::object& summary);

  net::Loop& loop_;
  Log& log_;
  Organs& organs_;
  IdentityWiring& identity_;
  mcp::Surface& mcp_;
  const Config& config_;
  EgressWiring* egress_ = nullptr;
  std::unique_ptr<EgressWiring> own_egress_;
  std::string gate_address_;
  std::map<std::string, std::unique_ptr<Roads>> roads_;  // by run
  std::unique_ptr<exec::ExecSurface> exec_;
};

}  // namespace interlock::cli
