// The OAuth clients of all servers of a gate, and the one door through which browsers come back.
//
// Wiring (cli): make one, add() each server that has `oauth`, put the result into mcp::ServerAddress::authorizer, and let browsers reach
// callback(): either through listen(), a listener on loopback of its own, or through a route /oauth/callback of a public listener.
// The admin API: find(name)->begin_login / status / forget, and callback(query) for a URL that a human pastes. Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_server.hpp"
#include "oauth/client.hpp"

namespace interlock::oauth {

inline constexpr std::string_view kCallbackPath = "/oauth/callback";

class Clients {
 public:
  // `parts.redirect_uri` empty: listen() makes one.
  explicit Clients(ClientParts parts);
  ~Clients();

  // A listener on 127.0.0.1 that knows kCallbackPath alone. `port` 0: the one it had last time (kept in the vault), else any that is
  // free. Before add().
  Status listen(std::uint16_t port = 0);
  Result<std::shared_ptr<Client>> add(const std::string& server, const std::string& server_url, ClientOptions options);
  std::shared_ptr<Client> find(std::string_view server) const;
  std::vector<ClientStatus> status() const;
  const std::string& redirect_uri() const { return parts_.redirect_uri; }

  // What the browser brought, without "?". `done` gets the name of the server that is authorized now.
  void callback(std::string_view query, std::function<void(Result<std::string> server)> done);
  // The same for an HTTP request to kCallbackPath: answers with a page for the human that holds nothing of the query.
  void serve(const net::HttpRequest& request, std::shared_ptr<net::HttpExchange> exchange);

 private:
  ClientParts parts_;
  std::map<std::string, std::shared_ptr<Client>, std::less<>> clients_;
  std::unique_ptr<net::HttpServer> listener_;
};

}  // namespace interlock::oauth
