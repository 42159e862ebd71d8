// One connection of the gRPC server: requests in, answers out. Loop thread only.
#pragma once

#include <functional>
#include <memory>

#include "net/grpc.hpp"
#include "net/grpc_connection.hpp"
#include "net/loop.hpp"

namespace interlock::net {

// What all connections of one server share; it outlives them.
struct GrpcServerContext {
  Loop& loop;
  GrpcOptions options;
  GrpcHandler handler;
  std::function<void(GrpcConnection* closed)> on_closed;
};

// Owns `fd`, a connected non-blocking Unix socket. The caller keeps the connection until on_closed, and calls begin().
std::shared_ptr<GrpcConnection> open_grpc_server_connection(std::shared_ptr<GrpcServerContext> context, int fd);

}  // namespace interlock::net
