// One day's work of each agent in a mode, as cases for a test file to declare: [{title, open(), close(), cases: [{name, check()}]}].
import assert from "node:assert/strict";
import { allAgents } from "./agents.mjs";
import { dayOf, subOf } from "./day.mjs";
import { openWorld } from "./world.mjs";

export const chosenAgents = allAgents.filter(({ name }) => !process.env.LAB_AGENT || name === process.env.LAB_AGENT);

export function days(mode) {
  const gated = mode !== "bare";
  return chosenAgents.map((agent) => {
    let world;
    let acts;
    let ended;
    const told = () => `the agent said:\n${world.out.slice(-1500)}\nand was told:\n${ended.results.map(({ text }) => text.slice(0, 300)).join("\n")}`;
    // The acts' names are the same in each world.
    const names = dayOf({ agent, mode, project: "/", outside: "/", notes: "/", home: "/", sites: { host: () => "" }, model: {}, place: 0 });
    const cases = names.map(({ name, happens }, index) => ({
      name: `${name} ${happens || !gated ? "happens" : "does not happen"}`,
      check: () => assert.equal(acts[index].happened(), happens || !gated, told()),
    }));
    cases.push({
      name: "the agent comes to the end of its script",
      check() {
        assert.equal(ended.code, 0, told());
        assert.match(ended.out, /the script has ended/);
      },
    });
    if (gated) {
      cases.push({
        name: "the ledger names what was done and what was denied",
        async check() {
          const receipts = (await world.records()).map((receipt) => JSON.stringify(receipt));
          for (const { action, rule } of acts) {
            if (action) assert.ok(receipts.some((text) => text.includes(`"${action}"`) && text.includes('"allow"')), `no receipt of ${action}; there are:\n${receipts.join("\n").slice(-6000)}`);
            if (rule) assert.ok(receipts.some((text) => text.includes(`"${rule}"`) && text.includes('"deny"')), `no receipt names ${rule}; there are:\n${receipts.join("\n").slice(-6000)}`);
          }
        },
      });
      if (mode !== "boundary") {
        cases.push({
          name: "the prompt and the sub-agent are in the record",
          async check() {
            const operations = new Set((await world.records()).map(({ detail }) => detail?.operation));
            for (const operation of ["prompt", ...(agent.name === "codex" ? [] : ["agent"])]) assert.ok(operations.has(operation), `no receipt of "${operation}"; there are: ${[...operations].join(" ")}`);
          },
        });
      }
      cases.push({
        name: "the task has ended with the session",
        async check() {
          const { stdout } = await world.cli("task", "list", "--json");
          assert.doesNotMatch(stdout, /"state": ?"active"/, stdout.slice(0, 500));
        },
      });
    }
    return {
      title: `${agent.name}, ${mode}`,
      cases,
      async open() {
        world = await openWorld(agent, { mode });
        acts = dayOf(world);
        ended = await world.session({ steps: acts.flatMap(({ calls }) => calls), sub: subOf(world) });
      },
      close: () => world?.close(),
    };
  });
}
