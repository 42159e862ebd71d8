#include "sandbox/running.hpp"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "sandbox/channel.hpp"
#include "sandbox/inside.hpp"
#include "sandbox/landlock.hpp"
#include "sandbox/placeholder.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kStartTimeoutMs = 30'000;  // a view on a slow network file system takes its time; nothing else does
constexpr std::uint64_t kNamespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

struct Clone {
  pid_t process = -1;
  Descriptor descriptor;
};

Result<Clone> clone_into_namespaces(std::uint64_t namespaces) {
  int descriptor = -1;
  clone_args arguments{};
  arguments.flags = namespaces | CLONE_PIDFD;
  arguments.pidfd = reinterpret_cast<std::uintptr_t>(&descriptor);
  arguments.exit_signal = SIGCHLD;
  const long process = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (process < 0) return fail(system_error("a new namespace", errno));
  return Clone{static_cast<pid_t>(process), Descriptor(descriptor)};
}

std::string terminal_of_launcher() {
  for (int fd = 0; fd <= 2; ++fd)
    if (char name[256]; ::ttyname_r(fd, name, sizeof name) == 0) return name;
  return {};
}

// The terminal's keys are the command's; the launcher lives on to say how it ended, and stops when the command has stopped.
constexpr int kTerminalSignals[] = {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU};

class IgnoreTerminalSignals {
 public:
  IgnoreTerminalSignals() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    for (std::size_t i = 0; i < before_.size(); ++i) ::sigaction(kTerminalSignals[i], &ignore, &before_[i]);
  }
  ~IgnoreTerminalSignals() {
    for (std::size_t i = 0; i < before_.size(); ++i) ::sigaction(kTerminalSignals[i], &before_[i], nullptr);
  }
  IgnoreTerminalSignals(const IgnoreTerminalSignals&) = delete;
  IgnoreTerminalSignals& operator=(const IgnoreTerminalSignals&) = delete;

 private:
  std::array<struct sigaction, std::size(kTerminalSignals)> before_{};
};

// Is there a shell that would let this process go on again?
bool is_a_shells_job() { return ::getsid(::getppid()) == ::getsid(0); }

// A shell inside takes the terminal for its own groups, and cannot give it back to a group that it does not see. SIGTTOU is ignored.
void take_terminal_back() {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal || ::tcgetpgrp(terminal.get()) == ::getpgrp()) return;
  ::tcsetpgrp(terminal.get(), ::getpgrp());
}

bool is_folder(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
}

bool owns_terminal() {
  const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  return terminal && ::tcgetpgrp(terminal.get()) == ::getpgrp();
}

}  // namespace

struct Running::State {
  Enforcement enforced;
  pid_t process = -1;
  Descriptor process_descriptor;
  Descriptor channel;
  Descriptor release;
  Descriptor exec_watch;
  std::vector<Descriptor> listeners;
  std::vector<Placeholder> placeholders;
  std::optional<int> status;
  bool owned_terminal = false;
  std::optional<IgnoreTerminalSignals> ignore_signals;

  Status take_messages_until_ready();
  void take(Message message);
  void stop_with_command(std::string_view stop);
  bool is_over = false;
};

void Running::State::take(Message message) {
  switch (message.kind) {
    case Message::Kind::kListeners: listeners = std::move(message.descriptors); break;
    case Message::Kind::kPlaceholder:
      if (message.descriptors.size() == 2)
        placeholders.push_back({std::move(message.descriptors[0]), message.body, std::move(message.descriptors[1])});
      break;
    case Message::Kind::kReady:
      enforced = decode_enforcement(message.body);
      if (!message.descriptors.empty()) exec_watch = std::move(message.descriptors[0]);
      break;
    case Message::Kind::kStopped: stop_with_command(message.body); break;
    case Message::Kind::kEnded:
      status = decode_number(message.body);
      is_over = true;
      break;
    case Message::Kind::kFailed:
    case Message::Kind::kSignal:
    case Message::Kind::kContinue: break;
  }
}

void Running::State::stop_with_command(std::string_view stop) {
  if (is_a_shells_job()) ::raise(SIGSTOP);
  std::ignore = send_message(channel.get(), Message::Kind::kContinue, stop);
}

Status Running::State::take_messages_until_ready() {
  for (;;) {
    auto message = receive_message(channel.get(), kStartTimeoutMs);
    if (!message) return fail(Error{message.error().code, "the boundary could not be built: " + message.error().message, {}});
    const Message::Kind kind = message->kind;
    if (kind == Message::Kind::kFailed) return fail(decode_error(message->body));
    take(std::move(*message));
    if (kind == Message::Kind::kReady) return {};
  }
}

Running::Running(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Running>> Running::start(const Plan& plan) {
  if (plan.argv.empty()) return fail(ErrorCode::kInvalid, "there is no command to run");
  if (plan.listeners.size() > kMessageDescriptors) return fail(ErrorCode::kTooLarge, "too many listeners inside");
  for (int fd = 0; fd <= 2; ++fd)
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) != fd) return fail(system_error("/dev/null", errno));
    else if (is_folder(fd))
      return fail(ErrorCode::kInvalid, "descriptor " + std::to_string(fd) + " is a folder, from which the command would see past its view",
                  "redirect it from a file, or from /dev/null");
  auto channel = make_channel();
  if (!channel) return fail(channel.error());
  auto release = make_channel();
  if (!release) return fail(release.error());

  InsideParts parts;
  parts.plan = &plan;
  parts.channel = std::move(channel->inside);
  parts.release = std::move(release->inside);
  parts.launcher = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!parts.launcher) return fail(system_error("pidfd_open", errno));
  parts.user = ::geteuid();
  parts.group = ::getegid();
  parts.terminal = terminal_of_launcher();
  parts.enforced.user_namespace = true;
  parts.enforced.network_namespace = parts.enforced.process_namespace = true;
  parts.enforced.landlock_abi = landlock_abi();
  parts.enforced.landlock_scopes = parts.enforced.landlock_abi >= 6;
  parts.enforced.missing = landlock_gaps(parts.enforced.landlock_abi);
  if (plan.limits.processes && parts.user == 0)
    parts.enforced.missing.emplace_back(
        "the kernel does not limit the number of root's processes: run as another user, or limit the machine's");

  auto state = std::make_unique<State>();
  state->channel = std::move(channel->launcher);
  state->release = std::move(release->launcher);
  auto cloned = clone_into_namespaces(kNamespaces | CLONE_NEWUSER);
  if (!cloned && parts.user == 0) {
    // Root can do without one: it gives up all capabilities either way, and the namespaces around it stay the same.
    const Error why = cloned.error();
    parts.enforced.user_namespace = false;
    parts.enforced.missing.push_back("a user namespace is not to be had (" + why.message +
                                     "): the run is root of this machine's, without any capability");
    if (cloned = clone_into_namespaces(kNamespaces); !cloned) cloned = fail(why);
  }
  if (!cloned)
    return fail(Error{cloned.error().code, "user namespaces are not to be had: " + cloned.error().message,
                      "sysctl kernel.unprivileged_userns_clone=1 and user.max_user_namespaces above 0; in Docker: --security-opt "
                      "seccomp=unconfined"});
  if (cloned->process == 0) {
    state->channel.reset();
    state->release.reset();
    run_inside(std::move(parts));
  }
  parts.channel.reset();
  parts.release.reset();
  state->process = cloned->process;
  state->process_descriptor = std::move(cloned->descriptor);
  state->owned_terminal = owns_terminal();
  state->ignore_signals.emplace();

  std::unique_ptr<Running> running(new Running(std::move(state)));
  if (auto ready = running->state_->take_messages_until_ready(); !ready) return fail(ready.error());
  return running;
}

Running::~Running() {
  kill();
  wait();
}

const Enforcement& Running::enforced() const { return state_->enforced; }
int Running::process() const { return state_->process; }
int Running::exec_watch() const { return state_->exec_watch.get(); }
int Running::end_descriptor() const { return state_->channel.get(); }

std::vector<int> Running::take_listeners() {
  std::vector<int> taken;
  for (Descriptor& listener : state_->listeners) taken.push_back(listener.release());
  state_->listeners.clear();
  return taken;
}

Status Running::release() {
  const char byte = 1;
  if (::send(state_->release.get(), &byte, 1, MSG_NOSIGNAL) != 1) return fail(system_error("the command cannot begin", errno));
  state_->release.reset();
  return {};
}

void Running::signal(int signal) { std::ignore = send_message(state_->channel.get(), Message::Kind::kSignal, encode(signal)); }

void Running::kill() {
  if (state_->process > 0) ::syscall(SYS_pidfd_send_signal, state_->process_descriptor.get(), SIGKILL, nullptr, 0);
}

bool Running::ended() {
  while (!state_->is_over) {
    auto message = receive_message(state_->channel.get(), 0);
    if (!message && message.error().code == ErrorCode::kTimeout) return false;
    if (message) state_->take(std::move(*message));
    else state_->is_over = true;  // killed from outside, with all that is inside
  }
  return true;
}

int Running::wait() {
  while (!state_->is_over) {
    auto message = receive_message(state_->channel.get(), -1);
    if (message) state_->take(std::move(*message));
    else state_->is_over = true;
  }
  if (state_->process > 0) {
    siginfo_t info{};
    while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(state_->process_descriptor.get()), &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
    state_->process = -1;
    for (auto left = state_->placeholders.rbegin(); left != state_->placeholders.rend(); ++left) remove_placeholder(*left);
    state_->placeholders.clear();
    if (state_->owned_terminal) take_terminal_back();
    state_->ignore_signals.reset();
  }
  return state_->status.value_or(SIGKILL);
}

}  // namespace interlock::sandbox
