#include "sandbox/inside.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "sandbox/channel.hpp"
#include "sandbox/command.hpp"
#include "sandbox/privileges.hpp"
#include "sandbox/view.hpp"

namespace interlock::sandbox {
namespace {

constexpr int kListenBacklog = 512;

Status bring_loopback_up() {
  const Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (!socket || ::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return fail(system_error("loopback inside", errno));
  request.ifr_flags |= IFF_UP;
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail(system_error("loopback inside", errno));
  return {};
}

Status hand_out_listeners(const InsideParts& parts) {
  if (parts.plan->listeners.empty()) return {};
  std::vector<Descriptor> sockets;
  std::vector<int> numbers;
  for (const InnerListener& wanted : parts.plan->listeners) {
    Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(wanted.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!socket || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket.get(), kListenBacklog) != 0)
      return fail(system_error("127.0.0.1:" + std::to_string(wanted.port) + " inside", errno));
    numbers.push_back(socket.get());
    sockets.push_back(std::move(socket));
  }
  return send_message(parts.channel.get(), Message::Kind::kListeners, {}, numbers);
}

// What the launcher has open is none of the inside's business.
Status close_all_but(std::vector<unsigned> kept) {
  std::ranges::sort(kept);
  unsigned from = 3;
  for (const unsigned fd : kept) {
    if (fd > from && ::syscall(SYS_close_range, from, fd - 1, 0) != 0) return fail(system_error("close_range", errno));
    from = fd + 1;
  }
  if (::syscall(SYS_close_range, from, ~0U, 0) != 0) return fail(system_error("close_range", errno));
  return {};
}

class Inside {
 public:
  explicit Inside(InsideParts parts) : parts_(std::move(parts)) {}

  Status build() {
    const Plan& plan = *parts_.plan;
    if (auto done = close_all_but({static_cast<unsigned>(parts_.channel.get()), static_cast<unsigned>(parts_.release.get()),
                                   static_cast<unsigned>(parts_.launcher.get())});
        !done)
      return done;
    if (parts_.enforced.user_namespace)
      if (auto done = map_identity(parts_.user, parts_.group); !done) return done;
    if (auto done = bring_loopback_up(); !done) return done;
    if (auto done = hand_out_listeners(parts_); !done) return done;
    if (::sethostname(plan.host_name.data(), plan.host_name.size()) != 0) return fail(system_error("sethostname", errno));
    auto view = View::begin([this](const Placeholder& made) { return keep(made); });
    if (!view) return fail(view.error());
    for (const Mount& mount : plan.mounts)
      if (auto done = view->lay(mount); !done) return done;
    if (auto done = view->lay_system(parts_.terminal); !done) return done;
    if (auto done = view->enter(); !done) return done;
    parts_.enforced.mount_view = true;
    return {};
  }

  [[noreturn]] void start_command_and_look_after_it() {
    // Seen by nobody inside, and its memory, which is the launcher's, read by nobody.
    ::prctl(PR_SET_DUMPABLE, 0);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    command_ = ::fork();
    if (command_ == 0) become_command(std::move(parts_));
    if (command_ < 0) give_up(system_error("fork", errno));
    // The terminal's signals are for the command, whose group is the launcher's.
    ::setpgid(0, 0);
    parts_.release.reset();
    leave_terminal();
    if (auto done = keep_mount_privilege(); !done) give_up(done.error());
    look_after(all);
  }

  [[noreturn]] void give_up(const Error& error) {
    std::ignore = send_message(parts_.channel.get(), Message::Kind::kFailed, encode(error));
    end_without_launcher();
  }

 private:
  Status keep(const Placeholder& made) {
    if (auto told = send_message(parts_.channel.get(), Message::Kind::kPlaceholder, made.name, {made.folder.get(), made.self.get()}); !told)
      return told;
    placeholders_.push_back(
        {Descriptor(::fcntl(made.folder.get(), F_DUPFD_CLOEXEC, 3)), made.name, Descriptor(::fcntl(made.self.get(), F_DUPFD_CLOEXEC, 3))});
    return {};
  }

  // Whoever reads what the command writes sees its end when the command has ended, not when this process has.
  void leave_terminal() {
    const Descriptor nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
    for (int fd = 0; fd <= 2; ++fd) ::dup2(nothing.get(), fd);
  }

  [[noreturn]] void look_after(const sigset_t& all) {
    const Descriptor children(::signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK));
    pollfd events[] = {{children.get(), POLLIN, 0}, {parts_.channel.get(), POLLIN, 0}, {parts_.launcher.get(), POLLIN, 0}};
    for (;;) {
      if (::poll(events, std::size(events), -1) < 0 && errno != EINTR) give_up(system_error("poll", errno));
      if (events[2].revents != 0 || (events[1].revents & POLLHUP) != 0) break;
      if (events[0].revents != 0) {
        signalfd_siginfo drained[8];
        while (::read(children.get(), drained, sizeof drained) > 0) {
        }
        reap();
      }
      if (events[1].revents != 0) obey();
    }
    end_without_launcher();
  }

  // Else the launcher removes what stands on the host, which need not unmount it.
  [[noreturn]] void end_without_launcher() {
    end_all();
    for (auto left = placeholders_.rbegin(); left != placeholders_.rend(); ++left) unmount_and_remove_placeholder(*left);
    ::_exit(1);
  }

  void reap() {
    int status = 0;
    for (pid_t changed = 0; (changed = ::waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0;) {
      if (changed != command_) continue;
      if (WIFSTOPPED(status)) {
        std::ignore = send_message(parts_.channel.get(), Message::Kind::kStopped, encode(++stops_));
        continue;
      }
      end_all();
      std::ignore = send_message(parts_.channel.get(), Message::Kind::kEnded, encode(status));
      ::_exit(0);
    }
  }

  void obey() {
    const auto message = receive_message(parts_.channel.get(), 0);
    if (!message) return;
    if (message->kind == Message::Kind::kSignal) ::kill(command_, decode_number(message->body));
    if (message->kind == Message::Kind::kContinue) let_go_on(decode_number(message->body));
  }

  // A shell tells its job's whole group to go on. Whoever tells the launcher alone means the command too, unless that goes on already, or
  // has stopped again since.
  void let_go_on(int stop) {
    reap();
    int status = 0;
    if (stop == stops_ && ::waitpid(command_, &status, WNOHANG | WCONTINUED) == 0) ::kill(command_, SIGCONT);
  }

  // A process that forks while all are killed is killed with them: kill(2) holds the list of processes for as long as it signals.
  void end_all() {
    ::kill(-1, SIGKILL);
    while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
    }
  }

  InsideParts parts_;
  std::vector<Placeholder> placeholders_;
  pid_t command_ = -1;
  int stops_ = 0;  // of the command, so far
};

}  // namespace

void run_inside(InsideParts parts) {
  Inside inside(std::move(parts));
  if (auto built = inside.build(); !built) inside.give_up(built.error());
  inside.start_command_and_look_after_it();
}

}  // namespace interlock::sandbox
