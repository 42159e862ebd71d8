// How each host writes its MCP servers: where in a file they stand, and what one that is reached over HTTP looks like. Data; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "hosts/edit.hpp"

namespace interlock::hosts {

// The member of a JSON configuration that holds the servers by name: "mcpServers", "servers", "mcp".
std::string_view servers_member_of(const Host& host);
// Members of a server that say how it is reached, or what it is given for that: replaced in a run. The others (time limits, which tools
// are trusted or left out) stay.
bool is_of_transport(std::string_view member);
// Those members of a server at `url`, in that host's form: {"type": "http", "url": ...}.
json::object http_server_of(const Host& host, std::string_view url);

Result<std::vector<McpServer>> servers_of_toml(const std::string& path, const std::string& text);
Result<std::string> toml_through_gate(const std::string& path, const std::string& text,
                                      const std::function<std::optional<std::string>(std::string_view server)>& url_of);

}  // namespace interlock::hosts
