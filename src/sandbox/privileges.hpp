// What a process inside may no longer do by its identity alone. Each is for the calling process and what it starts, and lasts.
#pragma once

#include "base/result.hpp"
#include "sandbox/plan.hpp"

namespace interlock::sandbox {

// In the new user namespace: the caller's own user and group, as they are outside, and no other.
Status map_identity(unsigned user, unsigned group);

// No capability, none to be had again (bounding set, locked secure bits), no new privileges by setuid files or file capabilities.
Status drop_privileges();
// All but what unmounting needs.
Status keep_mount_privilege();

Status apply_limits(const ResourceLimits& limits);

}  // namespace interlock::sandbox
