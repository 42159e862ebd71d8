// What an agent's request to its editor is to the gate: the acts that must all be allowed before the request is passed on. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/action.hpp"
#include "surface/acp/message.hpp"

namespace interlock::acp {

// Whether it is one that is decided on.
bool is_act(std::string_view method);
// kInvalid: it cannot be told what it would do; kTooLarge. An empty list: it does nothing that the gate decides on.
Result<std::vector<model::ActionRequest>> acts_of(std::string_view method, const json::object& params, const std::string& cwd);
model::ActionRequest act_of_prompt(const json::object& params);
// The request with what policy blanked.
json::object with_args(json::object params, const json::value& args);

}  // namespace interlock::acp
