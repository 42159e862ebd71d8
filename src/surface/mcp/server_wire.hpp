// One connection to an MCP server, at the level of messages: what is sent, what arrives, and on which request's stream.
//
// Two bindings: stdio (a child process, one shared channel) and Streamable HTTP (a response stream a request). A wire knows
// nothing of eras beyond the headers it must send; it never decides, and sends nothing twice but what was refused for want of
// authorization (401, 403), which was not performed. Loop thread only. Callbacks may destroy the wire.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "net/http.hpp"
#include "net/http_client.hpp"
#include "net/jsonrpc.hpp"
#include "net/loop.hpp"
#include "net/process.hpp"
#include "oauth/client.hpp"
#include "surface/mcp/protocol.hpp"

namespace interlock::mcp {

// Puts credentials into a request.
using Lend = std::function<Status(net::HttpClientRequest& request)>;

// How a server is reached. Exactly one of `command` and `url` is set.
struct ServerAddress {
  std::vector<std::string> command;
  std::map<std::string, std::string> environment;  // added to the safe environment
  std::string folder;
  std::string url;
  net::Headers headers;  // sent with every request to `url`; may hold secrets: never logged
  // Gives the requests to `url` their tokens, and is asked where one is refused; null: nobody does. What a client of the gate brings
  // along as its own authorization goes nowhere.
  std::shared_ptr<oauth::Client> authorizer;
  bool forward_stderr = true;
  // Of a server with credentials; else empty. Puts them into a request to `url`, right before it is sent, where it has none of its own.
  Lend lend = {};
  // What its process is started with; asked once a start.
  std::function<Result<std::vector<net::LentText>>()> lent_texts = {};
  // Takes what the server was lent out of what it says.
  std::function<void(json::value& document)> hide = {};
  std::function<void(std::string& text)> hide_text = {};
};

struct WireLimits {
  std::size_t message_bytes = std::size_t{16} << 20;
  std::size_t depth = 64;
};

struct WireHandlers {
  // `stream` is the id of our request on whose stream the message came; 0 where the channel is shared.
  std::function<void(std::uint64_t stream, net::RpcMessage message)> on_message;
  // The stream of our request `id` ended, or the request failed, before its answer came.
  std::function<void(std::uint64_t id, Error error)> on_stream_lost;
  // Bytes arrived that are no JSON-RPC message.
  std::function<void(Error error)> on_garbage;
  // The whole connection is gone: process ended, session refused. Nothing follows.
  std::function<void(Error error)> on_closed;
};

class ServerWire {
 public:
  virtual ~ServerWire() = default;
  // `headers` (Mcp-Name, Mcp-Param-*) and `lend` are for HTTP alone; without `lend` the address's own is used.
  virtual Status send_request(std::uint64_t id, std::string_view method, const json::object& params, net::Headers headers, Lend lend) = 0;
  virtual Status send_notification(std::string_view method, const json::object& params) = 0;
  virtual Status send_result(const json::value& id, const json::value& result) = 0;
  virtual Status send_error(const json::value& id, int code, std::string_view message) = 0;
  // Nobody waits for request `id` any more: HTTP closes its stream, stdio does nothing.
  virtual void abandon(std::uint64_t id) = 0;
  // Closing a request's stream is how it is cancelled (2026-07-28 transports/streamable-http#cancellation).
  virtual bool closing_cancels() const = 0;
  // Set after the handshake, for the MCP-Protocol-Version header.
  virtual void set_revision(Revision revision) = 0;
  // Legacy HTTP: opens the GET stream for messages that belong to no request. A server may refuse it.
  virtual void open_events() = 0;
};

Result<std::unique_ptr<ServerWire>> open_stdio_wire(net::Loop& loop, const ServerAddress& address, WireLimits limits,
                                                    WireHandlers handlers);
Result<std::unique_ptr<ServerWire>> open_http_wire(net::Loop& loop, net::HttpClient& client, const ServerAddress& address,
                                                   WireLimits limits, WireHandlers handlers);

}  // namespace interlock::mcp
