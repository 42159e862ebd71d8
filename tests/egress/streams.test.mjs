// Bodies flow: a Git push of 200 MB and a download of 1 GB do not grow the gate, and nothing of them is lost.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, openSync, writeSync, closeSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { scratch } from "../peers/parts.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { execute, gitBackend, openEgress, startServer, watchMemory } from "./world.mjs";

const kMiB = 1 << 20;
const kGrowth_kib = 48 * 1024; // over what the gate had before: buffers, not bodies
const kDownload_mib = 1024;
const kPush_mib = 200;

describe("bodies that flow", () => {
  const authority = makeAuthority();
  let gate;
  before(async () => {
    gate = await openEgress({ authority });
  });
  after(() => gate?.close());

  // A block repeated: its hash is known without holding it.
  const block = randomBytes(kMiB);
  const hash = createHash("sha256");
  for (let i = 0; i < kDownload_mib; ++i) hash.update(block);
  const want = hash.digest("hex");

  function download(request, response) {
    let left = kDownload_mib;
    response.writeHead(200, { "Content-Type": "application/octet-stream", ...(request.url === "/sized" ? { "Content-Length": kDownload_mib * kMiB } : {}) });
    const more = () => {
      while (left > 0) {
        --left;
        if (!response.write(block)) return response.once("drain", more);
      }
      response.end();
    };
    more();
  }

  for (const [what, path, more] of [["HTTP/1.1, of known length", "/sized", ["--http1.1"]], ["HTTP/2, of unknown length", "/unsized", ["--http2"]]]) {
    it(`a download of 1 GB over ${what}`, async () => {
      const server = await startServer(download, { tls: authority.server(`down${path.slice(1)}`) });
      try {
        const { result, grown_kib } = await watchMemory(gate, () =>
          execute("sh", ["-c", `curl -sS ${more.join(" ")} '${server.url}${path}' | sha256sum`], { env: gate.agent, timeout_ms: 240_000 }),
        );
        assert.equal(result.stdout.split(" ")[0], want, result.stderr);
        console.log(`measured: 1 GB down, ${what}: the gate grew by ${grown_kib} KiB`);
        assert.ok(grown_kib < kGrowth_kib, `the gate grew by ${grown_kib} KiB`);
      } finally {
        await server.close();
      }
    });
  }

  it("a reader that stops does not make the gate hold what it does not read", async () => {
    const server = await startServer(download, { tls: authority.server("slow") });
    try {
      const { grown_kib } = await watchMemory(gate, () =>
        execute("sh", ["-c", `curl -sS --limit-rate 1M --max-time 5 '${server.url}/sized' | wc -c`], { env: gate.agent }),
      );
      console.log(`measured: a slow reader: the gate grew by ${grown_kib} KiB`);
      assert.ok(grown_kib < kGrowth_kib, `the gate grew by ${grown_kib} KiB`);
    } finally {
      await server.close();
    }
  });

  it("a Git push of 200 MB", async () => {
    const work = scratch("egress-push");
    const projects = join(work, "projects");
    const mine = join(work, "mine");
    mkdirSync(projects);
    mkdirSync(mine);
    const git = async (cwd, ...args) => {
      const done = await execute("git", ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main", "-c", "core.compression=0", "-c", "core.bigFileThreshold=1m", ...args], { cwd, env: { ...gate.agent, HOME: work, GIT_CONFIG_NOSYSTEM: "1", GIT_TERMINAL_PROMPT: "0" }, timeout_ms: 240_000 });
      assert.equal(done.code, 0, `git ${args.join(" ")}: ${done.stderr}`);
      return done.stdout.trim();
    };
    await git(projects, "init", "-q", "--bare", "big.git");
    await git(join(projects, "big.git"), "config", "http.receivepack", "true");
    await git(mine, "init", "-q");
    const file = openSync(join(mine, "big.bin"), "w");
    for (let i = 0; i < kPush_mib; ++i) writeSync(file, randomBytes(kMiB));
    closeSync(file);
    await git(mine, "add", ".");
    await git(mine, "commit", "-q", "-m", "big");
    const server = await startServer(gitBackend(projects), { tls: authority.server("push") });
    try {
      const { grown_kib } = await watchMemory(gate, () => git(mine, "push", "-q", `${server.url}/big.git`, "HEAD:main"));
      assert.equal(await git(join(projects, "big.git"), "rev-parse", "main"), await git(mine, "rev-parse", "HEAD"));
      await git(join(projects, "big.git"), "fsck", "--full");
      console.log(`measured: ${kPush_mib} MB pushed: the gate grew by ${grown_kib} KiB`);
      assert.ok(grown_kib < kGrowth_kib, `the gate grew by ${grown_kib} KiB`);
    } finally {
      await server.close();
    }
  });
});
