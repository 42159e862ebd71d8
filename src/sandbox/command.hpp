// From a fork of process 1 to the command: everything that confines the command alone, in the order in which each still works.
#pragma once

#include "sandbox/inside.hpp"

namespace interlock::sandbox {

// Waits for the release, then becomes the command.
[[noreturn]] void become_command(InsideParts parts);

}  // namespace interlock::sandbox
