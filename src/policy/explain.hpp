// The words of a verdict: why, by which policy, and what can be done next. Private to the room.
#pragma once

#include <string>

#include "cedar/cedar.hpp"
#include "model/verdict.hpp"
#include "policy/compiled.hpp"

namespace interlock::policy {

// One resource of a request, and what Cedar said of it.
struct Finding {
  const Input& input;
  const PolicyLayer& layer;
  const model::EntityName& resource;
  bool critical;  // the built-in rule for band 3 stands in the way until there is an approval
};

// Each writes kind, policies, reason and next; errors are collected by note_errors().
void explain_allow(model::Verdict& verdict, const Finding& finding, const cedar::Response& allowed);
// `blocked`: the answer without an approval; `allowed`: the one with it.
void explain_step_up(model::Verdict& verdict, const Finding& finding, const cedar::Response& blocked, const cedar::Response& allowed);
void explain_deny(model::Verdict& verdict, const Finding& finding, const cedar::Response& denied);
void explain_forged_name(model::Verdict& verdict, const model::EntityName& forged);

// "id: message" of every policy that failed, each once.
void note_errors(model::Verdict& verdict, const PolicyLayer& layer, const cedar::Response& response);

}  // namespace interlock::policy
