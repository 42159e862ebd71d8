// The contracts that there are, a file each. Private to the room.
#pragma once

#include "surface/hook/contract.hpp"

namespace interlock::hook {

const Contract& claude_contract();
const Contract& codex_contract();
const Contract& gemini_contract();

}  // namespace interlock::hook
