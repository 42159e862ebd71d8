// Starts a command inside a boundary and looks after it: user, mount, network, process, IPC and UTS namespaces, a view of files, Landlock
// on top, a seccomp filter, no new privileges, no capabilities. Works without any privilege, and as root.
//
//   launcher (this process) ── fork ──▶ init (process 1 inside: reaps, passes signals on) ── fork ──▶ the command
//
// The command stays in the terminal's session and foreground group, so Ctrl-C, Ctrl-Z, window size and colours are the terminal's own; it
// cannot push input into the terminal (TIOCSTI, TIOCLINUX). While it runs the launcher itself ignores the terminal's signals, and stops
// when the command does, as its shell expects. Every process inside dies with the launcher, and with init. Nothing is left on the host: no
// mount, no cgroup, no file (placeholder.hpp). Descriptors above 2 are closed inside. Blocking; one thread, and a launcher that has no
// other when it starts one (its memory is copied).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

// Asked of the kernel, in about a millisecond; nothing is left behind.
Enforcement probe();

class Running {
 public:
  // Builds everything up to the command's own start, which waits for release(). An Error names the step, and what the kernel lacks.
  static Result<std::unique_ptr<Running>> start(const Plan& plan);
  ~Running();  // kills what runs

  const Enforcement& enforced() const;
  int process() const;                // init, as the host sees it
  std::vector<int> take_listeners();  // of Plan::listeners, in their order; the caller closes them
  int exec_watch() const;             // the seccomp notification descriptor; -1: there is none
  Status release();                   // the command begins
  void signal(int signal);            // to the command
  void kill();                        // everything inside, now
  // Readable when ended() has something to do: to stop with the command and go on with it, or to learn that it is over.
  int end_descriptor() const;
  bool ended();  // true: wait() does not block
  int wait();    // the command's wait status, once all inside is gone; SIGKILL's where the boundary was killed

 private:
  struct State;
  explicit Running(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace interlock::sandbox
