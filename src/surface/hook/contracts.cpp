#include "surface/hook/contracts.hpp"

namespace interlock::hook {

const Contract& contract_of(hosts::HostId host, const json::object& payload) {
  switch (host) {
    // Cursor runs the hooks of Claude Code's settings too, with payloads of its own.
    case hosts::HostId::kClaude: return json::find(payload, "cursor_version") == nullptr ? claude_contract() : cursor_contract();
    case hosts::HostId::kCodex: return codex_contract();
    case hosts::HostId::kGemini: return gemini_contract();
    case hosts::HostId::kCopilot: return copilot_contract();
    case hosts::HostId::kCursor: return cursor_contract();
    case hosts::HostId::kCline: return cline_contract();
    case hosts::HostId::kOpencode: return opencode_contract();
    case hosts::HostId::kWindsurf: return windsurf_contract();
    case hosts::HostId::kVscode: return vscode_contract();
  }
  return claude_contract();
}

}  // namespace interlock::hook
