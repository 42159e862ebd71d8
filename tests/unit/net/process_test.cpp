// Line streams and child processes, with real pipes and real children.
#include "net/process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>

#include "parts.hpp"

namespace interlock::net::testing {
namespace {

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) == 0) {
      read_end = ends[0];
      write_end = ends[1];
    }
  }
};

void write_text(int fd, std::string_view text) { ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size())); }

// Turns the loop until stop(), and fails when that takes too long.
void run(Loop& loop) {
  const auto patience = loop.after_ms(kPatience_s * 1000, [&] {
    ADD_FAILURE() << "the loop waited too long";
    loop.stop();
  });
  loop.run();
  loop.cancel(patience);
}

TEST(LineStream, HandsOutLinesHoweverTheyAreSplit) {
  Loop loop;
  Pipe in;
  std::vector<std::string> lines;
  bool ended = false;
  LineStream stream(loop, in.read_end, -1, {},
                    {.on_line = [&](std::string_view line) { lines.emplace_back(line); },
                     .on_bad_line = {},
                     .on_end =
                         [&](Status status) {
                           ended = status.has_value();
                           loop.stop();
                         }});
  for (const std::string_view part : {"one\ntw", "o\r", "\n\n", "\nthree\nhalf a li"}) {
    write_text(in.write_end, part);
    loop.poll();
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "two", "three"}));
  ::close(in.write_end);
  run(loop);
  EXPECT_TRUE(ended);
  EXPECT_EQ(lines.size(), 3U);  // a message cut short is none
}

TEST(LineStream, SkipsALineOverItsBoundAndGoesOn) {
  Loop loop;
  Pipe in;
  std::vector<std::string> lines;
  int bad = 0;
  LineStream stream(loop, in.read_end, -1, {.line_bytes = 10},
                    {.on_line = [&](std::string_view line) { lines.emplace_back(line); },
                     .on_bad_line =
                         [&](Error error) {
                           ++bad;
                           EXPECT_EQ(error.code, ErrorCode::kTooLarge);
                         },
                     .on_end = {}});
  for (const std::string_view part : {"short\n", "much too", " long for", " a line\nafter\n", "0123456789\n", "0123456789a\nlast\n"}) {
    write_text(in.write_end, part);
    loop.poll();
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"short", "after", "0123456789", "last"}));
  EXPECT_EQ(bad, 2);
  ::close(in.write_end);
}

TEST(LineStream, QueuesWhatThePipeDoesNotTakeUpToItsBound) {
  Loop loop;
  Pipe in, out;
  LineStream stream(loop, in.read_end, out.write_end, {.line_bytes = 1000, .queued_bytes = 1'000'000}, {});
  const std::string line(999, 'x');
  std::size_t written = 0;
  Status last;
  while (written < 100'000'000 && (last = stream.write(line))) written += line.size() + 1;
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::kTooLarge);
  EXPECT_LT(written, 2'000'000U);
  // All of it arrives once the other side reads.
  ::fcntl(out.read_end, F_SETFL, O_NONBLOCK);
  std::size_t read = 0;
  char block[65536];
  for (int turn = 0; turn < 100'000 && read < written; ++turn) {
    loop.poll();
    const auto got = ::read(out.read_end, block, sizeof block);
    if (got > 0) read += static_cast<std::size_t>(got);
  }
  EXPECT_EQ(read, written);
  EXPECT_TRUE(stream.write(line));
  ::close(out.read_end);
  ::close(in.write_end);
}

TEST(LineStream, SaysThatTheOtherSideIsGone) {
  Loop loop;
  Pipe in, out;
  LineStream stream(loop, in.read_end, out.write_end, {}, {});
  ::close(out.read_end);
  EXPECT_EQ(stream.write("x").error().code, ErrorCode::kIo);
  EXPECT_EQ(stream.write("x").error().code, ErrorCode::kIo);
  ::close(in.write_end);
}

TEST(LineStream, DoesNotReadWhilePaused) {
  Loop loop;
  Pipe in;
  int lines = 0;
  LineStream stream(loop, in.read_end, -1, {}, {.on_line = [&](std::string_view) { ++lines; }, .on_bad_line = {}, .on_end = {}});
  loop.poll();
  stream.pause_reading(true);
  write_text(in.write_end, "a\n");
  loop.poll();  // what was waited for already may still come
  const int before = lines;
  write_text(in.write_end, "b\n");
  loop.poll();
  EXPECT_EQ(lines, before);
  stream.pause_reading(false);
  loop.poll();
  EXPECT_EQ(lines, 2);
  ::close(in.write_end);
}

TEST(LineStream, MayBeDestroyedByItsOwnLine) {
  Loop loop;
  Pipe in;
  int lines = 0;
  std::unique_ptr<LineStream> stream;
  stream = std::make_unique<LineStream>(loop, in.read_end, -1, LineLimits{},
                                        LineStream::Handlers{.on_line =
                                                                 [&](std::string_view) {
                                                                   ++lines;
                                                                   stream.reset();
                                                                 },
                                                             .on_bad_line = {},
                                                             .on_end = {}});
  write_text(in.write_end, "a\nb\nc\n");
  loop.poll();
  EXPECT_EQ(lines, 1);
  ::close(in.write_end);
}

ProcessOptions shell(std::string script) {
  ProcessOptions options;
  options.argv = {"sh", "-c", std::move(script)};
  options.environment = safe_environment();
  return options;
}

struct Ran {
  std::vector<std::string> lines;
  std::vector<std::string> errors;
  int status = -1;
};
Ran run_child(ProcessOptions options, std::string_view input = {}) {
  Loop loop;
  Ran ran;
  auto child = ChildProcess::start(loop, std::move(options),
                                   {.on_line = [&](std::string_view line) { ran.lines.emplace_back(line); },
                                    .on_bad_line = {},
                                    .on_stderr = [&](std::string_view line) { ran.errors.emplace_back(line); },
                                    .on_exit =
                                        [&](int status) {
                                          ran.status = status;
                                          loop.stop();
                                        }});
  EXPECT_TRUE(child) << (child ? "" : child.error().text());
  if (!child) return ran;
  EXPECT_TRUE(input.empty() || (*child)->write(input));
  run(loop);
  return ran;
}

TEST(ChildProcess, SpeaksLinesBothWays) {
  const auto ran = run_child(shell("read line; echo \"got $line\"; echo last; exit 3"), "hello");
  EXPECT_EQ(ran.lines, (std::vector<std::string>{"got hello", "last"}));
  ASSERT_TRUE(WIFEXITED(ran.status));
  EXPECT_EQ(WEXITSTATUS(ran.status), 3);
}

TEST(ChildProcess, ReportsTheExitAfterTheLastLine) {
  const auto ran = run_child(shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i; done"));
  EXPECT_EQ(ran.lines.size(), 9U);
}

TEST(ChildProcess, HandsOutItsErrorsWhereTheyAreWanted) {
  auto options = shell("echo oops >&2; echo out");
  options.forward_stderr = false;
  const auto ran = run_child(std::move(options));
  EXPECT_EQ(ran.errors, (std::vector<std::string>{"oops"}));
  EXPECT_EQ(ran.lines, (std::vector<std::string>{"out"}));
}

TEST(ChildProcess, GetsItsOwnEnvironmentAndFolderAndNoDescriptorOfOurs) {
  TemporaryFolder folder;
  const int leaky = ::open("/dev/null", O_RDONLY);  // not close-on-exec
  auto options = shell("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; pwd; ls /proc/$$/fd | wc -l");
  options.environment = {{"PATH", "/usr/bin:/bin"}, {"ONLY", "this"}};
  options.folder = folder.path();
  const auto ran = run_child(std::move(options));
  ::close(leaky);
  ASSERT_EQ(ran.lines.size(), 4U);
  EXPECT_TRUE((ran.lines[0] == "ONLY=this" && ran.lines[1] == "PATH=/usr/bin:/bin") ||
              (ran.lines[1] == "ONLY=this" && ran.lines[0] == "PATH=/usr/bin:/bin"));
  EXPECT_EQ(ran.lines[2], folder.path());
  EXPECT_LE(std::stoi(ran.lines[3]), 4);
}

TEST(ChildProcess, IsLentSecretsAsEnvironmentDescriptorAndPrivateFile) {
  auto options = shell(
      "echo \"$TOKEN\"; cat \"$KEY\"; cat \"$OTHER\"; cat \"$CREDENTIALS_DIRECTORY/key.pem\"; cat \"$CREDENTIALS_DIRECTORY/key.pem\""
      "; echo x > \"$CREDENTIALS_DIRECTORY/key.pem\" || echo read-only; echo x >> \"$KEY\" || echo sealed; echo "
      "\"$CREDENTIALS_DIRECTORY\"");
  options.forward_stderr = false;
  using Way = LentText::Way;
  options.lent = {{Way::kEnvironment, "TOKEN", "canary-1"},
                  {Way::kDescriptor, "KEY", "canary-2\n"},
                  {Way::kDescriptor, "OTHER", "canary-3\n"},
                  {Way::kFile, "key.pem", "canary-4\n"}};
  const auto ran = run_child(std::move(options));
  ASSERT_EQ(ran.lines.size(), 8U) << (ran.errors.empty() ? "" : ran.errors.front());
  EXPECT_EQ(std::vector(ran.lines.begin(), ran.lines.begin() + 7),
            (std::vector<std::string>{"canary-1", "canary-2", "canary-3", "canary-4", "canary-4", "read-only", "sealed"}));
  EXPECT_FALSE(std::filesystem::exists(ran.lines[7])) << "the mount point goes with the child";
}

TEST(ChildProcess, WhatItIsLentAsAFileIsSeenByNobodyElse) {
  Loop loop;
  std::vector<std::string> lines;
  auto options = shell("echo \"$CREDENTIALS_DIRECTORY\"; read line; cat \"$CREDENTIALS_DIRECTORY/token\"");
  options.lent = {{LentText::Way::kFile, "token", "canary\n"}};
  auto child = ChildProcess::start(loop, std::move(options),
                                   {.on_line =
                                        [&](std::string_view line) {
                                          lines.emplace_back(line);
                                          loop.stop();
                                        },
                                    .on_bad_line = {},
                                    .on_stderr = {},
                                    .on_exit = {}});
  ASSERT_TRUE(child) << child.error().text();
  run(loop);
  ASSERT_EQ(lines.size(), 1U);
  ASSERT_TRUE(std::filesystem::is_directory(lines[0]));
  EXPECT_TRUE(std::filesystem::is_empty(lines[0])) << "here it is but a mount point";
  ASSERT_TRUE((*child)->write("go"));
  run(loop);
  EXPECT_EQ(lines.back(), "canary");
}

TEST(ChildProcess, RefusesToLendAFileByAPath) {
  Loop loop;
  for (const auto* name : {"", "../x", "a/b", ".hidden"}) {
    auto options = shell("true");
    options.lent = {{LentText::Way::kFile, name, "canary"}};
    EXPECT_EQ(ChildProcess::start(loop, std::move(options), {}).error().code, ErrorCode::kInvalid) << name;
  }
}

TEST(ChildProcess, SaysWhyItCannotStart) {
  Loop loop;
  const auto start = [&](ProcessOptions options) { return ChildProcess::start(loop, std::move(options), {}); };
  ProcessOptions options;
  EXPECT_EQ(start(options).error().code, ErrorCode::kInvalid);
  options.argv = {"no-such-program-here"};
  EXPECT_EQ(start(options).error().code, ErrorCode::kNotFound);
  options.argv = {"/no/such/program"};
  EXPECT_FALSE(start(options));
  options.argv = {"/etc/passwd"};
  EXPECT_FALSE(start(options));
  options = shell("true");
  options.folder = "/no/such/folder";
  const auto started = start(options);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("/no/such/folder"), std::string::npos);
}

TEST(ChildProcess, EndsWithItsOwnerThoughItIgnoresTheEndOfItsInput) {
  Loop loop;
  int pid = 0;
  {
    std::string first;
    auto child = ChildProcess::start(loop, shell("trap '' TERM; echo up; sleep 600 & while true; do sleep 600; done"),
                                     {.on_line =
                                          [&](std::string_view line) {
                                            first = line;
                                            loop.stop();
                                          },
                                      .on_bad_line = {},
                                      .on_stderr = {},
                                      .on_exit = {}});
    ASSERT_TRUE(child);
    pid = (*child)->pid();
    run(loop);
    EXPECT_EQ(first, "up");
  }
  // The whole group is gone, a grandchild too.
  std::function<void()> look = [&] {
    if (::kill(-pid, 0) != 0 && errno == ESRCH) return loop.stop();
    loop.after_ms(20, look);
  };
  look();
  run(loop);
  EXPECT_NE(::kill(-pid, 0), 0);
}

TEST(SafeEnvironment, HoldsNoSecrets) {
  ::setenv("GITHUB_TOKEN", "secret", 1);
  const auto environment = safe_environment();
  ::unsetenv("GITHUB_TOKEN");
  EXPECT_FALSE(environment.contains("GITHUB_TOKEN"));
  EXPECT_TRUE(environment.contains("PATH"));
}

}  // namespace
}  // namespace interlock::net::testing
