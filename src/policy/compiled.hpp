// A loaded policy set: what is enforced, what is only watched, and what each policy says of itself. Private to the room.
#pragma once

#include <string>
#include <vector>

#include "cedar/cedar.hpp"
#include "policy/policy_engine.hpp"

namespace interlock::policy {

// What a verdict says of one policy.
struct PolicyFacts {
  std::string id;                   // @id, or "file:N" counted from 1
  std::string reason;               // @reason; may be empty
  std::string next;                 // @next; may be empty
  std::string credential;           // @credential, of a permit: what the act is performed with; may be empty
  std::vector<std::string> redact;  // @redact, of a permit: JSON pointers below args that are blanked
  std::string place;                // "own.cedar:12"
  bool shadow = false;
};

// Some of the policies, compiled, and the facts of each.
struct PolicyLayer {
  cedar::PolicySet set;
  std::vector<PolicyFacts> facts;  // beside set.policies()

  const PolicyFacts& of(const cedar::Policy& policy) const { return facts[static_cast<std::size_t>(&policy - set.policies().data())]; }
};

struct CompiledEngine {
  PolicyLayer enforced;
  PolicyLayer shadow_permits;
  PolicyLayer shadow_forbids;
  std::vector<std::string> ids;  // of all, in the order of the sources
  bool observe = false;
  std::vector<std::string> workspace;
  cedar::ValueArena values;  // holds workspace_value; nothing is added after loading
  cedar::Value workspace_value;
  std::string revision;

  bool has_shadow() const { return !shadow_permits.facts.empty() || !shadow_forbids.facts.empty(); }
};

Result<std::shared_ptr<const CompiledEngine>> compile(std::span<const PolicySource> sources, EngineOptions options);

}  // namespace interlock::policy
