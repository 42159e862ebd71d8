// The event loop: order of posted work, timers, threads, signals.
#include "net/loop.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace interlock::net {
namespace {

TEST(Loop, RunsPostedWorkInOrder) {
  Loop loop;
  std::vector<int> order;
  for (int i = 0; i < 5; ++i) {
    loop.post([&order, i] { order.push_back(i); });
  }
  EXPECT_EQ(loop.poll(), 5U);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(Loop, TakesWorkFromAnyThread) {
  Loop loop;
  int count = 0;  // touched by the loop's thread alone
  std::thread runner([&] { loop.run(); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) loop.post([&count] { ++count; });
    });
  }
  for (auto& thread : threads) thread.join();
  loop.post([&] { loop.stop(); });
  runner.join();
  EXPECT_EQ(count, 4000);
}

TEST(Loop, RunsTimersByTheirTimeAndNotBefore) {
  Loop loop;
  std::vector<int> order;
  const auto began = std::chrono::steady_clock::now();
  loop.after_ms(30, [&] {
    order.push_back(2);
    loop.stop();
  });
  loop.after_ms(5, [&] { order.push_back(1); });
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(30));
}

TEST(Loop, ACancelledTimerDoesNotRun) {
  Loop loop;
  bool ran = false;
  const auto id = loop.after_ms(1, [&] { ran = true; });
  loop.cancel(id);
  loop.cancel(id);
  loop.cancel(0);
  loop.after_ms(15, [&] { loop.stop(); });
  loop.run();
  EXPECT_FALSE(ran);
}

TEST(Loop, ATimerMayCancelAnotherThatIsDueToo) {
  Loop loop;
  int ran = 0;
  TimerId second = 0;
  loop.after_ms(1, [&] {
    ++ran;
    loop.cancel(second);
  });
  second = loop.after_ms(1, [&] { ++ran; });
  loop.after_ms(20, [&] { loop.stop(); });
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));  // so that both are due at once
  loop.run();
  EXPECT_EQ(ran, 1);
}

TEST(Loop, HandsOverSignals) {
  Loop loop;
  std::vector<int> got;
  loop.on_signals({SIGUSR1, SIGUSR2}, [&](int number) {
    got.push_back(number);
    if (got.size() == 3) return loop.stop();
    ::raise(SIGUSR2);
  });
  loop.post([] { ::raise(SIGUSR1); });
  loop.run();
  EXPECT_EQ(got, (std::vector<int>{SIGUSR1, SIGUSR2, SIGUSR2}));
}

TEST(Loop, APeerThatIsGoneIsNoSignal) {
  Loop loop;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace interlock::net
