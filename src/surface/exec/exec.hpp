// Runs: an agent started by `interlock run`, and every program that it starts. Each run is a task of its own; each execve inside is an act.
//
// A thin adapter (DESIGN §1). The client (src/client, outside the boundary, the agent's parent) speaks over net/agent_socket:
//   {"op":"run","argv":[...],"cwd":...,"purpose"?,"scope"?:{short
//   form},"lifetime"?,"enforced":{...},"missing":[...],"agent"?:"claude","ci"?:{...}}
//      →
//      {"run":ID,"task":ID,"subject":ID,"environment":{...},"visible":{inside:outside},"sockets":{inside:outside},"mcp":[names],"plan":{hide,read,write,seal,keep_environment,limits}}
//   {"op":"started","pid":init}  who is below that process is of this run; nothing runs yet → {}
//   {"op":"listeners"} with the listening sockets inside: the HTTP road out, then MCP      → {}
//   {"op":"exec","pid","path","executable","argv":[...],"cwd","script"?,"loader":[...],"in_memory"?} →
//   {"allow":bool,"reason"?,"next"?,"held"?}
//   {"op":"end","status":N,"all"?:true}                                                 → {"summary":{...}}
// With "all" the summary has what was denied on the run's other roads, too, which takes a look into the ledger.
// A held act is answered when a human has; before that {"held":{approval,summary}} comes with "id" and "more":true. The connection's end
// ends the run and its task. Whoever is in a run cannot open another: no run, no approval, nothing of the admin's from inside. Loop thread
// only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "gate/gate.hpp"
#include "net/agent_socket.hpp"

namespace interlock::exec {

// A run as others ask for it: who is this process?
struct RunView {
  std::string id;
  std::string task;
  model::Subject subject;
  std::string agent;  // host's name; empty: none that is known
  std::string cwd;
  int init = -1;
};

struct ExecParts {
  net::Loop* loop = nullptr;
  gate::Gate* gate = nullptr;
  const Clock* clock = nullptr;
  // The subject of the process that asks for a run, and of what it starts. `done` comes once, now or later; a refusal is what the client is
  // told.
  std::function<void(const net::Peer& peer, const json::object& order, std::function<void(Result<model::Subject>)> done)> identify;
  // The ancestors of a process, nearest first, itself included.
  std::function<std::vector<int>(int pid)> ancestry;
  // What is put before the run: the answer's environment, files, sockets, mcp and plan. `run` is registered already.
  std::function<Result<json::object>(const RunView& run, const json::object& order)> prepare;
  // The listeners of a run: the HTTP road out and MCP take them over, for this subject and task alone.
  std::function<Status(const RunView& run, std::vector<net::OwnedFd> listeners)> adopt;
  std::function<void(const RunView& run)> release;                           // they are closed; empty: nothing to do
  std::function<void(const RunView& run, json::object& summary)> summarize;  // adds to what is told of the run; empty: nothing
  bool strict = false;                                                       // refuses a run whose boundary misses something
};

class ExecSurface {
 public:
  explicit ExecSurface(ExecParts parts);
  ~ExecSurface();
  // False: not an operation of this surface.
  bool handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message, std::vector<net::OwnedFd>& descriptors);
  void gone(const std::shared_ptr<net::AgentConnection>& connection);
  std::optional<RunView> run_of(int pid) const;  // by ancestry
  json::array describe() const;                  // for `interlock status`
  std::size_t under_way() const;
  void close(std::string_view why);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::exec
