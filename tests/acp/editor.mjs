// An editor built with the SDK: starts `interlock acp -- AGENT` as Zed would start an agent, and does what it is asked, really: reads and
// writes files, runs commands in a shell, answers permissions as the test says.
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { eventually, gateBinary, nodeBinary, root, stop, writeConfiguration } from "../peers/parts.mjs";
import { acp } from "./sdk.mjs";

const kAgent = join(root, "tests", "acp", "agent.mjs");

// permission(params): the outcome that the human of the test chooses. agent: another command line in place of the scripted one.
export async function openEditor({ policies, preset = "none", extra = "", servers = {}, permission = () => ({ outcome: "cancelled" }), agent = [nodeBinary, kAgent], words = [] }) {
  const { folder, file } = writeConfiguration({ policies, preset, extra, servers });
  const child = spawn(gateBinary, ["acp", "--config", file, ...words, "--", ...agent], { stdio: ["pipe", "pipe", "pipe"], cwd: folder });
  let errors = "";
  child.stderr.on("data", (part) => {
    errors = (errors + part).slice(-100_000);
  });
  child.stdin.on("error", () => {});
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));

  const seen = { permissions: [], texts: [], terminals: 0, asked: [] };
  const terminals = new Map();
  const noted = (method) => (work) => ({ params }) => {
    seen.asked.push(method);
    return work(params);
  };
  const app = acp
    .client({ name: "editor" })
    .onRequest("fs/read_text_file", noted("read")(({ path }) => ({ content: readFileSync(path, "utf8") })))
    .onRequest("fs/write_text_file", noted("write")(({ path, content }) => (writeFileSync(path, content), {})))
    .onRequest(
      "terminal/create",
      noted("create")(({ command, args = [], cwd }) => {
        const terminalId = `terminal-${++seen.terminals}`;
        const shell = spawn("sh", ["-c", [command, ...args].join(" ")], { cwd: cwd ?? folder });
        let output = "";
        for (const stream of [shell.stdout, shell.stderr]) stream.on("data", (part) => (output += part));
        terminals.set(terminalId, { shell, output: () => output, exit: new Promise((resolve) => shell.once("close", (exitCode, signal) => resolve({ exitCode, signal }))) });
        return { terminalId };
      }),
    )
    .onRequest("terminal/wait_for_exit", noted("wait")(({ terminalId }) => terminals.get(terminalId).exit))
    .onRequest("terminal/output", noted("output")(({ terminalId }) => ({ output: terminals.get(terminalId).output(), truncated: false })))
    .onRequest("terminal/kill", noted("kill")(({ terminalId }) => (terminals.get(terminalId).shell.kill("SIGKILL"), {})))
    .onRequest("terminal/release", noted("release")(() => ({})))
    .onRequest("session/request_permission", async ({ params }) => {
      seen.permissions.push(params);
      return { outcome: await permission(params) };
    })
    .onNotification("session/update", ({ params }) => {
      if (params.update.sessionUpdate === "agent_message_chunk") seen.texts.push(params.update.content.text);
    });
  const connection = app.connect(acp.ndJsonStream(Writable.toWeb(child.stdin), Readable.toWeb(child.stdout)));
  const to = connection.agent;

  const editor = {
    child,
    folder,
    file,
    seen,
    ended,
    to,
    errors: () => errors,
    async begin(mcpServers = []) {
      await to.request("initialize", { protocolVersion: acp.PROTOCOL_VERSION, clientCapabilities: { fs: { readTextFile: true, writeTextFile: true }, terminal: true } });
      const { sessionId } = await to.request("session/new", { cwd: folder, mcpServers });
      editor.sessionId = sessionId;
      return editor;
    },
    prompt: (orders) => to.request("session/prompt", { sessionId: editor.sessionId, prompt: [{ type: "text", text: JSON.stringify(orders) }] }),
    // What the agent was answered, in order.
    async say(...orders) {
      const told = () => seen.texts.filter((text) => text.startsWith('{"answers"'));
      const before = told().length;
      await editor.prompt(orders);
      // The SDK handles a notification in its own time, which may be after the answer that came behind it.
      return JSON.parse(await eventually("the agent's answers", () => told()[before])).answers;
    },
    path: (name) => join(folder, name),
    close: () => stop(child),
  };
  return editor;
}
