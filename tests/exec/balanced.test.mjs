// The preset that people begin with: an agent in a run starts and does routine work, and nobody is asked anything; what leaves for others to
// see waits for a human.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { chosenAgents } from "./days.mjs";
import { openWorld } from "./world.mjs";

for (const agent of chosenAgents) {
  describe(`${agent.name}, in a run with the preset balanced`, () => {
    let world;
    let waits;
    before(async () => {
      world = await openWorld(agent, { mode: "boundary", preset: "balanced", policies: () => "", approval: "3s" });
      await world.session({
        steps: [
          ...agent.shell("echo made > made.txt && git add made.txt && git commit -q -m made && cat made.txt README.md | sort > sorted.txt"),
          ...agent.write(join(world.project, "own.txt"), "own\n"),
          ...agent.shell("git push -q origin HEAD:refs/heads/asked"),
          ...agent.shell("cp made.txt last.txt"),
        ],
      });
      waits = (await world.records()).filter(({ kind, verdict }) => kind === "attempt" && verdict === "step_up");
    });
    after(() => world?.close());
    const told = () => `${world.out.slice(-1500)}\n${world.model.results().map(({ text }) => text.slice(0, 300)).join("\n")}`;

    it("routine work is done", () => {
      assert.equal(world.text(world.project, "last.txt"), "made\n", told());
      assert.equal(world.text(world.project, "own.txt"), "own\n", told());
      assert.equal(world.git("log", "-1", "--format=%s"), "made", told());
    });
    it("nobody is asked for any of it", () => {
      const asked = waits.filter((receipt) => !JSON.stringify(receipt).includes('"git/push"') && !JSON.stringify(receipt).includes("refs/heads/asked"));
      assert.deepEqual(asked.map(({ action, resource, detail }) => `${action} ${resource} ${JSON.stringify(detail.args).slice(0, 300)}`), []);
    });
    it("a push waits for a human, and without one it does not happen", () => {
      assert.ok(!world.ref("asked"), told());
      assert.ok(waits.some((receipt) => JSON.stringify(receipt).includes('"git/push"')), told());
    });
  });
}
