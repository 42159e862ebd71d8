// Other people's clients and servers: the Inspector's command line against the reference servers, through the gate.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, gateBinary, modulePath, nodeBinary, scratch, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kInspector_ms = 60_000;

// Runs the Inspector's CLI in a home of its own; returns {code, stdout, stderr, json()}.
function inspector(home, target, ...args) {
  const script = modulePath("@modelcontextprotocol", "inspector", "clients", "launcher", "build", "index.js");
  const where = typeof target === "string" ? ["--server-url", target, "--transport", "http"] : target;
  return new Promise((resolve) => {
    const environment = { ...process.env, HOME: home, NO_COLOR: "1" };
    execFile(nodeBinary, [script, "--cli", ...where, "--format", "json", "--quiet", ...args], { timeout: kInspector_ms, env: environment }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? 1) : 0, stdout, stderr, json: () => JSON.parse(stdout) });
    });
  });
}
const payload = (document) => document.result ?? document;

describe("the reference servers behind the gate", () => {
  const folder = scratch();
  const work = join(folder, "work");
  const outside = join(folder, "outside");
  let gate, config;
  before(async () => {
    mkdirSync(work);
    mkdirSync(outside);
    write(join(work, "plan.txt"), "Ship on Friday.\n");
    config = {
      folder,
      servers: {
        files: { command: commands.filesystem(work, outside) },
        memory: { command: commands.memory, env: { MEMORY_FILE_PATH: join(folder, "memory.jsonl") } },
        everything: { command: commands.everything },
      },
      policies: `
permit (principal, action, resource);
@id("stay-in-work") @reason("Write below the work folder.")
forbid (principal, action in Action::"write", resource)
when { context.args has path } unless { context.args.path like "${work}/*" };
@id("no-deleting") @reason("Nothing is deleted.")
forbid (principal, action in Action::"delete", resource);
`,
    };
    gate = await startGate(config);
  });
  after(async () => {
    await gate?.stop();
  });

  for (const era of ["legacy", "modern"]) {
    it(`filesystem reads and writes in scope and is denied outside, ${era} client`, async () => {
      const client = await connect(era, { url: gate.url("files") }, { answers: { "roots/list": () => ({ roots: [{ uri: `file://${work}` }, { uri: `file://${outside}` }] }) } });
      try {
        assert.match(textOf(await client.call("read_text_file", { path: join(work, "plan.txt") })), /Ship on Friday/);
        const path = join(work, `${era}.txt`);
        assert.ok(!(await client.call("write_file", { path, content: "hello" })).isError);
        assert.equal(readFileSync(path, "utf8"), "hello");
        const error = await refusal(client.call("write_file", { path: join(outside, "stolen.txt"), content: "x" }));
        assert.equal(error.code, -31001);
        assert.match(error.message, /work folder/);
        assert.ok(!existsSync(join(outside, "stolen.txt")));
      } finally {
        await client.close();
      }
    });

    it(`memory keeps its graph, and deleting is hidden and denied, ${era} client`, async () => {
      const client = await connect(era, { url: gate.url("memory") });
      try {
        await client.call("create_entities", { entities: [{ name: `shop ${era}`, entityType: "shop", observations: ["opens at 7"] }] });
        assert.match(textOf(await client.call("search_nodes", { query: era })), /opens at 7/);
        const names = await client.toolNames();
        assert.ok(!names.some((name) => name.startsWith("delete_")), names.join(" "));
        assert.equal((await refusal(client.call("delete_entities", { entityNames: [`shop ${era}`] }))).code, -31001);
        assert.match(textOf(await client.call("read_graph", {})), new RegExp(`shop ${era}`));
      } finally {
        await client.close();
      }
    });

    it(`everything serves tools, resources, prompts and long calls, ${era} client`, async () => {
      const client = await connect(era, { url: gate.url("everything") });
      try {
        assert.match(textOf(await client.call("echo", { message: "hello" })), /hello/);
        assert.ok((await client.resources()).length > 0);
        assert.ok((await client.prompts()).length > 0);
        const seen = [];
        await client.call("trigger-long-running-operation", { duration: 1, steps: 4 }, { onprogress: ({ progress }) => seen.push(progress) });
        assert.deepEqual(seen, [1, 2, 3, 4]);
        assert.equal((await client.call("get-tiny-image", {})).content.find(({ type }) => type === "image").mimeType, "image/png");
      } finally {
        await client.close();
      }
    });
  }

  for (const era of ["legacy", "modern"]) {
    it(`the Inspector lists and calls over HTTP, ${era}`, async () => {
      const listed = await inspector(folder, gate.url("files"), "--protocol-era", era, "--method", "tools/list");
      assert.equal(listed.code, 0, listed.stderr);
      assert.ok(payload(listed.json()).tools.some(({ name }) => name === "read_text_file"));
      const read = await inspector(folder, gate.url("files"), "--protocol-era", era, "--method", "tools/call", "--tool-name", "read_text_file", "--tool-arg", `path=${join(work, "plan.txt")}`);
      assert.equal(read.code, 0, read.stderr);
      assert.match(read.stdout, /Ship on Friday/);
    });

    it(`the Inspector shows its user why a call was denied, ${era}`, async () => {
      const denied = await inspector(folder, gate.url("files"), "--protocol-era", era, "--method", "tools/call", "--tool-name", "write_file", "--tool-arg", `path=${join(outside, "x.txt")}`, "content=x");
      assert.notEqual(denied.code, 0);
      assert.match(denied.stdout + denied.stderr, /work folder/);
    });
  }

  it("the Inspector uses the stdio wrapper as it would the server", async () => {
    const { file } = writeConfiguration({ policies: config.policies });
    const target = [gateBinary, "mcp", "--config", file, "--name", "files", "--", ...commands.filesystem(work)];
    // A target with options of its own goes into a session file, as in any client's mcp.json.
    const session = write(join(folder, "mcp.json"), JSON.stringify({ mcpServers: { files: { command: target[0], args: target.slice(1) } } }));
    const read = await inspector(folder, ["--config", session, "--server", "files"], "--method", "tools/call", "--tool-name", "read_text_file", "--tool-arg", `path=${join(work, "plan.txt")}`);
    assert.equal(read.code, 0, read.stderr);
    assert.match(read.stdout, /Ship on Friday/);
  });
});
