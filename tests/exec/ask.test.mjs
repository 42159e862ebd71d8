// What a human has to allow: with hooks alone the host's own question, where it has one (with nobody to ask that is a no), else a held call;
// in a run always a held call, and one question for an act that both the hook and the kernel see.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { human } from "./ask.mjs";
import { chosenAgents } from "./days.mjs";
import { openWorld } from "./world.mjs";

const tags = (world) => world.git("tag", "--list").split("\n").filter(Boolean);

for (const mode of ["hooks", "boundary", "both"].filter((one) => !process.env.LAB_MODE || one === process.env.LAB_MODE)) {
  for (const agent of chosenAgents) {
    describe(`${agent.name}, ${mode}`, () => {
      const ownQuestion = mode === "hooks" && agent.canAsk;
      let world;
      before(async () => {
        world = await openWorld(agent, { mode });
      });
      after(() => world?.close());

      async function tag(name, answer) {
        const someone = human(world, answer);
        const ended = await world.session({ steps: agent.shell(`git tag ${name} && echo tagged > ${name}.txt`) });
        await someone.stop();
        assert.match(ended.out, /the script has ended/);
        return someone.asked;
      }
      it(ownQuestion ? "asks in the agent's own way, and where nobody can be asked it does not happen" : "a yes lets it happen, and there was one question", async () => {
        const asked = await tag("allowed", "approve");
        const told = `tags: ${tags(world)}; asked: ${asked.map(({ action, resource, arguments: words }) => `${action} ${resource} ${JSON.stringify(words).slice(0, 200)}`).join("\n")}\n${world.out.slice(-1500)}\n${world.model.results().map(({ text }) => text).join("\n")}`;
        assert.deepEqual(tags(world), ownQuestion ? [] : ["allowed"], told);
        assert.equal(world.has(join(world.project, "allowed.txt")), !ownQuestion, told);
        assert.equal(asked.length, ownQuestion ? 0 : 1, told);
      });
      it("a no keeps it from happening", async () => {
        const asked = await tag("refused", "deny");
        assert.ok(!tags(world).includes("refused"));
        assert.ok(!world.has(join(world.project, "refused.txt")));
        if (!ownQuestion) assert.ok(asked.length >= 1);
      });
    });
  }
}
