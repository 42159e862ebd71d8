// The MCP servers that an editor hands to an agent (session/new, `mcpServers`), put behind the gate. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"

namespace interlock::acp {

struct McpFront {
  std::vector<std::string> command;                        // the gate before one server: {"/usr/bin/interlock", "mcp", "--state", ...}
  std::vector<std::string> known;                          // servers of the configuration
  std::function<bool(std::string_view name)> may_be_name;  // whether the gate can call a server so; empty: it cannot
};

// A server with a command is started by the gate's `interlock mcp -- COMMAND` instead. One that is reached by URL, or in a way that is not
// known here, is left out, unless the configuration has one of its name, which is used then. Returns what people should know of it.
std::vector<std::string> put_behind_gate(json::array& servers, const McpFront& front);

}  // namespace interlock::acp
