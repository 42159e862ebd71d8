// One connection of the gRPC client, from connecting to its end, and the calls on it. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "net/grpc.hpp"
#include "net/grpc_connection.hpp"
#include "net/loop.hpp"

namespace interlock::net {

class GrpcClientConnection;

// A call as the client keeps it. Its end is told once, and never from within start().
class GrpcRunningCall final : public GrpcClientCall, public std::enable_shared_from_this<GrpcRunningCall> {
 public:
  GrpcRunningCall(Loop& loop, GrpcCallHandlers handlers) : loop_(loop), handlers_(std::move(handlers)) {}
  ~GrpcRunningCall() override { loop_.cancel(timer_); }
  void cancel() override;

  void expire_after(std::int64_t timeout_ms);
  void take_message(std::string_view message);
  void end(GrpcStatus status);
  void end_soon(GrpcStatus status);
  bool over() const { return over_; }

  // Where it runs, once it does.
  std::weak_ptr<GrpcClientConnection> connection;
  std::int32_t stream = 0;

 private:
  void stop(GrpcStatus* status);

  Loop& loop_;
  GrpcCallHandlers handlers_;
  TimerId timer_ = 0;
  bool over_ = false;
};

class GrpcClientConnection final : public GrpcConnection {
 public:
  GrpcClientConnection(Loop& loop, const GrpcOptions& options, int fd) : GrpcConnection(loop, options, Side::kClient, fd) {}

  // Whether new calls may go here.
  bool usable() const { return !closed() && !leaving_; }
  void start(const std::shared_ptr<GrpcRunningCall>& call, const GrpcFields& fields, std::string_view message);
  void abandon(std::int32_t stream);
  void abandon_all();

 protected:
  std::unique_ptr<GrpcStream> make_stream() override { return nullptr; }  // servers open none
  void on_headers(GrpcStream& stream, bool ends) override;
  bool on_message(GrpcStream& stream, std::string_view message) override;
  void on_bad_data(GrpcStream& stream, GrpcStatus status) override;
  void on_end(GrpcStream& stream) override;
  void on_stream_closed(GrpcStream& stream, std::uint32_t http2_error) override;
  void on_goaway() override { leaving_ = true; }
  void on_close(std::string_view reason) override;

 private:
  bool leaving_ = false;
};

}  // namespace interlock::net
