// The MCP surface: endpoints, sessions and connections, and the dispatch of client messages. The fronts (HTTP, stdio) feed it.
//
// A thin adapter (DESIGN §1): it turns messages into ActionRequests, obeys the gate's verdict and hands results back. It never
// decides. Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.hpp"
#include "gate/gate.hpp"
#include "net/http_client.hpp"
#include "net/loop.hpp"
#include "surface/mcp/session.hpp"

namespace interlock::mcp {

struct SurfaceOptions {
  WireLimits limits;
  std::size_t sessions = 10'000;
  std::size_t sessions_per_subject = 5'000;  // so that one subject cannot lock out the others
  std::size_t operations_per_session = 256;
  std::int64_t session_idle_ms = 3'600'000;
  bool denial_as_result = false;  // a denied tool call is a result with isError instead of an error
  bool elicit_approvals = true;   // tell an elicitation-capable client of a held call
};

class Surface {
 public:
  Surface(net::Loop& loop, gate::Gate& gate, SurfaceOptions options, std::vector<ServerConfig> servers);
  ~Surface();

  net::Loop& loop() { return loop_; }
  gate::Gate& gate() { return gate_; }
  const SurfaceOptions& options() const { return options_; }
  DefinitionPool& pool() { return pool_; }
  // Begins every requestState that is this gate's own; a server's (another gate's, even) passes through.
  const std::string& state_prefix() const { return state_prefix_; }

  // "" is all servers with prefixed names, else one server's name; null if there is none.
  const Endpoint* endpoint(std::string_view name) const;

  // Legacy: a session of its own, ended by end_session or idleness. kTooLarge where there are too many.
  Result<std::shared_ptr<Session>> new_session(const Endpoint& endpoint, gate::Caller caller, ClientProfile profile);
  std::shared_ptr<Session> find_session(const std::string& id);
  // Modern: the session that stands for this subject with these capabilities. `many_clients`: any number of them, as over HTTP.
  Result<std::shared_ptr<Session>> modern_session(const Endpoint& endpoint, gate::Caller caller, ClientProfile profile, bool many_clients);
  void end_session(const std::shared_ptr<Session>& session, std::string_view why);
  std::size_t sessions() const { return sessions_.size(); }

  // One client message of `session`. The reply sink is used for requests alone.
  void dispatch(const std::shared_ptr<Session>& session, net::RpcMessage message, std::shared_ptr<ReplySink> reply);

  std::shared_ptr<Connection> connection_for(Session& session, const ServerConfig& server);
  // Policy, catalogue or pins changed: every client is told to look again.
  void lists_changed();
  void close(std::string_view why);
  json::array describe_sessions() const;

 private:
  Status room_for(const gate::Caller& caller) const;
  void sweep();
  void initialize(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params,
                  std::shared_ptr<ReplySink> reply);
  void discover(const std::shared_ptr<Session>& session, const json::value& id, std::shared_ptr<ReplySink> reply);
  void open_all(const std::shared_ptr<Session>& session, std::function<void(std::vector<std::shared_ptr<ServerLink>>, Error)> done);
  void listen(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params, std::shared_ptr<ReplySink> reply);
  void set_level(const std::shared_ptr<Session>& session, const json::value& id, const json::object& params,
                 std::shared_ptr<ReplySink> reply);
  void run(const std::shared_ptr<Session>& session, net::RpcMessage message, std::shared_ptr<ReplySink> reply);
  void notified(const std::shared_ptr<Session>& session, const net::RpcMessage& message);

  net::Loop& loop_;
  gate::Gate& gate_;
  SurfaceOptions options_;
  std::vector<ServerConfig> servers_;
  net::HttpClient client_;
  DefinitionPool pool_;
  std::map<std::string, Endpoint, std::less<>> endpoints_;
  std::unordered_map<std::string, std::shared_ptr<Session>> sessions_;
  std::unordered_map<std::string, std::weak_ptr<Connection>> shared_connections_;
  std::unordered_map<std::string, std::size_t> sessions_of_;  // by subject
  std::string state_prefix_;
  net::TimerId sweep_timer_ = 0;
};

}  // namespace interlock::mcp
