// @redact: what policy blanks in a call is blanked in what the host then does; a host that cannot change a call does not make it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { chosenAgents } from "./days.mjs";
import { labPolicies, openWorld } from "./world.mjs";

const kUnwanted = "what-nobody-shall-write-down";
const policies = (world) => `${labPolicies(world).replace('permit (principal, action, resource);', 'permit (principal, action, resource) unless { action == Action::"file/write" && context.operation == "file" };')}
@id("lab/blank-what-is-written") @redact("/content") permit (principal, action == Action::"file/write", resource) when { context.operation == "file" };
`;

for (const mode of ["hooks", "both"]) {
  for (const agent of chosenAgents.filter(({ name }) => name !== "codex")) {
    describe(`${agent.name}, ${mode}`, () => {
      let world;
      before(async () => {
        world = await openWorld(agent, { mode, policies });
        await world.session({ steps: [...agent.write(join(world.project, "own.txt"), `${kUnwanted}\n`), ...agent.shell("echo after > after.txt")] });
      });
      after(() => world?.close());
      it("the file has what policy left of it", () => {
        const text = world.text(world.project, "own.txt");
        assert.ok(text !== undefined && !text.includes(kUnwanted) && text.includes("redacted"), `${text}\n${world.out.slice(-1500)}`);
      });
      it("the agent goes on", () => assert.equal(world.text(world.project, "after.txt"), "after\n"));
    });
  }
}
