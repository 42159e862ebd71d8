// One HTTP/2 connection that carries gRPC streams, without a side: the socket, libnghttp2's session, the bytes of each stream, bounds.
// The server's and the client's connections derive from it.
//
// Loop thread only. Hooks are called from within libnghttp2: they may submit frames, cancel and close, but never read or write the
// socket; the object must be held by a shared_ptr. After close() no hook is called but on_close().
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/grpc.hpp"
#include "net/grpc_wire.hpp"
#include "net/loop.hpp"

struct nghttp2_session;

namespace interlock::net {

using GrpcFields = std::vector<std::pair<std::string, std::string>>;

struct GrpcStream {
  explicit GrpcStream(std::size_t message_bytes) : reader(message_bytes) {}
  virtual ~GrpcStream() = default;
  GrpcStream(const GrpcStream&) = delete;
  GrpcStream& operator=(const GrpcStream&) = delete;

  std::int32_t id = 0;
  GrpcMessageReader reader;
  Headers received;  // of all header blocks so far, pseudo-headers included
  std::size_t received_bytes = 0;
  bool received_too_much = false;
  bool deaf = false;  // what still comes is dropped: the call's end is decided

  std::string out;
  std::size_t out_sent = 0;
  bool out_ends = false;  // nothing is added to `out` any more
  GrpcFields trailers;    // sent behind `out`; empty: the last bytes end the stream
};

class GrpcConnection : public std::enable_shared_from_this<GrpcConnection> {
 public:
  enum class Side : std::uint8_t { kServer, kClient };

  // Owns `fd`, a connected non-blocking stream socket.
  GrpcConnection(Loop& loop, const GrpcOptions& options, Side side, int fd);
  virtual ~GrpcConnection();
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  void begin();
  void close(std::string_view reason);  // cuts it
  void end();                           // says goodbye (GOAWAY), as far as the socket takes it, and cuts it
  bool closed() const { return closed_; }
  std::size_t streams() const { return streams_.size(); }
  // Since when nothing has gone on: no stream, or bytes that the other side does not read. kNever: all is well.
  std::int64_t stalled_since_ms() const;

 protected:
  // --- hooks ---
  virtual std::unique_ptr<GrpcStream> make_stream() = 0;                      // server: a stream of the other side
  virtual void on_headers(GrpcStream& stream, bool ends) = 0;                 // a whole block; `ends`: it is the last that comes
  virtual bool on_message(GrpcStream& stream, std::string_view message) = 0;  // false: no more of them
  virtual void on_bad_data(GrpcStream& stream, GrpcStatus status) = 0;
  virtual void on_end(GrpcStream& stream) = 0;                                       // no more data comes
  virtual void on_stream_closed(GrpcStream& stream, std::uint32_t http2_error) = 0;  // before it is destroyed
  virtual void on_goaway() = 0;
  virtual void on_close(std::string_view reason) = 0;  // streams that live are gone

  // --- for the sides ---
  GrpcStream* find(std::int32_t id);
  bool submit_request(std::unique_ptr<GrpcStream> stream, const GrpcFields& fields);  // then `out` is its body
  void submit_headers(GrpcStream& stream, const GrpcFields& fields, bool ends);
  void append(GrpcStream& stream, std::string_view message);
  void finish(GrpcStream& stream, GrpcFields trailers);
  void reset(std::int32_t id, std::uint32_t http2_error);

  Loop& loop_;
  const GrpcOptions& options() const { return options_; }
  std::unordered_map<std::int32_t, std::unique_ptr<GrpcStream>>& all_streams() { return streams_; }

 private:
  struct Callbacks;
  struct Socket;
  void wait_readable();
  void read_some();
  void flush_soon();
  void flush();
  bool write_pending();
  void wait_writable();
  void check_end();

  GrpcOptions options_;
  Side side_;
  std::unique_ptr<Socket> socket_;
  nghttp2_session* session_ = nullptr;
  std::unordered_map<std::int32_t, std::unique_ptr<GrpcStream>> streams_;
  std::string pending_;  // taken from the session, not yet by the socket
  std::size_t pending_sent_ = 0;
  std::size_t queued_bytes_ = 0;  // of all streams' `out`
  std::size_t held_bytes_ = 0;    // of all streams' messages that are not whole yet
  std::int64_t last_progress_ms_ = 0;
  bool flush_posted_ = false;
  bool waiting_writable_ = false;
  bool inside_ = false;  // libnghttp2 is running: it is not to be entered again, nor destroyed
  bool closed_ = false;
};

}  // namespace interlock::net
