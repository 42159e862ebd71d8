// The three agents: how each is started against the scripted model, how its files of settings are written, and how a scripted act is said
// with its own tools. An act is a list of calls, since some take two (Claude Code reads a file before it edits it).
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeBinary, write } from "../peers/parts.mjs";

const modules = fileURLToPath(new URL("../../build/peers/agents/node_modules", import.meta.url));
export const notesServer = fileURLToPath(new URL("notes_server.mjs", import.meta.url));
const quoted = JSON.stringify;

// One patch in Codex's form, as its models write it on a shell line.
const patch = (...lines) => `apply_patch <<'PATCH'\n*** Begin Patch\n${lines.join("\n")}\n*** End Patch\nPATCH`;
const added = (text) => text.replace(/\n$/, "").split("\n").map((line) => `+${line}`);

export const agents = {
  claude: {
    name: "claude",
    program: join(modules, "@anthropic-ai", "claude-agent-sdk-linux-x64", "claude"),
    canAsk: true,
    canModify: true,
    canReplaceOutput: true,
    ownFetch: true,
    mainTool: "Bash",
    connector: "anthropic",
    argv: () => ["-p", "run the script of the lab", "--allowedTools", "Bash,Read,Write,Edit,WebFetch,Agent,mcp__notes"],
    environment: ({ model }) => ({
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: "none",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_TELEMETRY: "1",
      DISABLE_AUTOUPDATER: "1",
    }),
    settle({ home, notes }) {
      write(join(home, ".claude", "settings.json"), `${quoted({ skipWebFetchPreflight: true }, null, 2)}\n`);
      write(join(home, ".claude.json"), `${quoted({ mcpServers: { notes: { command: nodeBinary, args: [notesServer, notes] } } })}\n`);
    },
    shell: (command) => [{ tool: "Bash", input: { command, description: "scripted" } }],
    write: (path, content) => [{ tool: "Write", input: { file_path: path, content } }],
    edit: (path, old_string, new_string) => [{ tool: "Read", input: { file_path: path } }, { tool: "Edit", input: { file_path: path, old_string, new_string } }],
    read: (path) => [{ tool: "Read", input: { file_path: path } }],
    fetch: (url) => [{ tool: "WebFetch", input: { url, prompt: "what does it say?" } }],
    mcp: (tool, input) => [{ tool: `mcp__notes__${tool}`, input }],
    // Its own conversation is the sub-agent's until that has ended.
    sub: (prompt) => [{ tool: "Agent", input: { description: "scripted", prompt, subagent_type: "general-purpose", run_in_background: false } }],
  },
  codex: {
    name: "codex",
    program: join(modules, ".bin", "codex"),
    canAsk: false,
    canModify: true,
    canReplaceOutput: false,
    ownFetch: false,
    mainTool: "exec_command",
    connector: "openai",
    argv: ({ hooks }) => ["exec", "--skip-git-repo-check", "-s", "danger-full-access", ...(hooks ? ["--dangerously-bypass-hook-trust"] : []), "run the script of the lab"],
    environment: () => ({ OPENAI_API_KEY: "none" }),
    settle({ home, notes, model }) {
      write(
        join(home, ".codex", "config.toml"),
        `model = "scripted"\nmodel_provider = "scripted"\ncheck_for_update_on_startup = false\n\n[model_providers.scripted]\nname = "scripted"\n` +
          `base_url = "${model.url}/v1"\nwire_api = "responses"\n\n[mcp_servers.notes]\ncommand = ${quoted(nodeBinary)}\nargs = ${quoted([notesServer, notes])}\n`,
      );
    },
    shell: (cmd) => [{ tool: "exec_command", input: { cmd } }],
    write: (path, text) => [{ tool: "exec_command", input: { cmd: patch(`*** Add File: ${path}`, ...added(text)) } }],
    edit: (path, before, after) => [{ tool: "exec_command", input: { cmd: patch(`*** Update File: ${path}`, "@@", `-${before}`, `+${after}`) } }],
    read: (path) => [{ tool: "exec_command", input: { cmd: `cat '${path}'` } }],
    mcp: (tool, input) => [{ tool, namespace: "mcp__notes", input }],
    sub: (message) => [
      { tool: "spawn_agent", namespace: "multi_agent_v1", input: { message } },
      { tool: "wait_agent", namespace: "multi_agent_v1", input: (results) => ({ targets: [/[0-9a-f]{8}-[0-9a-f-]{27}/.exec(results.at(-1).text)?.[0] ?? ""], timeout_ms: 30_000 }) },
    ],
  },
  gemini: {
    name: "gemini",
    program: join(modules, ".bin", "gemini"),
    canAsk: false,
    canModify: true,
    canReplaceOutput: true,
    ownFetch: true,
    mainTool: "run_shell_command",
    connector: "gemini",
    // It keeps its own file tools to its folders, so it is given those that hooks have to keep it from. In a run they do not exist.
    argv: ({ home, run }) => ["-m", "gemini-2.5-pro", "-y", "--skip-trust", ...(run ? [] : ["--include-directories", `${join(home, "outside")},${join(home, ".ssh")}`]), "-p", "run the script of the lab"],
    environment: ({ model }) => ({ GOOGLE_GEMINI_BASE_URL: model.url, GEMINI_API_KEY: "none", GEMINI_CLI_TRUST_WORKSPACE: "true" }),
    settle({ home, notes }) {
      const settings = { security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } }, general: { disableAutoUpdate: true }, mcpServers: { notes: { command: nodeBinary, args: [notesServer, notes] } } };
      write(join(home, ".gemini", "settings.json"), `${JSON.stringify(settings, null, 2)}\n`);
    },
    shell: (command) => [{ tool: "run_shell_command", input: { command } }],
    write: (path, content) => [{ tool: "write_file", input: { file_path: path, content } }],
    edit: (path, old_string, new_string) => [{ tool: "replace", input: { file_path: path, old_string, new_string, instruction: "scripted" } }],
    read: (path) => [{ tool: "read_file", input: { file_path: path } }],
    fetch: (url) => [{ tool: "web_fetch", input: { prompt: `what does ${url} say?` } }],
    mcp: (tool, input) => [{ tool: `mcp_notes_${tool}`, input }],
    sub: (prompt) => [{ tool: "invoke_agent", input: { agent_name: "generalist", prompt } }],
  },
};
export const allAgents = Object.values(agents);
