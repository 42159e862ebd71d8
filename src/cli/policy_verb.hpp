// `interlock policy`: what people who write policies need before a gate reads them. No gate is spoken to, nothing is started.
//
//   check [FILE|DIR...] [--schema FILE]      parse, and validate: every fault with its line and a caret
//   fmt [--check|--write] FILE|DIR|-         the canonical layout
//   test FILE|DIR...                         requests with the verdicts they should get
//   explain FILE [CASE]                      why a request of such a file gets its verdict
//   translate --to FORM FILE                 policies and schemas, text and JSON
//   analyze QUESTION ...                     proofs for every request, by an SMT solver
// Each takes `--json`. Exit codes: 0 done, 1 not so, 2 usage.
#pragma once

#include "cli/arguments.hpp"

namespace interlock::cli {

int run_policy(const Places& places, const Words& words);

}  // namespace interlock::cli
