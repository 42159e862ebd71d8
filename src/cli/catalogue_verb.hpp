// `interlock catalogue import|list|show`: makes an entry of an OpenAPI description, and shows what entries there are.
//
// Works on files alone; no gate has to run. Exit codes: 0 done, 1 refused or not found, 2 usage.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

// import FILE|- [--name N] [-o FILE] [--force] [--json]; list [--json]; show ENTRY
int run_catalogue(const Places& places, const Words& words);

}  // namespace interlock::cli
