#include "cli/policy_verb.hpp"

#include <cstdio>

#include "approval/display.hpp"
#include "cli/policy_verb_parts.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

constexpr const char* kHelp =
    "usage: interlock policy COMMAND ...\n"
    "  For people who write policies. Reads files alone: no gate is spoken to.\n\n"
    "  check [FILE|DIR...] [--schema FILE]   parse and validate; without files: those of interlock.yaml\n"
    "  fmt [--check|--write] FILE|DIR|-      the canonical layout, comments kept\n"
    "  test FILE|DIR...                      requests (YAML) with the verdicts they should get\n"
    "  explain FILE [CASE]                   why a request of such a file gets its verdict\n"
    "  translate --to json|text FILE         policies and schemas from one form to the other\n"
    "  analyze QUESTION ...                  proofs for every request, by an SMT solver\n\n"
    "  `interlock policy COMMAND --help` says more. Exit codes: 0 done, 1 not so, 2 usage.\n";

}  // namespace

int run_policy(const Places& places, const Words& words) {
  if (words.empty()) {
    std::fprintf(stderr, "%s", kHelp);
    return kUsage;
  }
  const std::string& command = words.front();
  const Words rest(words.begin() + 1, words.end());
  if (command == "check") return run_policy_check(places, rest);
  if (command == "fmt") return run_policy_fmt(rest);
  if (command == "test") return run_policy_test(rest);
  if (command == "explain") return run_policy_explain(rest);
  if (command == "translate") return run_policy_translate(rest);
  if (command == "analyze") return run_policy_analyze(rest);
  if (command == "--help" || command == "-h" || command == "help") {
    std::printf("%s", kHelp);
    return kDone;
  }
  return complain_of_usage(
      "policy has no command " + command + did_you_mean(command, {"check", "fmt", "test", "explain", "translate", "analyze"}), kHelp);
}

}  // namespace interlock::cli
