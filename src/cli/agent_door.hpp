// The agents' socket of a gate: agents.sock in the state folder, and which surface each message is for. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.hpp"
#include "net/agent_socket.hpp"
#include "net/loop.hpp"
#include "surface/exec/exec.hpp"

namespace interlock::cli {

std::string agent_socket_path(const std::string& state_folder);

class AgentDoor {
 public:
  // Whoever answers hooks. False: it does not know the message.
  using Hooks = std::function<bool(const std::shared_ptr<net::AgentConnection>& connection, const json::object& message)>;
  using HooksGone = std::function<void(const std::shared_ptr<net::AgentConnection>& connection)>;
  AgentDoor(net::Loop& loop, exec::ExecSurface& exec, Hooks hooks, HooksGone hooks_gone);
  Status listen(const std::string& state_folder) { return listener_.listen(agent_socket_path(state_folder)); }

 private:
  net::AgentListener listener_;
};

}  // namespace interlock::cli
