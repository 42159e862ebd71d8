// Commands of terminals and tools of coding agents: what a shell line, a program's start, a file tool or a fetch does.
//
// Requests of the surfaces "exec", "hook" and "acp", by operation:
//   "shell"       args {"command": text, "cwd"?}                              a line for sh or bash: its commands are parts
//   "execve"      target: the executable as resolved; args {"argv": [...], "cwd", "script"?, "loader"?: [...], "in_memory"?: true}
//   "file"        target "read" | "write" | "delete" | "list"; args {"path", "cwd"?, ...}
//   "fetch"       args {"url", ...}; "search" args {"query"}                    the host's own web tools
//   "agent"       a sub-agent; args {"prompt", ...}
//   "prompt"      what the human typed; args {"prompt"}
//   "tools/call"  of an MCP server: as surface "mcp"
// A command is parts: Action::"git/push" on Command::"git push" (in Command::"git"), with what it reads, writes, deletes and reaches as
// Action::"file/read", "file/write", "file/delete" on File::..., Action::"net/connect" on Host::.... A part's args:
// {"program","verb"?,"argv", "flags","operands","cwd","unknowable"?: [...]}. What is not known is Action::"exec/unknown" with every effect
// but admin; never less. Programs and their verbs are data: catalogue/commands/*.yaml (docs/commands.md). A program is known by its place:
// one that an agent could have written (in the workspace, in /tmp, a memfd) is not the git that it calls itself. Pure; any thread.
#pragma once

#include "base/json.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

struct CatalogueData;

bool is_command_request(const model::ActionRequest& request);
model::Classification classify_command(const CatalogueData& data, const model::ActionRequest& request);

}  // namespace interlock::catalogue
