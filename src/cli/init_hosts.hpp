// `interlock init HOST...`: Interlock's hooks put into the configuration of agent hosts, shown before, backed up, and taken out again.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

// Do these words of `init` mean hosts, and not the interlock.yaml of this folder?
bool is_init_of_hosts(const Words& words);
int run_init_hosts(const Places& places, const Words& words);

extern const char* const kInitHostsHelp;

}  // namespace interlock::cli
