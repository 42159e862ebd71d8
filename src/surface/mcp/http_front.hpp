// MCP over Streamable HTTP, towards clients of every revision: one endpoint path a server, POST, GET and DELETE.
//
// Source: 2025-03-26 to 2025-11-25 basic/transports (sessions, GET stream) and 2026-07-28 basic/transports/streamable-http
// (stateless, header validation). Refuses, before anything is parsed: foreign origins and hosts (DNS rebinding), wrong content
// types, missing credentials. The gate is an OAuth protected resource: its metadata are served here, and refusals say what would be
// taken. A session belongs to the identity that began it: id, chain, kind of credential and at least its assurance. Loop thread only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "identity/authenticator.hpp"
#include "net/http_server.hpp"
#include "surface/mcp/protected_resource.hpp"
#include "surface/mcp/surface.hpp"

namespace interlock::mcp {

struct HttpFrontOptions {
  std::vector<std::string> allowed_origins;  // beyond loopback ones: "https://app.example"
  std::vector<std::string> allowed_hosts;    // beyond loopback names, when bound to loopback; empty and not loopback: any
  bool loopback = true;                      // the listener is bound to loopback
  ProtectedResource resource;
};

class HttpFront {
 public:
  // Turns credentials into a subject. `done` comes exactly once, also later; views of the presentation hold until it has come.
  using Authenticate = std::function<void(identity::Presentation shown, std::function<void(identity::Answer)> done)>;

  HttpFront(Surface& surface, HttpFrontOptions options, Authenticate authenticate);
  // The configuration changed, or the port that the public URL names is bound now. Requests that run are not touched.
  void set_resource(ProtectedResource resource);
  // Takes every request whose path is /mcp or below, and those for metadata of these; false leaves it to others.
  bool handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange);

 private:
  void authenticated(const Endpoint& endpoint, net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange,
                     identity::Answer answer);
  void refuse_identity(const Endpoint& endpoint, const identity::Refusal& refusal, const std::shared_ptr<net::HttpExchange>& exchange);
  void answer_metadata(const MetadataOf& of, const net::HttpRequest& request, net::HttpExchange& exchange);
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
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);  // answers that come later look whether this is still there
};

}  // namespace interlock::mcp
