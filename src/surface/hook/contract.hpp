// One agent host's hooks: what it tells, and what it understands. Pure; any thread.
//
// A payload that is not as the host documents it (a member missing or of another type) is refused, and so is an event that nobody has
// looked at and that may be a tool's: the call is blocked then. Other events that are not known pass silently.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hosts/hosts.hpp"

namespace interlock::hook {

// What a host tells, in words of ours.
struct Event {
  enum class Kind : std::uint8_t {
    kSessionStart,
    kSessionEnd,
    kPrompt,
    kBeforeTool,
    kAfterTool,
    kSubagentStart,
    kSubagentEnd,
    kPermission,  // the host is about to ask its human about a tool call
    kOther
  };
  Kind kind = Kind::kOther;
  std::string name;  // the host's own: "PreToolUse"
  std::string session;
  std::string call;  // the tool use's id; empty: the host has none, it is told by tool and input
  std::string cwd;
  std::string subagent;
  std::string prompt;
  std::string tool;    // the host's own name
  std::string server;  // of an MCP tool, where the host tells
  std::string target;  // its name there
  json::value input;
  json::value output;  // kAfterTool
  bool failed = false;
};

// What a tool call is in the gate's words. Operation and arguments: catalogue/commands.hpp.
struct ToolAct {
  std::string operation;  // "shell", "file", "fetch", "search", "agent", "tools/call"
  std::string server = {};
  std::string target = {};
  json::object args = {};                                         // the tool's input, and beside it what is named in our words
  std::vector<std::pair<std::string, std::string>> renamed = {};  // ours → the host's: {"path", "file_path"}
};

// How a host makes one name of an MCP server and its tool: "PREFIX SERVER SEPARATOR TOOL". An empty separator: it tells them apart itself.
struct McpNames {
  std::string_view prefix = {};
  std::string_view separator = {};
};

struct Answer {
  enum class Kind : std::uint8_t { kNothing, kAllow, kDeny, kAsk, kReplaceOutput, kBlockOutput };
  Kind kind = Kind::kNothing;
  std::string reason = {};
  std::string next = {};
  std::optional<json::value> input = {};   // kAllow: the call goes on with this instead
  std::optional<json::value> output = {};  // kReplaceOutput

  std::string text() const { return next.empty() ? reason : reason + ". " + next; }
};

// What the client prints and returns.
struct Printed {
  std::string out = {};
  std::string err = {};
  int exit = 0;
};

class Contract {
 public:
  virtual ~Contract() = default;
  virtual Result<Event> read(const json::object& payload) const = 0;  // kInvalid: a member is missing or of another type
  // None: the tool only moves the host's own furniture (todo lists). kInvalid: the input is not that tool's.
  virtual Result<std::vector<ToolAct>> acts(const Event& event) const = 0;
  virtual bool can_ask(const Event& event) const = 0;
  virtual bool can_modify(const Event& event) const = 0;
  virtual bool can_replace_output(const Event& event) const = 0;
  virtual Printed print(const Event& event, const Answer& answer) const = 0;
  // How the host names the tools of MCP servers, where read() leaves that open.
  virtual McpNames mcp_names() const { return {}; }
  // How long the host lets a hook take, where that is little and cannot be set.
  virtual std::int64_t hold_ms() const { return 540'000; }
};
// Of the host that sent the payload: one that runs the hooks of another is known by what it sends.
const Contract& contract_of(hosts::HostId host, const json::object& payload);

// Exit code 2 and a line on stderr: what every host has for "no".
Printed refuse(std::string_view reason);
Printed print_json(const json::object& answer);

}  // namespace interlock::hook
