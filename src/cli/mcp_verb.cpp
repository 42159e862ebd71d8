// `interlock mcp -- SERVER`: a gate before one stdio server, for the client that started it. Standard output is the protocol's.
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "cli/config_reading.hpp"
#include "cli/daemon.hpp"
#include "cli/own_process.hpp"
#include "cli/verbs.hpp"
#include "identity/identity.hpp"
#include "surface/mcp/stdio_front.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    "usage: interlock mcp [--config FILE] [--state FOLDER] [--name NAME] [--task TASK] -- SERVER [ARGUMENT...]\n"
    "       interlock mcp [--config FILE] [--task TASK] --name NAME\n"
    "  Put it before the server's command in a client's mcp.json; nothing else changes. Without SERVER, the server NAME of\n"
    "  interlock.yaml is used. Without interlock.yaml: preset balanced, and the workspace is the current folder.\n"
    "  NAME is what policies, pins and the ledger call the server; by default it is made from the command.\n"
    "  TASK, or the variable INTERLOCK_TASK, is the task that all calls belong to: `interlock task start` gives one.\n";

constexpr std::size_t kNameBytes = 64;

bool is_one_of(std::span<const std::string_view> words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

}  // namespace

// "npx -y @modelcontextprotocol/server-filesystem@1.2 /work" -> "filesystem".
std::string name_from_command(const Words& command) {
  static constexpr std::string_view kRunners[] = {"npx",  "uvx",    "bunx",    "pnpx",   "pipx",   "uv", "bun",  "deno",
                                                  "node", "python", "python3", "docker", "podman", "sh", "bash", "env"};
  static constexpr std::string_view kSubcommands[] = {"run", "exec", "tool", "dlx", "x"};
  const auto base = [](std::string_view word) {
    return word.substr(word.find_last_of('/') == std::string_view::npos ? 0 : word.find_last_of('/') + 1);
  };
  std::string_view found = command.empty() ? std::string_view() : base(command.front());
  if (is_one_of(kRunners, found)) {
    for (std::size_t i = 1; i < command.size(); ++i) {
      if (command[i].empty() || command[i].front() == '-' || is_one_of(kSubcommands, command[i])) continue;
      found = base(command[i]);
      break;
    }
  }
  if (const auto version = found.find_first_of("@:", 1); version != std::string_view::npos) found = found.substr(0, version);
  for (const std::string_view suffix : {".js", ".mjs", ".cjs", ".ts", ".py", ".sh"}) {
    if (found.ends_with(suffix)) found.remove_suffix(suffix.size());
  }
  for (const std::string_view prefix : {"mcp-server-", "server-", "mcp-"}) {
    if (found.starts_with(prefix) && found.size() > prefix.size()) {
      found.remove_prefix(prefix.size());
      break;
    }
  }
  std::string out;
  for (const char c : found.substr(0, kNameBytes)) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
    if (plain) out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && (out.back() == '-' || out.front() == '-')) out.erase(out.back() == '-' ? out.size() - 1 : 0, 1);
  return out.empty() ? "server" : out;
}

namespace {

// The configuration with this one server. A server of the same name in the file lends its settings.
Result<Config> config_for(const Places& places, const std::string& name, const Words& command) {
  auto config = load_places(places);
  if (!config) return config;
  std::error_code ignored;
  const fs::path here = fs::current_path(ignored);
  if (!config->workspace_given) set_default_workspace(*config, here, real_surroundings());
  ServerConfig server;
  server.cwd = here;
  server.call_timeout_ms = config->limits.call_timeout_ms;
  if (const auto* known = config->server(name)) server = *known;
  server.name = name;
  if (!command.empty()) {
    server.command = command;
    server.cwd = here;
    server.url.clear();
    server.headers.clear();
  }
  if (server.command.empty() && server.url.empty()) {
    return fail(ErrorCode::kNotFound, "there is no server \"" + name + "\" in the configuration",
                "name its command: interlock mcp -- SERVER [ARGUMENT...]");
  }
  config->servers = {std::move(server)};
  return config;
}

}  // namespace

int run_mcp(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(words, {}, {"--name", "--task"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong + "; the server's own options stand after --", kHelp);
  if (!arguments.rest.empty() && !arguments.after_dashes) return complain_of_usage("the server's command stands after --", kHelp);
  std::string name = arguments.value("--name");
  if (name.empty() && arguments.rest.empty()) return complain_of_usage("which server?", kHelp);
  if (name.empty()) name = name_from_command(arguments.rest);
  if (const auto problem = problem_with_server_name(name); !problem.empty())
    return complain_of_usage("\"" + name + "\" cannot be the name of a server: " + problem, kHelp);

  guard_own_process();
  const int client_pid = static_cast<int>(::getppid());
  const auto read_config = [places, name, command = arguments.rest] { return config_for(places, name, command); };
  auto config = read_config();
  if (!config) return complain(config.error());

  Log log(config->log);
  if (config->workspace.empty())
    log.warn(
        "no workspace: the current folder is too wide to be one by itself, so nothing counts as in scope; name folders under `workspace`");
  net::Loop loop;
  auto daemon = Daemon::open(loop, log, {.role = "mcp", .config = *config, .read_config = read_config, .full_environment = true});
  if (!daemon) return complain(daemon.error());
  (*daemon)->bar(client_pid);

  gate::Caller caller;
  // Who asks is known by user and program; hashing the program, often 100 MB of it, would keep the client waiting.
  caller.subject = identity::local_subject(client_pid, static_cast<int>(::getuid()), {.hash_bytes = 0});
  caller.client_pid = client_pid;
  caller.task = arguments.value("--task");
  if (const char* task = std::getenv("INTERLOCK_TASK"); caller.task.empty() && task != nullptr) caller.task = task;
  if (auto admitted = (*daemon)->admit(caller.subject); !admitted) return complain(admitted.error());
  auto& surface = (*daemon)->surface();
  auto front = std::make_shared<mcp::StdioFront>(surface, *surface.endpoint(name), std::move(caller));
  const auto stop = [&](std::string_view why) { (*daemon)->stop(why, [&] { loop.stop(); }); };
  live_by_signals(loop, log, [&] { stop("the gate is stopping"); }, [&] { (void)(*daemon)->reload("SIGHUP"); });
  front->start(STDIN_FILENO, STDOUT_FILENO, [&] { stop("the client has gone"); });
  loop.run();
  return kDone;
}

}  // namespace interlock::cli
