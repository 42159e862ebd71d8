// `interlock task`, `interlock kill` and `interlock unkill`: starting, widening and stopping what agents do. Exit codes as all verbs.
#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/arguments.hpp"

namespace interlock::cli {

int run_task(const Places& places, const Words& words);
int run_kill(const Places& places, const Words& words);
int run_unkill(const Places& places, const Words& words);

// The body of a task order (task/order.hpp) or of a grant, from the options of the command line; `scope_text` is what --scope's file
// holds, with its name. kInvalid names the option. Pure.
struct ScopeFile {
  std::string name;
  std::string text;
};
Result<json::object> task_order_body(const Arguments& arguments, const ScopeFile& scope);
Result<json::object> grant_body(const Arguments& arguments, const ScopeFile& scope);

// A task as the admin surface gives it, for people. `full`: with its scope.
std::string task_text(const json::object& task, bool full);

}  // namespace interlock::cli
