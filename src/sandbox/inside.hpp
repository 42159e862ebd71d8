// Process 1 of a boundary: builds it, starts the command, reaps, passes signals on, and ends all when the command or the launcher does.
//
// It is a copy of the launcher that never becomes another program. Nobody inside can stop, trace or read it: it is process 1, it is not
// dumpable, and the command is confined more than it is.
#pragma once

#include <sys/types.h>

#include <string>

#include "sandbox/descriptor.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

struct InsideParts {
  const Plan* plan = nullptr;
  Descriptor channel;
  Descriptor release;   // readable: the command may begin; at its end: it never will
  Descriptor launcher;  // its pidfd
  unsigned user = 0;
  unsigned group = 0;
  std::string terminal;  // path of the launcher's, or empty
  Enforcement enforced;  // what the launcher knows already
};

[[noreturn]] void run_inside(InsideParts parts);

}  // namespace interlock::sandbox
