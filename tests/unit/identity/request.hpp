// A request as a test writes it down, and what the authenticator says of it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "identity/authenticator.hpp"
#include "parts.hpp"

namespace interlock::identity::testing {

inline const std::string kUrl = "https://gate.example/mcp";

struct Request {
  std::string authorization;
  std::vector<std::string> dpop = {};
  std::string method = "POST";
  std::string url = kUrl;
  std::vector<std::string> resources = {kUrl};
  std::vector<std::string> scopes = {};
  std::shared_ptr<const net::PeerCertificates> certificates = nullptr;
  int pid = -1;
  int uid = -1;
};

inline Answer ask(net::Loop& loop, Authenticator& gate, const Request& request) {
  Answer out = std::unexpected(Refusal{});
  run_until_done(loop, [&](std::function<void()> done) {
    Presentation shown;
    if (!request.authorization.empty()) shown.authorization = request.authorization;
    for (const auto& one : request.dpop) shown.dpop.emplace_back(one);
    shown.method = request.method;
    shown.url = request.url;
    shown.resources = request.resources;
    shown.required_scopes = request.scopes;
    shown.certificates = request.certificates;
    shown.peer_pid = request.pid;
    shown.peer_uid = request.uid;
    gate.authenticate(std::move(shown), [&, done = std::move(done)](Answer answer) {
      out = std::move(answer);
      done();
    });
  });
  return out;
}

}  // namespace interlock::identity::testing
