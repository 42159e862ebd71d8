// How a run begins and ends: exit codes, signals, descriptors, listeners, limits; and that nothing of it lives on.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>

#include "boundary.hpp"

namespace interlock::sandbox {
namespace {

using Life = Sandbox;
using Kind = Mount::Kind;

bool is_alive(pid_t process) { return ::kill(process, 0) == 0; }

// Processes whose command line holds `word`, by looking at all there are.
int processes_with(const std::string& word) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    count += line.find(word) != std::string::npos && entry.path().filename() != std::to_string(::getpid());
  }
  return count;
}

void wait_until(const std::function<bool()>& holds) {
  while (!holds()) ::usleep(1000);
}

TEST_F(Life, the_exit_code_and_the_deadly_signal_are_the_commands) {
  int status = run(plan_in(work, "exit 0"));
  EXPECT_EQ(status, 0);
  status = run(plan_in(work, "exit 42"));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
  status = run(plan_in(work, "kill -TERM $$"));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  status = run(plan_in(work, "kill -KILL $$"));
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(Life, nothing_begins_before_its_release_and_a_run_that_is_dropped_never_does) {
  {
    const auto running = Running::start(plan_in(work, "true"));
    ASSERT_TRUE(running);
    EXPECT_TRUE(is_alive((*running)->process()));
    EXPECT_FALSE((*running)->ended());
  }
  EXPECT_FALSE(work.has("out"));
}

TEST_F(Life, a_signal_reaches_the_command) {
  auto running = Running::start(plan_in(work, "trap 'echo got; exit 7' USR1; : > ready; while :; do sleep 0.01; done"));
  ASSERT_TRUE(running && (*running)->release());
  wait_until([&] { return work.has("ready"); });
  (*running)->signal(SIGUSR1);
  const int status = (*running)->wait();
  EXPECT_EQ(WEXITSTATUS(status), 7);
  EXPECT_EQ(work.read("out"), "got\n");
}

TEST_F(Life, what_is_left_running_ends_with_the_command) {
  const std::string mark = work / "alive";
  EXPECT_EQ(
      run(plan_in(work, "/hostile leave-daemon alive; while [ ! -e alive ]; do sleep 0.01; done; sleep 4321 & setsid sleep 4321 & exit 0")),
      0);
  EXPECT_TRUE(work.has("alive"));
  EXPECT_EQ(processes_with(work.path()), 0);
}

TEST_F(Life, killing_it_ends_everything_inside) {
  auto running = Running::start(plan_in(work, "/hostile leave-daemon alive; sleep 4321"));
  ASSERT_TRUE(running && (*running)->release());
  wait_until([&] { return work.has("alive"); });
  const pid_t init = (*running)->process();
  (*running)->kill();
  const int status = (*running)->wait();
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(is_alive(init));
}

TEST_F(Life, kill_9_of_the_launcher_leaves_no_process_and_no_file) {
  Plan plan = plan_in(work, "/hostile leave-daemon alive; sleep 4321");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "new/conf", .text = "{}"});
  int tell[2];
  ASSERT_EQ(::pipe(tell), 0);
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    auto running = Running::start(plan);
    const int init = running ? (*running)->process() : -1;
    std::ignore = ::write(tell[1], &init, sizeof init);
    if (running && (*running)->release()) (*running)->wait();
    ::_exit(0);
  }
  int init = -1;
  ASSERT_EQ(::read(tell[0], &init, sizeof init), static_cast<ssize_t>(sizeof init));
  ASSERT_GT(init, 0);
  wait_until([&] { return work.has("alive"); });
  EXPECT_TRUE(work.has("new/conf"));
  ::kill(launcher, SIGKILL);
  ::waitpid(launcher, nullptr, 0);
  // Process 1 of the boundary is an orphan by now, which whoever adopts it reaps.
  wait_until([&] { return !is_alive(init) || processes_with(work.path()) == 0; });
  wait_until([&] { return !work.has("new"); });
  EXPECT_EQ(processes_with(work.path()), 0);
  ::close(tell[0]);
  ::close(tell[1]);
}

TEST_F(Life, kill_9_of_the_first_process_leaves_no_file) {
  Plan plan = plan_in(work, "sleep 4321");
  plan.mounts.push_back({.kind = Kind::kSealed, .at = work / "new/conf", .text = "{}"});
  auto running = Running::start(plan);
  ASSERT_TRUE(running && (*running)->release());
  ::kill((*running)->process(), SIGKILL);
  const int status = (*running)->wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_FALSE(work.has("new"));
}

TEST_F(Life, the_first_process_cannot_be_signalled_from_inside) {
  EXPECT_EQ(output_of(work, "/hostile signal-first; sleep 0.01; echo alive; grep State /proc/1/status | cut -c8"), "alive\nS\n");
}

TEST_F(Life, the_launchers_process_group_cannot_be_signalled_from_inside) {
  if (probe().landlock_abi < 6) GTEST_SKIP() << "NOT TESTED HERE: " << probe().missing.front();
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    ::setpgid(0, 0);
    const int status = run(plan_in(work, "trap '' TERM; /hostile signal-group; echo $?"));
    ::_exit(status == 0 ? 33 : 1);
  }
  int status = 0;
  ::waitpid(launcher, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 33) << "the launcher was hit";
  EXPECT_EQ(work.read("out"), "0\n");
}

TEST_F(Life, no_descriptor_of_the_launchers_is_open_inside) {
  const int secret = ::open("/etc/passwd", O_RDONLY);  // without O_CLOEXEC
  const int high = ::fcntl(secret, F_DUPFD, 200);
  EXPECT_EQ(output_of(work, "ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3 ");  // 3: the folder that ls lists
  ::close(secret);
  ::close(high);
}

TEST_F(Life, the_environment_is_the_plans_alone) {
  ::setenv("INTERLOCK_TEST_SECRET", "secret", 1);
  Plan plan = plan_in(work, "env | sort");
  plan.environment["MINE"] = "1";
  run(plan);
  ::unsetenv("INTERLOCK_TEST_SECRET");
  EXPECT_EQ(work.read("out"), "HOME=" + work.path() + "\nMINE=1\nPATH=/usr/local/bin:/usr/bin:/bin\nPWD=" + work.path() + "\n");
}

TEST_F(Life, there_is_no_network_but_loopback) {
  EXPECT_EQ(output_of(work, "cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '; tail -n +2 /proc/net/route"), "lo\n");
}

TEST_F(Life, a_listener_inside_is_accepted_on_outside) {
  Plan plan = plan_in(work, "bash -c 'exec 3<>/dev/tcp/127.0.0.1/7420; echo from inside >&3; cat <&3'");
  plan.listeners = {{7420}, {7410}};
  auto running = Running::start(plan);
  ASSERT_TRUE(running) << running.error().text();
  const std::vector<int> listeners = (*running)->take_listeners();
  ASSERT_EQ(listeners.size(), 2u);
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    sockaddr_in name{};
    socklen_t size = sizeof name;
    ASSERT_EQ(::getsockname(listeners[i], reinterpret_cast<sockaddr*>(&name), &size), 0);
    EXPECT_EQ(ntohs(name.sin_port), plan.listeners[i].port);
    EXPECT_EQ(ntohl(name.sin_addr.s_addr), INADDR_LOOPBACK);
  }
  ASSERT_TRUE((*running)->release());
  pollfd event{listeners[0], POLLIN, 0};
  ASSERT_EQ(::poll(&event, 1, -1), 1);
  const int accepted = ::accept(listeners[0], nullptr, nullptr);
  ASSERT_GE(accepted, 0);
  char text[64] = {};
  EXPECT_EQ(::read(accepted, text, sizeof text), 12);
  EXPECT_STREQ(text, "from inside\n");
  EXPECT_EQ(::write(accepted, "from outside\n", 13), 13);
  ::close(accepted);
  EXPECT_EQ((*running)->wait(), 0);
  EXPECT_EQ(work.read("out"), "from outside\n");
  for (const int listener : listeners) ::close(listener);
}

TEST_F(Life, an_abstract_socket_of_the_hosts_is_not_there) {
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = "interlock-test-" + std::to_string(::getpid());
  std::copy(name.begin(), name.end(), address.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  EXPECT_EQ(output_of(work, "/hostile connect-abstract " + name + "; echo $?"), std::to_string(ECONNREFUSED) + "\n");
  ::close(listener);
}

TEST_F(Life, a_file_that_is_open_from_the_start_may_be_opened_again_as_it_is_open) {
  Folder elsewhere;
  elsewhere.write("in", "given\n");
  Plan plan = plan_in(work, "");
  plan.argv[2] = "cat /dev/stdin; echo said >> /dev/stderr; echo x >> /dev/stdin || echo refused";
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    ::dup2(::open((elsewhere / "in").c_str(), O_RDONLY), 0);
    ::dup2(::open((work / "out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    ::dup2(::open((elsewhere / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
    ::_exit(run(plan) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(launcher, &status, 0);
  EXPECT_EQ(work.read("out"), "given\nrefused\n");
  EXPECT_EQ(elsewhere.read("log").substr(0, 5), "said\n");
  EXPECT_EQ(elsewhere.read("in"), "given\n");
}

TEST_F(Life, a_launcher_without_standard_files_starts_it_all_the_same) {
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    for (int fd = 0; fd <= 2; ++fd) ::close(fd);
    ::_exit(run(plan_in(work, "ls /proc/self/fd | tr '\\n' ' '")) == 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(launcher, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(work.read("out"), "0 1 2 3 ");
}

TEST_F(Life, a_folder_as_standard_input_would_be_a_way_out_and_is_refused) {
  const int before = ::dup(0), folder = ::open("/", O_RDONLY | O_DIRECTORY);
  ::dup2(folder, 0);
  const auto refused = Running::start(plan_in(work, "true"));
  ::dup2(before, 0);
  ::close(before);
  ::close(folder);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
}

TEST_F(Life, a_limit_on_processes_holds_or_is_told_to_be_missing) {
  Plan plan = plan_in(work, "/hostile fork-all; echo $?");
  plan.limits.processes = 20;
  auto running = Running::start(plan);
  ASSERT_TRUE(running);
  if (::geteuid() == 0) {
    ASSERT_FALSE((*running)->enforced().complete());
    EXPECT_NE((*running)->enforced().missing.back().find("root's processes"), std::string::npos);
    return;
  }
  ASSERT_TRUE((*running)->release());
  (*running)->wait();
  EXPECT_NE(work.read("out").find(std::to_string(EAGAIN)), std::string::npos) << work.read("out");
}

TEST_F(Life, limits_hold) {
  Plan plan = plan_in(work, "ulimit -n; ulimit -c; head -c 100000 /dev/zero > big; stat -c %s big");
  plan.limits.open_files = 33;
  plan.limits.file_bytes = 65536;
  run(plan);
  EXPECT_EQ(work.read("out").substr(0, 5), "33\n0\n");
  EXPECT_NE(work.read("out").find("65536\n"), std::string::npos);
}

TEST_F(Life, a_program_that_is_not_there_is_told_before_anything_begins) {
  Plan plan = plan_in(work, "true");
  plan.argv = {"no-such-program"};
  const auto refused = Running::start(plan);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  plan.argv = {};
  EXPECT_EQ(Running::start(plan).error().code, ErrorCode::kInvalid);
  plan.argv = {"true"};
  plan.folder = "/not/there";
  EXPECT_EQ(Running::start(plan).error().code, ErrorCode::kNotFound);
}

TEST_F(Life, root_does_without_a_user_namespace_where_there_is_none) {
  // A namespace of its own in which no more can be made: what root finds in a container, say.
  const pid_t launcher = ::fork();
  if (launcher == 0) {
    const auto put = [](const char* file, const std::string& text) { std::ofstream(file) << text; };
    const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
    if (::unshare(CLONE_NEWUSER) != 0) ::_exit(50);
    put("/proc/self/setgroups", "deny");
    put("/proc/self/uid_map", "0 " + user + " 1");
    put("/proc/self/gid_map", "0 " + group + " 1");
    put("/proc/sys/user/max_user_namespaces", "0");
    if (const Enforcement found = probe(); found.user_namespace || !found.mount_view || found.missing.empty()) ::_exit(49);
    auto running = Running::start(plan_in(work, "grep -E 'CapEff|NoNewPrivs' /proc/self/status | tr -d '\\t'; id -u"));
    if (!running) work.write("trouble", running.error().text());
    if (!running || (*running)->enforced().user_namespace || (*running)->enforced().complete()) ::_exit(51);
    if (!(*running)->release()) ::_exit(52);
    ::_exit((*running)->wait() == 0 ? 0 : 53);
  }
  int status = 0;
  ::waitpid(launcher, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0) << work.read("trouble");
  EXPECT_EQ(work.read("out"), "CapEff:0000000000000000\nNoNewPrivs:1\n0\n");
}

TEST_F(Life, ignored_and_blocked_signals_of_the_launcher_are_not_passed_on_but_for_those_a_user_ignores) {
  struct sigaction ignore{}, pipe_before{}, hangup_before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &pipe_before);
  ::sigaction(SIGHUP, &ignore, &hangup_before);
  sigset_t block, before;
  ::sigemptyset(&block);
  ::sigaddset(&block, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &block, &before);
  const std::string out = output_of(work, "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'");
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::sigaction(SIGPIPE, &pipe_before, nullptr);
  ::sigaction(SIGHUP, &hangup_before, nullptr);
  EXPECT_EQ(out, "SigBlk:0000000000000000\nSigIgn:0000000000000001\n");
}

}  // namespace
}  // namespace interlock::sandbox
