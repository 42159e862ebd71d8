// `interlock acp -- AGENT`: a gate between an ACP editor and the agent that it starts. Standard input and output are the protocol's.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "cli/config_reading.hpp"
#include "cli/daemon.hpp"
#include "cli/own_process.hpp"
#include "cli/verbs.hpp"
#include "identity/identity.hpp"
#include "net/process.hpp"
#include "surface/acp/acp.hpp"

namespace interlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kHelp =
    "usage: interlock acp [--config FILE] [--state FOLDER] [--task TASK] [--] AGENT [ARGUMENT...]\n"
    "  Put it before the agent's command in an editor that speaks the Agent Client Protocol (Zed, JetBrains); nothing else changes.\n"
    "  What the agent asks of the editor (files, terminals, permissions) is decided on, and the MCP servers of a session go through\n"
    "  the gate. Without interlock.yaml: preset balanced, and the workspace is the current folder.\n"
    "  TASK, or the variable INTERLOCK_TASK, is the task that all acts belong to; without one each session is a task.\n"
    "  What an agent does by itself is not seen here: `interlock run` bounds that.\n";

Result<Config> config_for(const Places& places) {
  auto config = load_places(places);
  if (!config) return config;
  std::error_code ignored;
  if (!config->workspace_given) set_default_workspace(*config, fs::current_path(ignored), real_surroundings());
  return config;
}

// The agent's command begins at the first word that is none of ours, with or without -- before it.
Words with_dashes(Words words) {
  auto at = words.begin();
  while (at != words.end() && at->starts_with("-") && *at != "--") at += *at == "--task" && at + 1 != words.end() ? 2 : 1;
  if (at != words.end() && *at != "--") words.insert(at, "--");
  return words;
}

std::map<std::string, std::string> whole_environment() {
  std::map<std::string, std::string> out;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    if (const auto at = text.find('='); at != std::string_view::npos && at > 0)
      out.emplace(std::string(text.substr(0, at)), std::string(text.substr(at + 1)));
  }
  return out;
}

// What stands before each MCP server that the editor hands to the agent: this program, with the same files.
acp::McpFront front_of(const Places& places, const Config& config, const std::string& task) {
  acp::McpFront out;
  std::error_code ignored;
  out.command = {(fs::read_symlink("/proc/self/exe", ignored).parent_path() / "interlock").string(), "mcp"};
  if (const auto file = config_file_of(places)) {
    out.command.emplace_back("--config");
    out.command.push_back(fs::absolute(*file, ignored).string());
  }
  out.command.emplace_back("--state");
  out.command.push_back(fs::absolute(config.state_dir, ignored).string());
  if (!task.empty()) {
    out.command.emplace_back("--task");
    out.command.push_back(task);
  }
  for (const auto& server : config.servers) out.known.push_back(server.name);
  out.may_be_name = [](std::string_view name) { return problem_with_server_name(name).empty(); };
  return out;
}

std::string how_it_ended(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "the agent was ended by signal " + std::to_string(WTERMSIG(wait_status));
  return "the agent exited with code " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace

int run_acp(const Places& places, const Words& words) {
  const auto arguments = parse_arguments(with_dashes(words), {}, {"--task"});
  if (arguments.has("--help")) {
    std::printf("%s", kHelp);
    return kDone;
  }
  if (!arguments.wrong.empty()) return complain_of_usage(arguments.wrong + "; the agent's own options stand after --", kHelp);
  if (arguments.rest.empty()) return complain_of_usage("which agent?", kHelp);

  guard_own_process();
  const int editor_pid = static_cast<int>(::getppid());
  auto config = config_for(places);
  if (!config) return complain(config.error());
  Log log(config->log);
  net::Loop loop;
  auto daemon = Daemon::open(
      loop, log, {.role = "acp", .config = *config, .read_config = [places] { return config_for(places); }, .full_environment = true});
  if (!daemon) return complain(daemon.error());
  (*daemon)->bar(editor_pid);

  std::string task = arguments.value("--task");
  if (const char* named = std::getenv("INTERLOCK_TASK"); task.empty() && named != nullptr) task = named;

  int code = kDone;
  std::unique_ptr<acp::Mediator> mediator;
  std::unique_ptr<net::LineStream> editor;
  std::unique_ptr<net::ChildProcess> agent;
  bool stopping = false;
  const auto stop = [&](std::string_view why) {
    if (std::exchange(stopping, true)) return;
    if (mediator) mediator->close(why);
    (*daemon)->stop(why, [&] { loop.stop(); });
  };

  const net::LineLimits limits{.line_bytes = static_cast<std::size_t>(config->limits.message_bytes)};
  net::ProcessOptions options;
  options.argv = arguments.rest;
  options.environment = whole_environment();
  options.limits = limits;
  auto started = net::ChildProcess::start(loop, std::move(options),
                                          {.on_line = [&](std::string_view line) { mediator->from_agent(line); },
                                           .on_bad_line = [&](const Error& error) { mediator->bad_line(false, error); },
                                           .on_stderr = [](std::string_view) {},
                                           .on_exit =
                                               [&](int wait_status) {
                                                 if (!stopping && wait_status != 0) code = kRefused;
                                                 if (!stopping && wait_status != 0)
                                                   std::fprintf(stderr, "interlock: %s\n", how_it_ended(wait_status).c_str());
                                                 stop("the agent has ended");
                                               }});
  if (!started) return complain(started.error());
  agent = std::move(*started);
  (*daemon)->bar(agent->pid());

  acp::MediatorParts parts;
  parts.loop = &loop;
  parts.gate = (*daemon)->organs().gate.get();
  parts.clock = &(*daemon)->organs().clock;
  parts.subject = identity::local_subject(agent->pid(), static_cast<int>(::getuid()), {.hash_bytes = 0});
  if (auto admitted = (*daemon)->admit(parts.subject); !admitted) return complain(admitted.error());
  parts.agent_pid = agent->pid();
  std::error_code ignored;
  parts.cwd = fs::current_path(ignored).string();
  parts.task = task;
  parts.message_bytes = limits.line_bytes;
  parts.servers = front_of(places, *config, task);
  // Who does not read what is written to them is as good as gone.
  parts.to_editor = [&](std::string_view line) -> Status {
    auto written = editor->write(line);
    if (!written) loop.post([&] { stop("the editor does not read"); });
    return written;
  };
  parts.to_agent = [&](std::string_view line) -> Status {
    auto written = agent->write(line);
    if (!written) loop.post([&] { stop("the agent does not read"); });
    return written;
  };
  parts.note = [&](std::string_view text) { log.warn(std::string(text)); };
  mediator = std::make_unique<acp::Mediator>(std::move(parts));

  live_by_signals(loop, log, [&] { stop("the gate is stopping"); }, [&] { (void)(*daemon)->reload("SIGHUP"); });
  editor = std::make_unique<net::LineStream>(
      loop, STDIN_FILENO, STDOUT_FILENO, limits,
      net::LineStream::Handlers{.on_line = [&](std::string_view line) { mediator->from_editor(line); },
                                .on_bad_line = [&](const Error& error) { mediator->bad_line(true, error); },
                                .on_end = [&](const Status&) { stop("the editor has gone"); }});
  loop.run();
  mediator.reset();
  return code;
}

}  // namespace interlock::cli
