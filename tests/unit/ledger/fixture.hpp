// What the tests of the ledger share: a folder of their own, receipts, and a loop of one thread that runs posted work on demand.
#pragma once

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "base/ids.hpp"
#include "ledger/ledger.hpp"

namespace interlock::ledger {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "interlock-ledger-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Work posted from any thread, run where run_until() is called.
class PostedWork {
 public:
  std::function<void(std::function<void()>)> post() {
    return [this](std::function<void()> work) {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
      arrived_.notify_one();
    };
  }
  // Runs what comes until `done`; false: it did not within a minute.
  bool run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      std::function<void()> work;
      {
        std::unique_lock lock(mutex_);
        if (!arrived_.wait_until(lock, deadline, [&] { return !work_.empty(); })) return false;
        work = std::move(work_.front());
        work_.pop_front();
      }
      work();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> work_;
};

inline model::Receipt receipt_of(model::ReceiptKind kind, const std::string& act, UnixMs at_ms = 1'700'000'000'000) {
  model::Receipt receipt;
  receipt.kind = kind;
  receipt.act = act;
  receipt.at_ms = at_ms;
  receipt.subject = "unix:1000";
  receipt.task = "task_1";
  receipt.surface = "mcp";
  receipt.server = "files";
  receipt.action = "filesystem/write_file";
  receipt.resource = "File::\"/work/a.txt\"";
  receipt.verdict = kind == model::ReceiptKind::kAttempt ? "allow" : "ok";
  receipt.layer = "policy";
  receipt.band = model::Band::kRoutine;
  receipt.detail["target"] = "write_file";
  return receipt;
}
inline model::Receipt attempt(const std::string& act) { return receipt_of(model::ReceiptKind::kAttempt, act); }
inline model::Receipt result(const std::string& act) { return receipt_of(model::ReceiptKind::kResult, act); }

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}
inline void put_bytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::unique_ptr<Ledger> open_ledger(const std::filesystem::path& folder, PostedWork& work, const Clock& clock) {
  auto ledger = Ledger::open({.folder = folder, .origin = "test.example/ledger", .flush_ms = 5, .post = work.post()}, clock);
  if (!ledger) {
    ADD_FAILURE() << ledger.error().text();
    return nullptr;
  }
  return std::move(*ledger);
}

// A ledger of `acts` acts, closed: 2 * acts records in log 0001.
inline void write_acts(const std::filesystem::path& folder, int acts, int first = 0) {
  PostedWork work;
  const ManualClock clock;
  auto ledger = open_ledger(folder, work, clock);
  ASSERT_NE(ledger, nullptr);
  for (int i = first; i < first + acts; ++i) {
    ASSERT_TRUE(ledger->append(attempt("act_" + std::to_string(i))));
    ASSERT_TRUE(ledger->append(result("act_" + std::to_string(i))));
  }
}

}  // namespace interlock::ledger
