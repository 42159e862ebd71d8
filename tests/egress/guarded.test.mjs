// What must hold when an agent, or the server it asks, looks for a way around: each of these was one.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer as createTcp, connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { interlock, startGate, writeConfiguration } from "../peers/parts.mjs";
import { converse, toProxy, tunnel } from "./hostile_parts.mjs";
import { execute, kBrought, kSecret, openEgress, startServer } from "./world.mjs";

const kToken = "gate-token-7c1d0e5b9a-and-as-long-as-it-must-be";
const kHeadEnds = "\r\n\r\n";
const asked = (proxy, host, path = "/", more = "", enough = (got) => got.includes(kHeadEnds)) =>
  converse(toProxy(proxy), Buffer.from(`GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`), { enough });
async function startRaw(onConnection) {
  const sockets = new Set();
  const server = createTcp((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("ways around", () => {
  let gate;
  let connector;
  let plain;
  before(async () => {
    connector = await startServer((request, response) => request.resume().on("end", () => response.end("{}")));
    plain = await startServer((_, response) => response.end("hello"));
    const lease = { credential: "leased", value: "{value}" };
    gate = await openEgress({
      egress: { private_ranges: ["100.64.0.0/10", "fd00::/8"] },
      hosts: [
        { host: "8.8.8.8", credentials: [{ ...lease, header: "Authorization" }] },
        { host: `localhost:${connector.port}`, connector: "github-api", private_address: true },
        { host: `localhost:${plain.port}`, private_address: true, credentials: [{ ...lease, query: "odd-name" }] },
      ],
    });
  });
  after(async () => {
    await gate?.close();
    await connector?.close();
    await plain?.close();
  });

  for (const address of ["100.100.100.200", "[fd00:ec2::254]"]) {
    it(`a range that is named opens no metadata address in it: ${address}`, async () => {
      const { text } = await asked(gate.proxy, address);
      assert.match(text, /^HTTP\/1\.1 403/);
      assert.match(text, /metadata/);
    });
  }
  it("a lease goes to no public address in the clear", async () => {
    const { text } = await asked(gate.proxy, "8.8.8.8");
    assert.match(text, /^HTTP\/1\.1 403/);
    assert.match(text, /in the clear/);
  });
  it("a parameter of the agent's does not stand beside the one that a lease is put in", async () => {
    await asked(gate.proxy, `localhost:${plain.port}`, `/?odd-name=${kBrought}&Odd%2DName=${kBrought}&a=1`);
    assert.equal(plain.seen.at(-1).url, `/?a=1&odd-name=${kSecret}`);
  });
  it("a body is not read as JSON where its type lets the server read a form", async () => {
    const body = JSON.stringify({ query: "query { viewer { login } }", x: "&query=mutation{x}&y=" });
    for (const [type, band] of [["application/json", 1], ["application/x-www-form-urlencoded", 3], ["multipart/form-data; boundary=x", 3]]) {
      // One that may be a mutation waits for a human: it is on record before that, and taken back when curl goes.
      await execute("curl", ["-sS", "--max-time", "2", "-H", `Content-Type: ${type}`, "--data-binary", body, `http://localhost:${connector.port}/graphql`], { env: gate.agent });
      const attempts = (await gate.receipts("--kind", "attempt", "--limit", "1000")).filter((one) => one.action === "github-api/graphql");
      assert.equal(attempts.sort((a, b) => a.seq - b.seq).at(-1).band, band, type);
    }
  });

  it("an answer with two codings is not passed on unsearched", async () => {
    const raw = await startRaw((socket) => socket.once("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc")));
    const { text } = await asked(gate.proxy, `localhost:${raw.port}`);
    raw.close();
    assert.match(text, /^HTTP\/1\.1 502/);
  });
  it("neither the head of an upgrade nor what follows it shows the lease", async () => {
    const raw = await startRaw((socket) =>
      socket.once("data", (head) =>
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: s=1\r\nX-Seen: ${/authorization: (.*)\r/i.exec(head)[1]}\r\n\r\nframes ${kSecret} and ${/extensions/i.test(head) ? "deflated" : "plain"}.`),
      ),
    );
    const { text } = await asked(gate.proxy, `localhost:${raw.port}`, "/", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n", (got) => /(plain|deflated)\.$/.test(got.toString("latin1")));
    raw.close();
    assert.ok(text.endsWith(`frames ${"*".repeat(kSecret.length)} and plain.`), text);
    assert.match(text, /^HTTP\/1\.1 101/);
    assert.match(text, /X-Seen: Bearer \[hidden/i);
    assert.ok(!text.includes(kSecret) && !/set-cookie/i.test(text), text);
  });

  for (const what of ["websocket", "opaque tunnel"]) {
    it(`when a kill returns, nothing goes through a ${what} any more`, async () => {
      let got = "";
      const raw = await startRaw((socket) =>
        socket.on("data", (part) => {
          got += part;
          if (got.startsWith("GET") && got.endsWith(kHeadEnds)) socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
          else socket.write(part);
        }),
      );
      const host = `localhost:${raw.port}`;
      const world = await openEgress({ secret: false, hosts: what === "websocket" ? [] : [{ host, opaque: true, private_address: true }] });
      try {
        let socket;
        if (what === "websocket") {
          socket = connect(Number(world.proxy.port), world.proxy.hostname);
          socket.write(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
          await new Promise((resolve) => socket.once("data", resolve));
        } else {
          socket = await tunnel(world.proxy, host);
        }
        socket.on("error", () => {});
        const echoed = new Promise((resolve) => socket.once("data", resolve));
        socket.write("before");
        await echoed;
        const closed = new Promise((resolve) => socket.once("close", resolve));
        assert.equal((await interlock(world.file, "kill", "anonymous", "--reason", "a test")).code, 0);
        socket.write("after");
        await closed;
        assert.ok(got.endsWith("before"), got);
      } finally {
        raw.close();
        await world.close();
      }
    });
  }

  it("the gate's own token, by which a route's client is known, goes no further though Authorization is kept", async () => {
    const made = writeConfiguration({
      auth: { tokens: [{ token_sha256: createHash("sha256").update(kToken).digest("hex"), subject: "ci" }] },
      extra: `egress: ${JSON.stringify({ listen: "127.0.0.1:0", hosts: [{ host: "localhost", private_address: true, keep: ["authorization"] }], routes: [{ path: "/api", upstream: plain.url }] })}`,
    });
    const world = await startGate(made);
    try {
      const proxy = new URL((await world.cli("egress", "env", "--json")).json().HTTPS_PROXY);
      const got = await execute("curl", ["-sS", "-H", `Authorization: Bearer ${kToken}`, `${proxy.origin}/api/x`], { env: { PATH: process.env.PATH } });
      assert.equal(got.stdout, "hello", got.stderr);
      assert.equal(plain.seen.at(-1).headers.authorization, undefined);
    } finally {
      await world.stop();
    }
  });
});
