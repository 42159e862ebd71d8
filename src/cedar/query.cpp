// Candidates one by one, against the policies that the rest of the request leaves.
#include "cedar/query.hpp"

#include <algorithm>
#include <tuple>

#include "cedar/entity_store.hpp"
#include "cedar/partial.hpp"
#include "cedar/syntax.hpp"

namespace interlock::cedar {
namespace {

// For so few candidates, asking for each is cheaper than loading residual policies.
constexpr std::size_t kFewCandidates = 16;

bool is_action_type(std::string_view type) { return type == "Action" || type.ends_with("::Action"); }

std::vector<EntityUid> candidates_of(const Entities& entities, Variable variable, std::string_view type) {
  std::vector<EntityUid> found;
  for (const EntityStore* store = EntitiesAccess::store(entities); store != nullptr; store = store->base.get()) {
    for (const EntityData& each : store->entities) {
      const bool fits = type.empty() ? variable != Variable::kAction || is_action_type(each.uid.type) : each.uid.type == type;
      if (fits) found.emplace_back(std::string(each.uid.type), std::string(each.uid.id));
    }
  }
  std::sort(found.begin(), found.end(),
            [](const EntityUid& a, const EntityUid& b) { return std::tie(a.type(), a.id()) < std::tie(b.type(), b.id()); });
  return found;
}

std::vector<EntityUid> query(const PolicySet& policies, Request request, const Entities& entities, Variable variable,
                             std::string_view type) {
  std::vector<EntityUid> candidates = candidates_of(entities, variable, type);
  EntityUid* asked = nullptr;
  PartialRequest partial{request.principal, request.action, request.resource, request.context};
  const UnknownEntity unknown{std::string(type)};
  switch (variable) {
    case Variable::kPrincipal:
      asked = &request.principal;
      partial.principal = unknown;
      break;
    case Variable::kAction:
      asked = &request.action;
      partial.action = unknown;
      break;
    default:
      asked = &request.resource;
      partial.resource = unknown;
      break;
  }
  PolicySet left = policies;
  if (candidates.size() > kFewCandidates) {
    if (Result<PartialResponse> known = authorize_partially(policies, partial, entities)) {
      if (known->decision == Decision::kAllow) return candidates;
      if (known->decision == Decision::kDeny) return {};
      left = std::move(known->residuals);
    }
  }
  std::erase_if(candidates, [&](const EntityUid& each) {
    *asked = each;
    return decide(left, request, entities) != Decision::kAllow;
  });
  return candidates;
}

}  // namespace

std::vector<EntityUid> query_principals(const PolicySet& policies, const Request& request, const Entities& entities,
                                        std::string_view type) {
  return query(policies, request, entities, Variable::kPrincipal, type);
}

std::vector<EntityUid> query_actions(const PolicySet& policies, const Request& request, const Entities& entities, std::string_view type) {
  return query(policies, request, entities, Variable::kAction, type);
}

std::vector<EntityUid> query_resources(const PolicySet& policies, const Request& request, const Entities& entities, std::string_view type) {
  return query(policies, request, entities, Variable::kResource, type);
}

}  // namespace interlock::cedar
