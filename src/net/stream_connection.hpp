// What stands behind StreamServer and StreamClient: one interface that a connection of HTTP/1.1 and one of HTTP/2 implement, so that the
// server and the pool know nothing of either. Private to net/.
//
// Who does what. The server accepts, shakes hands, learns the protocol (ALPN, or the preface of HTTP/2 on a plain connection) and makes the
// connection object; the pool connects to the addresses given, shakes hands, and makes one by ALPN. Either keeps the object by shared_ptr
// until it says on_closed, which it does exactly once, when its wire is closed or handed over. Deadlines: a connection that sets one tells
// include_deadline(), and is asked check_deadline() at that time or soon after; check_deadline may close() the connection.
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/deadlines.hpp"
#include "net/http_stream.hpp"
#include "net/stream_wire.hpp"

namespace interlock::net {

// ---- server ----------------------------------------------------------------------------------------------------------------------

class StreamServerConnection {
 public:
  virtual ~StreamServerConnection() = default;
  virtual void close() = 0;  // cuts it: streams that are owed an answer are told so (on_lost of a body that flows, on_gone)
  virtual void drain() = 0;  // takes no further request and closes once every answer is complete
  virtual std::int64_t check_deadline(std::int64_t now_ms) = 0;  // the next one; kNever: none
};

// What all connections of one server share; it outlives them.
struct StreamServerContext {
  Loop& loop;
  StreamLimits limits;
  StreamHandlers handlers;
  std::function<void(std::int64_t deadline_ms)> include_deadline;
  std::function<void(StreamServerConnection* closed)> on_closed;
  bool draining = false;
};

// `wire`: its handshake is over, it is not open()ed. `first`: bytes that were read to learn the protocol; they come before all others.
std::shared_ptr<StreamServerConnection> open_h1_server(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire,
                                                       StreamPeer peer, std::string_view first);
std::shared_ptr<StreamServerConnection> open_h2_server(std::shared_ptr<StreamServerContext> context, std::shared_ptr<Wire> wire,
                                                       StreamPeer peer, std::string_view first);

// ---- client ----------------------------------------------------------------------------------------------------------------------

// The side of a call that a connection implements: what the caller's ClientStream does once the call is carried.
class ClientLane {
 public:
  virtual ~ClientLane() = default;
  virtual bool write(std::string_view chunk) = 0;
  virtual void end(Headers trailers) = 0;
  virtual void hold(bool held) = 0;
  virtual void cut() = 0;  // the call is over; no callback comes. The lane lets go of the call
  virtual HttpVersion version() const = 0;
};

// One request, from start() to its end, whichever connection carries it. The connection that does holds it by shared_ptr, calls its
// handlers through the functions below, and sets `lane` to null before the last of them.
class StreamCall final : public ClientStream, public std::enable_shared_from_this<StreamCall> {
 public:
  StreamCall(Destination to, ClientHead head, ClientStreamHandlers handlers, std::size_t queued_bytes);

  // --- ClientStream ---
  bool write(std::string_view chunk) override;
  void end(Headers trailers) override;
  void hold(bool held) override;
  void cut() override;
  HttpVersion version() const override;

  // --- for who carries it ---
  Destination to;
  ClientHead head;
  ClientLane* lane = nullptr;                    // that carries it now
  std::function<void(StreamCall*)> leave_queue;  // set while it waits for a connection
  bool repeated = false;                         // it is not sent again

  // Sets the lane; the lane then takes what was written before there was one: body(), ended(), trailers(), held().
  void carried_by(ClientLane* by);
  std::string take_early_body() { return std::move(early_body_); }
  bool ended() const { return ended_; }  // end() was called before there was a lane
  Headers take_early_trailers() { return std::move(early_trailers_); }
  bool held() const { return held_; }
  // May be sent again on another connection where this one ended before a byte of the answer (RFC 9110 §9.2.2).
  bool may_repeat() const;

  // Each does nothing once the call is over (cut, or its last word said).
  void inform(int status, Headers headers);
  void head_came(int status, Headers headers, std::optional<std::uint64_t> length);
  void data(std::string_view chunk);
  void writable();
  void finish(Headers trailers);                                     // last word
  void lose(Error error);                                            // last word
  void upgrade(Headers headers, std::unique_ptr<ByteStream> bytes);  // last word
  void drop();                                                       // no word
  bool is_over() const { return over_; }

 private:
  ClientStreamHandlers handlers_;
  std::size_t queued_bytes_;
  std::string early_body_;
  Headers early_trailers_;
  HttpVersion version_ = HttpVersion::k1_1;
  bool ended_ = false;
  bool held_ = false;
  bool over_ = false;
  int calling_ = 0;  // handlers run: they are not to be destroyed under themselves
  template <typename Work>
  void call(Work&& work);
  void let_go();
};

class StreamClientConnection {
 public:
  virtual ~StreamClientConnection() = default;
  // Sends the request and hands the answer to the call. Only while room() is not 0.
  virtual void carry(std::shared_ptr<StreamCall> call) = 0;
  // How many more calls it takes now. HTTP/1.1: 1 when idle. HTTP/2: up to the server's limit, 0 after GOAWAY.
  virtual std::size_t room() const = 0;
  virtual bool looks_usable() = 0;  // false: closed by the server meanwhile; asked before carry()
  virtual void close() = 0;         // calls that it carries are dropped without a word
  virtual std::int64_t check_deadline(std::int64_t now_ms) = 0;
};

// What all connections of one client share; it outlives them.
struct StreamClientContext {
  Loop& loop;
  StreamClientLimits limits;
  std::function<void(std::int64_t deadline_ms)> include_deadline;
  std::function<void(StreamClientConnection*)> on_room;    // it can carry a call, or one more, again
  std::function<void(StreamClientConnection*)> on_closed;  // calls that it carried have had their last word, or on_repeat
  std::function<void(std::shared_ptr<StreamCall>)> on_repeat;
};

// `wire`: connected, its handshake over, not open()ed.
std::shared_ptr<StreamClientConnection> open_h1_client(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire);
std::shared_ptr<StreamClientConnection> open_h2_client(std::shared_ptr<StreamClientContext> context, std::shared_ptr<Wire> wire);

// ---- both ------------------------------------------------------------------------------------------------------------------------

// A wire as a ByteStream; `first` comes before what the wire reads. `queued_bytes`: past it write() says no.
std::unique_ptr<ByteStream> byte_stream(Loop& loop, std::shared_ptr<Wire> wire, std::string first, std::size_t queued_bytes);
// The wire of a ByteStream made by byte_stream() that was not opened; null: it is none, or bytes came that were not read.
std::shared_ptr<Wire> take_wire(ByteStream& bytes);

// What no head or trailer of http_stream.hpp holds, in either direction (RFC 9110 §7.6.1, RFC 9113 §8.2.2): Connection, Keep-Alive,
// Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade, HTTP2-Settings, Content-Length, Host.
bool is_hop_by_hop(std::string_view name);

}  // namespace interlock::net
