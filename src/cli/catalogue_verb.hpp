// `interlock catalogue import|list|show|command`: makes an entry of an OpenAPI description, shows what entries there are, and what a line
// for a shell is.
//
// Works on files alone; no gate has to run. Exit codes: 0 done, 1 refused or not found, 2 usage.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

// import FILE|- [--name N] [-o FILE] [--force] [--json]; list [--json]; show ENTRY; command [--cwd FOLDER] [--json] LINE
int run_catalogue(const Places& places, const Words& words);

}  // namespace interlock::cli
