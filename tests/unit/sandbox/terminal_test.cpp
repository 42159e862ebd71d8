// A run as a job of a shell on a real terminal: the keys, stopping and going on, the window, and who has the terminal afterwards.
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include "boundary.hpp"

namespace interlock::sandbox {
namespace {

// A terminal with a shell of the plainest kind on it, in a process of its own: it starts one job in the foreground, tells when that stops
// or ends, and lets it go on.
class Shell {
 public:
  explicit Shell(const std::function<int()>& job) {
    int told[2], asked[2];
    if (::pipe(told) != 0 || ::socketpair(AF_UNIX, SOCK_STREAM, 0, asked) != 0) throw std::runtime_error("pipe");
    const winsize window{33, 77, 0, 0};
    leader_ = ::forkpty(&terminal_, nullptr, nullptr, &window);
    if (leader_ == 0) {
      be_shell(job, told[1], asked[0]);
      ::_exit(0);
    }
    ::close(told[1]);
    ::close(asked[0]);
    told_ = told[0];
    asked_ = asked[1];
  }
  ~Shell() {
    ::close(asked_);
    ::close(told_);
    ::close(terminal_);
    ::kill(leader_, SIGKILL);
    ::waitpid(leader_, nullptr, 0);
  }
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  void type(const std::string& keys) const { EXPECT_EQ(::write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size())); }
  void resize(unsigned short rows, unsigned short columns) const {
    const winsize window{rows, columns, 0, 0};
    EXPECT_EQ(::ioctl(terminal_, TIOCSWINSZ, &window), 0);
  }
  // The job's wait status, as it stops or ends.
  int next_status() const {
    int status = -1;
    EXPECT_EQ(::read(told_, &status, sizeof status), static_cast<ssize_t>(sizeof status));
    return status;
  }
  void go_on() const { ASSERT_EQ(::send(asked_, "c", 1, MSG_NOSIGNAL), 1); }

 private:
  static void be_shell(const std::function<int()>& job, int told, int asked) {
    ::signal(SIGTTOU, SIG_IGN);
    const pid_t child = ::fork();
    if (child == 0) {
      ::setpgid(0, 0);
      ::tcsetpgrp(0, ::getpid());
      for (const int number : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT}) ::signal(number, SIG_DFL);
      ::close(told);
      ::close(asked);
      ::_exit(job());
    }
    ::setpgid(child, child);
    ::tcsetpgrp(0, child);
    int status = 0;
    while (::waitpid(child, &status, WUNTRACED) == child) {
      std::ignore = ::write(told, &status, sizeof status);
      if (!WIFSTOPPED(status)) break;
      char order = 0;
      if (::read(asked, &order, 1) != 1) break;
      ::tcsetpgrp(0, child);
      ::kill(-child, SIGCONT);
    }
  }

  int terminal_ = -1;
  int told_ = -1;
  int asked_ = -1;
  pid_t leader_ = -1;
};

class Terminal : public Sandbox {
 protected:
  // The plan's script with the terminal as its input.
  std::function<int()> job(const std::string& script) {
    return [this, script] {
      auto running = Running::start(plan_in(work, script));
      if (!running) work.write("trouble", running.error().text());
      if (!running || !(*running)->release()) return 255;
      const int status = (*running)->wait();
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    };
  }
  void expect_stop(const Shell& shell) const {
    const int status = shell.next_status();
    ASSERT_TRUE(WIFSTOPPED(status)) << status << ' ' << work.read("trouble") << work.read("out");
  }
  void wait_for(const std::string& name) const {
    while (!work.has(name)) ::usleep(1000);
  }
};

constexpr const char* kInterrupt = "\x03";
constexpr const char* kStop = "\x1a";

TEST_F(Terminal, is_the_commands_own_with_its_name_and_window) {
  Shell shell(job("tty; stty size; trap 'stty size; exit 0' WINCH; : > ready; while :; do sleep 0.01; done"));
  wait_for("ready");
  shell.resize(44, 88);
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(work.read("out"), "/dev/console\n33 77\n44 88\n");
}

TEST_F(Terminal, the_interrupt_key_reaches_the_command_and_the_launcher_tells_how_it_ended) {
  Shell shell(job("trap 'echo interrupted; exit 5' INT; : > ready; while :; do sleep 0.01; done"));
  wait_for("ready");
  shell.type(kInterrupt);
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 5);
  EXPECT_EQ(work.read("out"), "interrupted\n");
}

TEST_F(Terminal, a_command_that_dies_of_the_interrupt_key_is_told_so) {
  Shell shell(job(": > ready; exec sleep 4321"));
  wait_for("ready");
  shell.type(kInterrupt);
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 128 + SIGINT);
}

TEST_F(Terminal, the_stop_key_stops_both_and_they_go_on_together) {
  Shell shell(job("trap 'echo on; exit 3' CONT; : > ready; read line"));
  wait_for("ready");
  shell.type(kStop);
  expect_stop(shell);
  shell.go_on();
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 3);
  EXPECT_EQ(work.read("out"), "on\n");
}

TEST_F(Terminal, a_command_that_stops_itself_stops_the_launcher_each_time) {
  Shell shell(job("kill -STOP $$; echo once; kill -TSTP 0; echo twice; exit 4"));
  expect_stop(shell);
  shell.go_on();
  expect_stop(shell);
  shell.go_on();
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 4);
  EXPECT_EQ(work.read("out"), "once\ntwice\n");
}

TEST_F(Terminal, what_is_typed_is_read_by_the_command_and_cannot_be_typed_by_it) {
  Shell shell(job("read line; echo \"$line\"; /hostile push-input; echo $?"));
  shell.type("typed\n");
  EXPECT_EQ(shell.next_status(), 0);
  EXPECT_EQ(work.read("out"), "typed\n" + std::to_string(EPERM) + "\n");
}

TEST_F(Terminal, is_given_back_by_a_shell_inside_that_took_it) {
  Shell shell([this] {
    // Job control inside gives the terminal to a group of its own, which ends with it.
    run(plan_in(work, "set -m; exec </dev/tty; sleep 0.01; cat /proc/self/stat | cut -d' ' -f8"));
    return ::tcgetpgrp(0) == ::getpgrp() ? 0 : 1;
  });
  const int status = shell.next_status();
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace interlock::sandbox
