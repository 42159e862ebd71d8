// The admin surface's part for OAuth towards servers: logins of humans, and what is known of each server's tokens, never a token.
//
//   GET  /v1/servers               {"servers":[...]}
//   POST /v1/servers/NAME/login    {"url"}: what the human opens in a browser. Later, once the authorization server is known
//   POST /v1/servers/callback      {"query"}: what the browser brought back, where it could not reach the gate; {"server"}
//   POST /v1/servers/NAME/forget   {}
#pragma once

#include <functional>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/api/admin_answer.hpp"

namespace interlock::api {

struct ServerOperations {
  std::function<Result<json::array>()> list;
  std::function<void(std::string_view server, std::function<void(Result<json::object>)> done)> login;
  std::function<void(std::string_view query, std::function<void(Result<json::object>)> done)> callback;
  std::function<Result<json::object>(std::string_view server)> forget;
};

// `path` without "/v1/". False: not one of these routes, and `done` is not called; else it comes once, now or later. `may`: whether the
// caller may decide, as for approvals.
bool answer_server_request(const net::HttpRequest& request, std::string_view path, const Status& may, const ServerOperations& operations,
                           const std::function<void(AdminAnswer)>& done);

}  // namespace interlock::api
