#!/usr/bin/env node
// No orphan, ever: kill -9 of a gate of leases at each of the steps of mint, use and revoke, and in the middle of what PostgreSQL does for
// it; of `interlock serve` KILLS (500) times at random while agents' tools work with leases, and of a gate of leases alone, which lives
// faster, a fifth as often. After the restarts every password and certificate that was given is tried at the real PostgreSQL and sshd.
// Usage: node orphans.mjs [KILLS]. Last line: "N passed, N failed".
import { whyNoDriver } from "./driver_part.mjs";
import { killGateAtRandom, openGateWorld } from "./gate_part.mjs";
import { countSteps, isAlive, killAt, killAtRandom, killInMint, killInRevocation, openWorld } from "./orphans_part.mjs";
import { whyNoPostgres } from "./postgres_part.mjs";
import { whyNoSshd } from "./sshd_part.mjs";

const kKills = Number(process.argv[2] ?? 500);
let passed = 0;
let failed = 0;
function check(name, holds, measured = "") {
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${measured ? `: ${measured}` : ""}`);
  if (holds) passed++;
  else failed++;
}
const none = (list) => list.length === 0;

async function main() {
  const missing = whyNoDriver() || whyNoPostgres() || whyNoSshd();
  if (missing) return check("the real parts are here", false, missing);
  const world = await openWorld();
  check("killed in the middle of the server's mint", none(await killInMint(world)));
  const { was_dead_before, roles } = await killInRevocation(world);
  check("killed in the middle of the server's revocation", was_dead_before && none(roles));

  const steps = await countSteps(world);
  check("a life has steps", steps > 20, `${steps}`);
  let given = 0;
  for (let step = 1; step <= steps; step++) {
    const outcome = await killAt(world, step);
    given += outcome.given;
    const left = [...outcome.alive, ...(await world.postgres.roles())];
    // The last ones come and go with the order of answers.
    if (outcome.was_killed || step < steps - 4) check(`killed at step ${step} of ${steps}`, outcome.was_killed && none(left), left.join(" "));
  }
  console.log(`measured: ${given} credentials were given in lives that ended at a step`);

  const fast = await killAtRandom(world, Math.ceil(kKills / 5), { on_rest: (totals) => rested("of leases alone", totals) });
  check("the load was real", fast.passwords > 0 && fast.certificates > 0);
  await world.close();

  const gates = await openGateWorld();
  const began = Date.now();
  const totals = await killGateAtRandom(gates, kKills, isAlive, { on_rest: (some) => rested("of interlock serve", some) });
  check("the load was real", totals.passwords > kKills && totals.certificates > 0, `${Math.round((Date.now() - began) / 1000)} s`);
  await gates.close();
}
const rested = (what, { kills, passwords, certificates, alive }) =>
  check(`after ${kills} kills at random ${what}`, none(alive), `${passwords} passwords and ${certificates} certificates tried, ${alive.length} alive`);

main()
  .catch((error) => check("it ran to its end", false, error.stack))
  .finally(() => {
    console.log(`${passed} passed, ${failed} failed`);
    process.exit(failed === 0 && passed > 0 ? 0 : 1);
  });
