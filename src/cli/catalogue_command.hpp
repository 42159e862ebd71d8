// `interlock catalogue command LINE`: what a line for a shell is to the gate, part by part. Works on files alone; no gate has to run.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

// Of `arguments`: --cwd FOLDER (default: where it is called), --json, and the line after "command". Exit codes: 0 told, 1 refused, 2 usage.
int explain_command(const Places& places, const Arguments& arguments, const char* help);

}  // namespace interlock::cli
