// Leases of a running gate as its owner sees them: over a reload, a revocation by hand, two gates on one state folder, and a gate's end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, textOf } from "../peers/clients.mjs";
import { eventually, gateBinary, interlock, scratch, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kCatalogue = "catalogue: 1\nentry: shop\ntools:\n  look: { effects: [ read ], band: 0 }\n  wipe: { effects: [ delete ], band: 2 }\n";
const kTools = ["look", "wipe"].map((name) => ({ name, description: name, inputSchema: { type: "object" } }));

const json = (answer) => (assert.equal(answer.code, 0, answer.stdout + answer.stderr), answer.json());
const leases = async (file, ...words) => json(await interlock(file, "lease", "list", "--json", ...words)).leases;

function secret(file, verb, name, value, ...words) {
  return new Promise((resolve) => {
    const child = spawn(gateBinary, ["secret", verb, name, ...words, "--config", file], { stdio: ["pipe", "ignore", "inherit"] });
    child.on("exit", (code) => resolve(code));
    child.stdin.end(value);
  });
}

// An MCP server that says which credential it was called with.
async function startShop() {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const { id, method } = JSON.parse(body);
      if (id === undefined) return response.writeHead(202).end();
      const results = {
        initialize: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "shop", version: "1" } },
        "tools/list": { tools: kTools },
        // Reversed: what it says as it is would be blotted out.
        "tools/call": { content: [{ type: "text", text: [...String(request.headers["x-key"] ?? "none")].reverse().join("") }] },
      };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] ?? {} }));
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop: () => (server.closeAllConnections(), server.close()) };
}

const configurationOf = (folder, url, credentials, rules = []) =>
  writeConfiguration({
    folder,
    servers: { shop: { url, catalogue: "shop", credentials: [{ credential: "key", header: "X-Key", value: "{token}" }] } },
    extra: [
      `catalogue: [ ${JSON.stringify(join(folder, "shop.yaml"))} ]`,
      `credentials: ${JSON.stringify(credentials)}`,
      `secrets: ${JSON.stringify({ rules })}`,
    ].join("\n"),
  }).file;
const keyOf = (name) => ({ key: { broker: "static", secret: name } });

async function openWorld() {
  const folder = scratch("interlock-leases");
  write(join(folder, "shop.yaml"), kCatalogue);
  const shop = await startShop();
  const configure = (credentials, rules) => configurationOf(folder, shop.url, credentials, rules);
  const file = configure(keyOf("keys/first"));
  assert.equal(await secret(file, "set", "keys/first", "tsrif"), 0);
  assert.equal(await secret(file, "set", "keys/second", "dnoces"), 0);
  const gates = [];
  return {
    file,
    configure,
    start: async () => {
      gates.push(await startGate({ file, folder }));
      return gates.at(-1);
    },
    agent: (gate) => connect("legacy", { url: gate.url("shop") }),
    ask: async (client, tool) => textOf(await client.call(tool, {})),
    receipts: async (...query) => {
      const found = await interlock(file, "log", "query", "--json", ...query);
      assert.equal(found.code, 0, found.stderr);
      return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
    },
    async close() {
      for (const gate of gates) await gate.stop();
      shop.stop();
    },
  };
}

describe("leases of a gate that goes on", () => {
  let world, gate, client;
  before(async () => {
    world = await openWorld();
    gate = await world.start();
    client = await world.agent(gate);
  });
  after(() => world?.close());

  it("are shared by what only looks, and an act that destroys has its own, which ends with it", async () => {
    assert.equal(await world.ask(client, "look"), "first");
    assert.equal(await world.ask(client, "look"), "first");
    assert.equal(await world.ask(client, "wipe"), "first");
    const open = await eventually("one lease is left", async () => {
      const list = await leases(world.file);
      return list.length === 1 && list;
    });
    assert.equal(open[0].shared, true);
    assert.equal(open[0].uses, 3); // the opening of the connection, and two looks
    assert.equal(open[0].state, "live");
  });

  it("live through a reload that changes their credential, and the next ones are of the new", async () => {
    const [before] = await leases(world.file);
    world.configure(keyOf("keys/second"));
    json(await interlock(world.file, "reload", "--json"));
    const open = await leases(world.file);
    assert.equal(open.find(({ id }) => id === before.id)?.state, "live");
    assert.equal(await world.ask(client, "wipe"), "second");
  });

  it("stay as they are where a reload has settings that their broker does not take", async () => {
    const before = await leases(world.file);
    world.configure({ key: { broker: "static", secret: "keys/second", nonsense: true } });
    const refused = await interlock(world.file, "reload", "--json");
    assert.notEqual(refused.code, 0);
    assert.match(refused.stdout, /interlock\.yaml:\d+:\d+: credential key: .*nonsense/);
    assert.deepEqual((await leases(world.file)).map(({ id }) => id), before.map(({ id }) => id));
    assert.equal(await world.ask(client, "wipe"), "second");
    world.configure(keyOf("keys/second"));
    json(await interlock(world.file, "reload", "--json"));
  });

  it("are taken back by their owner, and the next act gets another", async () => {
    await world.ask(client, "look");
    const taken = await leases(world.file);
    for (const { id } of taken) {
      const revoked = json(await interlock(world.file, "lease", "revoke", id, "--reason", "test", "--json"));
      assert.equal(revoked.state, "revoked");
      assert.match(revoked.end_reason, /: test$/);
    }
    assert.deepEqual(await leases(world.file), []);
    assert.equal(await world.ask(client, "look"), "second");
    const [next] = await leases(world.file);
    assert.ok(!taken.some(({ id }) => id === next.id));
    const again = await interlock(world.file, "lease", "revoke", taken[0].id, "--json");
    assert.notEqual(again.code, 0);
    assert.equal(again.json().error.code, "not_found");
  });

  it("end with the kill of their agent", async () => {
    const [lease] = await leases(world.file);
    json(await interlock(world.file, "kill", lease.subject, "--json"));
    await eventually("nothing is lent", async () => (await leases(world.file)).length === 0);
    json(await interlock(world.file, "unkill", lease.subject, "--json"));
    const receipts = await world.receipts("--kind", "lease", "--verdict", "revoked");
    assert.ok(receipts.some(({ detail }) => detail.lease === lease.id));
  });

  it("raise an alarm once where the rotation of a secret is overdue, which ends with it", async () => {
    world.configure(keyOf("keys/second"), [{ match: "keys/second", max_age: "1s" }]);
    json(await interlock(world.file, "reload", "--json"));
    const status = async () => json(await interlock(world.file, "status", "--json")).gates[0];
    await eventually("the alarm is recorded", async () => (await world.receipts("--kind", "secret", "--verdict", "overdue")).length > 0);
    assert.deepEqual((await status()).credentials.overdue_secrets, ["keys/second"]);
    world.configure(keyOf("keys/second"));
    json(await interlock(world.file, "reload", "--json"));
    assert.equal((await status()).credentials.overdue_secrets, undefined);
    assert.equal((await world.receipts("--kind", "secret", "--verdict", "overdue")).length, 1);
  });
});

describe("leases of a gate that ends", () => {
  let world;
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.close());

  const lendOne = async () => {
    const gate = await world.start();
    const client = await world.agent(gate);
    assert.equal(await world.ask(client, "look"), "first");
    const [lease] = await leases(world.file);
    return { gate, lease };
  };
  const ended = async ({ id }) => (await leases(world.file, "--ended")).find((one) => one.id === id);

  it("are revoked before a gate that is told to stop has ended", async () => {
    const { gate, lease } = await lendOne();
    await gate.stop();
    assert.deepEqual(await leases(world.file), []);
    assert.equal((await ended(lease)).state, "revoked");
  });

  it("are revoked by another gate where it is killed", async () => {
    const other = await world.start();
    const { gate, lease } = await lendOne();
    await gate.stop("SIGKILL");
    await eventually("the other gate has revoked it", async () => (await ended(lease))?.state === "revoked");
    await other.stop();
  });

  it("are revoked by hand where no gate runs any more, from a process of its own", async () => {
    const { gate, lease } = await lendOne();
    await gate.stop("SIGKILL");
    assert.equal((await leases(world.file))[0].id, lease.id);
    assert.equal(json(await interlock(world.file, "lease", "revoke", lease.id, "--json")).state, "revoked");
    assert.deepEqual(await leases(world.file), []);
  });

  it("are taken back over a gate that did not mint them", async () => {
    const other = await world.start();
    const { gate, lease } = await lendOne();
    assert.equal(json(await interlock(world.file, "lease", "revoke", lease.id, "--json")).state, "revoked");
    await gate.stop();
    await other.stop();
  });

  it("leave no value in any file of the state folder, nor in the log", async () => {
    const { gate } = await lendOne();
    await gate.stop();
    assert.doesNotMatch(gate.errors(), /tsrif/);
    assert.ok(!readFileSync(join(world.file, "..", "state", "store.db")).includes("tsrif"));
  });
});
