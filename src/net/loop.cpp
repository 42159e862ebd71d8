#include "net/loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <unordered_map>

namespace interlock::net {

namespace asio = boost::asio;

struct Loop::State {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::unordered_map<TimerId, std::unique_ptr<asio::steady_timer>> timers;
  TimerId next_timer = 1;
  std::unique_ptr<asio::signal_set> signals;
  std::function<void(int)> on_signal;

  void wait_signal() {
    signals->async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      on_signal(number);
      wait_signal();
    });
  }
};

// A peer that goes away is an error value of the write, not a signal that ends the process.
Loop::Loop() : state_(std::make_unique<State>()) { std::signal(SIGPIPE, SIG_IGN); }
Loop::~Loop() = default;

void Loop::run() {
  state_->context.restart();
  state_->context.run();
}
std::size_t Loop::poll() {
  state_->context.restart();
  return state_->context.poll();
}
void Loop::stop() { state_->context.stop(); }
void Loop::post(std::function<void()> work) { asio::post(state_->context, std::move(work)); }

TimerId Loop::after_ms(std::int64_t delay_ms, std::function<void()> work) {
  const auto id = state_->next_timer++;
  auto timer = std::make_unique<asio::steady_timer>(state_->context, std::chrono::milliseconds(delay_ms));
  auto* raw = timer.get();
  state_->timers[id] = std::move(timer);
  raw->async_wait([state = state_.get(), id, work = std::move(work)](const boost::system::error_code& error) {
    if (error) return;
    // Cancelled after it expired, before it ran.
    if (state->timers.erase(id) == 0) return;
    work();
  });
  return id;
}

void Loop::cancel(TimerId id) {
  if (id != 0) state_->timers.erase(id);
}

void Loop::on_signals(std::initializer_list<int> signals, std::function<void(int)> work) {
  state_->signals = std::make_unique<asio::signal_set>(state_->context);
  for (int number : signals) state_->signals->add(number);
  state_->on_signal = std::move(work);
  state_->wait_signal();
}

asio::io_context& Loop::context() { return state_->context; }

}  // namespace interlock::net
