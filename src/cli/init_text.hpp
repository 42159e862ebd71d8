// What `interlock init` writes: an interlock.yaml that fits a folder, and a policy file to begin with. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "cli/config.hpp"

namespace interlock::cli {

// A server that a client's own configuration names. Values of `env` and `headers` are never taken over.
struct FoundServer {
  std::string name;
  std::vector<std::string> command;
  std::string url;
  std::vector<std::string> variables;  // names in `env`
  std::vector<std::string> headers;    // names
};

// The servers of an mcp.json, .mcp.json, .vscode/mcp.json, claude_desktop_config.json: `mcpServers`, or `servers`. What is no
// server, or goes through Interlock already, is left out.
std::vector<FoundServer> servers_of_client(const json::value& document);

struct InitFacts {
  Preset preset = Preset::kBalanced;
  bool workspace = true;     // the folder may be one
  std::string token_sha256;  // of the token for HTTP clients
  std::vector<FoundServer> servers;
  std::string servers_from;  // the file that named them
};
std::string configuration_text(const InitFacts& facts);
std::string_view example_policies();

}  // namespace interlock::cli
