// sandbox_driver PLAN: runs a plan (a JSON file, "-" for standard input) inside a boundary and ends as its command did; for tests alone.
//
//   {"argv": [...], "environment": {...}, "folder": "/", "mounts": [{"kind": "read_only", "at": "/usr", "source", "text", "mode",
//    "optional"}], "listeners": [7420], "limits": {"processes", "open_files", "memory_bytes", "file_bytes", "cpu_seconds"},
//    "watch_exec": true, "refuse": ["part of a path"], "log": "FILE", "enforced": "FILE"}
//
// An execve whose executable or arguments hold one of `refuse` is refused with EACCES, every other one is allowed. `log` gets a line of
// JSON an ask, `enforced` what the boundary could do.
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/json.hpp"
#include "sandbox/exec_watch.hpp"
#include "sandbox/running.hpp"

namespace {

using namespace interlock;
using sandbox::Mount;

std::string text_at(const json::object& from, std::string_view key) { return std::string(json::string_at(from, key).value_or("")); }

std::vector<std::string> strings_at(const json::object& from, std::string_view key) {
  std::vector<std::string> out;
  if (const json::array* found = json::array_at(from, key))
    for (const json::value& entry : *found) out.emplace_back(json::view(entry.as_string()));
  return out;
}

Mount::Kind kind_of(std::string_view word) {
  static constexpr std::pair<std::string_view, Mount::Kind> kKinds[] = {
      {"read_only", Mount::Kind::kReadOnly}, {"read_write", Mount::Kind::kReadWrite}, {"empty", Mount::Kind::kEmpty},
      {"text", Mount::Kind::kText},          {"fixed_text", Mount::Kind::kFixedText}, {"link", Mount::Kind::kLink},
      {"sealed", Mount::Kind::kSealed}};
  for (const auto& [name, kind] : kKinds)
    if (name == word) return kind;
  std::cerr << "sandbox_driver: no kind of mount \"" << word << "\"\n";
  std::exit(2);
}

sandbox::Plan plan_of(const json::object& from) {
  sandbox::Plan plan;
  plan.argv = strings_at(from, "argv");
  plan.folder = json::string_at(from, "folder").value_or("/");
  plan.watch_exec = json::bool_at(from, "watch_exec", true);
  if (const json::object* environment = json::object_at(from, "environment"))
    for (const auto& [name, value] : *environment) plan.environment[name] = json::view(value.as_string());
  if (const json::array* mounts = json::array_at(from, "mounts"))
    for (const json::value& entry : *mounts) {
      const json::object& mount = entry.as_object();
      plan.mounts.push_back({.kind = kind_of(text_at(mount, "kind")),
                             .at = text_at(mount, "at"),
                             .source = text_at(mount, "source"),
                             .text = text_at(mount, "text"),
                             .mode = static_cast<std::uint32_t>(json::int_at(mount, "mode").value_or(0)),
                             .optional = json::bool_at(mount, "optional")});
    }
  if (const json::array* listeners = json::array_at(from, "listeners"))
    for (const json::value& port : *listeners) plan.listeners.push_back({static_cast<std::uint16_t>(port.as_int64())});
  if (const json::object* limits = json::object_at(from, "limits")) {
    const auto limit = [&](std::string_view key) -> std::optional<std::uint64_t> {
      if (const auto number = json::int_at(*limits, key)) return static_cast<std::uint64_t>(*number);
      return std::nullopt;
    };
    plan.limits = {limit("processes"), limit("open_files"), limit("memory_bytes"), limit("file_bytes"), limit("cpu_seconds")};
  }
  return plan;
}

json::object described(const sandbox::ExecAsk& ask) {
  json::array argv, loader;
  for (const std::string& word : ask.argv) argv.emplace_back(word);
  for (const std::string& variable : ask.loader_variables) loader.emplace_back(variable);
  return {{"path", ask.path},     {"executable", ask.executable}, {"argv", argv}, {"loader", loader}, {"cwd", ask.cwd},
          {"script", ask.script}, {"in_memory", ask.in_memory}};
}

bool is_refused(const sandbox::ExecAsk& ask, const std::vector<std::string>& refused) {
  return std::ranges::any_of(refused, [&](const std::string& part) {
    return ask.executable.find(part) != std::string::npos ||
           std::ranges::any_of(ask.argv, [&](const std::string& word) { return word.find(part) != std::string::npos; });
  });
}

// Until the command is over.
void answer_execs(sandbox::Running& running, const std::vector<std::string>& refused, const std::string& log_file) {
  sandbox::ExecWatch watch(running.exec_watch());
  std::ofstream log(log_file.empty() ? "/dev/null" : log_file, std::ios::app);
  for (;;) {
    pollfd events[] = {{running.exec_watch(), POLLIN, 0}, {running.end_descriptor(), POLLIN, 0}};
    if (::poll(events, std::size(events), -1) < 0) continue;
    while (const auto ask = watch.next()) {
      const bool refuse = is_refused(*ask, refused);
      const Status answered = refuse ? watch.refuse(*ask, EACCES) : watch.allow(*ask);
      json::object line = described(*ask);
      line["allowed"] = !refuse;
      if (!answered) line["trouble"] = answered.error().text();
      log << json::write(line) << std::endl;
    }
    if (events[1].revents != 0 && running.ended()) return;
  }
}

int run(const json::object& order) {
  const sandbox::Plan plan = plan_of(order);
  auto running = sandbox::Running::start(plan);
  if (!running) {
    std::cerr << "sandbox_driver: " << running.error().text() << '\n';
    return 125;
  }
  if (const std::string file = text_at(order, "enforced"); !file.empty()) {
    const sandbox::Enforcement& enforced = (*running)->enforced();
    json::array missing;
    for (const std::string& line : enforced.missing) missing.emplace_back(line);
    std::ofstream(file) << json::write(json::object{{"landlock_abi", enforced.landlock_abi},
                                                    {"seccomp", enforced.seccomp},
                                                    {"exec_watch", enforced.exec_watch},
                                                    {"missing", missing}})
                        << '\n';
  }
  if (auto released = (*running)->release(); !released) {
    std::cerr << "sandbox_driver: " << released.error().text() << '\n';
    return 125;
  }
  if (plan.watch_exec) answer_execs(**running, strings_at(order, "refuse"), text_at(order, "log"));
  const int status = (*running)->wait();
  if (WIFSIGNALED(status)) return 128 + WTERMSIG(status);
  return WEXITSTATUS(status);
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "usage: sandbox_driver PLAN.json|-\n";
    return 2;
  }
  std::ifstream file;
  if (std::string_view(words[1]) != "-") file.open(words[1]);
  std::istream& from = file.is_open() ? file : std::cin;
  const std::string text{std::istreambuf_iterator<char>(from), {}};
  const auto order = interlock::json::parse(text);
  if (!order || !order->is_object()) {
    std::cerr << "sandbox_driver: " << (order ? "the plan is no object" : order.error().text()) << '\n';
    return 2;
  }
  return run(order->as_object());
}
