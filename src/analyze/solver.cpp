#include "analyze/solver.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/time.hpp"

namespace interlock::analyze {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{16} << 20;
constexpr rlim_t kMaxMemoryBytes = rlim_t{4} << 30;
constexpr std::int64_t kGraceMs = 2'000;  // beyond its own limit, until it is killed
constexpr int kCannotStart = 127;

// A descriptor that is closed when it goes.
struct Descriptor {
  int number = -1;
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (number >= 0) ::close(number);
    number = -1;
  }
};

// Sockets, not pipes: writing to one whose other end is gone raises no signal.
Status make_channel(Descriptor& read_end, Descriptor& write_end) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return fail(system_error("socketpair", errno));
  read_end.number = ends[0];
  write_end.number = ends[1];
  return {};
}

// After fork(): only calls that are safe there.
[[noreturn]] void become(char* const* argv, int input, int output, int parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kCannotStart);
  const rlimit memory{kMaxMemoryBytes, kMaxMemoryBytes};
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_AS, &memory);
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::dup2(input, 0);
  ::dup2(output, 1);
  const int nothing = ::open("/dev/null", O_WRONLY);
  if (nothing >= 0) ::dup2(nothing, 2);
  ::execvp(argv[0], argv);
  ::_exit(kCannotStart);
}

// Feeds and reads until the other end closes or time is up. False: time or room is used up.
bool exchange(Descriptor& to, Descriptor& from, const std::string& input, std::string& output, std::int64_t end_ns) {
  std::size_t sent = 0;
  while (from.number >= 0) {
    if (sent == input.size()) to.close();
    const std::int64_t left_ms = (end_ns - steady_ns()) / 1'000'000;
    if (left_ms <= 0) return false;
    pollfd both[] = {{from.number, POLLIN, 0}, {to.number, POLLOUT, 0}};
    if (::poll(both, to.number >= 0 ? 2 : 1, static_cast<int>(std::min<std::int64_t>(left_ms, 60'000))) < 0 && errno != EINTR) return false;
    if (to.number >= 0 && both[1].revents != 0) {
      const ssize_t wrote = ::send(to.number, input.data() + sent, input.size() - sent, MSG_NOSIGNAL);
      if (wrote > 0) sent += static_cast<std::size_t>(wrote);
      else if (wrote < 0 && errno != EAGAIN && errno != EINTR) to.close();  // it reads no more; what it says counts
    }
    if (both[0].revents != 0) {
      char bytes[65536];
      const ssize_t got = ::read(from.number, bytes, sizeof bytes);
      if (got == 0) from.close();
      if (got > 0) output.append(bytes, static_cast<std::size_t>(got));
      if (got < 0 && errno != EAGAIN && errno != EINTR) from.close();
      if (output.size() > kMaxOutputBytes) return false;
    }
  }
  return true;
}

// The S-expressions of a text, each as it is written.
std::vector<std::string> expressions(std::string_view text) {
  std::vector<std::string> out;
  std::size_t at = 0;
  auto skip_string = [&] {
    const char quote = text[at++];
    while (at < text.size() && (text[at] != quote || (quote == '"' && at + 1 < text.size() && text[at + 1] == '"')))
      at += text[at] == quote ? 2 : 1;
    ++at;
  };
  while (at < text.size()) {
    if (text[at] == ' ' || text[at] == '\n' || text[at] == '\r' || text[at] == '\t') {
      ++at;
      continue;
    }
    const std::size_t begin = at;
    int depth = 0;
    do {
      const char c = text[at];
      if (c == '"' || c == '|') {
        skip_string();
        continue;
      }
      if (c == '(') ++depth;
      if (c == ')') --depth;
      ++at;
      if (depth == 0 && (c == ')' || at == text.size() || text[at] == ' ' || text[at] == '\n' || text[at] == '(' || text[at] == ')')) break;
    } while (at < text.size());
    out.emplace_back(text.substr(begin, std::min(at, text.size()) - begin));
  }
  return out;
}

}  // namespace

Result<std::string> output_of(const std::vector<std::string>& argv, const std::string& input, std::int64_t time_limit_ms) {
  Descriptor child_in;
  Descriptor to;
  Descriptor from;
  Descriptor child_out;
  if (auto made = make_channel(child_in, to); !made) return fail(made.error());
  if (auto made = make_channel(from, child_out); !made) return fail(made.error());
  ::fcntl(to.number, F_SETFL, O_NONBLOCK);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int own = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(words.data(), child_in.number, child_out.number, own);
  child_in.close();
  child_out.close();
  std::string output;
  bool in_time = false;
  int status = 0;
  if (child > 0) {
    in_time = exchange(to, from, input, output, steady_ns() + time_limit_ms * 1'000'000);
    if (!in_time) ::kill(child, SIGKILL);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
  }
  if (child < 0) return fail(system_error("fork", errno));
  if (!in_time) return fail(ErrorCode::kTimeout, argv[0] + " took too long, or wrote too much");
  if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotStart)
    return fail(ErrorCode::kUnavailable, "the SMT solver `" + argv[0] + "` can't be started",
                "install it (Debian: apt install cvc5), or name another path with --solver");
  return output;
}

Result<Reply> solve(const std::string& solver, const std::string& script, const std::vector<std::string>& wanted,
                    std::int64_t time_limit_ms) {
  std::string whole = "(set-option :produce-models true)\n(set-logic ALL)\n" + script + "(check-sat)\n";
  for (const std::string& term : wanted) whole += "(get-value (" + term + "))\n";
  Reply reply;
  auto output = output_of({solver, "--lang=smt2", "--strings-exp", "--tlimit=" + std::to_string(time_limit_ms), "-q"}, whole,
                          time_limit_ms + kGraceMs);
  if (!output) {
    if (output.error().code != ErrorCode::kTimeout) return fail(std::move(output.error()));
    reply.why = "the solver took longer than " + std::to_string(time_limit_ms) + " ms";
    return reply;
  }
  const std::vector<std::string> said = expressions(*output);
  if (said.empty() || (said[0] != "sat" && said[0] != "unsat")) {
    const bool late = said.empty() || output->find("timeout") != std::string::npos || output->find("interrupted") != std::string::npos;
    reply.why = late ? "the solver took longer than " + std::to_string(time_limit_ms) + " ms, or more memory than it may"
                     : "the solver says: " + output->substr(0, 200);
    return reply;
  }
  reply.kind = said[0] == "sat" ? Reply::Kind::kSat : Reply::Kind::kUnsat;
  if (reply.kind == Reply::Kind::kUnsat) return reply;
  for (std::size_t i = 1; i < said.size(); ++i) reply.values.push_back(said[i]);
  if (reply.values.size() != wanted.size()) {
    reply.kind = Reply::Kind::kUnknown;
    reply.why = "the solver gave " + std::to_string(reply.values.size()) + " of " + std::to_string(wanted.size()) + " values";
  }
  return reply;
}

}  // namespace interlock::analyze
