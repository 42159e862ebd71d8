// What each host sends before a tool, as it documents it or as it was captured. A path is given as "a/b": the way to a member.
export const kHosts = {
  claude: {
    shell: (command) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "Bash", tool_input: { command }, tool_use_id: `t-${command}` }),
    write: (path) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "Write", tool_input: { file_path: path, content: "x" }, tool_use_id: `w-${path}` }),
    mcp: (server, tool) => ({ hook_event_name: "PreToolUse", session_id: "s", tool_name: `mcp__${server}__${tool}`, tool_input: {}, tool_use_id: "m" }),
    prompt: (prompt) => ({ hook_event_name: "UserPromptSubmit", session_id: "s", prompt }),
    end: () => ({ hook_event_name: "SessionEnd", session_id: "s", reason: "exit" }),
    required: ["hook_event_name", "session_id", "tool_name", "tool_input", "tool_input/command"],
    asks: (out) => JSON.parse(out).hookSpecificOutput.permissionDecision === "ask",
  },
  codex: {
    shell: (command) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "Bash", tool_input: { command }, tool_use_id: `t-${command}` }),
    write: (path) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "apply_patch", tool_input: { command: `*** Begin Patch\n*** Add File: ${path}\n+x\n*** End Patch\n` }, tool_use_id: `w-${path}` }),
    mcp: (server, tool) => ({ hook_event_name: "PreToolUse", session_id: "s", tool_name: `mcp__${server}__${tool}`, tool_input: {}, tool_use_id: "m" }),
    prompt: (prompt) => ({ hook_event_name: "UserPromptSubmit", session_id: "s", prompt }),
    end: () => ({ hook_event_name: "SessionEnd", session_id: "s" }),
    required: ["hook_event_name", "session_id", "tool_name", "tool_input", "tool_input/command"],
  },
  gemini: {
    shell: (command) => ({ hook_event_name: "BeforeTool", session_id: "s", cwd: "/tmp", tool_name: "run_shell_command", tool_input: { command } }),
    write: (path) => ({ hook_event_name: "BeforeTool", session_id: "s", cwd: "/tmp", tool_name: "write_file", tool_input: { file_path: path, content: "x" } }),
    mcp: (server, tool) => ({ hook_event_name: "BeforeTool", session_id: "s", tool_name: tool, tool_input: {}, mcp_context: { server_name: server, tool_name: tool } }),
    prompt: (prompt) => ({ hook_event_name: "BeforeAgent", session_id: "s", prompt }),
    end: () => ({ hook_event_name: "SessionEnd", session_id: "s" }),
    required: ["hook_event_name", "session_id", "tool_name", "tool_input", "tool_input/command"],
  },
  copilot: {
    shell: (command) => ({ sessionId: "s", timestamp: 1, cwd: "/tmp", toolName: "bash", toolArgs: { command, description: "x" } }),
    write: (path) => ({ sessionId: "s", timestamp: 1, cwd: "/tmp", toolName: "create", toolArgs: { path, file_text: "x" } }),
    prompt: (prompt) => ({ sessionId: "s", timestamp: 1, cwd: "/tmp", prompt }),
    end: () => ({ sessionId: "s", timestamp: 1, cwd: "/tmp", reason: "complete" }),
    required: ["sessionId", "toolName", "toolArgs", "toolArgs/command"],
    asks: (out) => JSON.parse(out).permissionDecision === "ask",
    denial_out: /"permissionDecision":"deny"/,
  },
  cursor: {
    shell: (command) => ({ hook_event_name: "preToolUse", conversation_id: "s", workspace_roots: ["/tmp"], tool_name: "Shell", tool_input: { command }, tool_use_id: `t-${command}` }),
    write: (path) => ({ hook_event_name: "preToolUse", conversation_id: "s", workspace_roots: ["/tmp"], tool_name: "Write", tool_input: { file_path: path }, tool_use_id: `w-${path}` }),
    mcp: (server, tool) => ({ hook_event_name: "beforeMCPExecution", conversation_id: "s", tool_name: tool, tool_input: "{}", mcp_server_name: server }),
    prompt: (prompt) => ({ hook_event_name: "beforeSubmitPrompt", conversation_id: "s", prompt, attachments: [] }),
    end: () => ({ hook_event_name: "sessionEnd", conversation_id: "s" }),
    required: ["hook_event_name", "conversation_id", "tool_name", "tool_input", "tool_input/command"],
    asks: (out) => JSON.parse(out).permission === "ask",
    allowed_out: /^\{\}\n?$/,
  },
  cline: {
    shell: (command) => ({ hookName: "tool_call", taskId: "t", sessionContext: { rootSessionId: "s" }, workspaceRoots: ["/tmp"], agent_id: "a", parent_agent_id: null, tool_call: { id: `t-${command}`, name: "run_commands", input: { commands: [command] } } }),
    write: (path) => ({ hookName: "tool_call", taskId: "t", workspaceRoots: ["/tmp"], tool_call: { id: `w-${path}`, name: "editor", input: { path, new_text: "x" } } }),
    mcp: (server, tool) => ({ hookName: "PreToolUse", taskId: "t", preToolUse: { toolName: "use_mcp_tool", parameters: { server_name: server, tool_name: tool, arguments: "{}" } } }),
    prompt: (prompt) => ({ hookName: "prompt_submit", taskId: "t", userPromptSubmit: { prompt, attachments: [] } }),
    end: () => ({ hookName: "agent_end", taskId: "t", sessionContext: { rootSessionId: "s" }, agent_id: "a", parent_agent_id: null }),
    required: ["hookName", "taskId", "tool_call", "tool_call/name", "tool_call/input", "tool_call/input/commands"],
    allowed_out: /"cancel":false/,
    denial_json: (out) => JSON.parse(out).cancel === true && JSON.parse(out).errorMessage,
  },
  opencode: {
    shell: (command) => ({ hook: "tool.execute.before", sessionID: "s", callID: `t-${command}`, tool: "bash", args: { command }, cwd: "/tmp" }),
    write: (path) => ({ hook: "tool.execute.before", sessionID: "s", callID: `w-${path}`, tool: "write", args: { filePath: path, content: "x" }, cwd: "/tmp" }),
    prompt: (prompt) => ({ hook: "chat.message", sessionID: "s", agent: "", prompt, cwd: "/tmp" }),
    end: () => ({ hook: "session.deleted", sessionID: "s", parentID: "", cwd: "/tmp" }),
    required: ["hook", "sessionID", "tool", "args", "args/command"],
    allowed_out: /^\{\}\n?$/,
  },
  windsurf: {
    shell: (command) => ({ agent_action_name: "pre_run_command", trajectory_id: "s", execution_id: "e", tool_info: { command_line: command, cwd: "/tmp" } }),
    write: (path) => ({ agent_action_name: "pre_write_code", trajectory_id: "s", execution_id: "e", tool_info: { file_path: path, edits: [] } }),
    mcp: (server, tool) => ({ agent_action_name: "pre_mcp_tool_use", trajectory_id: "s", tool_info: { mcp_server_name: server, mcp_tool_name: tool, mcp_tool_arguments: {} } }),
    prompt: (prompt) => ({ agent_action_name: "pre_user_prompt", trajectory_id: "s", tool_info: { user_prompt: prompt } }),
    required: ["agent_action_name", "trajectory_id", "tool_info", "tool_info/command_line"],
  },
  vscode: {
    shell: (command) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "run_in_terminal", tool_input: { command }, tool_use_id: `t-${command}` }),
    write: (path) => ({ hook_event_name: "PreToolUse", session_id: "s", cwd: "/tmp", tool_name: "create_file", tool_input: { filePath: path, content: "x" }, tool_use_id: `w-${path}` }),
    prompt: (prompt) => ({ hook_event_name: "UserPromptSubmit", session_id: "s", prompt }),
    end: () => ({ hook_event_name: "Stop", session_id: "s", stop_hook_active: false }),
    required: ["hook_event_name", "session_id", "tool_name", "tool_input", "tool_input/command"],
    asks: (out) => JSON.parse(out).hookSpecificOutput.permissionDecision === "ask",
    denial_out: /"permissionDecision":"deny"/,
  },
};

// A copy of `payload` in which the member at `path` is `value`; undefined: it is not there.
export function changed(payload, path, value) {
  const copy = structuredClone(payload);
  const way = path.split("/");
  const last = way.pop();
  const at = way.reduce((from, name) => from[name], copy);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}
