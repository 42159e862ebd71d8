// What a process has become by an exec, read while it stands before its first instruction: nobody else has this memory, and nobody can
// change it before it goes on.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "sandbox/program_file.hpp"

namespace interlock::sandbox {

// What it must be, as it was decided.
struct Expected {
  FileIdentity file;
  std::vector<std::string> arguments;
  std::vector<std::string> loader_variables;
  std::string cwd;
};

// Which part is another one, in words; empty: it is what was expected. `process` is stopped in its exec, and traced by the caller.
std::string difference_of(pid_t process, const Expected& expected);

}  // namespace interlock::sandbox
