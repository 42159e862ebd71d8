// Mediates the Agent Client Protocol between an editor and an agent (ACP v1: JSON-RPC 2.0, a message a line, over stdio).
//
// What the agent asks of the editor is an act: fs/read_text_file, fs/write_text_file, terminal/create, session/request_permission. What the
// human types (session/prompt) is recorded; each ACP session is a session of the gate, with a task of its own. A denied act is answered to
// the agent as the protocol has it and never reaches the editor; a step-up is asked of the human by session/request_permission where the
// configuration lets the editor's answer count, else held, and the human is told so in the conversation. MCP servers that the editor hands
// the agent are put behind the gate. All else passes as the bytes that came, unknown methods and _meta included.
//
// A line that is no message is answered and never passed on; so is an answer to nothing that was asked. Later revisions of the protocol
// are not agreed to: initialize is brought down to 1. Loop thread only; the callbacks may be called within any call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "gate/gate.hpp"
#include "net/loop.hpp"
#include "surface/acp/servers.hpp"

namespace interlock::acp {

inline constexpr std::size_t kRequestsUnderWay = 1'000;  // of each side
inline constexpr std::size_t kSessions = 1'000;
inline constexpr std::size_t kTerminals = 1'000;  // of one session
inline constexpr std::size_t kActsOfRequest = 200;

struct MediatorParts {
  net::Loop* loop = nullptr;
  gate::Gate* gate = nullptr;
  const Clock* clock = nullptr;
  model::Subject subject;  // of the agent
  int agent_pid = -1;
  std::string cwd;   // of sessions that say nothing
  std::string task;  // that all acts belong to; empty: each session's own
  bool sandboxed = false;
  std::size_t message_bytes = std::size_t{16} << 20;
  McpFront servers;
  std::function<Status(std::string_view line)> to_editor;
  std::function<Status(std::string_view line)> to_agent;
  std::function<void(std::string_view note)> note;  // for the log; empty: nobody reads it
};

class Mediator {
 public:
  explicit Mediator(MediatorParts parts);
  ~Mediator();
  void from_editor(std::string_view line);
  void from_agent(std::string_view line);
  void bad_line(bool of_editor, const Error& error);  // one that was too long to be read
  void close(std::string_view why);                   // withdraws what is held and ends its sessions
  std::size_t under_way() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::acp
