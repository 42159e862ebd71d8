// A server behind OAuth: the human logs in by the verb, the gate keeps the token, the agent gets none of it, and what was refused for want
// of a token is done once. The server is a real one behind a door of our own that wants tokens and counts what it let through.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { eventually, startFixture, startGate } from "../peers/parts.mjs";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const kAgentToken = "agent-token-that-is-for-the-gate-alone";

const bodyOf = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
};

// An authorization server and a door to `target`. seen: every Authorization that came; performed and refused: tools/call.
async function startDoor(target) {
  const door = { seen: [], performed: 0, refused: 0, tokens: new Set(), stale: new Set(), codes: new Map(), lifetime_s: 3600, drop: false };
  const server = createServer(async (asked, answer) => {
    const url = new URL(asked.url, door.url);
    const json = (status, value, headers = {}) => answer.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(value));
    const body = await bodyOf(asked);
    switch (url.pathname) {
      case "/.well-known/oauth-protected-resource/mcp":
        return json(200, { resource: `${door.url}/mcp`, authorization_servers: [door.url] });
      case "/.well-known/oauth-authorization-server":
        return json(200, {
          issuer: door.url,
          authorization_endpoint: `${door.url}/authorize`,
          token_endpoint: `${door.url}/token`,
          registration_endpoint: `${door.url}/register`,
          code_challenge_methods_supported: ["S256"],
          token_endpoint_auth_methods_supported: ["none"],
        });
      case "/register":
        return json(201, { client_id: randomUUID() });
      case "/authorize": {
        const code = randomUUID();
        door.codes.set(code, url.searchParams.get("code_challenge"));
        const back = new URL(url.searchParams.get("redirect_uri"));
        back.search = new URLSearchParams({ code, state: url.searchParams.get("state") });
        return answer.writeHead(302, { Location: back.href }).end();
      }
      case "/token": {
        const form = new URLSearchParams(body.toString());
        const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
        if (door.codes.get(form.get("code")) !== challenge) return json(400, { error: "invalid_grant" });
        door.codes.delete(form.get("code"));
        const token = `upstream-token-${randomUUID()}`;
        door.tokens.add(token);
        return json(200, { access_token: token, token_type: "Bearer", expires_in: door.lifetime_s });
      }
      case "/mcp":
        break;
      default:
        return json(404, {});
    }
    const authorization = asked.headers.authorization;
    door.seen.push(authorization);
    const isCall = body.includes('"tools/call"');
    const token = authorization?.replace(/^Bearer /, "");
    if (!door.tokens.has(token) || (isCall && door.stale.has(token))) {
      if (isCall) door.refused++;
      return json(401, {}, { "WWW-Authenticate": `Bearer resource_metadata="${door.url}/.well-known/oauth-protected-resource/mcp"` });
    }
    if (isCall) door.performed++;
    if (isCall && door.drop) return asked.socket.destroy();
    const headers = { ...asked.headers, host: new URL(target).host };
    delete headers.authorization;
    const passed = request(target, { method: asked.method, headers }, (inner) => {
      answer.writeHead(inner.statusCode, inner.headers);
      inner.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    passed.end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  door.url = `http://127.0.0.1:${server.address().port}`;
  door.stop = () => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  });
  return door;
}

async function withDoor(use) {
  const fixture = await startFixture("legacy");
  const door = await startDoor(fixture.url);
  const gate = await startGate({
    servers: { guarded: { url: `${door.url}/mcp`, oauth: {} } },
    auth: { tokens: [{ token_sha256: sha256(kAgentToken), subject: "agent" }] },
  });
  try {
    await use({ gate, door });
  } finally {
    await gate.stop();
    await door.stop();
    await fixture.stop();
  }
}

const agent = (gate) => connect("legacy", { url: gate.url("guarded"), headers: { Authorization: `Bearer ${kAgentToken}` } });

async function logIn(gate) {
  const login = await gate.cli("server", "login", "guarded", "--json");
  assert.equal(login.code, 0, login.stderr);
  const there = await fetch(login.json().url, { redirect: "manual" });
  const page = await fetch(there.headers.get("location"));
  assert.equal(page.status, 200);
  await page.text();
  return there.headers.get("location");
}

const stateOf = async (gate) => (await gate.cli("server", "list", "--json")).json().servers[0].state;

const filesUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

describe("a server behind OAuth", () => {
  it("is reached with a token that the human's login gave to the gate, and with nothing of the agent's", async () => {
    await withDoor(async ({ gate, door }) => {
      await logIn(gate);
      assert.equal(await stateOf(gate), "authorized");
      const client = await agent(gate);
      assert.equal(textOf(await client.call("echo", { text: "x" })), "x");
      await client.close();
      const [token] = door.tokens;
      assert.ok(door.seen.length > 2);
      for (const authorization of door.seen) assert.equal(authorization, `Bearer ${token}`);

      // Not a file, not a log line, holds the token or the agent's.
      for (const file of filesUnder(join(gate.folder, "state"))) {
        const bytes = statSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0);
        assert.ok(!bytes.includes(token), file);
        assert.ok(!bytes.includes(kAgentToken), file);
      }
      assert.ok(!gate.errors().includes(token));
      const list = await gate.cli("server", "list", "--json");
      assert.ok(!list.stdout.includes(token));
    });
  });

  it("lets a call wait for the login, and performs it once", async () => {
    await withDoor(async ({ gate, door }) => {
      await logIn(gate);
      const client = await agent(gate);
      await client.tools();
      door.stale = new Set(door.tokens); // good for lists, and for calls no more
      const call = client.call("echo", { text: "again" });
      await eventually("the gate waits for a human", async () => (await stateOf(gate)) === "waits_for_login");
      assert.equal(door.performed, 0);
      await logIn(gate);
      assert.equal(textOf(await call), "again");
      assert.deepEqual({ performed: door.performed, refused: door.refused }, { performed: 1, refused: 1 });
      await client.close();
    });
  });

  it("never sends a call again that the server took and did not answer", async () => {
    await withDoor(async ({ gate, door }) => {
      await logIn(gate);
      const client = await agent(gate);
      await client.tools();
      door.drop = true;
      await refusal(client.call("echo", { text: "x" }));
      assert.equal(door.performed, 1);
      await client.close();
    });
  });

  it("takes a browser's return once, and no state that it did not give", async () => {
    await withDoor(async ({ gate, door }) => {
      const back = await logIn(gate);
      const replayed = await fetch(back);
      assert.equal(replayed.status, 400);
      assert.ok(!(await replayed.text()).includes(new URL(back).searchParams.get("state")));
      const guessed = await gate.cli("server", "callback", `${new URL(back).origin}/oauth/callback?code=x&state=guess`);
      assert.notEqual(guessed.code, 0);
      assert.equal(door.tokens.size, 1);
    });
  });

  it("keeps its token over a restart, and forgets it when told to", async () => {
    await withDoor(async ({ gate, door }) => {
      await logIn(gate);
      const again = await startGate({ file: gate.file, folder: gate.folder });
      try {
        assert.equal(await stateOf(again), "authorized");
      } finally {
        await again.stop();
      }
      assert.equal((await gate.cli("server", "forget", "guarded")).code, 0);
      assert.equal(await stateOf(gate), "idle");
      const client = await refusal(agent(gate).then((one) => one.tools()));
      assert.ok(client.message);
      assert.equal(door.performed, 0);
    });
  });
});
