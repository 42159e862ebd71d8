// Deciding before everything is known: an answer where every completion of the request has the same one, and otherwise the
// policies that are left, as policies.
//
//   PartialRequest request{.principal = ada, .action = read, .resource = UnknownEntity{"File"}, .context = context};
//   Result<PartialResponse> response = authorize_partially(policies, request, entities);
//   if (response->decision) ...                                   // certain
//   std::puts(policies_to_text(response->residuals).c_str());     // what it depends on (policy_json.hpp)
//
// A completion names an entity for each UnknownEntity (of its type, where that is given) and puts a value in place of each
// unknown_value() of the context; all else, entities included, stays as it is. What is promised: for each completion,
// authorize(residuals, completion, entities) has the decision, the determining policies and the erring policies (by their ids)
// that authorize(policies, completion, entities) has. So a policy that might fail stays, and so does one that surely fails.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "cedar/slice.hpp"

namespace interlock::cedar {

struct UnknownEntity {
  std::string type;  // known though the entity is not; empty: it may be of any
};

using PartialEntity = std::variant<UnknownEntity, EntityUid>;

struct PartialRequest {
  PartialEntity principal = {};
  PartialEntity action = {};
  PartialEntity resource = {};
  // unknown_value() for a context of which nothing is known, or a record that has unknown_value() for values, in records inside
  // it too. Such an attribute is there, whatever its value. The default Value{} stands for an empty record.
  Value context = {};
};

struct PartialResponse {
  std::optional<Decision> decision;  // nothing: it depends on what is unknown
  // Without the policies that no completion satisfies or makes fail. What is known is put in where it is short; of what
  // remains a completion must keep the known parts. Templates are left out, links are policies like others.
  PolicySet residuals;
};

// Fails only where residuals cannot be written down as policies: with more text than 4 GiB.
Result<PartialResponse> authorize_partially(const PolicySet& policies, const PartialRequest& request, const Entities& entities);

}  // namespace interlock::cedar
