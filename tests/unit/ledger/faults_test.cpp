// Full disks, killed processes, and threads that look on.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "fixture.hpp"
#include "ledger/log_file.hpp"
#include "ledger/reading.hpp"
#include "ledger/verify.hpp"

namespace interlock::ledger {
namespace {

// Runs `work` in a child; its result is the child's exit status.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + status;
}

TEST(LedgerFaults, FullDiskFailsTheAppendAndLeavesNoHalfRecord) {
  const TemporaryFolder folder;
  // A limit on the size of files stands for a full disk. Each limit tears the write at another byte.
  for (rlim_t limit = 3000; limit < 3400; limit += 37) {
    const auto ledger_folder = folder.path() / std::to_string(limit);
    const int code = in_child([&] {
      ::signal(SIGXFSZ, SIG_IGN);
      PostedWork work;
      const ManualClock clock;
      auto opened = Ledger::open({.folder = ledger_folder, .origin = "test.example", .flush_ms = 5, .post = work.post()}, clock);
      if (!opened) return 2;
      auto& ledger = **opened;
      rlimit old{};
      ::getrlimit(RLIMIT_FSIZE, &old);
      const rlimit full{limit, old.rlim_max};
      ::setrlimit(RLIMIT_FSIZE, &full);
      Sequence appended = 0;
      for (;; ++appended) {
        auto done = ledger.append(attempt("act_" + std::to_string(appended)));
        if (!done) {
          if (done.error().code != ErrorCode::kIo || done.error().hint.empty()) return 3;
          break;
        }
        if (appended > 100) return 4;
      }
      if (bytes_of(ledger.log_folder() / "log").back() != '\n') return 5;
      if (ledger.append(attempt("still_full"))) return 6;
      // There is room again.
      ::setrlimit(RLIMIT_FSIZE, &old);
      auto again = ledger.append(attempt("act_again"));
      if (!again || *again != appended) return 7;
      bool durable = false;
      ledger.when_durable(*again, [&](Status status) { durable = status.has_value(); });
      return work.run_until([&] { return durable; }) ? 0 : 8;
    });
    ASSERT_EQ(code, 0) << limit;
    auto report = verify(ledger_folder);
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->intact());
  }
}

TEST(LedgerFaults, KilledProcessLosesNothingThatAppendReturnedFor) {
  const TemporaryFolder folder;
  std::mt19937 random(7);
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      PostedWork work;
      const ManualClock clock;
      auto opened = Ledger::open({.folder = folder.path(), .origin = "test.example", .flush_ms = 1, .post = [](auto) {}}, clock);
      if (!opened) ::_exit(2);
      for (int i = 0;; ++i) {
        const auto act = "act_" + std::to_string(round) + "_" + std::to_string(i);
        if (!(*opened)->append(attempt(act)) || !(*opened)->append(result(act))) ::_exit(3);
        if (::write(ends[1], &i, sizeof i) != sizeof i) ::_exit(4);
      }
    }
    ::close(ends[1]);
    const int enough = std::uniform_int_distribution<int>(0, 500)(random);
    int last = -1;
    while (last < enough && ::read(ends[0], &last, sizeof last) == sizeof last) {
    }
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;
    for (int more = 0; ::read(ends[0], &more, sizeof more) == sizeof more;) last = more;
    ::close(ends[0]);

    auto report = verify(folder.path());
    ASSERT_TRUE(report);
    for (const auto& finding : report->findings) ADD_FAILURE() << finding.what;
    EXPECT_EQ(report->logs.size(), 1u) << "the dead process's log was not taken over";
    const auto act = "act_" + std::to_string(round) + "_" + std::to_string(last);
    EXPECT_EQ(find_receipts(folder.path(), {.act = act})->records.size(), 2u) << act;
  }
}

TEST(LedgerThreads, AppendWhileOthersReadVerifyAndQuery) {
  const TemporaryFolder folder;
  PostedWork work;
  const ManualClock clock;
  std::atomic<bool> done = false;
  std::atomic<int> durable = 0;
  constexpr int kActs = 3'000;
  auto ledger = open_ledger(folder.path(), work, clock);
  std::thread reader([&] {
    while (!done) {
      auto report = verify(folder.path());
      if (!report || !report->intact()) ADD_FAILURE() << (report ? report->findings[0].what : report.error().text());
      if (!find_receipts(folder.path(), {.limit = 5})) ADD_FAILURE() << "a query failed";
    }
  });
  for (int i = 0; i < kActs; ++i) {
    const auto act = "act_" + std::to_string(i);
    ASSERT_TRUE(ledger->append(attempt(act)));
    auto sequence = ledger->append(result(act));
    ASSERT_TRUE(sequence);
    ledger->when_durable(*sequence, [&](Status status) { durable += status ? 1 : 0; });
  }
  EXPECT_TRUE(work.run_until([&] { return durable == kActs; }));
  done = true;
  reader.join();
  ledger.reset();
  auto report = verify(folder.path());
  EXPECT_TRUE(report && report->intact());
  EXPECT_EQ(report->logs[0].signed_records, 2u * kActs);
}

TEST(LedgerFaults, SeveralProcessesShareOneFolder) {
  const TemporaryFolder folder;
  constexpr int kProcesses = 4;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = ::fork();
    if (child == 0) {
      {
        const ManualClock clock;
        auto ledger = Ledger::open({.folder = folder.path(), .origin = "test.example", .flush_ms = 1, .post = [](auto) {}}, clock);
        if (!ledger) ::_exit(2);
        for (int i = 0; i < 500; ++i) {
          if (!(*ledger)->append(attempt("act_" + std::to_string(p)))) ::_exit(3);
        }
      }
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  auto report = verify(folder.path());
  ASSERT_TRUE(report);
  for (const auto& finding : report->findings) ADD_FAILURE() << finding.what;
  std::uint64_t records = 0;
  for (const auto& log : report->logs) records += log.signed_records;
  EXPECT_EQ(records, 500u * kProcesses);
}

}  // namespace
}  // namespace interlock::ledger
