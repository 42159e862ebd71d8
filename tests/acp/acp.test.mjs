// `interlock acp` between an editor and an agent that are both the protocol's own SDK. What happened is looked at: the file, the process.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { afterEach, describe, it } from "node:test";
import { commands, eventually, interlock, stop } from "../peers/parts.mjs";
import { openEditor } from "./editor.mjs";

const kPolicies = `
@id("all") permit (principal, action, resource);
@id("no-env") @reason("Secrets stay unread.") @next("ask for the value")
forbid (principal, action == Action::"file/read", resource) when { context.args has path && context.args.path like "*/.env" };
@id("no-touch") @reason("This file stays.") forbid (principal, action == Action::"file/write", resource) when { context.args has path && context.args.path like "*/fixed.txt" };
@id("no-rm") @reason("Nothing is removed.") forbid (principal, action, resource in Command::"rm");
@id("ask") @reason("A human looks.") forbid (principal, action == Action::"file/write", resource)
when { context.args has path && context.args.path like "*/asked.txt" } unless { context.approved };
`;
const kCounts = "approvals: { elicitation_counts: true }";
const kDenied = -32000;

const open = [];
async function editing(options = {}) {
  const editor = await openEditor({ policies: kPolicies, ...options });
  open.push(editor);
  return editor.begin(options.mcpServers);
}
afterEach(async () => {
  for (const editor of open.splice(0)) await editor.close();
});
const choose = (kind) => (params) => ({ outcome: "selected", optionId: params.options.find((option) => option.kind === kind).optionId });
const begun = (promise) => (promise.catch(() => {}), promise);
const receipts = async (editor) => {
  const answer = await interlock(editor.file, "log", "query", "--json");
  return answer.stdout;
};

describe("files", () => {
  it("are read and written where policy allows it, byte for byte", async () => {
    const editor = await editing();
    writeFileSync(editor.path("a.txt"), "naïve \u{1f600}\n");
    const [read, written] = await editor.say(
      { method: "fs/read_text_file", params: { path: editor.path("a.txt") } },
      { method: "fs/write_text_file", params: { path: editor.path("b.txt"), content: "b\u0000\u2028\n" } },
    );
    assert.equal(read.result.content, "naïve \u{1f600}\n");
    assert.ok(written.result);
    assert.equal(readFileSync(editor.path("b.txt"), "utf8"), "b\u0000\u2028\n");
  });
  it("are neither read nor written where it does not, and the agent is told why", async () => {
    const editor = await editing();
    writeFileSync(editor.path(".env"), "KEY=1");
    writeFileSync(editor.path("fixed.txt"), "as it was");
    const [read, written] = await editor.say(
      { method: "fs/read_text_file", params: { path: editor.path(".env") } },
      { method: "fs/write_text_file", params: { path: editor.path("fixed.txt"), content: "x" } },
    );
    assert.equal(read.error.code, kDenied);
    assert.match(read.error.message, /Secrets stay unread.*ask for the value/);
    assert.deepEqual(read.error.data.policies, ["no-env"]);
    assert.equal(written.error.code, kDenied);
    assert.equal(readFileSync(editor.path("fixed.txt"), "utf8"), "as it was");
    assert.deepEqual(editor.seen.asked, []);
  });
  it("are written blank where policy blanks what is written", async () => {
    const editor = await editing({ policies: `${kPolicies}\n@id("blank") @redact("/content") permit (principal, action == Action::"file/write", resource);` });
    await editor.say({ method: "fs/write_text_file", params: { path: editor.path("b.txt"), content: "s3cret" } });
    assert.equal(readFileSync(editor.path("b.txt"), "utf8"), "[redacted by policy]");
  });
});

describe("terminals", () => {
  it("run what is allowed, and tell how it ended", async () => {
    const editor = await editing();
    const [created] = await editor.say({ method: "terminal/create", params: { command: "echo", args: ["hello", ">", "out.txt"] } });
    const { terminalId } = created.result;
    const [ended, output, released] = await editor.say(
      { method: "terminal/wait_for_exit", params: { terminalId } },
      { method: "terminal/output", params: { terminalId } },
      { method: "terminal/release", params: { terminalId } },
    );
    assert.equal(ended.result.exitCode, 0);
    assert.ok(output.result && released.result);
    assert.equal(readFileSync(editor.path("out.txt"), "utf8"), "hello\n");
  });
  for (const params of [{ command: "rm", args: ["kept.txt"] }, { command: "rm kept.txt" }, { command: "bash", args: ["-c", "true && rm kept.txt"] }, { command: "true", args: [";", "rm", "kept.txt"] }]) {
    it(`do not run what is denied: ${JSON.stringify(params)}`, async () => {
      const editor = await editing();
      writeFileSync(editor.path("kept.txt"), "");
      const [created] = await editor.say({ method: "terminal/create", params });
      assert.equal(created.error.code, kDenied);
      assert.match(created.error.message, /Nothing is removed/);
      assert.equal(editor.seen.terminals, 0);
      assert.ok(existsSync(editor.path("kept.txt")));
    });
  }
  it("that another made are nobody's", async () => {
    const editor = await editing();
    const [output] = await editor.say({ method: "terminal/output", params: { terminalId: "terminal-1" } });
    assert.equal(output.error.code, kDenied);
  });
});

describe("permissions", () => {
  const options = [
    { optionId: "yes", name: "Yes", kind: "allow_once" },
    { optionId: "no", name: "No", kind: "reject_once" },
  ];
  const asking = (toolCall) => ({ method: "session/request_permission", params: { toolCall: { toolCallId: "1", ...toolCall }, options } });

  it("that the agent asks for reach the human, whose answer reaches the agent", async () => {
    const editor = await editing({ permission: choose("allow_once") });
    const [answer] = await editor.say(asking({ kind: "execute", title: "ls", rawInput: { command: "ls" } }));
    assert.deepEqual(answer.result.outcome, { outcome: "selected", optionId: "yes" });
    assert.equal(editor.seen.permissions.length, 1);
  });
  it("that policy denies are answered with no, and nobody is asked", async () => {
    const editor = await editing({ permission: choose("allow_once") });
    const [answer] = await editor.say(asking({ kind: "execute", title: "harmless", rawInput: { command: "rm -rf /" } }));
    assert.deepEqual(answer.result.outcome, { outcome: "selected", optionId: "no" });
    assert.equal(editor.seen.permissions.length, 0);
  });
  for (const [kind, text] of [["allow_once", "written"], ["reject_once", "as it was"]]) {
    it(`of the gate's own are asked in the editor where its answer counts: ${kind}`, async () => {
      const editor = await editing({ extra: kCounts, permission: choose(kind) });
      writeFileSync(editor.path("asked.txt"), "as it was");
      await editor.say({ method: "fs/write_text_file", params: { path: editor.path("asked.txt"), content: "written" } });
      assert.equal(editor.seen.permissions.length, 1);
      assert.equal(readFileSync(editor.path("asked.txt"), "utf8"), text);
    });
  }
  it("that only a human elsewhere can give are told of in the conversation, and taken back with the turn", async () => {
    const editor = await editing({ permission: choose("allow_once") });
    const turn = begun(editor.prompt([{ method: "fs/write_text_file", params: { path: editor.path("asked.txt"), content: "x" } }]));
    await eventually("the human is told", () => editor.seen.texts.some((text) => text.includes("interlock approve")));
    assert.equal(editor.seen.permissions.length, 0);
    await editor.to.notify("session/cancel", { sessionId: editor.sessionId });
    assert.equal((await turn).stopReason, "cancelled");
    assert.equal(existsSync(editor.path("asked.txt")), false);
    await eventually("the agent was told", () => /-32800/.test(editor.seen.texts.at(-1)));
  });
});

describe("sessions", () => {
  it("start their MCP servers through the gate, and leave out those that it cannot stand before", async () => {
    const [command, ...args] = commands.memory;
    const editor = await editing({
      mcpServers: [
        { name: "memory", command, args, env: [] },
        { type: "http", name: "far", url: "https://far.example/mcp", headers: [] },
      ],
    });
    const [{ result }] = await editor.say({ session: true });
    assert.equal(result.mcpServers.length, 1);
    const [server] = result.mcpServers;
    assert.match(server.command, /interlock$/);
    assert.equal(server.args[0], "mcp");
    assert.deepEqual(server.args.slice(server.args.indexOf("--")), ["--", command, ...args]);
    assert.match(editor.errors(), /far/);
    // And the command that the agent was given is a server, with the gate before it.
    const child = spawn(server.command, server.args, { stdio: ["pipe", "pipe", "inherit"], cwd: editor.folder });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const call = async (id, method, params) => {
      child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`);
      return JSON.parse((await lines.next()).value);
    };
    const hello = await call(1, "initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } });
    assert.ok(hello.result.capabilities.tools);
    const graph = await call(2, "tools/call", { name: "read_graph", arguments: {} });
    assert.ok(graph.result.content, JSON.stringify(graph));
    await stop(child);
    assert.match(await receipts(editor), /read_graph/);
  });
  it("have what was asked, typed and decided in the ledger", async () => {
    const editor = await editing();
    await editor.say({ method: "fs/read_text_file", params: { path: editor.path(".env") } });
    await editor.close();
    const text = await receipts(editor);
    assert.match(text, /agent\/prompt/);
    assert.match(text, /file\/read/);
    assert.match(text, /no-env/);
  });
  it("pass on methods that nobody here knows", async () => {
    const editor = await editing();
    const [answer] = await editor.say({ method: "_vendor/thing", params: { x: 1 } });
    assert.equal(answer.error.code, -32601, "the editor's own answer");
  });
});

describe("ends", () => {
  it("of the gate end the agent, whose requests do nothing any more", async () => {
    const editor = await editing();
    const turn = begun(editor.prompt([{ method: "fs/write_text_file", params: { path: editor.path("asked.txt"), content: "x" } }]));
    await eventually("it is held", () => editor.seen.texts.some((text) => text.includes("interlock approve")));
    editor.child.kill("SIGKILL");
    await editor.ended;
    await assert.rejects(turn);
    assert.equal(existsSync(editor.path("asked.txt")), false);
  });
  it("of the agent are seen by the editor", async () => {
    const editor = await editing();
    await assert.rejects(editor.prompt([{ exit: 3 }]));
    assert.equal((await editor.ended).code, 1);
    assert.match(editor.errors(), /the agent exited with code 3/);
  });
  it("of an agent that cannot be started are a failure with a reason", async () => {
    const editor = await openEditor({ policies: kPolicies, agent: ["/nowhere/agent"] });
    open.push(editor);
    assert.equal((await editor.ended).code, 1);
    assert.match(editor.errors(), /nowhere/);
  });
  it("of the editor end the agent", async () => {
    const editor = await editing({ agent: ["sh", "-c", `echo $$ > pid; exec ${process.execPath} ${new URL("agent.mjs", import.meta.url).pathname}`] });
    const pid = Number(readFileSync(editor.path("pid"), "utf8"));
    editor.child.stdin.end();
    await editor.ended;
    await eventually("the agent is gone", () => !existsSync(`/proc/${pid}`));
  });
});

describe("lines", () => {
  it("that are no messages are answered and never passed on", async () => {
    const script = `printf '%s\\n' '{' '[{"jsonrpc":"2.0","id":1,"method":"fs/write_text_file"}]' '{"jsonrpc":"2.0","id":1,"id":2,"method":"x"}'; head -3 > answers; cat > /dev/null`;
    const editor = await openEditor({ policies: kPolicies, agent: ["sh", "-c", script] });
    open.push(editor);
    const codes = await eventually("they are answered", () => {
      const text = existsSync(editor.path("answers")) ? readFileSync(editor.path("answers"), "utf8").trim().split("\n") : [];
      return text.length === 3 && text.map((line) => JSON.parse(line).error.code);
    });
    assert.deepEqual(codes, [-32700, -32600, -32700]);
    assert.deepEqual(editor.seen.asked, []);
  });
});
