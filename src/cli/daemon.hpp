// One gate process, composed from its configuration: what `interlock serve` and `interlock mcp` have in common.
//
// Owns every organ and hands out the surface; knows no wire. It follows the files of its configuration and takes over what can
// be changed while it runs; what is wrong is refused whole, with a line in the log and a receipt, and what was in force stays.
// Loop thread only. The loop and the log outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/agent_door.hpp"
#include "cli/config.hpp"
#include "cli/credential_wiring.hpp"
#include "cli/egress_wiring.hpp"
#include "cli/exec_wiring.hpp"
#include "cli/hook_wiring.hpp"
#include "cli/identity_wiring.hpp"
#include "cli/logging.hpp"
#include "cli/oauth_wiring.hpp"
#include "cli/organs.hpp"
#include "cli/rules.hpp"
#include "net/loop.hpp"
#include "surface/api/admin.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::cli {

struct DaemonSetup {
  std::string role;  // "serve" or "mcp", for receipts and `interlock status`
  Config config;
  std::function<Result<Config>()> read_config;  // again, for a reload
  bool serves = false;                          // over HTTP: listens, and gives local processes SVIDs where it is an authority
  bool full_environment = false;                // servers get all of ours: the client meant it for them
};

class Daemon {
 public:
  static Result<std::unique_ptr<Daemon>> open(net::Loop& loop, Log& log, DaemonSetup setup);
  ~Daemon();

  const Config& config() const { return config_; }
  mcp::Surface& surface() { return *surface_; }
  IdentityWiring& identity() { return *identity_; }
  EgressWiring* egress() { return egress_.get(); }  // null: there is no HTTP road out
  Organs& organs() { return *organs_; }
  // Once the listener is bound, at `gate_address`: from here on credentials are looked at, and the HTTP road out listens. `public_url` is
  // how clients write this gate's address.
  Status begin(std::string public_url, const std::string& gate_address);
  // Called after each change of the configuration that was taken over.
  void on_change(std::function<void()> work) { on_change_ = std::move(work); }
  // What the registry of agents says of a subject that was recognized: completes it, or refuses it.
  Status admit(model::Subject& subject);
  // A connected client's process, which can never approve.
  void bar(int pid) { organs_->approvals->bar(pid); }
  // Why the gate cannot take acts at present; ok where it can.
  Status ready() const;
  // For `interlock status`, once it is known.
  void set_listening(std::string address) { listening_ = std::move(address); }

  // Reads the files again. `by` says who wanted it. The answer names what was taken over; the error, why nothing was.
  Result<json::object> reload(std::string_view by);

  // Lets acts that run come to an end for a bounded time, then ends sessions and servers, then calls `done`. Once.
  void stop(std::string_view why, std::function<void()> done);
  bool is_stopping() const { return stopping_; }

 private:
  Daemon(net::Loop& loop, Log& log, DaemonSetup setup);
  Status compose();
  void take_over(Config config, LoadedRules loaded);
  void tick();
  void listen_for_agents();
  void follow_files();
  void record(model::Receipt receipt);
  gate::Gate& gate() const { return *organs_->gate; }
  void wait_for_acts(std::int64_t until_ns);
  void end_leases();
  void wait_for_servers(std::int64_t until_ns);
  std::size_t acts_under_way() const;

  api::AdminOperations operations();
  json::object describe_status() const;
  Result<json::object> change_pins(const api::AdminCaller& caller, const api::PinOrder& order);

  net::Loop& loop_;
  Log& log_;
  DaemonSetup setup_;
  Config config_;
  UnixMs started_ms_ = 0;
  std::string listening_;
  bool agents_listen_ = false;
  bool agents_waited_ = false;
  std::string last_refusal_;  // of a reload; empty: the files are in force

  // In the order of their making: each uses what stands above it.
  std::unique_ptr<Organs> organs_;
  std::unique_ptr<IdentityWiring> identity_;
  std::unique_ptr<CredentialWiring> credentials_;
  std::unique_ptr<OAuthWiring> oauth_;  // null: no server is reached with OAuth
  std::unique_ptr<mcp::Surface> surface_;
  std::unique_ptr<EgressWiring> egress_;  // null: the configuration has none
  std::unique_ptr<ExecWiring> exec_;      // null: runs and hooks are not answered here
  std::unique_ptr<hook::HookSurface> hooks_;
  std::unique_ptr<AgentDoor> agents_;
  std::unique_ptr<api::AdminListener> admin_;
  identity::TokenBook tokens_;

  FileMarks in_force_;  // of the files that were read last
  FileMarks last_seen_;
  std::uint64_t pin_epoch_ = 0;
  net::TimerId tick_timer_ = 0;
  bool stopping_ = false;
  std::string stop_reason_;
  std::function<void()> on_stopped_;
  std::function<void()> on_change_;
};

}  // namespace interlock::cli
