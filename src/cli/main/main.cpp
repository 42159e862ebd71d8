// interlock-gate: every verb but two. Finds the verb, the configuration and the state folder, and hands the rest of the line on.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <functional>

#include "approval/display.hpp"
#include "cli/agent_verb.hpp"
#include "cli/approve_verb.hpp"
#include "cli/arguments.hpp"
#include "cli/catalogue_verb.hpp"
#include "cli/egress_verb.hpp"
#include "cli/log_verb.hpp"
#include "cli/pins_verb.hpp"
#include "cli/policy_verb.hpp"
#include "cli/secret_verb.hpp"
#include "cli/server_verb.hpp"
#include "cli/task_verb.hpp"
#include "cli/verbs.hpp"

namespace {

using namespace interlock;
using namespace interlock::cli;

constexpr const char* kHead =
    "usage: interlock VERB [--config FILE] [--state FOLDER] ...\n"
    "  A gate between AI agents and their tools: identifies, decides, holds for a human, and records every call.\n\n";
constexpr const char* kFoot =
    "\n`interlock VERB --help` says more. Without --config: ./interlock.yaml, ~/.config/interlock/, /etc/interlock/.\n"
    "Exit codes: 0 done, 1 failed or refused, 2 usage.\n";

// A verb of the state folder, which is looked up for it.
template <typename Run>
auto on_state(Run run) {
  return [run](const Places& places, const Words& words) {
    const auto folder = state_folder_of(places);
    return folder ? run(*folder, words) : complain(folder.error());
  };
}

int run_version(const Places&, const Words& words) {
  if (std::ranges::find(words, "--json") != words.end()) std::printf("{\"version\":\"%s\"}\n", INTERLOCK_VERSION);
  else std::printf("interlock %s\n", INTERLOCK_VERSION);
  return kDone;
}

// `run` and `hook` are the program's beside this one (src/client), which hands on to here.
int hand_over(const Places& places, const Words& words, std::string_view verb) {
  std::error_code error;
  auto program = (std::filesystem::read_symlink("/proc/self/exe", error).parent_path() / "interlock").string();
  Words whole = {program, std::string(verb)};
  if (!places.config.empty()) whole.insert(whole.end(), {"--config", places.config});
  if (!places.state.empty()) whole.insert(whole.end(), {"--state", places.state});
  whole.insert(whole.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (auto& word : whole) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  std::fprintf(stderr, "interlock: cannot start %s\n  it belongs beside interlock-gate; install both\n", program.c_str());
  return kUsage;
}

struct Verb {
  std::string_view name;
  std::string_view help;  // empty: another name for the verb before it
  std::function<int(const Places&, const Words&)> run;
};

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = {
      {"init", "write an interlock.yaml and policies/ that fit this folder", run_init},
      {"serve", "the gate over HTTP, before the servers of interlock.yaml", run_serve},
      {"run", "an agent, or any command, as a task in a boundary: interlock run -- COMMAND ARGS",
       [](const Places& places, const Words& words) { return hand_over(places, words, "run"); }},
      {"hook", "what the hooks of an agent host call: interlock hook HOST (`interlock init HOST` writes them)",
       [](const Places& places, const Words& words) { return hand_over(places, words, "hook"); }},
      {"mcp", "the gate before one stdio server: interlock mcp -- SERVER ARGS", run_mcp},
      {"acp", "the gate between an editor and an ACP agent: interlock acp -- AGENT ARGS", run_acp},
      {"check", "look configuration and policies over, without starting", run_check},
      {"doctor", "", run_check},
      {"status", "what runs", on_state(run_status)},
      {"reload", "let running gates read their files again", on_state(run_reload)},
      {"approvals", "the calls that wait for a human",
       on_state([](const auto& folder, const Words& words) { return run_approvals(folder.string(), words); })},
      {"approve", "let one of them through: interlock approve ID",
       on_state([](const auto& folder, const Words& words) { return run_approve(folder.string(), words); })},
      {"deny", "end one of them: interlock deny ID --reason TEXT",
       on_state([](const auto& folder, const Words& words) { return run_deny(folder.string(), words); })},
      {"pins", "tool definitions, which of them changed, and trusting them",
       on_state([](const auto& folder, const Words& words) { return run_pins(folder.string(), words); })},
      {"task", "bound what an agent may do: interlock task start|show|list|extend|end", run_task},
      {"kill", "stop an agent, a task, or everybody, now: interlock kill AGENT|TASK|--all", run_kill},
      {"unkill", "let an agent act again", run_unkill},
      {"agent", "the registry of agents, and what is odd about them", run_agent},
      {"server", "logins for servers behind OAuth: interlock server list|login",
       on_state([](const auto& folder, const Words& words) { return run_server(folder, words); })},
      {"secret", "the vault: interlock secret set|list|rotate|import|rm|rekey", run_secret},
      {"lease", "what is lent, and taking it back: interlock lease list|revoke", run_lease},
      {"policy", "check, fmt, test, explain, translate and analyze policies", run_policy},
      {"catalogue", "connectors from OpenAPI descriptions, and what entries there are", run_catalogue},
      {"egress", "the environment that sends an agent's HTTP through the gate: interlock egress env|ca", run_egress},
      {"log", "what was asked, decided and done; and the proof of it",
       on_state([](const auto& folder, const Words& words) { return run_log(folder, words); })},
      {"version", "the version of this program", run_version},
  };
  return all;
}

int show_help() {
  std::printf("%s", kHead);
  for (const auto& verb : verbs()) {
    if (!verb.help.empty()) std::printf("  %-11s%s\n", std::string(verb.name).c_str(), std::string(verb.help).c_str());
  }
  std::printf("%s", kFoot);
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  Words words(argv + std::min(argc, 1), argv + argc);
  const Places places = take_places(words);
  if (!places.wrong.empty()) return complain_of_usage(places.wrong, kHead);
  if (words.empty()) {
    show_help();
    return kUsage;
  }
  const std::string name = words.front();
  words.erase(words.begin());
  if (name == "--help" || name == "-h" || name == "help") return show_help();
  if (name == "--version") return run_version(places, words);
  for (const auto& verb : verbs()) {
    if (verb.name == name) return verb.run(places, words);
  }
  std::vector<std::string_view> known;
  for (const auto& verb : verbs()) known.push_back(verb.name);
  std::fprintf(stderr, "interlock: there is no verb %s%s\n  `interlock --help` lists them\n", approval::printable(name, 100).c_str(),
               did_you_mean(name, known).c_str());
  return kUsage;
}
