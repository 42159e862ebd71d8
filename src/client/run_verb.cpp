// `interlock run`: asks the gate for a task, builds the boundary, starts the command in it, and looks after it until it ends.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "client/client.hpp"
#include "client/own_gate.hpp"
#include "client/plan_making.hpp"
#include "client/run_order.hpp"
#include "client/run_report.hpp"
#include "client/supervision.hpp"
#include "sandbox/running.hpp"

extern char** environ;

namespace interlock::client {
namespace {

namespace fs = std::filesystem;

constexpr int kNotStarted = 125;
constexpr int kNoExecutable = 126;
constexpr int kNoProgram = 127;
constexpr int kSomethingDenied = 3;
constexpr int kSignalled = 128;
constexpr std::int64_t kConnectMs = 2'000;
constexpr std::int64_t kAnswerMs = 20'000;

int refuse(const Error& error) {
  std::fprintf(stderr, "interlock run: %s\n", error.message.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "  %s\n", error.hint.c_str());
  return kNotStarted;
}

std::map<std::string, std::string> own_environment() {
  std::map<std::string, std::string> out;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string_view text = *one;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos && equals > 0) out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<PlanFacts> facts_of(const RunOrder& order) {
  PlanFacts out;
  std::error_code error;
  out.environment = own_environment();
  if (const auto home = out.environment.find("HOME"); home != out.environment.end() && home->second.starts_with('/')) {
    out.home = fs::weakly_canonical(home->second, error).string();
    // Programs look below the name that they are told.
    if (error || out.home.empty()) out.home = home->second;
  }
  out.folder = fs::current_path(error).string();
  if (error) return fail(ErrorCode::kIo, "the working folder cannot be told: " + error.message());
  auto workspace = find_workspace(order.workspace.empty() ? out.folder : order.workspace, out.home);
  if (!workspace) return fail(std::move(workspace.error()));
  out.workspace = order.workspace.empty() ? *workspace : order.workspace;
  out.host = hosts::host_of_program(order.argv[0]);
  out.own_program = fs::read_symlink("/proc/self/exe", error).string();
  auto config = config_of(order.places);
  if (!config) return fail(std::move(config.error()));
  out.config = *config;
  auto state = state_of(order.places);
  if (!state) return fail(std::move(state.error()));
  out.state = *state;
  return out;
}

// The gate that runs, or one of our own.
Result<GateLink> reach_gate(const RunOrder& order, const PlanFacts& facts, std::optional<OwnGate>& own) {
  if (std::getenv("INTERLOCK_RUN") != nullptr)
    return fail(ErrorCode::kDenied, "this is inside a run already", "start the command itself: it is held by the run that it is in");
  const auto socket = agent_socket_of(order.places);
  if (!socket) return fail(socket.error());
  auto link = GateLink::connect(*socket, kConnectMs);
  if (link || link.error().code != ErrorCode::kUnavailable) return link;
  if (facts.config.empty()) {
    return fail(ErrorCode::kNotFound, "no gate runs here, and there is no interlock.yaml to start one with",
                "`interlock init` writes one; `interlock serve` keeps one running");
  }
  std::error_code error;
  fs::create_directories(facts.state, error);
  fs::permissions(facts.state, fs::perms::owner_all, error);
  auto started = OwnGate::start(facts.config, facts.state, facts.state + "/run-gate.log");
  if (!started) return fail(std::move(started.error()));
  own.emplace(std::move(*started));
  if (!order.quiet) std::fprintf(stderr, "interlock: no gate was running; one is started for this run\n");
  return GateLink::connect(facts.state + "/agents.sock", kConnectMs);
}

json::array words_of(const std::vector<std::string>& words) {
  json::array out;
  for (const auto& word : words) out.emplace_back(word);
  return out;
}

// Asks, and finds out meanwhile what of the system has to be hidden.
Result<RunGrant> ask_for_run(GateLink& link, const RunOrder& order, const PlanFacts& facts, std::vector<sandbox::Mount>& secrets) {
  const auto id = link.next_id();
  json::object message{{"op", "run"}, {"id", id}, {"argv", words_of(order.argv)}, {"cwd", facts.folder}, {"workspace", facts.workspace}};
  if (!order.purpose.empty()) message["purpose"] = order.purpose;
  if (order.scope) message["scope"] = *order.scope;
  if (!order.lifetime.empty()) message["lifetime"] = order.lifetime;
  if (facts.host != nullptr) message["agent"] = facts.host->name;
  if (!order.identity_token.empty()) message["identity_token"] = order.identity_token;
  if (order.ci) {
    message["ci"] = true;
    message["approval_timeout"] = order.approval_timeout;
  }
  if (auto sent = link.send(message, kAnswerMs); !sent) return fail(std::move(sent.error()));
  secrets = system_secrets();
  auto answer = link.answer_to(id, kAnswerMs);
  if (!answer) return fail(std::move(answer.error()));
  return read_grant(*answer);
}

// The boundary stands, and nothing runs in it yet: its roads are handed to the gate, which may still say no.
Status hand_over(sandbox::Running& running, GateLink& link) {
  const auto& enforced = running.enforced();
  json::object message{{"op", "started"},
                       {"pid", running.process()},
                       {"landlock", enforced.landlock_abi},
                       {"exec_watch", enforced.exec_watch},
                       {"missing", words_of(enforced.missing)}};
  if (auto started = link.ask(std::move(message), kAnswerMs); !started) return fail(std::move(started.error()));
  auto listeners = running.take_listeners();
  const auto told = link.ask({{"op", "listeners"}}, kAnswerMs, listeners);
  for (const int fd : listeners) ::close(fd);
  if (!told) return fail(told.error());
  return {};
}

bool write_file(const std::string& path, const std::string& text, bool append) {
  std::ofstream out(path, std::ios::binary | (append ? std::ios::app : std::ios::trunc));
  out << text;
  out.close();
  if (!out) std::fprintf(stderr, "interlock run: cannot write %s\n", path.c_str());
  return static_cast<bool>(out);
}

// Tells what was done; the exit code that a pipeline gets.
int report(const RunOrder& order, const PlanFacts& facts, const json::object& summary, int code) {
  const auto denied = denied_in(summary);
  const int told = code == 0 && denied > 0 && order.fail_on_denied ? kSomethingDenied : code;
  const auto anchor = facts.config.starts_with(facts.workspace + "/") ? facts.config.substr(facts.workspace.size() + 1) : std::string();
  const ReportFacts about{.version = INTERLOCK_VERSION, .workspace = facts.workspace, .anchor = anchor, .status = told};
  bool written = true;
  if (!order.summary_file.empty()) written = write_file(order.summary_file, markdown_report(summary, about), true);
  if (!order.sarif_file.empty()) written = write_file(order.sarif_file, sarif_report(summary, about), false) && written;
  if (order.ci && !order.quiet) std::fprintf(stderr, "interlock: %lld acts were denied in this run\n", static_cast<long long>(denied));
  return written || told != 0 ? told : kNotStarted;
}

// As the command ended: with its code, or by its signal.
int exit_code_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status); }
void end_by_signal(int status) {
  if (!WIFSIGNALED(status)) return;
  ::signal(WTERMSIG(status), SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, WTERMSIG(status));
  ::sigprocmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(WTERMSIG(status));
}

struct Done {
  int code = kNotStarted;
  int wait_status = 0;
};

Done carry_out(const RunOrder& order, const PlanFacts& facts) {
  std::optional<OwnGate> own;
  auto link = reach_gate(order, facts, own);
  if (!link) return {refuse(link.error())};
  hold_signals();
  std::vector<sandbox::Mount> secrets;
  const auto grant = ask_for_run(*link, order, facts, secrets);
  if (!grant) return {refuse(grant.error())};
  auto made = make_plan(order, *grant, facts, std::move(secrets));
  if (!made) return {refuse(made.error())};
  if (order.verbose) {
    for (const auto& line : made->left_out) std::fprintf(stderr, "interlock: left out: %s\n", line.c_str());
  }
  auto running = sandbox::Running::start(made->plan);
  if (!running) {
    const int code = refuse(running.error());
    const bool is_missing = running.error().code == ErrorCode::kNotFound && running.error().message.starts_with(order.argv[0] + " is ");
    if (!is_missing) return {code};
    std::error_code error;
    const bool is_there = order.argv[0].contains('/') && fs::exists(fs::path(facts.folder) / order.argv[0], error);
    return {is_there ? kNoExecutable : kNoProgram};
  }
  const auto& missing = (*running)->enforced().missing;
  if (!missing.empty() && !order.quiet) {
    for (const auto& line : missing) std::fprintf(stderr, "interlock: not enforced on this kernel: %s\n", line.c_str());
  }
  if (!missing.empty() && (order.strict || grant->strict))
    return {
        refuse({ErrorCode::kUnsupported, "this kernel cannot enforce all of the boundary, and strict wants it whole", missing.front()})};
  if (auto handed = hand_over(**running, *link); !handed) return {refuse(handed.error())};
  if (auto released = (*running)->release(); !released) return {refuse(released.error())};

  const auto end = supervise(**running, *link, {.quiet = order.quiet, .verbose = order.verbose});
  const int code = exit_code_of(end.wait_status);
  if (end.cut && !order.quiet) std::fprintf(stderr, "interlock: the run was ended by the gate: %s\n", end.cut_reason.c_str());
  const bool wants_all = order.ci || order.fail_on_denied || !order.summary_file.empty() || !order.sarif_file.empty();
  auto ended = end.gate_gone ? Result<json::object>(fail(ErrorCode::kUnavailable, "the gate is gone"))
                             : link->ask({{"op", "end"}, {"status", code}, {"all", wants_all}}, kAnswerMs);
  if (!ended) {
    // Nobody can say what was denied: a pipeline must not take that for nothing.
    if (order.ci && code == 0) return {refuse({ErrorCode::kUnavailable, "what this run did cannot be told: " + ended.error().message, ""})};
    return {code, end.wait_status};
  }
  static const json::object kNone;
  const auto* summary = json::object_at(*ended, "summary");
  const int told = report(order, facts, summary == nullptr ? kNone : *summary, code);
  return {told, told == code ? end.wait_status : 0};
}

}  // namespace

int run_run(const Places& places, const std::vector<std::string>& words) {
  auto order = read_run_order(places, words);
  if (!order) {
    std::fprintf(stderr, "interlock run: %s\n", order.error().message.c_str());
    if (!order.error().hint.empty()) std::fprintf(stderr, "  %s\n", order.error().hint.c_str());
    std::fprintf(stderr, "%s", kRunHelp);
    return 2;
  }
  if (order->help) {
    std::printf("%s", kRunHelp);
    return 0;
  }
  const auto facts = facts_of(*order);
  if (!facts) return refuse(facts.error());
  const auto done = carry_out(*order, *facts);
  end_by_signal(done.wait_status);
  return done.code;
}

}  // namespace interlock::client
