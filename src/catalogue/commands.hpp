// Commands of terminals and tools of coding agents: what a shell line, a program's start, a file tool or a fetch does.
//
// Requests of the surfaces "exec", "hook" and "acp", by operation:
//   "shell"       args {"command": text, "cwd"?, "environment"?}              a line for sh or bash: its commands are parts
//   "execve"      target: the executable as resolved; args {"argv": [...], "cwd", "script"?, "loader"?: [...], "in_memory"?: true}
//   "file"        target "read" | "write" | "delete" | "list"; args {"path", "cwd"?, "environment"?, ...}
//   "fetch"       args {"url", ...}; "search" args {"query"}                    the host's own web tools
//   "agent"       a sub-agent; args {"prompt", ...}
//   "prompt"      what the human typed; args {"prompt"}
//   "tools/call"  of an MCP server: as surface "mcp"
// "environment": variables that are known for sure, {"HOME": ..., "TMPDIR": ...}; without HOME, `~` is a path that is not known.
//
// A command is parts: Action::"git/push" on Command::"git push" (in Command::"git"), with what it reads, looks through, writes, deletes and
// reaches as Action::"file/read", "file/list", "file/write", "file/delete" on File::... and Action::"net/connect" on Host::.... A part's
// args:
// {"program","verb"?,"argv","flags","operands","cwd"?,"elsewhere"?,"unknowable"?: [...]}; a path or host that is not known is File::"?" or
// Host::"?", in nothing, known = false, with "paths" or "hosts" as they are written. What may run anything is Action::"exec/unknown" with
// every effect but admin; never less. Programs and their verbs are data: catalogue/commands/*.yaml (docs/commands.md). A program is known
// by its place: one that an agent could have written (in the workspace, in /tmp, a memfd) is not the git that it calls itself. Pure; any
// thread.
#pragma once

#include "base/json.hpp"
#include "model/action.hpp"

namespace interlock::catalogue {

struct CatalogueData;

bool is_command_request(const model::ActionRequest& request);
model::Classification classify_command(const CatalogueData& data, const model::ActionRequest& request);

}  // namespace interlock::catalogue
