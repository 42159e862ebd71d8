// One connected socket with its transport, plain or TLS, as the streams of http_stream.hpp use it: bytes are handed over as they come and
// written at once or queued. What HTTP/1.1, HTTP/2 and byte streams stand on alike.
//
// The user owns the wire by shared_ptr; the wire knows its user weakly and keeps it alive while it calls. Every call to the user comes from
// the loop, never from inside one of the functions here. After close() none comes. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http_transport.hpp"
#include "net/loop.hpp"

namespace interlock::net {

class WireUser {
 public:
  virtual ~WireUser() = default;
  virtual void on_bytes(std::string_view bytes) = 0;  // of a buffer that all wires share: to be used, or copied, now
  virtual void on_end() = 0;                          // the other side sends no more; writing may go on
  virtual void on_lost(Error error) = 0;              // the wire is closed
  virtual void on_sent() = 0;                         // what write() or append() had to leave queued has gone
};

class Wire : public std::enable_shared_from_this<Wire> {
 public:
  // Owns `fd`, a connected non-blocking stream socket that `transport` speaks over.
  static std::shared_ptr<Wire> make(Loop& loop, int fd, std::unique_ptr<Transport> transport);
  virtual ~Wire() = default;

  // Before open(), where the transport has one (TLS). `done` comes once, unless the wire is closed first.
  virtual void handshake(std::function<void(Status)> done) = 0;
  // From now on `user` is called, and bytes flow. Again with another user: what comes next is that one's.
  virtual void open(std::weak_ptr<WireUser> user) = 0;
  virtual void pause(bool paused) = 0;  // of reading; takes effect at once, also inside on_bytes

  // Sends now what the socket takes, behind what is queued, and queues the rest.
  virtual void write(std::string_view bytes) = 0;
  // Queues; all that is queued in one turn of the loop leaves in one call, or with the next write() or flush(). Long ones leave uncopied.
  virtual void append(std::string_view bytes) = 0;
  // The queue itself, for those who write heads: what is added is sent by the flush() or append() that must follow.
  virtual std::string& queue() = 0;
  virtual void flush() = 0;
  virtual std::size_t unsent() const = 0;
  virtual std::uint64_t sent_bytes() const = 0;  // of its whole life: by which one sees whether anything moves
  virtual void end_writing() = 0;                // once all is sent: a TLS goodbye and the socket's end; reading goes on

  virtual void close() = 0;  // at once; with a goodbye where nothing is queued
  virtual bool closed() const = 0;
  virtual bool looks_usable() = 0;     // as Transport
  virtual Transport& transport() = 0;  // until close()

  // Gives both up, for a wire that is to speak another way: nothing may be queued. The wire is closed after it, without a word to the peer.
  struct Parts {
    int fd = -1;
    std::unique_ptr<Transport> transport;
  };
  virtual Parts release() = 0;
};

}  // namespace interlock::net
