// `interlock hook HOST`: passes a host's event on to the gate, prints what it is told, and blocks where anything is wrong.
//
// Agent hosts let a call through on any exit code but 2, and on output that they cannot read. So nothing is printed before the whole
// answer is here, and whatever goes wrong, a signal included, ends with 2 and a line on stderr.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/time.hpp"
#include "client/client.hpp"
#include "hosts/hosts.hpp"

namespace interlock::client {
namespace {

constexpr int kBlocked = 2;
constexpr std::size_t kPayloadBytes = std::size_t{16} << 20;
constexpr std::size_t kAnswerBytes = std::size_t{20} << 20;
constexpr std::int64_t kInputMs = 30'000;  // for the host to write its event
constexpr std::int64_t kConnectMs = 2'000;
// A held call may wait for a human; less than the timeout that `interlock init` writes for the host.
constexpr std::int64_t kAnswerMs = 570'000;
constexpr std::int64_t kMillisecondNs = 1'000'000;

constexpr const char* kHelp =
    "usage: interlock hook HOST\n"
    "  Called by an agent host before and after its tools: reads the host's event from standard input, asks the gate, and answers as the\n"
    "  host has it. `interlock init HOST` installs it. Blocks (exit code 2) where the gate does not answer, or anything else is wrong.\n";

// One line, for the agent and its human.
int blocked(std::string_view why, std::string_view next = {}) {
  std::string line = "interlock: blocked: ";
  line += why;
  if (!next.empty()) (line += "; ") += next;
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  line += '\n';
  [[maybe_unused]] const auto written = ::write(2, line.data(), line.size());
  return kBlocked;
}

extern "C" void end_blocked(int) {
  constexpr char kLine[] = "interlock: blocked: the hook was ended before the gate had answered\n";
  [[maybe_unused]] const auto written = ::write(2, kLine, sizeof kLine - 1);
  ::_exit(kBlocked);
}

// A host's timeout kills with a signal of its choice, and a crash is one, too: what can be caught blocks.
void block_on_signals() {
  struct sigaction action{};
  action.sa_handler = end_blocked;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGALRM, SIGXCPU, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL})
    ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Result<std::string> read_payload() {
  std::string out;
  std::array<char, 65'536> bytes;
  const auto until_ns = steady_ns() + kInputMs * kMillisecondNs;
  for (;;) {
    pollfd input{0, POLLIN, 0};
    const auto left_ms = (until_ns - steady_ns()) / kMillisecondNs;
    if (left_ms <= 0 || ::poll(&input, 1, static_cast<int>(left_ms)) == 0)
      return fail(ErrorCode::kTimeout, "the host has not ended its event on standard input");
    const auto got = ::read(0, bytes.data(), bytes.size());
    if (got == 0) break;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error("standard input", errno));
    if (out.size() + static_cast<std::size_t>(got) > kPayloadBytes)
      return fail(ErrorCode::kTooLarge, "the host's event is larger than " + std::to_string(kPayloadBytes >> 20) + " MiB");
    out.append(bytes.data(), static_cast<std::size_t>(got));
  }
  if (out.find_first_not_of(" \t\r\n") == std::string::npos) return fail(ErrorCode::kInvalid, "the host has sent no event");
  return out;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return true;
}

std::string current_folder() {
  std::array<char, 4096> path;
  return ::getcwd(path.data(), path.size()) == nullptr ? std::string() : std::string(path.data());
}

// What a shell line's meaning hangs from.
json::object known_environment() {
  json::object out;
  for (const char* name : {"HOME", "TMPDIR", "USER"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') out[name] = value;
  }
  return out;
}

int ask_gate(const Places& places, const hosts::Host& host) {
  auto payload = read_payload();
  if (!payload) return blocked(payload.error().message);
  const auto socket = agent_socket_of(places);
  if (!socket) return blocked(socket.error().message, socket.error().hint);
  auto link = GateLink::connect(*socket, kConnectMs);
  if (!link) return blocked(link.error().message, link.error().hint);
  auto answer =
      link->ask({{"op", "hook"}, {"host", host.name}, {"event", *payload}, {"cwd", current_folder()}, {"environment", known_environment()}},
                kAnswerMs);
  if (!answer) return blocked(answer.error().message, answer.error().hint);
  const auto exit = json::int_at(*answer, "exit");
  const auto out = json::string_at(*answer, "out");
  const auto err = json::string_at(*answer, "err");
  if (!exit || !out || !err || *exit < 0 || *exit > 255 || out->size() > kAnswerBytes) return blocked("the gate's answer cannot be read");
  if (!err->empty()) (void)write_all(2, *err);
  // A host that cannot be told what was decided must not go on.
  if (!write_all(1, *out) && *exit == 0) return blocked("the host does not take the answer");
  if (*exit != 0 && err->empty()) return blocked("the gate has denied it, and does not say why");
  return static_cast<int>(*exit);
}

}  // namespace

int run_hook(const Places& places, const std::vector<std::string>& words) {
  block_on_signals();
  std::set_new_handler([] { end_blocked(0); });
  if (words.size() == 1 && (words[0] == "--help" || words[0] == "-h")) {
    std::printf("%s", kHelp);
    return 0;
  }
  if (words.size() != 1) return blocked("hook takes the name of one host", "see `interlock hook --help`");
  const auto* host = hosts::host_named(words[0]);
  if (host == nullptr) return blocked("there is no host " + words[0], "`interlock init --help` names them");
  return ask_gate(places, *host);
}

}  // namespace interlock::client
