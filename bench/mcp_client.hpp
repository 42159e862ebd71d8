// One MCP client of the load driver: over HTTP with a kept connection, or over a child's stdio. It has one call under way at most.
//
// Threads: one. A call is begun, then on_readable() is called whenever fd() is readable until it returns true. The handshake
// blocks. Failures are counted by the caller: a client that failed says so through failed() and is of no further use.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace interlock::bench {

struct Target {
  std::string name;
  std::string tool = "echo";
  bool over_stdio = false;
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string path = "/mcp";
  std::string command;  // for stdio, run by /bin/sh
  std::string token;    // bearer, where not empty
  bool modern = false;  // 2026-07-28, which has no session
};

// "NAME=http://127.0.0.1:PORT/path" or "NAME=stdio:COMMAND"; false when it is neither.
bool read_target(std::string_view text, Target& target);

class Client {
 public:
  static std::unique_ptr<Client> open(const Target& target);  // nullptr, with a line on stderr, when the handshake fails
  virtual ~Client() = default;
  virtual int fd() const = 0;
  virtual void begin_call(std::uint64_t number, std::string_view text) = 0;
  // True once the call under way is over; then `good()` says whether the answer was the echo of that call.
  virtual bool on_readable() = 0;
  virtual bool good() const = 0;
  virtual bool failed() const = 0;
  // When the whole result had arrived (a stream may be ended later than that), in clock nanoseconds.
  virtual std::int64_t arrived_ns() const = 0;
  // HTTP with a session: opens the server's own event stream on a further connection, and keeps it. False where refused.
  virtual bool open_stream() = 0;
};

std::int64_t now_ns();

}  // namespace interlock::bench
