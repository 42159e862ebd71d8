// Why an act gets its verdict: every policy against the request that a gate makes of it. For people; decide() does not come here.
#pragma once

#include <span>
#include <vector>

#include "cedar/trace.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::policy {

// One resource of the act, with or without an approval. Shadowed policies are traced like the others.
struct ResourceTrace {
  model::EntityName resource;
  std::vector<model::EntityName> ancestors;
  bool approved = false;
  std::vector<cedar::PolicyTrace> policies;  // in the order of the sources
};

struct ActTrace {
  cedar::PolicySet set;  // keeps what the traces point to
  std::vector<ResourceTrace> resources;
};

// As the input says it; where it has no approval, also with one.
Result<ActTrace> trace(std::span<const PolicySource> sources, EngineOptions options, const Input& input);

}  // namespace interlock::policy
