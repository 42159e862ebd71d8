// Requests to OpenBao or HashiCorp Vault: one token, one path, JSON there and back. Loop thread only. No error holds a token.
//
// Source: OpenBao HTTP API, "Response format" and the pages of auth/token, auth/jwt, sys/leases, secret engines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "credential/broker_calls.hpp"

namespace interlock::credential {

class VaultApi {
 public:
  VaultApi(BrokerCalls& calls, std::string address, std::string name_space)
      : calls_(calls), address_(std::move(address)), namespace_(std::move(name_space)) {}

  const std::string& address() const { return address_; }
  using Done = std::function<void(Result<json::object>)>;
  void read(std::string_view token, std::string_view path, Done done);
  // An answer without a body (204) is an empty object.
  void write(std::string_view token, std::string_view path, const json::object& body, Done done);

 private:
  void send(net::HttpClientRequest request, std::string_view token, std::string_view path, Done done);

  BrokerCalls& calls_;
  std::string address_;
  std::string namespace_;
};

}  // namespace interlock::credential
