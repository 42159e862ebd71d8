#include "cli/task_verb.hpp"

#include <cstdio>

#include "approval/display.hpp"
#include "cli/config.hpp"
#include "cli/state_client.hpp"
#include "cli/verbs.hpp"
#include "task/order.hpp"

namespace interlock::cli {
namespace {

using approval::printable;

constexpr std::size_t kScopeFileBytes = 128 * 1024;
constexpr const char* kHelp =
    "usage: interlock task start --agent ID --purpose TEXT [SCOPE] [--owner NAME] [--parent TASK] [--heartbeat 30s] [--dry-run]\n"
    "       interlock task show TASK\n"
    "       interlock task list [--ended]\n"
    "       interlock task extend TASK [--for 2h | --until TIME] [--calls N] [--spend 5] [--band N] [SCOPE]\n"
    "       interlock task end TASK [--reason TEXT]\n"
    "  A task bounds what an agent may do, and ends. SCOPE, each at most once a kind, and an act must fit all that are given:\n"
    "    --effects read,write   --tools github/get_*,files   --hosts example.com   --paths /work/docs   --resources 'Repo::\"a/b\"'\n"
    "    --scope FILE           the same as YAML, or a .cedar file with policies\n"
    "    --band 0..3            the highest band     --for 2h   its time     --calls 500   --spend 12.50   its budget\n"
    "  `start` shows what the scope means in Cedar; --dry-run only that. `extend` adds to what the task has. All take --json.\n";

std::string text_of(const json::object& o, std::string_view key) { return printable(json::string_at(o, key).value_or("")); }

// Every line of what is Cedar, set in; nothing in it can move the cursor.
std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    out += "    " + printable(line) + "\n";
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return out;
}

int print(const Result<json::object>& answer, bool as_json, const std::function<std::string(const json::object&)>& text) {
  if (!answer) return complain(answer.error(), as_json);
  if (as_json) std::printf("%s\n", approval::terminal_json(*answer).c_str());
  else std::printf("%s", text(*answer).c_str());
  return kDone;
}

Result<ScopeFile> read_scope(const Arguments& arguments) {
  ScopeFile out;
  out.name = arguments.value("--scope");
  if (out.name.empty()) return out;
  auto text = read_text_file(out.name, kScopeFileBytes);
  if (!text) return fail(std::move(text.error()));
  out.text = std::move(*text);
  return out;
}

// What the owner is about to let the agent do, before anything is started.
std::string preview(const task::TaskOrder& order) {
  if (order.scope.empty()) return "Scope: whatever policy allows.\n";
  std::string out = "Scope, in Cedar (policy must allow an act as well):\n";
  for (const auto& text : order.scope) out += indented(text);
  return out;
}

int start(const Places& places, const Arguments& arguments) {
  const bool as_json = arguments.has("--json");
  const auto file = read_scope(arguments);
  if (!file) return complain(file.error(), as_json);
  auto body = task_order_body(arguments, *file);
  if (!body) return complain(body.error(), as_json);
  const auto order = task::read_task_order(*body, SystemClock().now_ms());
  if (!order) return complain(order.error(), as_json);
  if (!as_json) std::printf("%s", preview(*order).c_str());
  if (arguments.has("--dry-run")) {
    json::array scope;
    for (const auto& text : order->scope) scope.emplace_back(text);
    if (as_json) std::printf("%s\n", approval::terminal_json(json::object{{"scope", std::move(scope)}}).c_str());
    return kDone;
  }
  std::fflush(stdout);
  const json::value question = std::move(*body);
  return print(ask_keeper(places, "POST", "/v1/tasks", &question), as_json, [](const json::object& task) {
    const auto id = text_of(task, "id");
    return "Started " + task_text(task, false) + "The agent names it: header `Interlock-Task: " + id + "`, `interlock mcp --task " + id +
           "`, or INTERLOCK_TASK. Where it is\nthe only one that was started for the agent, it is taken without being named.\n";
  });
}

int extend(const Places& places, const Arguments& arguments, const std::string& id) {
  const bool as_json = arguments.has("--json");
  const auto file = read_scope(arguments);
  if (!file) return complain(file.error(), as_json);
  auto body = grant_body(arguments, *file);
  if (!body) return complain(body.error(), as_json);
  const auto grant = task::read_grant(*body, SystemClock().now_ms());
  if (!grant) return complain(grant.error(), as_json);
  if (!as_json && !grant->scope.empty()) std::printf("It may do this, too, in Cedar:\n%s", indented(grant->scope).c_str());
  std::fflush(stdout);
  const json::value question = std::move(*body);
  return print(ask_keeper(places, "POST", "/v1/tasks/" + id + "/extend", &question), as_json,
               [](const json::object& task) { return "Extended " + task_text(task, true); });
}

std::string list_text(const json::object& answer) {
  const auto* tasks = json::array_at(answer, "tasks");
  if (tasks == nullptr || tasks->empty()) return "No task is open.\n";
  std::string out;
  for (const auto& task : *tasks) {
    if (task.is_object()) out += task_text(task.get_object(), false);
  }
  return out;
}

// Ids stand in a path: what is none is refused here, and not sent somewhere else.
bool is_task_id(const std::string& word) {
  return !word.empty() && word.size() <= task::kNameBytes &&
         word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos;
}

}  // namespace

std::string task_text(const json::object& task, bool full) {
  const auto number = [&](std::string_view key) { return std::to_string(json::int_at(task, key).value_or(0)); };
  std::string out = text_of(task, "id") + "  " + text_of(task, "state") + "  " + text_of(task, "subject") + "\n";
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) out += "  " + std::string(name) + std::string(10 - std::string_view(name).size(), ' ') + value + "\n";
  };
  line("purpose", text_of(task, "purpose"));
  line("owner", text_of(task, "owner"));
  line("parent", text_of(task, "parent"));
  const bool is_open = text_of(task, "state") == "open";
  line("time", "from " + text_of(task, "started") + (is_open ? " until " + text_of(task, "expires") : " to " + text_of(task, "ended")));
  if (!is_open) line("ended", text_of(task, "end_reason"));
  line("bands", "up to " + number("band_ceiling"));
  line("calls", number("calls") + (task.contains("calls_budget") ? " of " + number("calls_budget") : ""));
  if (task.contains("spend_budget")) line("spent", text_of(task, "spent") + " of " + text_of(task, "spend_budget"));
  if (!full) return out;
  if (const auto* children = json::array_at(task, "children")) {
    for (const auto& child : *children) line("child", child.is_string() ? printable(json::view(child.get_string())) : "");
  }
  if (const auto* scope = json::array_at(task, "scope")) {
    line("scope", "in Cedar:");
    for (const auto& text : *scope) out += text.is_string() ? indented(json::view(text.get_string())) : "";
  }
  return out;
}

int run_task(const Places& places, const Words& words) {
  const auto arguments =
      parse_arguments(words, {"--dry-run", "--ended"},
                      {"--agent", "--purpose", "--owner", "--parent", "--heartbeat", "--effects", "--tools", "--hosts", "--paths",
                       "--resources", "--scope", "--band", "--for", "--until", "--calls", "--spend", "--reason"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong, kHelp);
  if (arguments.rest.empty()) return complain_of_usage("say what to do with which task", kHelp);
  const auto& command = arguments.rest[0];
  const bool as_json = arguments.has("--json");
  const bool takes_id = command == "show" || command == "extend" || command == "end";
  if (arguments.rest.size() > (takes_id ? 2U : 1U)) return complain_of_usage("too many words: " + arguments.rest.back(), kHelp);
  if (takes_id && (arguments.rest.size() < 2 || !is_task_id(arguments.rest[1])))
    return complain_of_usage("which task? `interlock task list` shows their ids", kHelp);
  if (command == "start") return start(places, arguments);
  if (command == "list")
    return print(ask_keeper(places, "GET", arguments.has("--ended") ? "/v1/tasks?ended=true" : "/v1/tasks"), as_json, list_text);
  if (command == "show")
    return print(ask_keeper(places, "GET", "/v1/tasks/" + arguments.rest[1]), as_json,
                 [](const json::object& task) { return task_text(task, true); });
  if (command == "extend") return extend(places, arguments, arguments.rest[1]);
  if (command == "end") {
    const json::value body = json::object{{"reason", arguments.value("--reason")}};
    return print(ask_keeper(places, "POST", "/v1/tasks/" + arguments.rest[1] + "/end", &body), as_json,
                 [](const json::object& task) { return "Ended " + text_of(task, "id") + "\n"; });
  }
  return complain_of_usage("unknown command " + command + did_you_mean(command, {"start", "show", "list", "extend", "end"}), kHelp);
}

}  // namespace interlock::cli
