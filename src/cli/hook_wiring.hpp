// Hooks of a gate, composed: who the agent behind a hook is, and which run it is in (surface/hook). Loop thread only; what it is given
// outlives it.
#pragma once

#include <memory>

#include "cli/config.hpp"
#include "cli/exec_wiring.hpp"
#include "cli/organs.hpp"
#include "net/loop.hpp"
#include "surface/hook/hook.hpp"

namespace interlock::cli {

std::unique_ptr<hook::HookSurface> make_hooks(net::Loop& loop, Organs& organs, ExecWiring& exec, const Config& config);

}  // namespace interlock::cli
