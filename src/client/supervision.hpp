// While a command runs inside its boundary: each program that it wants to start is asked about at the gate, signals are passed on, and when
// it ends, or the gate cuts it, that is known. One thread, blocking.
//
// Where the gate does not answer in time, or is gone, nothing more starts: EACCES, as of a file that may not be run. A held act is waited
// for as long as its approval stands.
#pragma once

#include <cstdint>
#include <string>

#include "client/client.hpp"
#include "sandbox/running.hpp"

namespace interlock::client {

struct SupervisionOptions {
  bool quiet = false;    // no notes on standard error
  bool verbose = false;  // a note for each denial, not for each kind of it
};

struct SupervisionEnd {
  int wait_status = 0;
  bool cut = false;  // by the gate: the kill switch, the task's end
  std::string cut_reason;
  bool gate_gone = false;
};

// Blocks the signals that are to be passed on, so that none is lost between here and supervise(). Before the command starts.
void hold_signals();
SupervisionEnd supervise(sandbox::Running& running, GateLink& link, const SupervisionOptions& options);

}  // namespace interlock::client
