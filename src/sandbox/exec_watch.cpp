#include "sandbox/exec_watch.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <unordered_map>
#include <utility>

#include "sandbox/became.hpp"
#include "sandbox/descriptor.hpp"
#include "sandbox/loader_variables.hpp"
#include "sandbox/process_memory.hpp"
#include "sandbox/program_file.hpp"

namespace interlock::sandbox {
namespace {

constexpr useconds_t kThreadPauseMicroseconds = 50;  // between looks at the two names that a thread in exec has

std::string folder_of(pid_t process) { return "/proc/" + std::to_string(process) + '/'; }

std::string link_at(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

// The process of a thread.
pid_t leader_of(pid_t thread) {
  if (::syscall(SYS_tgkill, thread, thread, 0) == 0) return thread;
  std::ifstream file(folder_of(thread) + "status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("Tgid:")) return std::atoi(line.c_str() + 5);
  return thread;
}

bool is_exec_stop(int status) { return WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8); }

// The thread's next stop, or its end. A thread that is not its process's leader takes the leader's number in an exec.
struct Stop {
  pid_t process;
  int status;
};
Result<Stop> wait_for_stop(pid_t thread, pid_t leader) {
  int status = 0;
  if (thread == leader) {
    while (::waitpid(thread, &status, __WALL) < 0)
      if (errno != EINTR) return fail(system_error("waitpid", errno));
    return Stop{thread, status};
  }
  for (;;) {
    for (const pid_t process : {leader, thread}) {
      const pid_t found = ::waitpid(process, &status, __WALL | WNOHANG);
      if (found == process) return Stop{process, status};
    }
    if (::kill(leader, 0) != 0) return fail(ErrorCode::kNotFound, "the process is gone");
    ::usleep(kThreadPauseMicroseconds);
  }
}

}  // namespace

struct ExecWatch::State {
  explicit State(int descriptor) : listener(descriptor) {
    // Whoever asks waits, so its processor may as well be the supervisor's (Linux 6.6; before, it is left to the scheduler).
    ::ioctl(listener, SECCOMP_IOW(4, std::uint64_t) /* SECCOMP_IOCTL_NOTIF_SET_FLAGS */, 1 /* SYNC_WAKE_UP */);
    seccomp_notif_sizes sizes{};
    ::syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes);
    notification.resize(std::max<std::size_t>(sizes.seccomp_notif, sizeof(seccomp_notif)));
    response.resize(std::max<std::size_t>(sizes.seccomp_notif_resp, sizeof(seccomp_notif_resp)));
  }

  bool is_valid(std::uint64_t id) const { return ::ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0; }

  Status answer(std::uint64_t id, int error_number) {
    std::ranges::fill(response, 0);
    auto* sent = reinterpret_cast<seccomp_notif_resp*>(response.data());
    sent->id = id;
    sent->error = -error_number;
    sent->flags = error_number == 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, sent) == 0) return {};
    if (errno == ENOENT) return fail(ErrorCode::kNotFound, "the process that asked is gone");
    return fail(system_error("an exec cannot be answered", errno));
  }

  // The ask, or the errno to answer with.
  std::expected<ExecAsk, int> read(const seccomp_notif& asked);
  Status follow(pid_t thread, pid_t leader, const Expected& wanted);

  int listener;
  Descriptor root;  // of the view, which is one for all that run in it
  KnownPrograms known;
  std::vector<char> notification;
  std::vector<char> response;
  std::unordered_map<std::uint64_t, Expected> taken;
};

std::expected<ExecAsk, int> ExecWatch::State::read(const seccomp_notif& asked) {
  const pid_t thread = static_cast<pid_t>(asked.pid);
  const bool at = asked.data.nr == SYS_execveat;
  const auto* arguments = asked.data.args + (at ? 1 : 0);
  const std::string folder = folder_of(thread);
  if (!root) root = Descriptor(::open((folder + "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));

  ProcessMemory memory(thread, kExecBytes);
  ProgramName name{at ? static_cast<int>(asked.data.args[0]) : AT_FDCWD, {}, at ? static_cast<int>(asked.data.args[4]) : 0};
  if (auto path = memory.string_at(arguments[0])) name.path = std::move(*path);
  else return std::unexpected(EACCES);
  ExecAsk ask;
  ask.cwd = link_at(folder + "cwd");
  // What is not there is not worth the rest.
  auto program = ProgramFinder(folder, root.get(), ask.cwd, known).find(name);
  if (!program) return std::unexpected(program.error());

  auto argv = memory.strings_at(arguments[1], kExecArguments);
  if (!argv) return std::unexpected(argv.error().code == ErrorCode::kTooLarge ? E2BIG : EACCES);
  auto environment = memory.strings_at(arguments[2], kExecArguments);
  if (!environment) return std::unexpected(environment.error().code == ErrorCode::kTooLarge ? E2BIG : EACCES);
  // All of it is of the process that asked, and not of one that has its number since.
  if (!is_valid(asked.id)) return std::unexpected(EACCES);

  ask.id = asked.id;
  ask.pid = thread;
  ask.path = std::move(name.path);
  ask.executable = std::move(program->name);
  ask.argv = std::move(*argv);
  ask.loader_variables = loader_variables_of(std::move(*environment));
  ask.script = std::move(program->interpreter);
  ask.in_memory = program->in_memory;

  // Of a script the kernel puts its interpreter in place of the first word; and a program has at least an empty name.
  Expected wanted{program->final, std::move(program->leading), ask.loader_variables, ask.cwd};
  const std::size_t replaced = wanted.arguments.empty() ? 0 : 1;
  if (ask.argv.size() > replaced)
    wanted.arguments.insert(wanted.arguments.end(), ask.argv.begin() + static_cast<long>(replaced), ask.argv.end());
  if (wanted.arguments.empty()) wanted.arguments.emplace_back();
  taken.insert_or_assign(ask.id, std::move(wanted));
  return ask;
}

// The thread is seized, and was told to go on: it stops where its exec has succeeded, or on its way out of one that has failed.
Status ExecWatch::State::follow(pid_t thread, pid_t leader, const Expected& wanted) {
  // On the way out of the system call; an exec that succeeds stops before that, and for good reason once.
  ::ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
  for (;;) {
    const auto stop = wait_for_stop(thread, leader);
    if (!stop) return fail(stop.error());
    const auto [process, status] = *stop;
    if (!WIFSTOPPED(status)) {
      if (process != thread) continue;  // the leader's end makes way for the thread
      return {};                        // its exec failed and it ended, or it was killed
    }
    if (!is_exec_stop(status)) {
      // A signal that was on its way is handed on; a stop of the whole group goes on as one.
      const bool is_signal = status >> 16 == 0;
      ::ptrace(PTRACE_DETACH, process, nullptr, is_signal ? static_cast<long>(WSTOPSIG(status)) : 0L);
      return {};
    }
    const std::string difference = difference_of(process, wanted);
    if (difference.empty()) {
      ::ptrace(PTRACE_DETACH, process, nullptr, nullptr);
      return {};
    }
    ::kill(process, SIGKILL);
    int ended = 0;
    while (::waitpid(process, &ended, __WALL) == process && WIFSTOPPED(ended)) {
    }
    return fail(ErrorCode::kConflict, "a program was changed between the question and its start (" + difference + "); it was killed");
  }
}

ExecWatch::ExecWatch(int notification_descriptor) : state_(std::make_unique<State>(notification_descriptor)) {}
ExecWatch::~ExecWatch() = default;

Result<ExecAsk> ExecWatch::next() {
  for (;;) {
    pollfd ready{state_->listener, POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return fail(ErrorCode::kUnavailable, "no exec waits");
    std::ranges::fill(state_->notification, 0);
    auto* asked = reinterpret_cast<seccomp_notif*>(state_->notification.data());
    if (::ioctl(state_->listener, SECCOMP_IOCTL_NOTIF_RECV, asked) != 0) {
      if (errno == ENOENT || errno == EINTR) continue;
      return fail(system_error("the exec watch", errno));
    }
    auto ask = state_->read(*asked);
    if (ask) return std::move(*ask);
    std::ignore = state_->answer(asked->id, ask.error());
  }
}

Status ExecWatch::allow(const ExecAsk& ask) {
  const auto found = state_->taken.find(ask.id);
  if (found == state_->taken.end()) return fail(ErrorCode::kInvalid, "this exec is answered already");
  const Expected wanted = std::move(found->second);
  state_->taken.erase(found);
  const pid_t leader = leader_of(ask.pid);
  if (::ptrace(PTRACE_SEIZE, ask.pid, nullptr, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) != 0) {
    const Error error = system_error("an exec cannot be followed", errno);
    std::ignore = state_->answer(ask.id, EACCES);
    return fail(error);
  }
  // A number that another process has by now would be seized in vain: the notification says whose it is.
  if (!state_->is_valid(ask.id)) {
    ::ptrace(PTRACE_INTERRUPT, ask.pid, nullptr, nullptr);
    int status = 0;
    if (::waitpid(ask.pid, &status, __WALL) == ask.pid && WIFSTOPPED(status)) ::ptrace(PTRACE_DETACH, ask.pid, nullptr, nullptr);
    return fail(ErrorCode::kNotFound, "the process that asked is gone");
  }
  const Status answered = state_->answer(ask.id, 0);
  const Status followed = state_->follow(ask.pid, leader, wanted);
  return answered ? followed : answered;
}

Status ExecWatch::refuse(const ExecAsk& ask, int error_number) {
  state_->taken.erase(ask.id);
  return state_->answer(ask.id, error_number > 0 ? error_number : EACCES);
}

std::size_t ExecWatch::waiting() const { return state_->taken.size(); }

}  // namespace interlock::sandbox
