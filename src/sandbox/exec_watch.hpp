// The supervisor's side of seccomp user notification: which program a process inside is about to become, and the yes or no.
//
// What is read from the asking process can be changed by another thread of it, or by whoever shares its memory, before the kernel reads
// it again (seccomp_unotify(2)). So a yes is never trusted alone: ExecAsk is read, decided, and after the exec the process is
// stopped at its first instruction and what it became is read again (verify()); where that is not what was allowed, it is killed
// before it ran. execveat with a descriptor names the descriptor's file. One thread; not the process that is watched.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace interlock::sandbox {

inline constexpr std::size_t kExecArguments = 32'768;
inline constexpr std::size_t kExecBytes = std::size_t{2} << 20;  // arguments and environment: what the kernel takes, at most

struct ExecAsk {
  std::uint64_t id = 0;    // of the notification
  int pid = -1;            // as the host sees it
  std::string path;        // as the process named it
  std::string executable;  // the file, links resolved, as it is called inside; "memfd:NAME (deleted)" for one in memory
  std::vector<std::string> argv;
  std::vector<std::string>
      loader_variables;  // LD_*, BASH_ENV, NODE_OPTIONS, PYTHONSTARTUP, ...: NAME=VALUE of what changes which code runs
  std::string cwd;
  std::string script;      // the first line's interpreter, of a script; else empty
  bool in_memory = false;  // a memfd or a file without a name
};

class ExecWatch {
 public:
  explicit ExecWatch(int notification_descriptor);  // borrowed; readable when next() has something
  ~ExecWatch();
  ExecWatch(const ExecWatch&) = delete;
  ExecWatch& operator=(const ExecWatch&) = delete;

  // The next one; kUnavailable: none is there at present. One that cannot be read (EACCES), or that the kernel would refuse anyway (no such
  // file, say, as a search of PATH asks for many), is answered here.
  Result<ExecAsk> next();
  // Lets it go on, and returns when it has become that program, or the kernel has told it why not (a missing file, say). kConflict: it
  // became something else than was asked for, and was killed before its first instruction. kNotFound: it is gone.
  Status allow(const ExecAsk& ask);
  Status refuse(const ExecAsk& ask, int error_number);
  std::size_t waiting() const;  // taken, and not answered

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::sandbox
