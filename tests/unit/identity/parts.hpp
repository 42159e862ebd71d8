// An issuer on loopback with real keys, a client and a clock that stands still: what the tests of identity/ talk to.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "jose/dpop.hpp"
#include "jose/token.hpp"
#include "net/http_client.hpp"
#include "net/http_server.hpp"
#include "net/loop.hpp"

namespace interlock::identity::testing {

inline constexpr UnixMs kNow = 1'800'000'000'000;
inline constexpr UnixMs kHour = 3'600'000;
inline constexpr std::int64_t kPatienceMs = 30'000;

// Runs the loop until `work` calls the function it is given.
inline void run_until_done(net::Loop& loop, const std::function<void(std::function<void()>)>& work) {
  bool done = false;
  const auto patience = loop.after_ms(kPatienceMs, [&] {
    ADD_FAILURE() << "the loop waited too long";
    loop.stop();
  });
  work([&] {
    done = true;
    loop.stop();
  });
  if (!done) loop.run();
  loop.cancel(patience);
}

// Keys by kid, tokens by any of them, and the endpoints that publish them. Answers can be held back, spoiled and counted.
class IssuerSite {
 public:
  explicit IssuerSite(net::Loop& loop)
      : server_(loop, {}, [this](net::HttpRequest request, std::shared_ptr<net::HttpExchange> exchange) {
          ++asked[request.path];
          if (on_request) on_request();
          if (holding) return held.push_back([this, path = request.path, exchange] { answer(path, *exchange); });
          answer(request.path, *exchange);
        }) {
    port_ = server_.listen_tcp("127.0.0.1", 0).value();
  }

  std::string name() const { return "http://127.0.0.1:" + std::to_string(port_); }
  void add_key(const std::string& kid, jose::Algorithm algorithm = jose::Algorithm::kEs256) {
    keys.emplace(kid, jose::PrivateKey::generate(algorithm).value());
  }
  std::string key_set() const {
    json::array list;
    for (const auto& [kid, key] : keys) {
      auto jwk = key.public_key().to_jwk();
      jwk["kid"] = kid;
      list.push_back(std::move(jwk));
    }
    return json::write(json::object{{"keys", std::move(list)}});
  }
  // A token of this issuer that is good for an hour, unless `claims` say otherwise (null takes a claim away).
  std::string token(const json::object& claims = {}, const std::string& kid = "k1", std::string_view typ = "at+jwt") const {
    json::object all{
        {"iss", name()}, {"sub", "agent"}, {"aud", "https://gate.example/mcp"}, {"iat", kNow / 1000}, {"exp", (kNow + kHour) / 1000}};
    for (const auto& pair : claims) {
      if (pair.value().is_null()) all.erase(pair.key());
      else all[pair.key()] = pair.value();
    }
    const auto& key = keys.at(kid);
    return jose::make_token(key, key.algorithm(), kid, typ, all).value();
  }
  void release() {
    holding = false;
    for (auto& one : std::exchange(held, {})) one();
  }

  std::map<std::string, jose::PrivateKey> keys;
  std::map<std::string, int> asked;
  net::Headers headers = {{"Content-Type", "application/json"}};
  int status = 200;
  std::string body;      // in place of the key set
  std::string metadata;  // in place of the true ones
  bool holding = false;
  std::deque<std::function<void()>> held;
  std::function<void()> on_request;

 private:
  void answer(const std::string& path, net::HttpExchange& exchange) {
    if (path == "/jwks") return exchange.respond(status, headers, body.empty() ? key_set() : body);
    if (path == "/.well-known/oauth-authorization-server" && !metadata.empty()) return exchange.respond(200, headers, metadata);
    if (path == "/.well-known/openid-configuration" || path == "/.well-known/oauth-authorization-server") {
      return exchange.respond(200, headers,
                              json::write(json::object{{"issuer", name()},
                                                       {"authorization_endpoint", name() + "/authorize"},
                                                       {"token_endpoint", name() + "/token"},
                                                       {"response_types_supported", json::array{"code"}},
                                                       {"jwks_uri", name() + "/jwks"}}));
    }
    exchange.respond(404, {}, {});
  }

  net::HttpServer server_;
  std::uint16_t port_ = 0;
};

}  // namespace interlock::identity::testing
