#include "client/own_gate.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "client/client.hpp"

namespace interlock::client {
namespace {

constexpr std::int64_t kStartMs = 30'000;
constexpr std::int64_t kEndMs = 10'000;
constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr std::size_t kWordsBytes = 2'000;  // of its log
constexpr const char* kListening = "\"listening\"";

// Its own session: the terminal's signals are the command's.
[[noreturn]] void become(std::vector<char*> argv, int out, int log, int parent) {
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int signal : {SIGINT, SIGQUIT, SIGPIPE}) ::signal(signal, SIG_DFL);
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(log, 2);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

// What a gate that did not come up has told, on one line.
std::string last_words(const std::string& log, off_t from) {
  const int fd = ::open(log.c_str(), O_RDONLY | O_CLOEXEC);
  char bytes[kWordsBytes];
  const auto got = fd < 0 ? 0 : ::pread(fd, bytes, sizeof bytes, from);
  if (fd >= 0) ::close(fd);
  std::string out(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return out.empty() ? "it said nothing" : out;
}

}  // namespace

Result<OwnGate> OwnGate::start(const std::string& config, const std::string& state, const std::string& log) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error("pipe", errno));
  const int log_fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto log_began = log_fd < 0 ? 0 : ::lseek(log_fd, 0, SEEK_END);
  const int errors = log_fd >= 0 ? log_fd : ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  std::vector<std::string> words = {gate_program(), "serve", "--config", config, "--state", state, "--listen", "127.0.0.1:0"};
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int self = ::getpid();
  const int pid = ::fork();
  if (pid == 0) become(argv, ends[1], errors, self);
  ::close(ends[1]);
  if (errors >= 0) ::close(errors);
  if (pid < 0) {
    ::close(ends[0]);
    return fail(system_error("fork", errno));
  }
  OwnGate gate(pid);
  std::string told;
  const auto until_ns = steady_ns() + kStartMs * kMillisecondNs;
  while (told.find('\n') == std::string::npos) {
    pollfd one{ends[0], POLLIN, 0};
    const auto left_ms = (until_ns - steady_ns()) / kMillisecondNs;
    if (left_ms <= 0 || ::poll(&one, 1, static_cast<int>(left_ms)) == 0) break;
    char bytes[4096];
    const auto got = ::read(ends[0], bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    told.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  if (told.find(kListening) == std::string::npos) {
    return fail(ErrorCode::kUnavailable,
                "no gate runs here, and the one that was started for this run does not come up: " + last_words(log, log_began),
                "`interlock check --config " + config + "` looks the configuration over; its log is " + log);
  }
  return gate;
}

OwnGate::OwnGate(OwnGate&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

OwnGate::~OwnGate() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGTERM);
  const auto until_ns = steady_ns() + kEndMs * kMillisecondNs;
  while (::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (steady_ns() > until_ns) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      return;
    }
    (void)::poll(nullptr, 0, 2);
  }
}

}  // namespace interlock::client
