// `interlock egress`: what an agent's environment needs so that its clients take the HTTP road out, and whom they are to trust there.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

int run_egress(const Places& places, const Words& words);

}  // namespace interlock::cli
