// `interlock secret` and `interlock lease`: the vault, and what is lent out of it. Values come from standard input or a file, never from
// the command line, and are never shown. Exit codes as all verbs.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

int run_secret(const Places& places, const Words& words);
int run_lease(const Places& places, const Words& words);

}  // namespace interlock::cli
