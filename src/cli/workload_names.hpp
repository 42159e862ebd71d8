// Which SPIFFE IDs a local process is given by the gate's own authority: by what the kernel says of it, and the configuration. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "cli/config_identity.hpp"
#include "model/action.hpp"
#include "spiffe/id.hpp"

namespace interlock::cli {

// The IDs of every entry that fits `local` (identity::local_subject of the process), in the order of the configuration, the first
// is the default. Where none is configured: spiffe://DOMAIN/local/USER/PROGRAM. kDenied: the process is nobody that is known.
Result<std::vector<spiffe::SpiffeId>> workload_names(const std::string& trust_domain, const std::vector<WorkloadConfig>& workloads,
                                                     const model::Subject& local);

}  // namespace interlock::cli
