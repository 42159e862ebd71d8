// From a Destination to a connected wire: its addresses in order, then TLS where it is https. Private to net/. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "net/http_stream.hpp"
#include "net/stream_wire.hpp"

namespace interlock::net {

class Connecting {
 public:
  virtual ~Connecting() = default;
  virtual void cancel() = 0;  // `done` is not called any more
};

// `done` comes once, from the loop, within `timeout_ms` of all: a wire that is not open()ed, its handshake over. `secure`: TLS by to.tls;
// otherwise bytes alone.
std::shared_ptr<Connecting> start_connecting(Loop& loop, Destination to, bool secure, std::int64_t timeout_ms,
                                             std::function<void(Result<std::shared_ptr<Wire>>)> done);

}  // namespace interlock::net
