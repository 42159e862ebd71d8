// `interlock agent`: the registry of agents, and what is odd about them. Exit code 1 from `findings` where there is one.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

int run_agent(const Places& places, const Words& words);

}  // namespace interlock::cli
