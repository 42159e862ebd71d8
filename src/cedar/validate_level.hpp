// How far a policy follows entities. Private to the library.
#pragma once

#include "cedar/typechecker.hpp"

namespace interlock::cedar {

// Reports each lookup that is further than `level` entities away from the request. `types` are the nodes' in the environment.
void check_level(const CheckTree& tree, const std::vector<std::optional<CheckedType>>& types, const TypeTable& table,
                 const Environment& environment, std::uint32_t level, std::vector<TypeFault>& faults);

}  // namespace interlock::cedar
