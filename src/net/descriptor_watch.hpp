// Waits until a descriptor that somebody else owns (a library's socket) can be read or written. Never reads, writes or closes it.
// Loop thread only. The watch must die before its descriptor is closed.
#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "net/loop.hpp"

namespace interlock::net {

class DescriptorWatch {
 public:
  // kIo: the kernel cannot watch it (a plain file).
  static Result<std::unique_ptr<DescriptorWatch>> open(Loop& loop, int descriptor);
  ~DescriptorWatch();  // no callback comes any more
  DescriptorWatch(const DescriptorWatch&) = delete;
  DescriptorWatch& operator=(const DescriptorWatch&) = delete;

  // `ready` comes once, never inside the call; an end or an error of the descriptor counts as ready. One of each kind at a time: while one
  // waits, a second call is ignored.
  void once_readable(std::function<void()> ready);
  void once_writable(std::function<void()> ready);

 private:
  DescriptorWatch() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
