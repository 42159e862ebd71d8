#include "cli/agent_verb.hpp"

#include <cstdio>

#include "approval/display.hpp"
#include "base/text.hpp"
#include "cli/state_client.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kHelp =
    "usage: interlock agent list [--json]\n"
    "       interlock agent show ID [--json]\n"
    "       interlock agent findings [--json]\n"
    "  The agents that are registered (`agents` in interlock.yaml) or were ever seen, who answers for each, and how far it may go.\n"
    "  `findings` names agents without an owner, owners who left, identities that several workloads share, borrowed human\n"
    "  credentials, and what to do; exit code 1 where there is one.\n";

std::string text_of(const json::object& o, std::string_view key) { return printable(json::string_at(o, key).value_or("")); }

const json::array& list_at(const json::object& answer, std::string_view key) {
  static const json::array none;
  const auto* found = json::array_at(answer, key);
  return found == nullptr ? none : *found;
}

void print_agent(const json::object& agent, bool full) {
  const auto line = [](const char* name, const std::string& value) {
    if (!value.empty()) std::printf("  %-11s%s\n", name, value.c_str());
  };
  std::printf("%s%s\n", text_of(agent, "id").c_str(), json::bool_at(agent, "registered") ? "" : "  (not registered)");
  line("owner", text_of(agent, "owner").empty() ? "nobody" : text_of(agent, "owner"));
  line("purpose", text_of(agent, "purpose"));
  line("bands", "up to " + std::to_string(json::int_at(agent, "highest_band").value_or(3)));
  line("last seen", text_of(agent, "last_seen").empty() ? "never" : text_of(agent, "last_seen"));
  if (!full) return;
  line("first seen", text_of(agent, "first_seen"));
  line("assurance", text_of(agent, "assurance"));
  for (const auto& workload : list_at(agent, "workloads")) {
    if (workload.is_string()) line("workload", printable(json::view(workload.get_string())));
  }
}

int print_findings(const json::array& findings) {
  if (findings.empty()) std::printf("Nothing is odd.\n");
  for (const auto& item : findings) {
    if (!item.is_object()) continue;
    const auto& finding = item.get_object();
    std::printf("%s  %s: %s\n  %s\n", text_of(finding, "kind").c_str(), text_of(finding, "agent").c_str(),
                text_of(finding, "message").c_str(), text_of(finding, "next").c_str());
  }
  return findings.empty() ? kDone : kRefused;
}

}  // namespace

int run_agent(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  const std::string command = arguments.rest.empty() ? std::string() : arguments.rest[0];
  if (command != "list" && command != "show" && command != "findings")
    return complain_of_usage("say what to look at" + did_you_mean(command, {"list", "show", "findings"}), kHelp);
  if (arguments.rest.size() != (command == "show" ? 2U : 1U))
    return complain_of_usage(command == "show" ? "which agent? `interlock agent list` shows their ids" : "too many words", kHelp);
  const bool as_json = arguments.has("--json");
  const std::string target = command == "findings" ? "/v1/findings"
                             : command == "show"   ? "/v1/agents?id=" + percent_encoded(arguments.rest[1])
                                                   : "/v1/agents";
  const auto answer = ask_keeper(places, "GET", target);
  if (!answer) return complain(answer.error(), as_json);
  const auto& findings = list_at(*answer, "findings");
  if (as_json) {
    std::printf("%s\n", approval::terminal_json(*answer).c_str());
    return findings.empty() ? kDone : kRefused;
  }
  if (command == "findings") return print_findings(findings);
  if (command == "show") {
    print_agent(*answer, true);
    return kDone;
  }
  const auto& agents = list_at(*answer, "agents");
  if (agents.empty()) std::printf("No agent is registered, and none was seen.\n");
  for (const auto& agent : agents) {
    if (agent.is_object()) print_agent(agent.get_object(), false);
  }
  return kDone;
}

}  // namespace interlock::cli
