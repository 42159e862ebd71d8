// A second lock on files and signals, beside the view (landlock(7)): should a mount be other than meant, what the plan gives to be read can
// still not be written, and no process outside can be signalled or spoken to through an abstract socket.
//
// For the calling process and all it starts, for good. What this kernel's Landlock lacks (ABI 1 to 7) is left out and told of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

// 0: none. The highest that this program knows is asked of a newer kernel too.
inline constexpr int kNewestLandlock = 7;
int landlock_abi();

// Needs no_new_privs, and stands inside the view that `plan` was laid out to. `abi`: at most landlock_abi().
Status restrict_by_landlock(const Plan& plan, int abi);

// In words, what an ABI leaves open.
std::vector<std::string> landlock_gaps(int abi);

}  // namespace interlock::sandbox
