// gRPC over HTTP/2 without TLS, as local APIs speak it: framing, status and metadata. Messages are bytes; protobuf is the caller's.
//
// Source: gRPC's PROTOCOL-HTTP2, RFC 9113 by libnghttp2. Unary and server-streaming calls only. Bounds: message size, streams,
// metadata. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "net/http.hpp"
#include "net/loop.hpp"

namespace interlock::net {

// The codes of gRPC's statuscodes.md.
enum class GrpcCode : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

struct GrpcStatus {
  GrpcCode code = GrpcCode::kOk;
  std::string message;
  bool ok() const { return code == GrpcCode::kOk; }
};

struct GrpcOptions {
  std::size_t message_bytes = std::size_t{4} << 20;
  std::size_t metadata_bytes = 16 * 1024;
  std::size_t connections = 1'000;
  std::uint32_t streams_per_connection = 100;
  std::size_t queued_bytes = std::size_t{16} << 20;  // unsent bytes of one connection: past it the reader is too slow, and is cut
  std::int64_t idle_timeout_ms = 120'000;            // a connection without streams
};

// ---- server -----------------------------------------------------------------------------------------------------------------

struct GrpcCall {
  std::string path;  // "/SpiffeWorkloadAPI/FetchX509SVID"
  Headers metadata;  // names in lower case, pseudo-headers left out
  std::string message;
  int peer_pid = -1;  // SO_PEERCRED of a Unix socket; -1: not known, or the process that connected has ended
  int peer_uid = -1;
};

// Where one call's answers go. Dropped without finish(): the call ends with kInternal.
class GrpcReply {
 public:
  virtual ~GrpcReply() = default;
  virtual bool send(std::string_view message) = 0;  // false: the client is gone
  virtual void finish(GrpcStatus status) = 0;       // once, last
  virtual void on_gone(std::function<void()> work) = 0;
  virtual bool gone() const = 0;
  // Whether the process that connected still runs. Others may go on with its socket, and its number may become another's.
  virtual bool peer_lives() const = 0;
};

using GrpcHandler = std::function<void(GrpcCall call, std::shared_ptr<GrpcReply> reply)>;

class GrpcServer {
 public:
  GrpcServer(Loop& loop, GrpcOptions options, GrpcHandler handler);
  ~GrpcServer();  // closes everything and removes its socket
  // A dead socket file in its place is replaced, a live one is an error. `mode`: 0600, or 0666 where every local user may ask.
  Status listen_unix(const std::string& path, unsigned mode);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// ---- client -----------------------------------------------------------------------------------------------------------------

struct GrpcCallHandlers {
  std::function<void(std::string_view message)> on_message;
  std::function<void(GrpcStatus status)> on_end;  // exactly once; kUnavailable where no connection was had
};

class GrpcClientCall {
 public:
  virtual ~GrpcClientCall() = default;
  virtual void cancel() = 0;  // no handler is called any more
};

class GrpcClient {
 public:
  // `endpoint`: "unix:///run/x.sock", "unix:/run/x.sock" or "tcp://127.0.0.1:8081" (SPIFFE Workload Endpoint §4). Connects when first
  // needed, and again after a loss.
  static Result<std::unique_ptr<GrpcClient>> create(Loop& loop, std::string_view endpoint, GrpcOptions options = {});
  ~GrpcClient();  // cancels what runs
  std::shared_ptr<GrpcClientCall> start(std::string path, const Headers& metadata, std::string message, GrpcCallHandlers handlers);

 private:
  GrpcClient() = default;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace interlock::net
