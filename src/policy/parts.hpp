// An act that is several at once (model::ActPart): each is decided as an act of its own, and the strictest answer is the whole's. Private
// to the room.
#pragma once

#include <functional>

#include "model/verdict.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::policy {

using DecideOne = std::function<model::Verdict(const Input& input)>;
// `input.classification` has parts.
model::Verdict decide_parts(const Input& input, const DecideOne& decide);

}  // namespace interlock::policy
