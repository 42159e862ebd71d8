// Policies in Cedar's JSON form ("EST"), both ways.
//
// A document is a policy set ({"staticPolicies", "templates", "templateLinks"}) or one policy ({"effect", "principal", ...}).
// A set is loaded by way of the policies' text, so that what is loaded can always be shown, and places in errors are places
// in that text. Strict: members and operators that are not known are refused.
#pragma once

#include <string>

#include "cedar/cedar.hpp"

namespace interlock::cedar {

// One policy alone is called policy0; those of a set have the ids that the document gives them.
Result<PolicySet> policies_from_json(const PolicySource& document, const LoadOptions& options = {}, std::vector<Diagnostic>* all = nullptr);

// The whole set as one document.
Result<std::string> policies_to_json(const PolicySet& policies);

// The whole set as text. Text has no links: they are written as the policies they stand for. An id that is not the one a
// policy would have by its position is kept as @id.
std::string policies_to_text(const PolicySet& policies);

}  // namespace interlock::cedar
