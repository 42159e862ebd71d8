// The agent hosts that Interlock knows: what they are called, where their files are, what their hooks are called and how their MCP servers
// are written. A table of data; whoever supports another host adds a row, and a contract in surface/hook.
//
// Sources stand beside each row in hosts.cpp; docs/init.md says which of it was tried on the real program. Paths begin with ~/ (the human's
// home) or ./ (the project); one that ends in a slash is a folder. Pure; any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace interlock::hosts {

enum class HostId : std::uint8_t { kClaude, kCodex, kGemini, kCopilot, kCursor, kCline, kOpencode, kWindsurf, kVscode };

// A variable of the environment by which a human moves a host's files: what begins with `from` is below its value and `to` instead.
struct Move {
  std::string_view variable;
  std::string_view from;
  std::string_view to = "/";
};

struct Host {
  HostId id = HostId::kClaude;
  std::string_view name;                      // "claude": `interlock hook claude`, `interlock init claude`
  std::string_view title;                     // "Claude Code"
  std::vector<std::string_view> programs;     // by which `interlock run` knows it
  std::vector<std::string_view> hook_files;   // where init writes: the human's, then the project's
  std::vector<std::string_view> mcp_files;    // where servers are configured
  std::vector<std::string_view> state;        // it reads and writes these while it runs
  std::vector<std::string_view> sealed;       // of these, what an agent must not change: hooks, servers, instructions that run code
  std::vector<std::string_view> expected = {};  // in a sealed folder: what it would make at its start, and ends where it cannot
  std::vector<std::string_view> model_hosts;  // "api.anthropic.com"
  std::vector<std::string_view> variables;    // of the environment that it needs and a run keeps: "ANTHROPIC_API_KEY"
  std::vector<Move> moves = {};               // the first whose variable is set holds
};

std::span<const Host> all_hosts();
const Host* host_named(std::string_view name);          // or nullptr
const Host* host_of_program(std::string_view program);  // by basename

// What no run may make or change, whatever the host: .git/hooks, .git/config, .bashrc, .envrc, .vscode/tasks.json, ...
std::span<const std::string_view> sealed_everywhere();

// Where a path of the table is on this machine: "~/.codex/hooks.json" → "/home/me/.codex/hooks.json", or below $CODEX_HOME.
struct Folders {
  std::string home;
  std::string project;
  std::function<std::string(std::string_view variable)> environment = {};  // empty text: it is not set
};
std::string path_of(const Host& host, std::string_view pattern, const Folders& folders);

}  // namespace interlock::hosts
