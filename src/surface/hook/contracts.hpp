// The contracts that there are, a file each. Private to the room.
#pragma once

#include "surface/hook/contract.hpp"

namespace interlock::hook {

const Contract& claude_contract();
const Contract& codex_contract();
const Contract& gemini_contract();
const Contract& copilot_contract();
const Contract& cursor_contract();
const Contract& cline_contract();
const Contract& opencode_contract();
const Contract& windsurf_contract();
const Contract& vscode_contract();

}  // namespace interlock::hook
