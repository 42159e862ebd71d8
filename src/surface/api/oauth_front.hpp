// The gate as a small authorization server: it exchanges tokens (RFC 8693), and says what it is (RFC 8414) and with which keys it signs.
//
//   GET  /.well-known/jwks.json                    the public keys of its tokens
//   GET  /.well-known/oauth-authorization-server   its metadata
//   POST /oauth/token                              grant_type urn:ietf:params:oauth:grant-type:token-exchange, and no other
//
// The actor is whoever the request itself proves: by its Authorization, its client certificate, or, where it shows neither, by
// actor_token. What it gets is bound to its key, which the request proves with DPoP or the certificate. Every answer is JSON that is
// not stored; forms are bounded and strict; requests of browsers (Origin) are refused. Loop thread only. No error holds a token.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "identity/authenticator.hpp"
#include "identity/exchange.hpp"
#include "jose/key_set.hpp"
#include "net/http_server.hpp"
#include "surface/api/form.hpp"

namespace interlock::api {

struct OAuthFrontOptions {
  std::string issuer;                  // the gate's public URL
  std::vector<std::string> resources;  // the first is the default audience of what is made
  std::int64_t lifetime_ms = 600'000;
  std::int64_t dpop_window_ms = 60'000;
};

struct OAuthFrontParts {
  std::function<void(identity::Presentation shown, std::function<void(identity::Answer)> done)> authenticate;
  std::function<void(std::string token, std::vector<std::string> resources, std::function<void(identity::Answer)> done)> verify_token;
  std::function<Result<std::string>(json::object claims, std::int64_t life_ms)> sign;
  std::function<std::shared_ptr<const jose::KeySet>()> keys;
  // Writes what was asked and answered down, before it is answered; `refusal` is null for a token that was made.
  std::function<Status(const identity::ExchangeOrder& order, const Error* refusal)> record;
  const Clock* clock = nullptr;
};

class OAuthFront {
 public:
  OAuthFront(OAuthFrontOptions options, OAuthFrontParts parts);
  // Takes the requests to the paths above; false leaves them to others.
  bool handle(net::HttpRequest& request, const std::shared_ptr<net::HttpExchange>& exchange);

 private:
  struct Order;
  void exchange(net::HttpRequest request, const std::shared_ptr<net::HttpExchange>& exchange);
  void actor_known(const std::shared_ptr<Order>& order, identity::Answer answer);
  void subject_known(const std::shared_ptr<Order>& order, identity::Answer answer);
  void finish(Order& order);
  json::object metadata() const;

  OAuthFrontOptions options_;
  OAuthFrontParts parts_;
  std::shared_ptr<const int> alive_ = std::make_shared<const int>(0);  // answers that come later look whether this is still there
};

}  // namespace interlock::api
