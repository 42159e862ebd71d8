// A connection as bytes both ways, once no framing of HTTP is left on it: tunnels (CONNECT), upgrades (WebSocket). Loop thread only.
//
// Flow: write() takes everything and tells whether more is welcome; a reader that cannot keep up pauses. Nothing is buffered without bound
// by one who heeds both. Owned by unique_ptr; the destructor cuts the connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/result.hpp"

namespace interlock::net {

struct ByteHandlers {
  std::function<void(std::string_view bytes)> on_bytes;
  std::function<void()> on_end;        // the other side sends no more; writing may go on
  std::function<void(Error)> on_lost;  // the connection failed; nothing follows
  std::function<void()> on_writable;   // after write() returned false: what was queued has gone
};

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  // Bytes begin to flow. Once. Bytes that had arrived already come first.
  virtual void open(ByteHandlers handlers) = 0;
  virtual void pause(bool paused) = 0;
  virtual bool write(std::string_view bytes) = 0;  // false: enough is queued, wait for on_writable
  virtual void end() = 0;                          // after what is queued, nothing more is sent; reading goes on
};

}  // namespace interlock::net
