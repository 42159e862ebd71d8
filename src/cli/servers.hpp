// The servers of a configuration as the MCP surface takes them. Pure translation.
#pragma once

#include <vector>

#include "cli/config.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::cli {

mcp::SurfaceOptions surface_options(const Config& config);
// `full_environment`: child processes get all of this process's environment, not the safe part alone.
std::vector<mcp::ServerConfig> surface_servers(const Config& config, bool full_environment);

}  // namespace interlock::cli
