// The admin surface's part for the registry of agents. An agent's id may hold anything that an issuer put there: it stands in the query.
//
//   GET /v1/agents          {"agents":[...]}
//   GET /v1/agents?id=ID    one
//   GET /v1/findings        {"findings":[...]} what is odd about them
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "surface/api/admin_answer.hpp"

namespace interlock::api {

struct AgentOperations {
  std::function<Result<json::array>()> list;
  std::function<Result<json::object>(std::string_view id)> find;
  std::function<Result<json::array>()> findings;
};

// `path` without "/v1/". nullopt: not one of these routes.
std::optional<AdminAnswer> answer_agent_request(const net::HttpRequest& request, std::string_view path, const AgentOperations& operations);

}  // namespace interlock::api
