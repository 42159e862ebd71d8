// The quick program: `interlock run` and `interlock hook`, as clients of a gate that runs. Everything else is handed on to the program
// beside it, interlock-gate, by exec.
//
// It starts in well under a millisecond, since a hook runs before each tool call of an agent: it links base, yaml, sandbox and hosts,
// statically where it can, and none of the gate. What it is told by the gate it carries out; it decides nothing, and where no gate answers,
// or answers badly, it denies: `hook` exits 2 with a reason on stderr, `run` does not start, an execve is refused.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
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

  // Sends and waits for the answer with its id; others, and messages with "more", are passed over. An {"error":{"message","hint"}} is an
  // Error.
  Result<json::object> ask(json::object message, std::int64_t timeout_ms, const std::vector<int>& descriptors = {});
  // The second half of ask(): of a message that was sent with this id.
  Result<json::object> answer_to(std::int64_t id, std::int64_t timeout_ms);
  // For whoever has several questions under way: each with an id of next_id().
  std::int64_t next_id() { return next_id_++; }
  Status send(const json::object& message, std::int64_t timeout_ms, const std::vector<int>& descriptors = {});
  Result<json::object> receive(std::int64_t timeout_ms);
  // One that is here already: nullopt, there is none.
  std::optional<Result<json::object>> take_frame();
  int descriptor() const;

 private:
  explicit GateLink(int fd);
  int fd_ = -1;
  std::string buffer_;
  std::int64_t next_id_ = 1;
};

// Where the configuration and the state are, as on every verb's command line.
struct Places {
  std::string config;  // --config FILE
  std::string state;   // --state FOLDER
};

// The configuration's file, absolute: as named, else the first that is found; empty: there is none.
Result<std::string> config_of(const Places& places);
// The state folder: --state, else `state_dir` of that file, else the default one.
Result<std::string> state_of(const Places& places);
// The agents' socket of the gate that this caller means: agents.sock in its state folder; where nothing names one, INTERLOCK_SOCKET first.
Result<std::string> agent_socket_of(const Places& places);

// interlock-gate, beside this program.
std::string gate_program();

// The verbs, without their own word and the places. A run's exit code is its command's.
int run_hook(const Places& places, const std::vector<std::string>& words);
int run_run(const Places& places, const std::vector<std::string>& words);

}  // namespace interlock::client
