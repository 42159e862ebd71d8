// Runs the attempts of a group: each inside `interlock run`, where nothing of it may succeed, and each outside, where it has to.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { gateBinary } from "../peers/parts.mjs";
import { changed, openWorld } from "./world.mjs";

const kLater_ms = 3_000;

// What shows that an attempt got through; "" where nothing does.
function evidence({ out }, world, token, before_, more) {
  if (/ESCAPED/.test(out)) return `it printed: ${out.slice(0, 300)}`;
  if (/canary-[0-9a-f]+-7f3a/.test(out)) return `a secret was read: ${out.slice(0, 300)}`;
  if (more.output?.test(out)) return `it ran: ${out.slice(0, 300)}`;
  const heard = world.heard.find((text) => text.includes(token));
  if (heard) return `the host heard: ${heard.slice(0, 200)}`;
  const files = changed(before_, world.snapshot());
  if (files.length) return `what somebody obeys has changed: ${files.join(", ")}`;
  for (const path of [world.dropped, world.droppedShm]) if (existsSync(path)) return `the host has ${path}`;
  return "";
}

// Things of the host that need no world of their own.
function dress(world) {
  const mark = `${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const shm = Number(`7${process.pid % 100000}`);
  world.keys = { shm, msg: shm };
  execFileSync("python3", ["-c", `import ctypes\nc=ctypes.CDLL(None)\nassert c.shmget(${shm},4096,0o1666)>=0\nassert c.msgget(${shm},0o1666)>=0`]);
  world.shmFile = `/dev/shm/interlock-escape-${mark}`;
  world.tmpFile = `/tmp/interlock-escape-${mark}.txt`;
  world.dropped = `/tmp/interlock-dropped-${mark}`;
  world.droppedShm = `/dev/shm/interlock-dropped-${mark}`;
  writeFileSync(world.shmFile, "canary-00-7f3a\n");
  writeFileSync(world.tmpFile, "canary-00-7f3a\n");
  world.interlock = gateBinary;
  world.undress = () => {
    for (const path of [world.shmFile, world.tmpFile, world.dropped, world.droppedShm]) rmSync(path, { force: true });
    execFileSync("python3", ["-c", `import ctypes\nc=ctypes.CDLL(None)\nc.shmctl(c.shmget(${shm},0,0),0,None)\nc.msgctl(c.msgget(${shm},0),0,None)`]);
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function tryOne(world, [, script, options = {}], more, inside) {
  const token = `escape-${Math.random().toString(36).slice(2)}`;
  const snapshot = world.snapshot();
  const settings = { inside, program: more.shell ? [more.shell] : undefined, descriptors: options.descriptors };
  const text = `${script(world).replaceAll("TOKEN", token)}\n`;
  const result = await world.attempt(text, settings);
  if (options.later) {
    await sleep(kLater_ms);
    if (existsSync(join(world.project, options.later))) result.out += `ESCAPED by ${options.later}`;
  }
  const found = evidence(result, world, token, snapshot, more);
  for (const path of [world.dropped, world.droppedShm]) rmSync(path, { force: true });
  world.sweep();
  return { found, result };
}

// The cases of a group, [title, work] each, for the test file to hand to it(): the runner counts a case where it() is called.
export function casesOf(attempts, { policies, egress, output, shell } = {}) {
  const cases = [];
  const it = (title, work) => cases.push([title, work]);
  let world;
  let twin; // the same world without a boundary
  const unshown = [];
  before(async () => {
    try {
      world = await openWorld({ policies, egress });
      twin = await openWorld({ gate: false });
    } catch (error) {
      // What stands already would keep this process from ending.
      console.error(error);
      process.exit(1);
    }
    dress(world);
    dress(twin);
    for (const one of [world, twin]) one.sweep = () => execFileSync("sh", ["-c", "rm -rf out* try-*"], { cwd: one.project });
    Object.assign(twin, { gate: world.gate, file: world.file, state: world.state });
  });
  after(async () => {
    world?.undress();
    twin?.undress();
    await world?.close();
    await twin?.close();
  });
  it("what runs inside does run, so that a silence means something", async () => {
    const { out, errors } = await world.attempt("echo it-runs; ls README.md; ./attack no-such 2>&1; id -u\n");
    assert.match(out, /it-runs\nREADME.md\nattack: there is no no-such/, errors);
  });
  for (const attempt of attempts) {
    const [name, , options = {}] = attempt;
    it(name, async () => {
      const inside = await tryOne(world, attempt, { output, shell }, true);
      assert.equal(inside.found, "", `it got through inside\n${inside.result.errors}`);
      assert.ok(inside.result.code !== 125, `it was not run at all: ${inside.result.errors}`);
      if (options.outside) return;
      const outside = await tryOne(twin, attempt, { output, shell }, false);
      twin.restore();
      if (outside.found) return;
      unshown.push(name);
      console.log(`measured: outside it does not succeed either: ${name}: ${(outside.result.out + outside.result.errors).trim().slice(0, 160)}`);
    });
  }
  it("all but a few of them succeed without the boundary", () => {
    assert.ok(unshown.length <= attempts.length / 4, `these prove nothing: ${unshown.join("; ")}`);
  });
  it("the gate still answers, and its record is whole", async () => {
    const { code, stderr } = await world.gate.cli("log", "verify");
    assert.equal(code, 0, stderr);
    assert.equal(world.gate.child.exitCode, null);
  });
  return cases;
}
