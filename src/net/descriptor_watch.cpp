#include "net/descriptor_watch.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace interlock::net {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;

struct DescriptorWatch::State {
  explicit State(Loop& loop) : descriptor(loop.context()) {}
  Descriptor descriptor;
  bool reading = false;
  bool writing = false;
  bool closed = false;
};

namespace {

// `waits` and what tells of the end live in the watch's state, which the handler keeps.
template <typename State>
void wait(const std::shared_ptr<State>& state, Descriptor::wait_type kind, bool State::* waits, std::function<void()> ready) {
  if ((*state).*waits) return;
  (*state).*waits = true;
  state->descriptor.async_wait(kind, [state, waits, ready = std::move(ready)](const boost::system::error_code& error) {
    (*state).*waits = false;
    if (!state->closed && error != asio::error::operation_aborted) ready();
  });
}

}  // namespace

Result<std::unique_ptr<DescriptorWatch>> DescriptorWatch::open(Loop& loop, int descriptor) {
  auto watch = std::unique_ptr<DescriptorWatch>(new DescriptorWatch);
  watch->state_ = std::make_shared<State>(loop);
  boost::system::error_code error;
  watch->state_->descriptor.assign(descriptor, error);
  if (error) {
    watch->state_->closed = true;
    return fail(system_error("watching a descriptor", error.value()));
  }
  return watch;
}

DescriptorWatch::~DescriptorWatch() {
  if (state_ == nullptr || state_->closed) return;
  state_->closed = true;
  state_->descriptor.release();
}

void DescriptorWatch::once_readable(std::function<void()> ready) { wait(state_, Descriptor::wait_read, &State::reading, std::move(ready)); }
void DescriptorWatch::once_writable(std::function<void()> ready) {
  wait(state_, Descriptor::wait_write, &State::writing, std::move(ready));
}

}  // namespace interlock::net
