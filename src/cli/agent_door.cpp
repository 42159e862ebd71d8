#include "cli/agent_door.hpp"

namespace interlock::cli {

std::string agent_socket_path(const std::string& state_folder) { return state_folder + "/agents.sock"; }

AgentDoor::AgentDoor(net::Loop& loop, exec::ExecSurface& exec, Hooks hooks, HooksGone hooks_gone)
    : listener_(loop, {},
                {.on_message =
                     [&exec, hooks = std::move(hooks)](const std::shared_ptr<net::AgentConnection>& connection, const json::object& message,
                                                       std::vector<net::OwnedFd> descriptors) {
                       if (exec.handle(connection, message, descriptors)) return;
                       if (hooks && hooks(connection, message)) return;
                       connection->answer({{"id", json::int_at(message, "id").value_or(0)},
                                           {"error", json::object{{"message", "this gate does not know what it was asked"},
                                                                  {"hint", "are interlock and the gate of the same version?"}}}});
                     },
                 .on_gone =
                     [&exec, gone = std::move(hooks_gone)](const std::shared_ptr<net::AgentConnection>& connection) {
                       exec.gone(connection);
                       if (gone) gone(connection);
                     }}) {}

}  // namespace interlock::cli
