// What the subcommands of `interlock policy` share: reading files, and showing what is wrong with them.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cedar/cedar.hpp"
#include "cedar/schema.hpp"
#include "cli/arguments.hpp"

namespace interlock::cli {

// Policies of one run are one set, as in a gate.
inline constexpr std::size_t kMaxToolFileBytes = std::size_t{16} << 20;

// The *.cedar files that the words name, folders' files sorted by name.
Result<std::vector<cedar::PolicySource>> read_policy_files(const Words& words);
// Of text or JSON: a name that ends in .json is JSON. A diagnostic that was found goes to `all`.
Result<cedar::Schema> read_schema_file(const std::string& file, std::vector<cedar::Diagnostic>* all = nullptr);

// The set, its policies called by their @id where every policy has one of its own, else policyN.
Result<cedar::PolicySet> load_policies(std::span<const cedar::PolicySource> sources, std::vector<cedar::Diagnostic>* all = nullptr);

// "file:line:column: level: message", the hint, the line and a caret under it; safe on a terminal.
std::string shown(const cedar::Diagnostic& diagnostic, std::string_view level);
json::object described(const cedar::Diagnostic& diagnostic, std::string_view level);

int run_policy_check(const Places& places, const Words& words);
int run_policy_fmt(const Words& words);
int run_policy_test(const Words& words);
int run_policy_explain(const Words& words);
int run_policy_translate(const Words& words);
int run_policy_analyze(const Words& words);

}  // namespace interlock::cli
