#!/usr/bin/env node
// From the end of a task to the death of its credential, as whoever uses it sees it: a client asks PostgreSQL one thing after the other in
// a session of the lease, and notes when the server ends it. Beside it the bare path: an administrator with an open session who types the
// two statements that end a role's login and its sessions. Then the same of OAuth tokens (tests/leases/oauth_latency.mjs). Usage: node run.mjs [--quick]. Fails on a wrong answer only.
import { startDriver } from "../../tests/leases/driver_part.mjs";
import { measureOauth } from "../../tests/leases/oauth_latency.mjs";
import { kAdminPassword, startPostgres } from "../../tests/leases/postgres_part.mjs";
import { scratch } from "../../tests/peers/parts.mjs";

const kTasks = process.argv.includes("--quick") ? 30 : 300;
const kBurst = 10; // leases of one task
const kAim_ms = 100;
const kPause_ms = 2; // between two questions of a session where many ask at once: else they keep the machine busy with themselves

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
const ms = (value) => `${value.toFixed(1)} ms`;
function tell(name, times) {
  const sorted = [...times].sort((a, b) => a - b);
  console.log(`| ${name} | ${sorted.length} | ${ms(at(sorted, 0.5))} | ${ms(at(sorted, 0.99))} | ${ms(sorted.at(-1))} |`);
  return { p50: at(sorted, 0.5), p99: at(sorted, 0.99) };
}

// A session in use, and when the server ended it.
async function use(postgres, dsn, pause_ms = 0) {
  const session = postgres.session(dsn);
  await session.say("SELECT 1");
  return { ended: session.used(pause_ms) };
}
async function mustBeDead(postgres, dsn) {
  if ((await postgres.psql(dsn, "SELECT 1")).code === 0) throw new Error("a revoked lease still logs in");
}

const postgres = await startPostgres({ log: "none" });
const driver = startDriver(scratch(), {
  secrets: { "pg/admin": kAdminPassword },
  credentials: {
    shop: { broker: "postgres", host: "127.0.0.1", port: postgres.port, database: "shop", user: "gate", password_secret: "pg/admin", grants: [{ tables: ["public.orders"], verbs: ["select"] }] },
  },
});

const mints = [];
const one = [];
for (let i = 0; i < kTasks; i++) {
  const asked_ms = performance.now();
  const { fields } = await driver.acquire("shop", { task: `one-${i}`, band: 0 });
  mints.push(performance.now() - asked_ms);
  const { ended } = await use(postgres, fields.dsn);
  const began_ms = performance.now();
  driver.ask("end_task", { task: `one-${i}` });
  one.push((await ended).at_ms - began_ms);
  if (i % 10 === 0) await mustBeDead(postgres, fields.dsn);
}

const burst = [];
for (let i = 0; i < kTasks / kBurst; i++) {
  const leases = await Promise.all(Array.from({ length: kBurst }, () => driver.acquire("shop", { task: `many-${i}`, band: 2 })));
  const sessions = await Promise.all(leases.map(({ fields }) => use(postgres, fields.dsn, kPause_ms)));
  const began_ms = performance.now();
  driver.ask("end_task", { task: `many-${i}` });
  for (const { ended } of sessions) burst.push((await ended).at_ms - began_ms);
}

const bare = [];
const admin = postgres.session(`postgresql://postgres:super@127.0.0.1:${postgres.port}/shop`);
for (let i = 0; i < kTasks; i++) {
  await admin.say(`CREATE ROLE bare LOGIN PASSWORD 'bare'`);
  const { ended } = await use(postgres, `postgresql://bare:bare@127.0.0.1:${postgres.port}/shop`);
  const began_ms = performance.now();
  admin.say("ALTER ROLE bare NOLOGIN; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'bare'");
  bare.push((await ended).at_ms - began_ms);
  await admin.say("DROP ROLE bare");
}

console.log("\n| PostgreSQL | n | p50 | p99 | most |\n| --- | ---: | ---: | ---: | ---: |");
tell("mint", mints);
const ours = tell("task end to session dead", one);
tell(`the same, ${kBurst} leases a task`, burst);
const floor = tell("bare: an administrator's two statements", bare);
console.log(`\nto the bare path: ${(ours.p50 / floor.p50).toFixed(2)} at p50; aim p99 < ${kAim_ms} ms: ${ours.p99 < kAim_ms ? "met" : "not met"}`);

const left = await driver.close().then(() => postgres.roles());
if (left.length > 0) throw new Error(`roles are left: ${left}`);
await postgres.stop();

const oauth = await measureOauth(kTasks);
console.log("\n| OAuth | n | p50 | p99 | most |\n| --- | ---: | ---: | ---: | ---: |");
const row = (name, { p50, p99, most }) => console.log(`| ${name} | ${kTasks} | ${ms(p50)} | ${ms(p99)} | ${ms(most)} |`);
row("task end to token dead, by introspection", oauth.gate);
row("bare: a revocation request (RFC 7009)", oauth.bare);
console.log(`\nto the bare path: ${(oauth.gate.p50 / oauth.bare.p50).toFixed(2)} at p50; aim p99 < ${kAim_ms} ms: ${oauth.gate.p99 < kAim_ms ? "met" : "not met"}`);
process.exit(0);
