// The HTTP road out of the real binary: who may go, what arrives, what comes back, and what the ledger says of it. Servers and clients here are
// Node's own; tests/egress has those that people use.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { connect as connectTcp, createServer as createTcp } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { createServer as createSecure } from "node:https";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeAuthority } from "../identity/certificates.mjs";
import { receipts } from "../identity/gates.mjs";
import { eventually, startGate, writeConfiguration } from "../peers/parts.mjs";

const kToken = "token-of-the-agent-4711";
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function listening(server) {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

// What arrived, and an answer that tells it.
function telling(seen) {
  return (asked, answer) => {
    const parts = [];
    asked.on("data", (part) => parts.push(part));
    asked.on("end", () => {
      const one = { method: asked.method, url: asked.url, headers: asked.headers, body: Buffer.concat(parts).toString() };
      seen.push(one);
      answer.setHeader("Content-Type", "application/json");
      answer.end(JSON.stringify(one));
    });
  };
}

async function openRoad({ hosts = [], policies = "permit (principal, action, resource);", auth = { anonymous: true }, preset = "none", egress = {}, authority, context }) {
  const settings = { listen: "127.0.0.1:0", ...(authority ? { upstream_ca_file: authority.caFile } : {}), hosts, ...egress };
  const made = writeConfiguration({ auth, preset, policies, extra: `egress: ${JSON.stringify(settings)}` });
  const gate = await startGate(made);
  gate.proxy = new URL(gate.ready.egress);
  gate.receipts = (...query) => receipts(gate, "--limit", "1000", ...query);
  context?.after(() => gate.stop());
  return gate;
}

// A request in absolute form: {status, headers, body}.
function ask(proxy, url, { method = "GET", headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: proxy.hostname, port: proxy.port, method, path: url, headers: { Host: new URL(url).host, ...headers }, agent: false }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts).toString() }));
      answer.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

// CONNECT: {status, socket, body}.
function tunnel(proxy, authority, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: proxy.hostname, port: proxy.port, method: "CONNECT", path: authority, headers: { Host: authority, ...headers }, agent: false });
    sent.on("connect", (answer, socket) => resolve({ status: answer.statusCode, socket }));
    sent.on("response", (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => resolve({ status: answer.statusCode, body: Buffer.concat(parts).toString() }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

const until = (socket, enough) =>
  new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (part) => {
      text += part;
      if (enough(text)) resolve(text);
    });
    socket.on("end", () => resolve(text));
    socket.on("error", reject);
  });

describe("the HTTP road out", () => {
  const authority = makeAuthority();
  const seen = [];
  const plain = createServer(telling(seen));
  const secure = createSecure(authority.server(), telling(seen));
  let port;
  let securePort;
  let gate;
  before(async () => {
    port = await listening(plain);
    securePort = await listening(secure);
    gate = await openRoad({ authority, hosts: [{ host: "localhost", private_address: true }], egress: { routes: [{ path: "/api", upstream: `http://localhost:${port}/v1` }] } });
  });
  after(async () => {
    await gate?.stop();
    plain.closeAllConnections();
    secure.closeAllConnections();
    plain.close();
    secure.close();
  });

  it("sends on what was asked, without what the agent brought, and records both ends", async () => {
    const url = `http://localhost:${port}/a/b?c=d&api_key=brought&sig=brought&se=2030`;
    const got = await ask(gate.proxy, url, { method: "POST", body: "hello", headers: { Authorization: "Bearer brought", Cookie: "session=brought", "X-Api-Key": "brought", "X-HTTP-Method-Override": "DELETE", "X-Mine": "kept" } });
    assert.equal(got.status, 200, got.body);
    const last = seen.at(-1);
    assert.equal(last.url, "/a/b?c=d");
    assert.equal(last.body, "hello");
    assert.equal(last.headers["x-mine"], "kept");
    assert.match(last.headers.via, /interlock/);
    assert.ok(!JSON.stringify(last).includes("brought"));
    const found = await eventually("the result", async () => {
      const all = (await gate.receipts()).filter((one) => one.surface === "http" && one.action === "http/post");
      return all.length >= 2 && all;
    });
    const attempt = found.find((one) => one.kind === "attempt");
    const result = found.find((one) => one.kind === "result");
    assert.equal(attempt.act, result.act);
    assert.equal(attempt.verdict, "allow");
    assert.equal(result.verdict, "ok");
    const text = (await gate.cli("log", "show", attempt.act, "--json")).stdout;
    for (const name of ["authorization", "cookie", "x-api-key", "?api_key", "?sig", "x-http-method-override"]) assert.ok(text.includes(`"${name}"`), `${name} in ${text}`);
    assert.ok(text.includes(sha256(got.body)), "the hash is of what was released");
    assert.ok(!text.includes("brought"));
  });

  it("opens TLS with a certificate of its own authority, for the host of the tunnel alone", async () => {
    const { certificate } = (await gate.cli("egress", "ca", "--json")).json();
    const { status, socket } = await tunnel(gate.proxy, `localhost:${securePort}`);
    assert.equal(status, 200);
    const inside = connectTls({ socket, servername: "localhost", ca: certificate, ALPNProtocols: ["http/1.1"] });
    await new Promise((resolve, reject) => inside.once("secureConnect", resolve).once("error", reject));
    assert.match(inside.getPeerCertificate().issuer.O, /Interlock/);
    inside.write(`GET /inside HTTP/1.1\r\nHost: localhost:${securePort}\r\n\r\n`);
    assert.match(await until(inside, (text) => text.includes('"/inside"')), /^HTTP\/1\.1 200/);
    inside.write("GET /elsewhere HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n");
    assert.match(await until(inside, (text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 421/);
    inside.destroy();
    assert.ok(seen.every((one) => one.url !== "/elsewhere"));
    assert.ok((await gate.receipts("--verdict", "deny")).some((one) => one.surface === "http"), "the refusal is on record");
  });

  it("prints an environment whose files are there", async () => {
    const given = (await gate.cli("egress", "env", "--json")).json();
    assert.equal(given.https_proxy, gate.proxy.origin);
    for (const name of ["SSL_CERT_FILE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"]) assert.ok(existsSync(given[name]), name);
    const { certificate } = (await gate.cli("egress", "ca", "--json")).json();
    assert.ok(readFileSync(given.SSL_CERT_FILE, "utf8").includes(certificate.trim()));
  });

  it("leads a reverse route to its upstream", async () => {
    const got = await new Promise((resolve, reject) => {
      httpRequest({ host: gate.proxy.hostname, port: gate.proxy.port, path: "/api/models?x=1", agent: false }, (answer) => {
        answer.resume();
        answer.on("end", () => resolve(answer.statusCode));
      })
        .on("error", reject)
        .end();
    });
    assert.equal(got, 200);
    assert.equal(seen.at(-1).url, "/v1/models?x=1");
  });

  it("hands server-sent events on as they come, and ends them with the client", async () => {
    let answer;
    const gone = new Promise((resolve) => {
      plain.removeAllListeners("request");
      plain.on("request", (_, response) => {
        answer = response;
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write("data: one\n\n");
        response.on("close", resolve);
      });
    });
    const client = connectTcp(Number(gate.proxy.port), "127.0.0.1");
    client.write(`GET http://localhost:${port}/events HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    await until(client, (text) => text.includes("data: one\n\n"));
    answer.write("data: two\n\n");
    await until(client, (text) => text.includes("data: two\n\n"));
    client.destroy();
    await gone;
    plain.removeAllListeners("request");
    plain.on("request", telling(seen));
  });

  it("refuses loops, private addresses and what is no proxy request, and says what to do", async () => {
    for (const [url, status, reason] of [
      [`http://127.0.0.1:${port}/`, 403, /loopback/],
      ["http://169.254.169.254/latest/meta-data/", 403, /metadata/],
      [`http://localhost:${gate.proxy.port}/`, 403, /loop/],
      [`http://localhost:${new URL(gate.base).port}/healthz`, 403, /loop/],
      ["http://no-such-host.invalid/", 502, /resol|find|name/i],
    ]) {
      const got = await ask(gate.proxy, url);
      assert.equal(got.status, status, `${url}: ${got.body}`);
      const { error } = JSON.parse(got.body);
      assert.match(error.reason, reason);
    }
  });

  it("stops every exchange with the kill switch", async () => {
    plain.removeAllListeners("request");
    const closed = new Promise((resolve) => {
      plain.on("request", (_, response) => {
        response.writeHead(200);
        response.write("begun");
        response.on("close", resolve);
      });
    });
    const client = connectTcp(Number(gate.proxy.port), "127.0.0.1");
    client.on("error", () => {});
    client.write(`GET http://localhost:${port}/endless HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
    await until(client, (text) => text.includes("begun"));
    const killed = await gate.cli("kill", "anonymous", "--reason", "a test");
    assert.equal(killed.code, 0, killed.stderr);
    await closed;
    assert.equal((await ask(gate.proxy, `http://localhost:${port}/after`)).status, 403);
    assert.equal((await gate.cli("unkill", "anonymous")).code, 0);
    plain.removeAllListeners("request");
    plain.on("request", telling(seen));
    assert.equal((await ask(gate.proxy, `http://localhost:${port}/again`)).status, 200);
  });

  it("takes hosts over with a reload, and keeps what was in force where the file is wrong", async () => {
    const text = readFileSync(gate.file, "utf8");
    writeFileSync(gate.file, text.replace('"private_address":true', '"private_address":false'));
    assert.equal((await gate.cli("reload")).code, 0);
    assert.equal((await ask(gate.proxy, `http://localhost:${port}/`)).status, 403);
    writeFileSync(gate.file, text.replace('"host":"localhost"', '"host":"localhost","connector":"no-such-entry"'));
    const wrong = await gate.cli("reload");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr + wrong.stdout, /no-such-entry/);
    writeFileSync(gate.file, text);
    assert.equal((await gate.cli("reload")).code, 0);
    assert.equal((await ask(gate.proxy, `http://localhost:${port}/`)).status, 200);
  });
});

describe("who may go", () => {
  it("lets an agent go with its token, and nobody without", async (context) => {
    const seen = [];
    const server = createServer(telling(seen));
    const port = await listening(server);
    context.after(() => {
      server.closeAllConnections?.();
      server.close();
    });
    const gate = await openRoad({ context, hosts: [{ host: "localhost", private_address: true }], auth: { tokens: [{ token_sha256: sha256(kToken), subject: "agent" }] } });
    const url = `http://localhost:${port}/`;
    const without = await ask(gate.proxy, url);
    assert.equal(without.status, 407);
    assert.match(without.headers["proxy-authenticate"], /Basic/);
    assert.match(JSON.parse(without.body).error.next, /token/);
    assert.equal((await tunnel(gate.proxy, `localhost:${port}`)).status, 407);
    const basic = (text) => `Basic ${Buffer.from(text).toString("base64")}`;
    assert.equal((await ask(gate.proxy, url, { headers: { "Proxy-Authorization": basic("-:wrong") } })).status, 407);
    assert.equal(seen.length, 0);
    for (const shown of [basic(`-:${kToken}`), basic(`:${kToken}`), `Bearer ${kToken}`]) assert.equal((await ask(gate.proxy, url, { headers: { "Proxy-Authorization": shown } })).status, 200);
    assert.ok(!JSON.stringify(seen).includes(kToken));
    assert.ok(seen.every((one) => one.headers["proxy-authorization"] === undefined));
    const task = await gate.cli("task", "start", "--agent", "agent", "--purpose", "a test", "--for", "1h", "--json");
    assert.equal(task.code, 0, task.stderr);
    const id = task.json().id ?? task.json().task?.id;
    assert.equal((await ask(gate.proxy, url, { headers: { "Proxy-Authorization": basic(`${id}:${kToken}`) } })).status, 200);
    assert.ok((await gate.receipts("--task", id)).some((one) => one.surface === "http"), "the act is of the task that was named");
  });

  it("holds what policy wants a human for, and denies what no policy permits", async (context) => {
    const seen = [];
    const server = createServer(telling(seen));
    const port = await listening(server);
    context.after(() => {
      server.closeAllConnections?.();
      server.close();
    });
    const gate = await openRoad({ context, preset: "balanced", policies: 'forbid (principal, action == Action::"http/delete", resource);', hosts: [{ host: "localhost", private_address: true }] });
    const url = `http://localhost:${port}/held`;
    const denied = await ask(gate.proxy, url, { method: "DELETE" });
    assert.equal(denied.status, 403);
    assert.equal(JSON.parse(denied.body).error.layer, "policy");
    const asked = ask(gate.proxy, url, { method: "POST", body: "secret plan" });
    const held = await eventually("the act is held", async () => {
      const told = (await gate.cli("approvals", "--json")).json();
      return told.approvals?.[0];
    });
    assert.equal(seen.length, 0, "nothing is sent before the verdict");
    const said = await gate.cli("deny", held.id, "--reason", "not today");
    assert.equal(said.code, 0, said.stderr);
    const got = await asked;
    assert.equal(got.status, 403);
    assert.match(JSON.parse(got.body).error.reason, /not today/);
    assert.equal(seen.length, 0);
  });

  it("passes an opaque host as a tunnel that policy names, and cuts it with the kill switch", async (context) => {
    const authority = makeAuthority();
    const server = createTlsServer(authority.server(), (socket) => socket.on("error", () => {}).pipe(socket));
    const port = await listening(server);
    context.after(() => {
      server.closeAllConnections?.();
      server.close();
    });
    const gate = await openRoad({ context, policies: 'permit (principal, action == Action::"http/tunnel", resource == Host::"localhost");', hosts: [{ host: "localhost", private_address: true, opaque: true }] });
    const { status, socket } = await tunnel(gate.proxy, `localhost:${port}`);
    assert.equal(status, 200);
    const inside = connectTls({ socket, servername: "localhost", ca: readFileSync(authority.caFile) });
    await new Promise((resolve, reject) => inside.once("secureConnect", resolve).once("error", reject));
    inside.write("to and fro");
    assert.equal(await until(inside, (text) => text === "to and fro"), "to and fro");
    const closed = new Promise((resolve) => socket.once("close", resolve));
    inside.on("error", () => {});
    assert.equal((await gate.cli("kill", "anonymous", "--reason", "a test")).code, 0);
    await closed;
    const tunnels = (await gate.receipts()).filter((one) => one.action === "http/tunnel");
    assert.deepEqual(tunnels.map((one) => one.kind).sort(), ["attempt", "result"]);
  });

  it("refuses bytes inside an opened tunnel that are neither TLS nor HTTP", async (context) => {
    const reached = [];
    const server = createTcp((socket) => {
      reached.push(socket);
      socket.destroy();
    });
    const port = await listening(server);
    context.after(() => {
      server.closeAllConnections?.();
      server.close();
    });
    const gate = await openRoad({ context, hosts: [{ host: "localhost", private_address: true }] });
    const { socket } = await tunnel(gate.proxy, `localhost:${port}`);
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write("\x00\x01SSH-2.0-OpenSSH_9\r\n");
    await closed;
    assert.equal(reached.length, 0);
  });
});
