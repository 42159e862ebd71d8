// One question to whoever keeps a state folder: a gate that runs there, or, where none does, this process itself, which then opens the
// folder's organs for as long as the question takes. Routes and answers are those of the admin surface. Blocking; for verbs.
#pragma once

#include <string_view>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/admin_client.hpp"
#include "cli/arguments.hpp"

namespace interlock::cli {

// Stopping works with a configuration that cannot be read, starting needs its rules. The vault needs to know where the master key is.
enum class Needs : std::uint8_t { kRules, kStateAlone, kVault };

// The body of a success. After a change the other gates of the folder are told to look, so that it holds there, too, when this returns.
Result<json::object> ask_keeper(const Places& places, std::string_view method, std::string_view target, const json::value* body = nullptr,
                                Needs needs = Needs::kRules);
// By this process, whether or not a gate runs.
Result<json::object> act_alone(const Places& places, std::string_view method, std::string_view target, const json::value* body,
                               Needs needs);

}  // namespace interlock::cli
