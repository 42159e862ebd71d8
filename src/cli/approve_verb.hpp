// The verbs with which a human sees and decides held acts: `interlock approvals`, `interlock approve ID`, `interlock deny ID`.
//
// They ask each live gate of the state folder over its admin socket, show what that gate holds (never what a file says), and hand
// the digest of what was shown back with the decision. Exit codes: 0 done, 1 refused or not found, 2 usage.
#pragma once

#include <string>
#include <vector>

namespace interlock::cli {

// [ID] [--json] [--full]   what is held, or one act in full detail
// passphrase               reads a passphrase and prints the hash for `approvals.passphrase` of interlock.yaml
int run_approvals(const std::string& state_folder, const std::vector<std::string>& arguments);
// ID [--json] [--yes] [--full]   asks "approve?" where stdin is a terminal, unless --yes or --json
int run_approve(const std::string& state_folder, const std::vector<std::string>& arguments);
// ID [--reason TEXT] [--json]
int run_deny(const std::string& state_folder, const std::vector<std::string>& arguments);

}  // namespace interlock::cli
