// Everyday clients through the gate, with nothing but their environment changed: what they do works, the server gets the lease and nothing
// that the client brought, and the client never sees the lease.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { modulePath, nodeBinary, peersFolder, scratch } from "../peers/parts.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { execute, gitBackend, kBrought, kSecret, openEgress, python, startServer } from "./world.mjs";

const { WebSocketServer } = createRequire(join(peersFolder, "package.json"))("ws");

// Answers with what it was asked: method, path, body; and echoes the secret, as a careless server does.
async function echo(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts).toString("utf8");
  response.setHeader("Content-Type", "application/json");
  response.setHeader("X-Echo", request.headers.authorization ?? "");
  response.end(JSON.stringify({ method: request.method, path: request.url, body, authorization: request.headers.authorization ?? null }));
}

describe("clients that know of the gate by their environment alone", () => {
  const authority = makeAuthority();
  let gate;
  let secure;
  let plain;
  before(async () => {
    secure = await startServer(echo, { tls: authority.server() });
    plain = await startServer(echo);
    gate = await openEgress({ authority });
  });
  after(async () => {
    await gate?.close();
    await secure?.close();
    await plain?.close();
  });

  // The last request that a server saw came through the gate, with the lease and without what was brought.
  function assertMediated(server, { brought = true } = {}) {
    const last = server.seen.at(-1);
    assert.equal(last.headers.authorization, `Bearer ${kSecret}`);
    assert.match(last.headers.via ?? "", /./, "the gate names itself in Via");
    if (brought) assert.ok(!JSON.stringify(last).includes(kBrought), JSON.stringify(last));
  }
  function assertUnseen(...outputs) {
    for (const text of outputs) assert.ok(!text.includes(kSecret), `the client saw the lease: ${text.slice(0, 400)}`);
  }

  it("curl gets and posts over TLS and in the clear, and over HTTP/2", async () => {
    for (const [server, more] of [[secure, []], [plain, []], [secure, ["--http2"]], [secure, ["--http1.1"]]]) {
      const got = await execute("curl", ["-sS", "-i", ...more, "-H", `Authorization: Bearer ${kBrought}`, "-H", `Cookie: session=${kBrought}`, "-H", `X-Api-Key: ${kBrought}`, `${server.url}/a/b?c=d`], { env: gate.agent });
      assert.equal(got.code, 0, got.stderr);
      assert.match(got.stdout, /"method":"GET","path":"\/a\/b\?c=d"/);
      assertMediated(server);
      assertUnseen(got.stdout, got.stderr);
      const posted = await execute("curl", ["-sS", ...more, "--data-binary", "@-", "-H", "Content-Type: text/plain", `${server.url}/post`], { env: gate.agent, input: "x".repeat(100_000) });
      assert.equal(posted.code, 0, posted.stderr);
      assert.equal(JSON.parse(posted.stdout).body.length, 100_000);
      assertMediated(server);
    }
  });

  it("Python requests", async () => {
    const program = `
import json, requests
got = requests.get("${secure.url}/py?x=1", headers={"Authorization": "Bearer ${kBrought}"}, cookies={"s": "${kBrought}"})
session = requests.Session()
posts = [session.post("${secure.url}/py", json={"n": n}).json()["body"] for n in range(20)]
print(json.dumps([got.status_code, got.json(), dict(got.headers), posts]))`;
    const done = await execute(python, ["-c", program], { env: gate.agent });
    assert.equal(done.code, 0, done.stderr);
    const [status, body, , posts] = JSON.parse(done.stdout);
    assert.equal(status, 200);
    assert.equal(body.path, "/py?x=1");
    assert.deepEqual(posts.map((text) => JSON.parse(text).n), [...Array(20).keys()]);
    assertMediated(secure);
    assertUnseen(done.stdout, done.stderr);
  });

  it("Node's fetch", async () => {
    const program = `
const got = await fetch("${secure.url}/node", { headers: { Authorization: "Bearer ${kBrought}" } });
const posted = await Promise.all([...Array(20).keys()].map(async (n) => (await (await fetch("${secure.url}/node", { method: "POST", body: String(n) })).json()).body));
console.log(JSON.stringify({ status: got.status, body: await got.json(), headers: [...got.headers], posted }));`;
    const done = await execute(nodeBinary, ["--input-type=module", "-e", program], { env: gate.agent });
    assert.equal(done.code, 0, done.stderr);
    const { status, body, posted } = JSON.parse(done.stdout.trim().split("\n").at(-1));
    assert.equal(status, 200);
    assert.equal(body.path, "/node");
    assert.deepEqual(posted, [...Array(20).keys()].map(String));
    assertMediated(secure);
    assertUnseen(done.stdout, done.stderr);
  });

  it("npm installs from a registry", async () => {
    const work = scratch("egress-npm");
    const source = join(work, "source");
    mkdirSync(source);
    writeFileSync(join(source, "package.json"), JSON.stringify({ name: "left-shelf", version: "1.2.3", main: "index.js" }));
    writeFileSync(join(source, "index.js"), "module.exports = 'from the registry';\n");
    const npm = modulePath("npm", "bin", "npm-cli.js");
    const command = await execute("sh", ["-c", `test -f ${npm}`]);
    const run = (args, options) => (command.code === 0 ? execute(nodeBinary, [npm, ...args], options) : execute("npm", args, options));
    const packed = await run(["pack", "--silent"], { cwd: source, env: { PATH: process.env.PATH, HOME: work } });
    assert.equal(packed.code, 0, packed.stderr);
    const tarball = readFileSync(join(source, packed.stdout.trim().split("\n").at(-1)));
    const registry = await startServer(
      (request, response) => {
        if (request.url.endsWith(".tgz")) return response.end(tarball);
        if (!request.url.startsWith("/left-shelf")) return response.writeHead(404).end("{}");
        const version = {
          name: "left-shelf",
          version: "1.2.3",
          dist: { tarball: `${registry.url}/left-shelf/-/left-shelf-1.2.3.tgz`, integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}` },
        };
        response.setHeader("Content-Type", "application/json");
        response.end(JSON.stringify({ name: "left-shelf", "dist-tags": { latest: "1.2.3" }, versions: { "1.2.3": version } }));
      },
      { tls: authority.server("registry") },
    );
    const folder = join(work, "project");
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), "{}");
    const done = await run(["install", "left-shelf", "--registry", `${registry.url}/`, "--no-audit", "--no-fund", "--cache", join(work, "cache")], { cwd: folder, env: { ...gate.agent, HOME: work } });
    const last = registry.seen.at(-1);
    await registry.close();
    assert.equal(done.code, 0, done.stderr);
    assert.match(readFileSync(join(folder, "node_modules", "left-shelf", "index.js"), "utf8"), /from the registry/);
    assert.ok(last.headers.via, "npm went through the gate");
    assertUnseen(done.stdout, done.stderr);
  });

  it("git clones, fetches and pushes over HTTPS", async () => {
    const work = scratch("egress-git");
    const projects = join(work, "projects");
    mkdirSync(projects);
    const git = async (cwd, ...args) => {
      const done = await execute("git", ["-c", "user.name=agent", "-c", "user.email=agent@example.org", "-c", "init.defaultBranch=main", ...args], { cwd, env: { ...gate.agent, HOME: work, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" } });
      assert.equal(done.code, 0, `git ${args.join(" ")}: ${done.stderr}`);
      assertUnseen(done.stdout, done.stderr);
      return done.stdout;
    };
    await git(projects, "init", "-q", "--bare", "house.git");
    await git(join(projects, "house.git"), "config", "http.receivepack", "true");
    const server = await startServer(gitBackend(projects), { tls: authority.server("git") });
    try {
      const mine = join(work, "mine");
      mkdirSync(mine);
      await git(mine, "init", "-q");
      writeFileSync(join(mine, "a.txt"), "first\n");
      await git(mine, "add", ".");
      await git(mine, "commit", "-q", "-m", "first");
      await git(mine, "push", "-q", `${server.url}/house.git`, "HEAD:main");
      await git(work, "clone", "-q", "-b", "main", `${server.url}/house.git`, "theirs");
      assert.equal(readFileSync(join(work, "theirs", "a.txt"), "utf8"), "first\n");
      writeFileSync(join(mine, "a.txt"), "second\n");
      await git(mine, "commit", "-q", "-am", "second");
      await git(mine, "push", "-q", `${server.url}/house.git`, "HEAD:main");
      await git(join(work, "theirs"), "pull", "-q", "--ff-only");
      assert.equal(readFileSync(join(work, "theirs", "a.txt"), "utf8"), "second\n");
      assert.ok(server.seen.every((request) => request.headers.authorization === `Bearer ${kSecret}` && request.headers.via), "each of git's requests went through the gate");
    } finally {
      await server.close();
    }
  });

  it("a WebSocket client speaks and is spoken to", async () => {
    const server = await startServer((request, response) => response.writeHead(404).end(), { tls: authority.server("ws") });
    const sockets = new WebSocketServer({ server: server.server });
    const heads = [];
    sockets.on("connection", (socket, request) => {
      heads.push(request.headers);
      socket.on("message", (data, binary) => socket.send(data, { binary }));
      socket.send("welcome");
    });
    const program = `
import asyncio, websockets
async def main():
    async with websockets.connect("${server.url.replace("https", "wss")}/talk", additional_headers={"Authorization": "Bearer ${kBrought}"}, max_size=None) as socket:
        assert await socket.recv() == "welcome"
        for size in (0, 1, 125, 126, 65535, 65536, 1 << 20):
            await socket.send(b"x" * size)
            assert len(await socket.recv()) == size
        print("spoken")
asyncio.run(main())`;
    try {
      const done = await execute(python, ["-c", program], { env: gate.agent });
      assert.equal(done.code, 0, done.stderr);
      assert.match(done.stdout, /spoken/);
      assert.equal(heads[0].authorization, `Bearer ${kSecret}`);
      assert.ok(heads[0].via);
    } finally {
      sockets.close();
      await server.close();
    }
  });

  it("server-sent events arrive as they are sent", async () => {
    const waiting = [];
    const server = await startServer(
      (request, response) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        response.write("data: first\n\n");
        waiting.push(response);
      },
      { tls: authority.server("sse") },
    );
    const program = `
const got = await fetch("${server.url}/events");
const reader = got.body.getReader();
const decoder = new TextDecoder();
console.log(decoder.decode((await reader.read()).value).trim());
process.stdin.once("data", () => {});
console.log(decoder.decode((await reader.read()).value).trim());
process.exit(0);`;
    try {
      const running = execute(nodeBinary, ["--input-type=module", "-e", program], { env: gate.agent });
      // The second event is sent once the first was asked for: a proxy that waits for the end would wait for ever.
      while (waiting.length === 0) await new Promise((resolve) => setImmediate(resolve));
      setTimeout(() => waiting[0].write("data: second\n\n"), 300);
      const done = await running;
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(done.stdout.trim().split("\n"), ["data: first", "data: second"]);
      waiting[0].end();
    } finally {
      await server.close();
    }
  });

  it("each request left an attempt and a result, and no receipt holds the lease or what was brought", async () => {
    const all = JSON.stringify(await gate.receipts("--limit", "10000"));
    assert.ok(!all.includes(kSecret));
    assert.ok(!all.includes(kBrought));
    const attempts = await gate.receipts("--kind", "attempt", "--limit", "10000");
    assert.ok(attempts.length >= secure.seen.length + plain.seen.length);
  });
});
