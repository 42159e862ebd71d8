// A gate that is killed, hung or not there, and a hook that is gone or breaks: what would have been allowed does not happen.
import assert from "node:assert/strict";
import { chmodSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, write } from "../peers/parts.mjs";
import { chosenAgents } from "./days.mjs";
import { openWorld } from "./world.mjs";

const kHung_ms = 3_000;
const kAfter_ms = 5_000;  // of a run's command that goes on for 2 s after the gate is gone

// How the ground goes from under an agent between its first act and its second. own: a copy of the programs, to be broken.
const troubles = [
  { name: "the gate is killed", modes: ["hooks", "boundary", "both"], strike: ({ gate }) => process.kill(gate.child.pid, "SIGKILL") },
  {
    name: "the gate hangs",
    modes: ["hooks", "boundary"],
    // Long enough that a call which goes through without an answer would have; then it goes, so that nobody waits for the whole of a hook's time.
    strike({ gate }) {
      process.kill(gate.child.pid, "SIGSTOP");
      setTimeout(() => process.kill(gate.child.pid, "SIGKILL"), kHung_ms);
    },
  },
  { name: "the hook's program is moved away", modes: ["hooks"], own: true, strike: ({ program }) => renameSync(program, `${program}.away`) },
  { name: "the hook's program may not be run", modes: ["hooks"], own: true, strike: ({ program }) => chmodSync(program, 0o000) },
  { name: "the hook's program crashes", modes: ["hooks"], own: true, strike: ({ program }) => replace(program, "kill -SEGV $$") },
  { name: "the hook's program is killed", modes: ["hooks"], own: true, strike: ({ program }) => replace(program, "kill -KILL $$") },
  { name: "the hook's program ends with 1", modes: ["hooks"], own: true, strike: ({ program }) => replace(program, "echo no; exit 1") },
  { name: "the agents' socket is removed", modes: ["hooks"], strike: ({ folder }) => rmSync(join(folder, "state", "agents.sock"), { force: true }) },
];
function replace(program, script) {
  rmSync(program);
  write(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
}

for (const { name, modes, own = false, strike } of process.env.LAB_QUICK ? troubles.slice(0, 1) : troubles) {
  for (const mode of modes.filter((one) => (!process.env.LAB_QUICK || one === "hooks") && (!process.env.LAB_MODE || one === process.env.LAB_MODE))) {
    for (const agent of chosenAgents) {
      describe(`${agent.name}, ${mode}: ${name}`, () => {
        let world;
        const told = () => `${world.out?.slice(-2000)}\n${world.model.results().map(({ text }) => text.slice(0, 300)).join("\n")}`;
        before(async () => {
          world = await openWorld(agent, { mode, own });
          await (mode === "hooks" ? betweenActs : whileItRuns)(agent, world, strike);
        });
        after(() => world?.close());

        it("what came before has happened", () => assert.equal(world.text(world.project, "first.txt"), "first\n", told()));
        it("nothing happens any more", () => {
          for (const file of ["second.txt", "written.txt", "third.txt"]) assert.ok(!world.has(join(world.project, file)), `${file} is there; ${told()}`);
        });
      });
    }
  }
}

// With hooks: the first act is over, the second has not been asked for.
async function betweenActs(agent, world, strike) {
  const [second] = agent.shell("echo second > second.txt");
  const written = agent.write(join(world.project, "written.txt"), "written\n");
  await world.session({ steps: [...agent.shell("echo first > first.txt"), { ...second, before: () => strike(world) }, ...written, ...agent.shell("touch third.txt")], timeout_ms: 45_000 });
}

// In a run even the model is reached through the gate: so what is struck is a line that has begun, between two of its programs.
async function whileItRuns(agent, world, strike) {
  const ended = world.session({ steps: [...agent.shell("echo first > first.txt; sleep 2; touch second.txt; cp first.txt third.txt"), ...agent.write(join(world.project, "written.txt"), "written\n")], timeout_ms: 45_000 });
  await eventually("the first act", () => world.has(join(world.project, "first.txt")), { within_ms: 30_000 });
  strike(world);
  await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, kAfter_ms))]);
}

for (const agent of chosenAgents) {
  describe(`${agent.name}, hooks: no gate was ever started`, () => {
    let world;
    before(async () => {
      world = await openWorld(agent, { mode: "hooks" });
      await world.gate.stop();
      await world.session({ steps: [...agent.shell("echo first > first.txt"), ...agent.write(join(world.project, "written.txt"), "written\n"), ...agent.mcp("keep", { name: "kept", text: "x" })], timeout_ms: 45_000 });
    });
    after(() => world?.close());
    it("nothing happens", () => {
      for (const path of [join(world.project, "first.txt"), join(world.project, "written.txt"), join(world.notes, "kept")]) assert.ok(!world.has(path), `${path} is there\n${world.out}`);
    });
  });
}
