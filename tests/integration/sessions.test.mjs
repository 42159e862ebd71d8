// Many clients of one token, sessions that end under way, and servers that claim what is another's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, textOf } from "../peers/clients.mjs";
import { commands, root, scratch, startFixture, startGate } from "../peers/parts.mjs";
import { exchange, messagesOf, post } from "./raw_http.mjs";

const kModern = "2026-07-28";

function modernPost(base, path, id, method, params, name) {
  const meta = { "io.modelcontextprotocol/protocolVersion": kModern, "io.modelcontextprotocol/clientInfo": { name: "twin", version: "1" }, "io.modelcontextprotocol/clientCapabilities": {} };
  const body = JSON.stringify({ jsonrpc: "2.0", id, method, params: { ...params, _meta: meta } });
  return post(base, path, { "MCP-Protocol-Version": kModern, "Mcp-Method": method, "Mcp-Name": name }, body);
}

describe("modern clients that share a token", () => {
  let fixture, gate;
  before(async () => {
    fixture = await startFixture("misbehave");
    gate = await startGate({ servers: { bad: { url: fixture.url } } });
  });
  after(async () => {
    await gate?.stop();
    await fixture?.stop();
  });
  const call = (id, tool, args = {}) => exchange(gate.base, [modernPost(gate.base, "/mcp/bad", id, "tools/call", { name: tool, arguments: args }, tool)]);

  it("may use the same ids at the same time, and each gets its own answer", async () => {
    const answers = await Promise.all([call(1, "late", { delay_ms: 300 }), call(1, "ok"), call(1, "late", { delay_ms: 200 }), call(1, "ok")]);
    assert.deepEqual(answers.map(({ response }) => textOf(messagesOf(response).at(-1).result)), ["late", "ok", "late", "ok"]);
  });

  it("cannot cancel each other's calls", async () => {
    const slow = call(7, "late", { delay_ms: 400 });
    const cancel = JSON.stringify({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7, _meta: { "io.modelcontextprotocol/protocolVersion": kModern } } });
    await exchange(gate.base, [post(gate.base, "/mcp/bad", { "MCP-Protocol-Version": kModern, "Mcp-Method": "notifications/cancelled" }, cancel)]);
    assert.equal(textOf(messagesOf((await slow).response).at(-1).result), "late");
  });

  it("are refused a header that comes twice", async () => {
    const bytes = modernPost(gate.base, "/mcp/bad", 1, "tools/call", { name: "ok", arguments: {} }, "ok").toString("latin1");
    const { response } = await exchange(gate.base, [bytes.replace("Mcp-Name: ok\r\n", "Mcp-Name: ok\r\nMcp-Name: other\r\n")]);
    assert.equal(response.status, 400);
    assert.equal(messagesOf(response)[0].error.code, -32020);
  });
});

describe("a session that ends under way", () => {
  it("ends its lists and calls, and the gate goes on", async () => {
    const slow = await startFixture("misbehave");
    const quick = await startFixture("legacy");
    const gate = await startGate({ servers: { slow: { url: slow.url }, quick: { url: quick.url } } });
    try {
      for (let round = 0; round < 5; round++) {
        const client = await connect("legacy", { url: gate.url() });
        const running = [client.tools(), client.tools(), client.resources(), client.call("slow__hang", {})];
        const ended = Promise.allSettled(running);
        await exchange(gate.base, [`DELETE /mcp HTTP/1.1\r\nHost: ${new URL(gate.base).host}\r\nMcp-Session-Id: ${client.transport.sessionId}\r\nContent-Length: 0\r\n\r\n`]);
        await client.close();
        await ended;
      }
      const client = await connect("legacy", { url: gate.url() });
      assert.equal(textOf(await client.call("quick__echo", { text: "alive" })), "alive");
      await client.close();
    } finally {
      await gate.stop();
      await slow.stop();
      await quick.stop();
    }
  });
});

describe("sessions that nobody ends", () => {
  it("leave room for calls, however many hold a stream of the server open", async () => {
    const kSessions = 300;
    const fixture = await startFixture("legacy");
    const gate = await startGate({ servers: { fixture: { url: fixture.url } } });
    try {
      for (let i = 0; i < kSessions; ++i) await (await connect("legacy", { url: gate.url("fixture") })).close();
      assert.equal((await gate.cli("status", "--json")).json().gates[0].sessions, kSessions);
      const client = await connect("legacy", { url: gate.url("fixture") });
      assert.equal(textOf(await client.call("echo", { text: "room" }, { timeout: 10_000 })), "room");
      await client.close();
    } finally {
      await gate.stop();
      await fixture.stop();
    }
  });
});

describe("a resource that two servers claim", () => {
  it("is listed once and read from the first in the configuration, whoever asks how", async () => {
    const first = await startFixture("legacy");
    const second = await startFixture("modern");
    const gate = await startGate({ servers: { first: { url: first.url }, second: { url: second.url } } });
    try {
      for (const era of ["legacy", "modern"]) {
        const client = await connect(era, { url: gate.url() });
        const uris = (await client.resources()).map(({ uri }) => uri);
        assert.equal(new Set(uris).size, uris.length, uris.join(" "));
        await client.read("test://static-text");
        await client.read("test://template/5/data");
        await client.close();
      }
      const log = await gate.cli("log", "query", "--limit", "100", "--json");
      const reads = log.stdout.trim().split("\n").map((line) => JSON.parse(line).receipt).filter(({ kind, detail }) => kind === "attempt" && detail.operation === "resources/read");
      assert.equal(reads.length, 4);
      assert.deepEqual([...new Set(reads.map(({ server }) => server))], ["first"]);
    } finally {
      await gate.stop();
      await first.stop();
      await second.stop();
    }
  });
});

describe("the shipped catalogue", () => {
  const work = scratch();
  const servers = { filesystem: { command: commands.filesystem(work) }, everything: { command: commands.everything }, memory: { command: commands.memory, env: { MEMORY_FILE_PATH: join(work, "m") } } };
  for (const [name, target] of Object.entries(servers)) {
    it(`knows each tool that ${name} really has, and calls read what the server itself calls so`, async () => {
      const client = await connect("legacy", target);
      try {
        const text = readFileSync(join(root, "catalogue", `${name}.yaml`), "utf8").split(/^prompts:/m)[0];
        for (const tool of await client.tools()) {
          const entry = new RegExp(`^  ${tool.name}:([^]*?)(?=^  \\S|\\n*$(?![^]))`, "m").exec(text)?.[1];
          assert.ok(entry, `${tool.name} is in no entry`);
          if (tool.annotations?.readOnlyHint === false) assert.doesNotMatch(entry.split("cases:")[0], /effects: \[read\]/, `${tool.name} does more than read`);
        }
      } finally {
        await client.close();
      }
    });
  }
});

describe("a server that does not start", () => {
  it("leaves no session of those who tried behind", async () => {
    const gate = await startGate({ servers: { gone: { command: ["/no/such/program"] }, good: { command: commands.legacy } } });
    try {
      const sessions = async () => (await gate.cli("status", "--json")).json().gates[0].sessions;
      await assert.rejects(connect("legacy", { url: gate.url("gone") }));
      assert.equal(await sessions(), 0);
      const client = await connect("legacy", { url: gate.url("good") });
      assert.equal(await sessions(), 1);
      await client.close();
    } finally {
      await gate.stop();
    }
  });
});
