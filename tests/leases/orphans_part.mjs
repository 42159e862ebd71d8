// kill -9 of a gate of leases, and what is left of its credentials at the real PostgreSQL and sshd after another gate has started. What is
// asked are the real systems: roles, sessions, logins with every password and certificate that a client was ever given.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { eventually, scratch } from "../peers/parts.mjs";
import { startDriver } from "./driver_part.mjs";
import { kAdminPassword, startPostgres } from "./postgres_part.mjs";
import { makeKey, startSshd } from "./sshd_part.mjs";

const kLifetime_ms = 600_000; // far longer than a test: a credential that is dead was revoked, it did not expire
const kRecovery_ms = 20_000;
const kLongestLife_ms = 500; // a gate needs about a fifth of it to its first mint
const kTurnLock = 7525894321; // what makes and unmakes of roles take turns by: src/credential/postgres_role.cpp

export async function openWorld() {
  const folder = scratch("interlock-orphans");
  const authority = makeKey(join(folder, "ca"));
  const krl = join(folder, "revoked.krl");
  const postgres = await startPostgres();
  const configuration = {
    mint_timeout_ms: 1_000, // a mint that was cut off is pursued for so long
    secrets: { "pg/admin": kAdminPassword, "ssh/ca": authority },
    credentials: {
      shop: {
        broker: "postgres",
        host: "127.0.0.1",
        port: postgres.port,
        database: "shop",
        user: "gate",
        password_secret: "pg/admin",
        lifetime_ms: kLifetime_ms,
        grants: [{ tables: ["public.orders"], verbs: ["select", "insert"] }],
      },
      ship: { broker: "ssh", ca_secret: "ssh/ca", principals: ["deploy"], any_command: true, krl, lifetime_ms: kLifetime_ms },
    },
  };
  const warm = startDriver(scratch(), configuration); // the list of revoked certificates stands before sshd starts
  await warm.close();
  const sshd = await startSshd({ authority: join(folder, "ca"), krl });
  let count = 0;
  return {
    postgres,
    sshd,
    configuration,
    // A state folder of its own. Each writes its list of revoked certificates to the one place, so what it revoked is tried before the next
    // one begins.
    state() {
      const state = join(folder, `state${++count}`);
      mkdirSync(state);
      return state;
    },
    async close() {
      await sshd.stop();
      await postgres.stop();
    },
  };
}

// What a client was given, by either broker.
export function isAlive(world, { fields }) {
  if (fields.dsn) return world.postgres.psql(fields.dsn, "SELECT 1").then(({ code }) => code === 0);
  return world.sshd.ssh(fields, "true").then(({ code }) => code === 0);
}

// A gate that starts after another died: waits until no lease is open. The gate.
export async function recovered(world, state) {
  const gate = startDriver(state, world.configuration);
  await eventually("the leases of the dead gate are ended", async () => (await gate.ask("list", { ended: false })).open === 0, { within_ms: kRecovery_ms, every_ms: 50 });
  return gate;
}

// One life of leases: of one act and of a task, used and unused, released and ended with the task. `given`: what a client got.
export async function live(world, gate, given, task) {
  const take = async (credential, words) => {
    const lease = await gate.acquire(credential, { task, ...words });
    given.push(lease);
    return lease;
  };
  const own = await take("shop", { band: 2 });
  const session = world.postgres.session(own.fields.dsn);
  await session.say("SELECT count(*) FROM orders");
  const used = session.used();
  await gate.ask("release", { lease: own.lease });
  await used;
  await Promise.all([take("shop", { band: 0 }), take("ship", { band: 0 }), take("ship", { band: 2 })]);
  await gate.ask("end_task", { task });
}

// How many steps one life has.
export async function countSteps(world) {
  const gate = startDriver(world.state(), world.configuration);
  await live(world, gate, [], "count");
  return (await gate.close()).steps;
}

// Kills a gate at `step` of a life; lists what is alive after the next gate has cleared away.
export async function killAt(world, step) {
  const state = world.state();
  const given = [];
  const gate = startDriver(state, world.configuration, step);
  await live(world, gate, given, "task")
    .then(() => gate.close())
    .catch(() => {});
  const { signal } = await gate.ended;
  const next = await recovered(world, state);
  const alive = [];
  for (const one of given) if (await isAlive(world, one)) alive.push(one.lease);
  await next.close();
  return { was_killed: signal === "SIGKILL", given: given.length, alive };
}

// Holds what roles are made and unmade under, so that a gate can be killed while the server works for it.
async function holdTurn(world) {
  const holder = world.postgres.session(`postgresql://postgres:super@127.0.0.1:${world.postgres.port}/shop`);
  await holder.say(`SELECT pg_advisory_lock(${kTurnLock})`);
  return holder;
}
const waits = (world) => eventually("it waits for its turn", async () => (await world.postgres.ask("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory'")).length === 1);

// The gate dies while PostgreSQL is in the middle of its mint, which would go on without it. The roles there are afterwards.
export async function killInMint(world) {
  const state = world.state();
  const holder = await holdTurn(world);
  const gate = startDriver(state, world.configuration);
  gate.acquire("shop").catch(() => {});
  await waits(world);
  gate.kill();
  await gate.ended;
  const next = await recovered(world, state);
  holder.stop();
  await eventually("the turn is free", async () => (await world.postgres.ask("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")).length === 0);
  const roles = await world.postgres.roles();
  await next.close();
  return roles;
}

// The gate dies while PostgreSQL is in the middle of its revocation.
export async function killInRevocation(world) {
  const state = world.state();
  const gate = startDriver(state, world.configuration);
  const lease = await gate.acquire("shop");
  const holder = await holdTurn(world);
  gate.ask("release", { lease: lease.lease }).catch(() => {});
  await waits(world);
  const was_dead_before = !(await isAlive(world, lease));
  gate.kill();
  await gate.ended;
  holder.stop();
  const next = await recovered(world, state);
  const roles = await world.postgres.roles();
  await next.close();
  return { was_dead_before, roles };
}

// `kills` deaths at random under load, each gate beginning where the one before was cut off; every so often all must come to rest, and
// everything that was given until then is tried. on_rest(kills, tried): after each.
export async function killAtRandom(world, kills, { rest_every = 25, random = Math.random, on_rest = () => {} } = {}) {
  const state = world.state();
  const totals = { kills: 0, passwords: 0, certificates: 0, alive: [] };
  let given = [];
  let tasks = 0;
  const work = async (gate) => {
    for (;;) {
      const task = `random-${++tasks}`;
      const credential = random() < 0.75 ? "shop" : "ship";
      const lease = await gate.acquire(credential, { task, band: random() < 0.5 ? 0 : 2, effects: [random() < 0.5 ? "read" : "write"] });
      given.push(lease);
      await gate.ask(random() < 0.5 ? "release" : "end_task", { lease: lease.lease, task });
      if (random() < 0.3) await gate.ask("end_task", { task });
    }
  };
  while (totals.kills < kills) {
    const gate = startDriver(state, world.configuration);
    const workers = Array.from({ length: 4 }, () => work(gate).catch(() => {}));
    if (random() < 0.9) await Promise.race([gate.ask("list").catch(() => {}), gate.ended]); // some die while they start
    await new Promise((resolve) => setTimeout(resolve, random() * kLongestLife_ms));
    gate.kill();
    await gate.ended;
    await Promise.all(workers);
    totals.kills++;
    if (totals.kills % rest_every !== 0 && totals.kills !== kills) continue;
    const next = await recovered(world, state);
    for (let at = 0; at < given.length; at += 4) {
      const some = given.slice(at, at + 4);
      const alive = await Promise.all(some.map((one) => isAlive(world, one)));
      totals.alive.push(...some.filter((_, i) => alive[i]).map(({ lease }) => lease));
    }
    totals.alive.push(...(await world.postgres.roles()), ...(await world.postgres.sessions()));
    totals.passwords += given.filter(({ fields }) => fields.dsn).length;
    totals.certificates += given.filter(({ fields }) => fields.certificate).length;
    given = [];
    await next.close();
    on_rest(totals);
  }
  return totals;
}
