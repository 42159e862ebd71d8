// The agents' side of a gate: a Unix socket with framed JSON messages and descriptors, for `interlock run` and `interlock hook`.
//
// A frame is a length of four bytes, little-endian, then that many bytes of UTF-8 JSON, one object. Descriptors ride on a frame's first
// byte (SCM_RIGHTS), at most 8. Each request has "op" and "id" (a number of the client's choice); each answer has the same "id". Answers
// may come in any order. An unreadable frame ends the connection. The peer is the kernel's word (SO_PEERCRED), taken when it connects.
//
//   {"op":"hook","id":1,"host":"claude","event":"<the host's JSON as it came>","cwd":...}        surface/hook
//   {"op":"run","id":1,...}, {"op":"listeners"}, {"op":"exec"}, {"op":"end"}                      surface/exec/exec.hpp
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/listener.hpp"
#include "net/loop.hpp"

namespace interlock::net {

inline constexpr std::size_t kAgentFrameBytes = std::size_t{24} << 20;
inline constexpr std::size_t kAgentDescriptors = 8;

// One client. Held by shared_ptr as long as answers are owed.
class AgentConnection {
 public:
  virtual ~AgentConnection() = default;
  virtual const Peer& peer() const = 0;
  virtual void answer(const json::object& message) = 0;  // nothing once it is gone
  virtual void close() = 0;
  virtual bool gone() const = 0;
  std::shared_ptr<void> state;  // of surface/exec alone: its run
};

struct AgentHandlers {
  // `descriptors` are the handler's to close.
  std::function<void(const std::shared_ptr<AgentConnection>& connection, json::object message, std::vector<OwnedFd> descriptors)>
      on_message;
  std::function<void(const std::shared_ptr<AgentConnection>& connection)> on_gone;  // once
};

struct AgentLimits {
  std::size_t connections = 2'000;
  std::int64_t frame_timeout_ms = 10'000;  // from a frame's first byte to its last
};

class AgentListener {
 public:
  AgentListener(Loop& loop, AgentLimits limits, AgentHandlers handlers);
  ~AgentListener();
  Status listen(const std::string& path);  // mode 0600; a dead socket in the way is replaced

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
