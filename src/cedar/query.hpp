// Which of the entities that there are may be: the principals, actions or resources that make a request allowed.
//
// The answer is that of decide() for each candidate, in the order of type and id; what does not depend on the candidate is
// evaluated once (partial.hpp). Candidates are the entities of the store with the type that is asked for; without one all
// entities, or for actions those whose type is `Action` or ends in `::Action`.
#pragma once

#include <string_view>
#include <vector>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

// The part of the request that is asked for is not looked at.
std::vector<EntityUid> query_principals(const PolicySet& policies, const Request& request, const Entities& entities,
                                        std::string_view type = {});
std::vector<EntityUid> query_actions(const PolicySet& policies, const Request& request, const Entities& entities,
                                     std::string_view type = {});
std::vector<EntityUid> query_resources(const PolicySet& policies, const Request& request, const Entities& entities,
                                       std::string_view type = {});

}  // namespace interlock::cedar
