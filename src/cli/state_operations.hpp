// What the admin surface can be asked about tasks, kills and agents, answered from the organs of a state folder: by a running gate, and
// by a verb where none runs.
#pragma once

#include "approval/approvals.hpp"
#include "cli/organs.hpp"
#include "surface/api/admin.hpp"

namespace interlock::cli {

// The process on the socket, as somebody who decides.
approval::Approver approver_of(const api::AdminCaller& caller, std::string passphrase = {});

// `organs` outlives what is made of it.
api::TaskOperations task_operations(Organs& organs);
api::AgentOperations agent_operations(const Organs& organs);

}  // namespace interlock::cli
