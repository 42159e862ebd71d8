// Texts in a policy that people may read otherwise than machines do. Private to the library.
#pragma once

#include "cedar/typechecker.hpp"

namespace interlock::cedar {

void check_texts(const PolicySyntax& policy, std::vector<TypeFault>& warnings);

}  // namespace interlock::cedar
