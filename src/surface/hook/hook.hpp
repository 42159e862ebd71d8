// Hooks of agent hosts: a host's event becomes acts, the verdict becomes what that host understands (DESIGN §1: a thin adapter).
//
// Each host has a contract of its own (contract.hpp, one file a host): how its payload is read, and how an answer is written. The client
// (`interlock hook HOST`, src/client) passes the host's JSON on as it came and prints what it is told; it exits 2 with a reason on stderr
// whenever anything at all is wrong, since hosts block on that and let through on anything else. Loop thread only.
//
// Acts that were allowed are remembered by session and call until the host tells how they ended, or the session ends; bounded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "gate/gate.hpp"
#include "net/agent_socket.hpp"

namespace interlock::hook {

struct HookParts {
  net::Loop* loop = nullptr;
  gate::Gate* gate = nullptr;
  const Clock* clock = nullptr;
  // Who sent it: the subject of the agent above the hook's process, the run that it is in where it is in one.
  struct Sender {
    model::Subject subject;
    std::string task;  // of a run; empty: the session's own
    bool sandboxed = false;
    int pid = -1;
  };
  std::function<Result<Sender>(const net::Peer& peer, std::string_view host)> identify;
  std::vector<std::string> servers;  // MCP servers of the gate, by name
  // Whether the process of an agent is there still: the session of one that is gone has ended. Empty: sessions end by their event alone.
  std::function<bool(int pid)> is_alive;
  // The secrets that are in use: what must not come back in a tool's output. Empty: there are none.
  std::function<void(const std::function<void(std::string_view secret)>& visit)> each_secret;
  // How long a held call is waited for; less than the host's timeout as init writes it, and never more than Contract::hold_ms().
  std::int64_t hold_ms = 540'000;
  bool host_ask = true;  // a host that can ask its human is told to, and the human's yes there counts
};

class HookSurface {
 public:
  explicit HookSurface(HookParts parts);
  ~HookSurface();
  bool handle(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message);
  void gone(const std::shared_ptr<net::AgentConnection>& connection);
  void close(std::string_view why);
  std::size_t under_way() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::hook
