// A gate that is missing, killed, stopped, or somebody else's socket: a hook says no.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { kHosts } from "./hosts.mjs";
import { openWorld } from "./world.mjs";

const blocked = ({ code, out, errors }) => {
  assert.equal(code, 2, errors);
  assert.equal(out, "");
  assert.match(errors, /^interlock: blocked: .+/);
};

// A socket at the gate's place that does as it is told.
async function imposter(answer) {
  const state = scratch("interlock-imposter");
  mkdirSync(state, { recursive: true });
  const open = new Set();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("data", () => answer(socket));
  });
  const path = join(state, "agents.sock");
  await new Promise((resolve) => server.listen(path, resolve));
  return {
    state,
    close: () => {
      open.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

describe("a hook without its gate", () => {
  it("no gate: every host's hook says no", async () => {
    const world = await openWorld({ serves: false });
    for (const [name, host] of Object.entries(kHosts)) blocked(await world.hook(name, host.shell("ls")));
  });
  it("a gate that is killed while a call waits", async () => {
    const world = await openWorld();
    const held = world.start("codex", kHosts.codex.shell("truncate -s 0 x"));
    await eventually("it waits", async () => (await world.pending()).length === 1);
    process.kill(world.gate.child?.pid ?? world.gate.pid, "SIGKILL");
    blocked(await held.ended);
    blocked(await world.hook("claude", kHosts.claude.shell("ls")));
    await world.close().catch(() => {});
  });
  for (const [what, answer] of [
    ["that says nothing and hangs up", (socket) => socket.end()],
    ["that answers rubbish", (socket) => socket.end("HTTP/1.1 200 OK\r\n\r\n")],
    ["that answers something else", (socket) => socket.end('{"id":77,"out":"{}","err":"","exit":0}\n')],
    ["that answers without an exit code", (socket) => socket.end('{"id":1,"out":"{}","err":""}\n')],
    ["that answers with texts as numbers", (socket) => socket.end('{"id":1,"out":1,"err":2,"exit":0}\n')],
  ]) {
    it(`a socket ${what}`, async () => {
      const other = await imposter(answer);
      const world = await openWorld({ serves: false });
      blocked(await world.hook("claude", kHosts.claude.shell("ls"), { at: other.state }));
      assert.ok(readdirSync(other.state).includes("agents.sock"));
      other.close();
    });
  }
  it("a hook that is ended while it waits says no", async () => {
    const world = await openWorld();
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
      const held = world.start("codex", kHosts.codex.shell("truncate -s 0 x"));
      await eventually("it waits", async () => (await world.pending()).length === 1);
      held.child.kill(signal);
      blocked(await held.ended);
      await eventually("nothing waits", async () => (await world.pending()).length === 0);
    }
    await world.close();
  });
});
