// Policies from the JSON form ("EST"). Private to the library.
#pragma once

#include "cedar/syntax.hpp"

namespace interlock::cedar {

// One policy or template. Nodes have no places in a source; the caller writes the tree as text and reads that.
Result<PolicySyntax> read_policy_json(const json::value& document);

// ?principal or ?resource; nothing for any other text.
std::optional<Variable> slot_variable(std::string_view text);

}  // namespace interlock::cedar
