// Lines over file descriptors, and child processes that speak them: MCP's stdio transport. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace interlock::net {

struct LineLimits {
  std::size_t line_bytes = std::size_t{16} << 20;  // a longer line is reported as kTooLarge and skipped to its end; reading goes on
  std::size_t queued_bytes =
      std::size_t{64} << 20;  // unsent bytes: past it write() fails, so that a peer who does not read costs no memory
};

// Newline-delimited messages over a pair of descriptors (pipes, sockets, or 0 and 1). Owns and closes both.
class LineStream {
 public:
  struct Handlers {
    std::function<void(std::string_view line)> on_line;  // without the newline (and a trailing \r); empty lines are skipped
    std::function<void(Error error)> on_bad_line;        // too long
    std::function<void(Status status)> on_end;           // EOF (ok) or a failure; once
  };
  LineStream(Loop& loop, int read_fd, int write_fd, LineLimits limits, Handlers handlers);
  ~LineStream();
  // Queues `line` and a newline; writes at once when the pipe takes it. kTooLarge when the queue is full, kIo when it is closed.
  Status write(std::string_view line);
  void close_write();
  void pause_reading(bool paused);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// A secret that a child is started with. As environment it can be read by whoever may look at the child (ps, /proc); as a descriptor it is
// a sealed file in memory, and the variable `name` says where; as a file it stands in a private tmpfs, which this child alone has mounted,
// and CREDENTIALS_DIRECTORY says where, as systemd does it.
struct LentText {
  enum class Way : std::uint8_t { kEnvironment, kDescriptor, kFile };
  Way way = Way::kEnvironment;
  std::string name;  // of the variable or file
  std::string text;
};

struct ProcessOptions {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // the child's whole environment
  std::string folder;                              // working folder; empty: ours
  bool forward_stderr = true;                      // else each line goes to on_stderr
  LineLimits limits;
  std::vector<LentText> lent = {};  // wiped once the child is started, or is not. kUnsupported: the kernel refuses a private tmpfs
};

// A child that reads and writes lines. The child is a process group of its own, dies with us (PR_SET_PDEATHSIG), and inherits no other
// descriptor.
class ChildProcess {
 public:
  struct Handlers {
    std::function<void(std::string_view line)> on_line;
    std::function<void(Error error)> on_bad_line;
    std::function<void(std::string_view line)> on_stderr;
    std::function<void(int wait_status)> on_exit;  // once, after the last line; wait_status as of waitpid(2)
  };
  static Result<std::unique_ptr<ChildProcess>> start(Loop& loop, ProcessOptions options, Handlers handlers);
  virtual ~ChildProcess() = default;  // closes stdin; SIGTERM to the group after 2 s, SIGKILL after 4 s; reaps without blocking the loop
  virtual Status write(std::string_view line) = 0;
  virtual int pid() const = 0;
};

// The environment a child gets when the configuration names none: HOME, LOGNAME, PATH, SHELL, TERM, USER, LANG, LC_*, TMPDIR,
// XDG_RUNTIME_DIR. The rest of ours holds secrets more often than not.
std::map<std::string, std::string> safe_environment();

}  // namespace interlock::net
