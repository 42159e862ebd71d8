// The event loop of one thread: posted work, timers, signals. Hides Asio, whose headers are heavy.
//
// Threads: run() owns the calling thread; post() may be called from any thread, everything else from the loop's own.
// Callbacks must not throw.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace interlock::net {

// Identifies a running timer; 0 is none.
using TimerId = std::uint64_t;

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until stop(); returns when no callback runs any more.
  void run();
  // Runs what is ready and returns (tests). Returns the number of callbacks run.
  std::size_t poll();
  void stop();  // any thread

  void post(std::function<void()> work);  // any thread; runs later, in order
  TimerId after_ms(std::int64_t delay_ms, std::function<void()> work);
  void cancel(TimerId id);  // a no-op for 0 and for a timer that has fired

  // Calls `work` each time one of the signals arrives. One set a loop: a second call replaces the first.
  void on_signals(std::initializer_list<int> signals, std::function<void(int)> work);

  boost::asio::io_context& context();  // for the other files of net/

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace interlock::net
