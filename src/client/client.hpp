// The quick program: `interlock run` and `interlock hook`, as clients of a gate that runs. Everything else is handed on to the program
// beside it, interlock-gate, by exec.
//
// It starts in well under a millisecond, since a hook runs before each tool call of an agent: it links base, yaml, sandbox and hosts,
// statically where it can, and none of the gate. What it is told by the gate it carries out; it decides nothing, and where no gate answers,
// or answers badly, it denies: `hook` exits 2 with a reason on stderr, `run` does not start, an execve is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"

namespace interlock::client {

// One gate, over its agents' socket (net/agent_socket.hpp has the wire). Blocking, with a deadline on every call; one thread.
class GateLink {
 public:
  // `path`: of the socket. kUnavailable: nobody listens there. kDenied: it is not the user's own, nor root's.
  static Result<GateLink> connect(const std::string& path, std::int64_t timeout_ms);
  GateLink(GateLink&&) noexcept;
  ~GateLink();

  // Sends and waits for the answer with its id; messages with "more" go to `on_more`.
  Result<json::object> ask(json::object message, std::int64_t timeout_ms, const std::vector<int>& descriptors = {});
  Status send(const json::object& message, const std::vector<int>& descriptors = {});
  Result<json::object> receive(std::int64_t timeout_ms);
  int descriptor() const;

 private:
  explicit GateLink(int fd);
  int fd_ = -1;
  std::string buffer_;
  std::int64_t next_id_ = 1;
};

// The agents' socket of the gate that this caller means: INTERLOCK_SOCKET, --state, `state_dir` of the configuration that is found, the
// default state folder; in it, agents.sock.
Result<std::string> agent_socket_of(const std::string& config, const std::string& state);

// The verbs, without their own word. `hook` and `run` return exit codes; a run's is its command's.
int run_hook(const std::vector<std::string>& words);
int run_run(const std::vector<std::string>& words);

}  // namespace interlock::client
