// One connection of the server: reads requests, hands each to the handler, sends its answer, and watches the client meanwhile.
// Requests that come early wait their turn. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "net/http_server.hpp"
#include "net/http_transport.hpp"
#include "net/listener.hpp"

namespace interlock::net {

class ServerConnection;

// What all connections of one server share; it outlives them.
struct ServerContext {
  Loop& loop;
  HttpServerOptions options;
  HttpHandler handler;
  std::function<void(std::int64_t deadline_ms)> include_deadline;
  std::function<void(ServerConnection* closed)> on_closed;
  bool draining = false;
};

class ServerConnection {
 public:
  virtual ~ServerConnection() = default;
  virtual void close() = 0;  // cuts it; an answer that is owed is told so
  virtual void drain() = 0;  // closes it once it owes no answer
  // Acts if its deadline has passed, and returns the next one (kNever: none).
  virtual std::int64_t check_deadline(std::int64_t now_ms) = 0;
};

// Owns `fd`, a connected non-blocking stream socket, over which `transport` speaks. The caller keeps the connection until on_closed.
std::shared_ptr<ServerConnection> open_server_connection(std::shared_ptr<ServerContext> context, int fd, int address_family, Peer peer,
                                                         std::unique_ptr<Transport> transport);

// A refusal as bytes for the wire, which end the connection.
struct Refusal;
std::string refusal_bytes(const Refusal& refusal);

}  // namespace interlock::net
