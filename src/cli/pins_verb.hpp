// `interlock pins list|trust|reset`: shows which tool definitions are pinned or quarantined, with what changed, and trusts or forgets them.
//
// Works on the store, so also while no gate runs; before a change each live gate is asked whether this process may make one.
// Exit codes: 0 done, 1 refused or not found, 2 usage.
#pragma once

#include <string>
#include <vector>

namespace interlock::cli {

// list [--server S] [--json]; trust --server S [--tool T] [--hash H] [--json]; reset [--server S [--tool T]] [--all] [--json]
int run_pins(const std::string& state_folder, const std::vector<std::string>& arguments);

}  // namespace interlock::cli
