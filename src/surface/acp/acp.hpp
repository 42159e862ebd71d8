// Mediates the Agent Client Protocol between an editor and an agent (ACP v1: JSON-RPC 2.0, a message a line, over stdio).
//
// What the agent asks of the editor is an act: fs/read_text_file, fs/write_text_file, terminal/create, session/request_permission. What the
// human types (session/prompt) is recorded and is the task's intent; a session is a task. A denied act is answered to the agent as the
// protocol has it and never reaches the editor; a step-up is asked of the human by session/request_permission where the policy lets the
// editor's answer count, else held. All else passes as it is, unknown methods and _meta included. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "gate/gate.hpp"
#include "net/loop.hpp"

namespace interlock::acp {

struct MediatorParts {
  net::Loop* loop = nullptr;
  gate::Gate* gate = nullptr;
  const Clock* clock = nullptr;
  model::Subject subject;  // of the agent
  int agent_pid = -1;
  std::string cwd;
  bool sandboxed = false;
  std::function<Status(std::string_view line)> to_editor;
  std::function<Status(std::string_view line)> to_agent;
};

class Mediator {
 public:
  explicit Mediator(MediatorParts parts);
  ~Mediator();
  void from_editor(std::string_view line);
  void from_agent(std::string_view line);
  void close(std::string_view why);  // ends its tasks
  std::size_t under_way() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::acp
