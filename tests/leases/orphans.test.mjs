// The quick part of `./dev check orphans`: deaths in the middle of the server's work, at some of the steps, and a few at random.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { countSteps, killAt, killAtRandom, killInMint, killInRevocation, openWorld } from "./orphans_part.mjs";

const kStride = 11;
const kKills = 10;
let world;

describe("a gate that is killed leaves no credential behind", () => {
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.close());

  it("not while the server is in the middle of its mint", async () => {
    assert.deepEqual(await killInMint(world), []);
  });
  it("not while the server is in the middle of its revocation", async () => {
    assert.deepEqual(await killInRevocation(world), { was_dead_before: true, roles: [] });
  });
  it("not at any step of mint, use and revoke", async () => {
    const steps = await countSteps(world);
    assert.ok(steps > 2 * kStride, `${steps} steps`);
    for (let step = 1 + (Date.now() % kStride); step <= steps; step += kStride) {
      const { was_killed, alive } = await killAt(world, step);
      assert.ok(was_killed, `step ${step} of ${steps} was not reached`);
      assert.deepEqual(alive, [], `step ${step}`);
      assert.deepEqual(await world.postgres.roles(), [], `step ${step}`);
    }
  });
  it("not at random under load", async () => {
    const { passwords, certificates, alive } = await killAtRandom(world, kKills, { rest_every: 5 });
    assert.ok(passwords > 0 && certificates > 0, "nothing was given");
    assert.deepEqual(alive, []);
  });
});
