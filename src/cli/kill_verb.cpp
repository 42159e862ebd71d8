// `interlock kill` and `interlock unkill`. The short way: every gate has the order before the first answer is waited for, and
// nothing is read that is not needed, neither policies nor the rest of the configuration.
#include <cstdio>

#include "approval/display.hpp"
#include "cli/state_client.hpp"
#include "cli/task_verb.hpp"
#include "cli/verbs.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr const char* kKillHelp =
    "usage: interlock kill AGENT|TASK|--all [--reason TEXT] [--json]\n"
    "       interlock kill --list [--json]\n"
    "  Stops an agent, a task, or everybody: running acts are cut, held ones ended, nothing new starts, on every gate of the state\n"
    "  folder and after every restart. An agent is its subject id, as `interlock agent list` shows it; who acts on its behalf stops, too.\n"
    "  A task that is killed stays ended. `interlock unkill` lets an agent, or everybody, go on.\n"
    "  --list shows what is under kill.\n";
constexpr const char* kUnkillHelp =
    "usage: interlock unkill AGENT|--all [--reason TEXT] [--json]\n"
    "  Lifts what `interlock kill` put there. --all lifts the kill of everybody; those of single agents stand until each is lifted.\n";
constexpr std::string_view kTaskPrefix = "task_";
constexpr std::string_view kEverybody = "*";

struct Toll {
  std::int64_t tasks = 0;
  std::int64_t held = 0;
  std::int64_t cut = 0;
};

// A task that one gate ended is not found by the next: that is no failure where one found it.
int report(const std::string& what, const std::vector<GateAnswer>& answers, bool as_json) {
  Toll toll;
  std::size_t done = 0;
  std::optional<Error> trouble;
  std::optional<Error> not_found;
  for (const auto& [gate, reply] : answers) {
    if (reply && reply->ok() && reply->body.is_object()) {
      const auto& body = reply->body.get_object();
      toll.tasks += json::int_at(body, "tasks").value_or(0);
      toll.held += json::int_at(body, "held").value_or(0);
      toll.cut += json::int_at(body, "cut").value_or(0);
      ++done;
      continue;
    }
    const Error error = reply ? reply->error() : reply.error();
    (error.code == ErrorCode::kNotFound ? not_found : trouble) = error;
  }
  if (trouble || (done == 0 && not_found)) return complain(trouble ? *trouble : *not_found, as_json);
  if (as_json) {
    std::printf("%s\n", approval::terminal_json(
                            json::object{{"killed", what}, {"gates", done}, {"tasks", toll.tasks}, {"held", toll.held}, {"cut", toll.cut}})
                            .c_str());
  } else {
    std::printf("Killed %s: %lld running acts cut, %lld held ones ended, %lld tasks ended\n", printable(what).c_str(),
                static_cast<long long>(toll.cut), static_cast<long long>(toll.held), static_cast<long long>(toll.tasks));
  }
  return kDone;
}

int list_kills(const Places& places, bool as_json) {
  const auto answer = ask_keeper(places, "GET", "/v1/kills", nullptr, Needs::kStateAlone);
  if (!answer) return complain(answer.error(), as_json);
  if (as_json) {
    std::printf("%s\n", approval::terminal_json(*answer).c_str());
    return kDone;
  }
  const auto* kills = json::array_at(*answer, "kills");
  if (kills == nullptr || kills->empty()) std::printf("Nobody is under kill.\n");
  else {
    for (const auto& kill : *kills) {
      if (!kill.is_object()) continue;
      const auto text = [&](std::string_view key) { return printable(json::string_at(kill.get_object(), key).value_or("")); };
      std::printf("%s  by %s, %s%s%s\n", text("agent") == kEverybody ? "everybody" : text("agent").c_str(), text("by").c_str(),
                  text("at").c_str(), text("reason").empty() ? "" : ": ", text("reason").c_str());
    }
  }
  return kDone;
}

}  // namespace

int run_kill(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--all", "--list"}, {"--reason"});
  if (arguments.has("--help")) {
    std::printf("%s", kKillHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kKillHelp);
  const bool all = arguments.has("--all");
  const bool as_json = arguments.has("--json");
  if (arguments.has("--list")) return list_kills(places, as_json);
  if (arguments.rest.size() != (all ? 0U : 1U)) return complain_of_usage("name one agent or one task, or --all", kKillHelp);
  const std::string target = all ? std::string() : arguments.rest[0];
  if (target.empty() && !all) return complain_of_usage("name one agent or one task, or --all", kKillHelp);
  json::object order{{"reach", all ? "all" : target.starts_with(kTaskPrefix) ? "task" : "agent"}};
  if (!all) order["target"] = target;
  if (!arguments.value("--reason").empty()) order["reason"] = arguments.value("--reason");
  const json::value body = std::move(order);

  const auto folder = state_folder_of(places);
  if (!folder) return complain(folder.error(), as_json);
  auto answers = ask_gates(list_gates(folder->string()), "POST", "/v1/kills", &body);
  bool lasts = false;
  for (const auto& answer : answers) lasts = lasts || (answer.reply && answer.reply->ok());
  if (!lasts) {
    // Nobody did it, whyever: it is put into the store from here, where every gate finds it.
    auto alone = act_alone(places, "POST", "/v1/kills", &body, Needs::kStateAlone);
    const bool gates_live = !answers.empty();
    if (!alone && !gates_live) return complain(alone.error(), as_json);
    if (alone && !gates_live) answers.push_back({{}, AdminReply{200, std::move(*alone)}});
  }
  return report(all ? "everybody" : target, answers, as_json);
}

int run_unkill(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {"--all"}, {"--reason"});
  if (arguments.has("--help")) {
    std::printf("%s", kUnkillHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kUnkillHelp);
  const bool as_json = arguments.has("--json");
  const bool all = arguments.has("--all");
  if (arguments.rest.size() != (all ? 0U : 1U) || (!all && arguments.rest[0].empty()))
    return complain_of_usage("name one agent, or --all", kUnkillHelp);
  const std::string agent = all ? std::string(kEverybody) : arguments.rest[0];
  const json::value body = json::object{{"agent", agent}, {"reason", arguments.value("--reason")}};
  const auto lifted = ask_keeper(places, "POST", "/v1/kills/lift", &body, Needs::kStateAlone);
  if (!lifted) return complain(lifted.error(), as_json);
  if (as_json) std::printf("%s\n", approval::terminal_json(*lifted).c_str());
  else std::printf("%s may act again\n", all ? "Everybody who is not killed alone" : printable(agent).c_str());
  return kDone;
}

}  // namespace interlock::cli
