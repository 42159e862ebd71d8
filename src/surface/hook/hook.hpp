// Hooks of agent hosts: a host's event becomes acts, the verdict becomes what that host understands (DESIGN §1: a thin adapter).
//
// Each host has a contract of its own (contract.hpp, one file a host): how its payload is read, and how an answer is written. The client
// (`interlock hook HOST`, src/client) passes the host's JSON on as it came and prints what it is told; it exits 2 with a reason on stderr
// whenever anything at all is wrong, since every host blocks on that and lets through on anything else. Loop thread only.
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
#include "hosts/hosts.hpp"
#include "net/agent_socket.hpp"

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
    kPermission,
    kOther
  };
  Kind kind = Kind::kOther;
  std::string name;  // the host's own: "PreToolUse"
  std::string session;
  std::string call;  // the tool use's id; empty: the host has none, it is told by tool and input
  std::string cwd;
  std::string subagent;
  std::string prompt;
  std::string tool;  // the host's own name
  json::value input;
  json::value output;  // kAfterTool
  bool failed = false;
};

// What a tool call is in the gate's words. Operation and arguments: catalogue/commands.hpp.
struct ToolAct {
  std::string operation;  // "shell", "file", "fetch", "tools/call", "agent"
  std::string server;     // MCP
  std::string target;
  json::object args;
};

struct Answer {
  enum class Kind : std::uint8_t { kNothing, kAllow, kDeny, kAsk, kReplaceOutput, kBlockOutput };
  Kind kind = Kind::kNothing;
  std::string reason;
  std::string next;
  std::optional<json::value> input;   // kAllow: the call goes on with this instead
  std::optional<json::value> output;  // kReplaceOutput
  std::string note;                   // for the agent's context
};

// What the client prints and returns.
struct Printed {
  std::string out;
  std::string err;
  int exit = 0;
};

class Contract {
 public:
  virtual ~Contract() = default;
  virtual Result<Event> read(const json::object& payload) const = 0;  // kInvalid: a member is missing or of another type
  virtual std::vector<ToolAct> acts(const Event& event) const = 0;    // none: the tool only moves the host's own furniture (todo lists)
  virtual bool can_ask() const = 0;
  virtual bool can_modify() const = 0;
  virtual bool can_replace_output() const = 0;
  virtual Printed print(const Event& event, const Answer& answer) const = 0;
  // The host's input with these arguments of the act in place.
  virtual json::value with_args(const Event& event, const ToolAct& act, const json::object& args) const = 0;
};
const Contract& contract_of(hosts::HostId host);

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
  std::int64_t hold_ms = 540'000;  // how long a held call is waited for; less than every host's timeout as init writes it
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
