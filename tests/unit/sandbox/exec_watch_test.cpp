// What is asked about, and that what runs is what was asked about, whatever is changed between the two.
#include <sys/syscall.h>

#include <cerrno>

#include "boundary.hpp"

namespace interlock::sandbox {
namespace {

constexpr std::size_t kPath = 0, kArgument = 1024, kVariable = 2048, kSize = 4096;  // of sandbox_hostile's mapped file

class ExecWatched : public Sandbox {
 protected:
  void SetUp() override {
    Sandbox::SetUp();
    if (!IsSkipped() && !probe().exec_watch) GTEST_SKIP() << "NOT TESTED HERE: " << probe().missing.front();
  }

  Plan watched(const std::string& script) const {
    Plan plan = plan_in(work, script);
    plan.watch_exec = true;
    return plan;
  }
  // The strings of an exec, in a file that the hostile program maps.
  void put(std::size_t at, const std::string& text) const {
    const int fd = ::open((work / "strings").c_str(), O_RDWR | O_CREAT, 0600);
    EXPECT_EQ(::ftruncate(fd, kSize), 0);
    EXPECT_EQ(::pwrite(fd, text.c_str(), text.size() + 1, static_cast<off_t>(at)), static_cast<ssize_t>(text.size() + 1));
    ::close(fd);
  }
  void put_exec(const std::string& path, const std::string& argument, const std::string& variable) const {
    put(kPath, path);
    put(kArgument, argument);
    put(kVariable, variable);
  }
};

// The asks of a run, by what is asked for.
std::vector<ExecAsk> asks_of(const Plan& plan) {
  std::vector<ExecAsk> asks;
  run(plan, [&](ExecWatch& watch, const ExecAsk& ask) {
    asks.push_back(ask);
    return watch.allow(ask);
  });
  return asks;
}

TEST_F(ExecWatched, the_command_and_all_that_it_starts_is_asked_about) {
  work.write("script", "#!/bin/sh -e\necho script $1\n");
  ::chmod((work / "script").c_str(), 0755);
  const auto asks =
      asks_of(watched("cd /usr; LD_DEBUG=none PYTHONPATH=/x MINE=1 /usr/bin/true a 'b c' ''; $HOME/script 1; nosuchprogram; env true"));
  ASSERT_EQ(asks.size(), 5u);
  EXPECT_EQ(asks[0].argv[0], "/bin/sh");
  EXPECT_EQ(asks[0].cwd, work.path());
  EXPECT_EQ(asks[1].path, "/usr/bin/true");
  EXPECT_EQ(asks[1].argv, (std::vector<std::string>{"/usr/bin/true", "a", "b c", ""}));
  EXPECT_EQ(asks[1].cwd, "/usr");
  EXPECT_EQ(asks[1].loader_variables, (std::vector<std::string>{"LD_DEBUG=none", "PYTHONPATH=/x"}));
  EXPECT_EQ(asks[2].executable, work / "script");
  EXPECT_EQ(asks[2].script, "/bin/sh");
  EXPECT_EQ(asks[3].argv, (std::vector<std::string>{"env", "true"}));
  EXPECT_EQ(asks[4].executable.substr(0, 9), "/usr/bin/");
  EXPECT_NE(work.read("out").find("script 1\n"), std::string::npos) << work.read("out");
}

TEST_F(ExecWatched, a_refused_one_fails_with_that_error_and_the_rest_goes_on) {
  run(watched("/usr/bin/touch refused; echo $?; /usr/bin/touch allowed"),
      [](ExecWatch& watch, const ExecAsk& ask) { return ask.argv.back() == "refused" ? watch.refuse(ask, EACCES) : watch.allow(ask); });
  EXPECT_FALSE(work.has("refused"));
  EXPECT_TRUE(work.has("allowed"));
  EXPECT_NE(work.read("out").find("Permission denied\n126\n"), std::string::npos) << work.read("out");
}

TEST_F(ExecWatched, a_refused_command_says_so_and_ends_with_126) {
  const int status = run(watched("true"), [](ExecWatch& watch, const ExecAsk& ask) { return watch.refuse(ask, EACCES); });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 126);
}

TEST_F(ExecWatched, when_nobody_answers_any_more_nothing_is_executed) {
  auto running = Running::start(watched("/usr/bin/touch made; echo still here"));
  ASSERT_TRUE(running);
  ASSERT_TRUE((*running)->release());
  ExecWatch watch((*running)->exec_watch());
  pollfd event{(*running)->exec_watch(), POLLIN, 0};
  ASSERT_EQ(::poll(&event, 1, -1), 1);
  ASSERT_TRUE(watch.next());  // taken, and never answered
  running->reset();
  EXPECT_FALSE(work.has("made"));
}

TEST_F(ExecWatched, a_descriptor_names_its_file_and_memory_is_called_so) {
  const auto asks =
      asks_of(watched("/hostile exec-descriptor /usr/bin/true; /hostile exec-memory /usr/bin/true; exec 9</usr/bin/true; /proc/self/fd/9; "
                      "/dev/fd/9; cd /usr/bin; ./true; /proc/self/cwd/true; "
                      "/proc/self/root/usr/bin/../bin//true; cd /; ../usr/./bin/true"));
  ASSERT_EQ(asks.size(), 11u);
  EXPECT_EQ(asks[2].executable, "/usr/bin/true");
  EXPECT_EQ(asks[2].path, "");
  EXPECT_FALSE(asks[2].in_memory);
  EXPECT_TRUE(asks[4].in_memory);
  EXPECT_EQ(asks[4].executable, "memfd:hidden (deleted)");
  EXPECT_EQ(asks[5].executable, "/usr/bin/true");
  EXPECT_EQ(asks[6].executable, "/usr/bin/true");
  for (std::size_t i = 7; i < asks.size(); ++i) EXPECT_EQ(asks[i].executable, "/usr/bin/true") << asks[i].path;
}

TEST_F(ExecWatched, what_the_kernel_would_refuse_is_not_asked_about) {
  work.write("not-executable", "x");
  std::filesystem::create_symlink("loop", work / "loop");
  work.write("no-interpreter", "#!/nowhere/sh\n");
  ::chmod((work / "no-interpreter").c_str(), 0755);
  const auto asks = asks_of(watched("./missing; ./not-executable; ./loop; ./no-interpreter; /usr; /usr/bin/true/x"));
  EXPECT_EQ(asks.size(), 1u);
}

struct Swap {
  const char* name;
  const char* verb;
  std::size_t at;
  const char* text;
};
class SwappedExec : public ExecWatched, public ::testing::WithParamInterface<Swap> {};

// Between the question and the kernel's own look, deterministically: the strings are in memory that the test writes to as well.
TEST_P(SwappedExec, never_runs) {
  const Swap& swap = GetParam();
  put_exec("/usr/bin/touch", "allowed", "MINE=1");
  Status answered;
  run(watched(std::string("/hostile ") + swap.verb + " strings; echo ended $?"), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != "/usr/bin/touch") return watch.allow(ask);
    put(swap.at, swap.text);
    return answered = watch.allow(ask);
  });
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, ErrorCode::kConflict) << answered.error().text();
  EXPECT_FALSE(work.has("allowed"));
  EXPECT_FALSE(work.has("escaped"));
  EXPECT_NE(work.read("out").find("ended 137"), std::string::npos) << work.read("out");
}

INSTANTIATE_TEST_SUITE_P(Each, SwappedExec,
                         ::testing::Values(Swap{"argument", "exec-shared", kArgument, "escaped"},
                                           Swap{"path", "exec-shared", kPath, "/usr/bin/mkdir"},
                                           Swap{"variable", "exec-shared", kVariable, "LD_PRELOAD=/x"},
                                           Swap{"argument_of_a_thread", "exec-thread", kArgument, "escaped"},
                                           Swap{"path_of_a_thread", "exec-thread", kPath, "/usr/bin/mkdir"},
                                           Swap{"argument_in_vfork", "exec-vfork", kArgument, "escaped"},
                                           Swap{"pointers", "exec-pointers", kArgument, "escaped"}),
                         [](const auto& swap) { return swap.param.name; });

TEST_F(ExecWatched, an_exec_whose_strings_stay_works_from_a_thread_and_in_vfork) {
  for (const char* verb : {"exec-shared", "exec-thread", "exec-vfork"}) {
    put_exec("/usr/bin/touch", verb, "MINE=1");
    run(watched(std::string("/hostile ") + verb + " strings"));
    EXPECT_TRUE(work.has(verb)) << work.read("out");
  }
}

TEST_F(ExecWatched, an_exec_that_fails_after_the_answer_fails_as_it_would) {
  put_exec("/usr/bin/touch", "made", "MINE=1");
  Status answered = fail(ErrorCode::kInternal, "not asked");
  run(watched("/hostile exec-shared strings; echo ended $?"), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != "/usr/bin/touch") return watch.allow(ask);
    put(kPath, "/nowhere");
    return answered = watch.allow(ask);
  });
  EXPECT_TRUE(answered) << answered.error().text();
  EXPECT_EQ(work.read("out"), "ended " + std::to_string(ENOENT) + "\n");
}

TEST_F(ExecWatched, a_file_that_is_another_one_by_then_never_runs) {
  std::filesystem::create_symlink("/usr/bin/true", work / "program");
  Status answered;
  run(watched("./program made"), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != "./program") return watch.allow(ask);
    std::filesystem::remove(work / "program");
    std::filesystem::create_symlink("/usr/bin/touch", work / "program");
    return answered = watch.allow(ask);
  });
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(work.has("made"));
}

TEST_F(ExecWatched, a_script_whose_interpreter_is_another_one_by_then_never_runs) {
  work.write("script", "#!/bin/echo\n");
  ::chmod((work / "script").c_str(), 0755);
  Status answered;
  run(watched("./script made"), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != "./script") return watch.allow(ask);
    EXPECT_EQ(ask.script, "/bin/echo");
    work.write("script", "#!/bin/touch\n");
    return answered = watch.allow(ask);
  });
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(work.has("made"));
}

struct Move {
  const char* name;
  const char* program;
};
class MovedExec : public ExecWatched, public ::testing::WithParamInterface<Move> {};

// A thread that shares the working folder changes it between the question and the exec.
TEST_P(MovedExec, never_runs) {
  for (const char* folder : {"one", "two"}) {
    std::filesystem::create_directory(work / folder);
    std::filesystem::copy_file("/usr/bin/touch", work / folder + "/program");
  }
  ASSERT_EQ(::mkfifo((work / "go").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((work / "done").c_str(), 0600), 0);
  Status answered;
  const std::string script = std::string("cd one; /hostile exec-moving ") + GetParam().program + " ../go ../done ../two made";
  run(watched(script), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != GetParam().program) return watch.allow(ask);
    EXPECT_EQ(ask.cwd, work / "one");
    char byte = 1;
    const int go = ::open((work / "go").c_str(), O_WRONLY), done = ::open((work / "done").c_str(), O_RDONLY);
    EXPECT_EQ(::write(go, &byte, 1), 1);
    EXPECT_EQ(::read(done, &byte, 1), 1);
    ::close(go);
    ::close(done);
    return answered = watch.allow(ask);
  });
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().code, ErrorCode::kConflict);
  EXPECT_FALSE(work.has("one/made") || work.has("two/made"));
}

INSTANTIATE_TEST_SUITE_P(Each, MovedExec,
                         ::testing::Values(Move{"to_another_file_of_that_name", "./program"},
                                           Move{"with_a_program_named_whole", "/usr/bin/touch"}),
                         [](const auto& move) { return move.param.name; });

TEST_F(ExecWatched, one_that_is_killed_while_it_waits_is_gone) {
  Status answered;
  run(watched("/usr/bin/sleep 100; echo ended $?"), [&](ExecWatch& watch, const ExecAsk& ask) {
    if (ask.path != "/usr/bin/sleep") return watch.allow(ask);
    ::kill(ask.pid, SIGKILL);
    while (::access(("/proc/" + std::to_string(ask.pid) + "/exe").c_str(), F_OK) == 0) ::sched_yield();
    return answered = watch.allow(ask);
  });
  ASSERT_FALSE(answered);
  EXPECT_EQ(work.read("out"), "Killed\nended 137\n");
}

TEST_F(ExecWatched, an_answer_is_given_once) {
  run(watched("true"), [](ExecWatch& watch, const ExecAsk& ask) {
    EXPECT_EQ(watch.waiting(), 1u);
    EXPECT_TRUE(watch.allow(ask));
    EXPECT_EQ(watch.waiting(), 0u);
    EXPECT_FALSE(watch.allow(ask));
    return Status{};
  });
}

TEST_F(ExecWatched, many_execs_none_is_lost_or_broken) {
  std::size_t count = 0;
  const int status = run(watched("/hostile exec-many 300 /usr/bin/true & /hostile exec-many 300 /usr/bin/true; r=$?; wait $! && exit $r"),
                         [&](ExecWatch& watch, const ExecAsk& ask) {
                           ++count;
                           const Status answered = watch.allow(ask);
                           EXPECT_TRUE(answered) << answered.error().text();
                           return answered;
                         });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(count, 603u);
}

TEST_F(ExecWatched, arguments_are_read_whole_up_to_what_the_kernel_takes) {
  const std::string page(4096, 'a'), large(120'000, 'b');
  put(kPath, "");
  bool seen = false;
  run(watched("a=$(head -c 4096 /dev/zero | tr '\\0' a); b=$(head -c 120000 /dev/zero | tr '\\0' b); /usr/bin/true \"$a\" \"$b\" \"$b$a\" "
              "\"\" end"),
      [&](ExecWatch& watch, const ExecAsk& ask) {
        if (ask.path == "/usr/bin/true") {
          seen = true;
          EXPECT_EQ(ask.argv, (std::vector<std::string>{"/usr/bin/true", page, large, large + page, "", "end"}));
        }
        const Status answered = watch.allow(ask);
        EXPECT_TRUE(answered) << answered.error().text();
        return answered;
      });
  EXPECT_TRUE(seen);
}

struct Trick {
  const char* name;
  const char* script;
  const char* output;
};
class ExecTrick : public ExecWatched, public ::testing::WithParamInterface<Trick> {};

// Everything but `touch` is allowed.
TEST_P(ExecTrick, does_not_get_round_the_watch) {
  run(watched(GetParam().script), [](ExecWatch& watch, const ExecAsk& ask) {
    return ask.executable.ends_with("/touch") || ask.in_memory ? watch.refuse(ask, EACCES) : watch.allow(ask);
  });
  EXPECT_FALSE(work.has("made")) << work.read("out");
  EXPECT_EQ(work.read("out"), GetParam().output);
}

const Trick kTricks[] = {Trick{"a_listener_of_its_own", "/hostile second-listener; echo $?", "16\n"},
                         Trick{"a_filter_that_allows", "/hostile own-filter /usr/bin/touch made; echo $?", "13\n"},
                         Trick{"a_filter_that_refuses", "/hostile own-refusal /usr/bin/true; echo $?", "117\n"},
                         Trick{"a_copy_in_memory", "/hostile exec-memory /usr/bin/touch made; echo $?", "13\n"},
                         Trick{"a_descriptor", "/hostile exec-descriptor /usr/bin/touch made; echo $?", "13\n"},
                         Trick{"a_link", "ln -s /usr/bin/touch t; ./t made 2>/dev/null; echo $?", "126\n"},
#if defined(__x86_64__)

                         Trick{"another_architecture", "/hostile foreign-call; echo $?", "Bad system call\n159\n"},
                         Trick{"the_x32_calls", "/hostile x32-call; echo $?", "Bad system call\n159\n"}
#endif
};

INSTANTIATE_TEST_SUITE_P(Each, ExecTrick, ::testing::ValuesIn(kTricks), [](const auto& trick) { return trick.param.name; });

}  // namespace
}  // namespace interlock::sandbox
