// MCP over Streamable HTTP, towards clients of every revision: one endpoint path a server, POST, GET and DELETE.
//
// Source: 2025-03-26 to 2025-11-25 basic/transports (sessions, GET stream) and 2026-07-28 basic/transports/streamable-http
// (stateless, header validation). Refuses, before anything is parsed: foreign origins and hosts (DNS rebinding), wrong content
// types, missing credentials. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/http_server.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {

struct HttpFrontOptions {
  std::vector<std::string> allowed_origins;  // beyond loopback ones: "https://app.example"
  std::vector<std::string> allowed_hosts;    // beyond loopback names, when bound to loopback; empty and not loopback: any
  bool loopback = true;                      // the listener is bound to loopback
};

class HttpFront {
 public:
  // `authenticate` turns the request's credentials into a subject.
  using Authenticate = std::function<Result<model::Subject>(const net::HttpRequest& request)>;

  HttpFront(Surface& surface, HttpFrontOptions options, Authenticate authenticate);
  // Takes every request whose path is /mcp or below; false leaves it to others.
  bool handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange);

 private:
  void post(const Endpoint& endpoint, model::Subject subject, net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange);
  void post_modern(const Endpoint& endpoint, model::Subject subject, net::RpcMessage message, const net::Headers& headers,
                   const std::shared_ptr<net::HttpExchange>& exchange);
  void post_legacy(const Endpoint& endpoint, model::Subject subject, net::RpcMessage message, const net::Headers& headers,
                   const std::shared_ptr<net::HttpExchange>& exchange);
  void post_batch(const Endpoint& endpoint, const model::Subject& subject, json::array batch, const net::Headers& headers,
                  const std::shared_ptr<net::HttpExchange>& exchange);
  void get(const Endpoint& endpoint, const model::Subject& subject, const net::HttpRequest& request,
           const std::shared_ptr<net::HttpExchange>& exchange);
  void remove(const Endpoint& endpoint, const model::Subject& subject, const net::HttpRequest& request,
              const std::shared_ptr<net::HttpExchange>& exchange);
  std::shared_ptr<Session> session_of(const Endpoint& endpoint, const model::Subject& subject, const net::Headers& headers,
                                      const std::shared_ptr<net::HttpExchange>& exchange, const json::value& id);
  std::string check_origin(const net::Headers& headers) const;

  Surface& surface_;
  HttpFrontOptions options_;
  Authenticate authenticate_;
};

}  // namespace interlock::mcp
