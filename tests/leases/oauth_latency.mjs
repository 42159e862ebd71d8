// How long a token outlives its task: from the word that the task has ended until the authorization server (npm oidc-provider, in a process
// of its own) says by introspection that its token is dead. Beside it, in the same run, the same for a bare revocation request (RFC 7009)
// to the same server: what no gate could be faster than.
// usage: node oauth_latency.mjs [TASKS]     Fails where a token stays alive, not where it is slow.
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { scratch } from "../peers/parts.mjs";
import { kApi, kSecret, startAuthorizationServer } from "../peers/authorization_server.mjs";
import { startDriver, whyNoDriver } from "./driver_part.mjs";

const kTasks = 300;
const kWarm = 20;
const kAim_ms = 100;
const kPatience_ms = 10_000;
const self = fileURLToPath(import.meta.url);

const basic = `Basic ${Buffer.from(`gate:${kSecret}`).toString("base64")}`;
const post = (url, form) => fetch(url, { method: "POST", headers: { Authorization: basic }, body: new URLSearchParams(form) });
const isActive = async (issuer, token) => (await (await post(`${issuer}/token/introspection`, { token })).json()).active;

// Milliseconds from `end()` until the server says that the token is dead: when the answer that says so is here.
async function timeUntilDead(issuer, token, end) {
  if (!(await isActive(issuer, token))) throw new Error("the token was dead before its task ended");
  const begun = performance.now();
  const ended = end();
  while (await isActive(issuer, token)) {
    if (performance.now() - begun > kPatience_ms) throw new Error("the token outlives its task");
  }
  const took = performance.now() - begun;
  await ended;
  return took;
}

const quantile = (times, q) => [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * q))];

async function measure(count, once) {
  const times = [];
  for (let i = 0; i < kWarm + count; ++i) {
    const took = await once(i);
    if (i >= kWarm) times.push(took);
  }
  return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: Math.max(...times) };
}

export async function measureOauth(tasks = kTasks) {
  const server = fork(self, ["--server"], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
  const issuer = await new Promise((resolve) => server.once("message", resolve));
  const driver = startDriver(scratch(), {
    secrets: { "oauth/gate": kSecret },
    credentials: { api: { broker: "oauth", issuer, client_id: "gate", client_secret_secret: "oauth/gate", grant: "client_credentials", scopes: ["repo:read"], resource: kApi } },
  });
  try {
    const gate = await measure(tasks, async (i) => {
      const task = `task-${i}`;
      const { fields } = await driver.acquire("api", { task, band: 1 });
      return timeUntilDead(issuer, fields.token, () => driver.ask("end_task", { task }));
    });
    const bare = await measure(tasks, async () => {
      const { access_token: token } = await (await post(`${issuer}/token`, { grant_type: "client_credentials", scope: "repo:read", resource: kApi })).json();
      return timeUntilDead(issuer, token, () => post(`${issuer}/token/revocation`, { token, token_type_hint: "access_token" }).then((answer) => answer.text()));
    });
    return { gate, bare };
  } finally {
    await driver.close();
    server.disconnect();
  }
}

async function main() {
  const missing = whyNoDriver();
  if (missing) throw new Error(missing);
  const tasks = Number(process.argv[2] ?? kTasks);
  const { gate, bare } = await measureOauth(tasks);
  const row = (name, { p50, p99, most }) => console.log(`${name.padEnd(46)} p50 ${p50.toFixed(2)} ms   p99 ${p99.toFixed(2)} ms   most ${most.toFixed(2)} ms`);
  console.log(`OAuth: from task end to token dead at oidc-provider, ${tasks} tasks (each time holds one introspection)`);
  row("the gate: task end to token dead", gate);
  row("bare: revocation request to token dead", bare);
  console.log(`ratio to bare: p50 ${(gate.p50 / bare.p50).toFixed(2)}x   p99 ${(gate.p99 / bare.p99).toFixed(2)}x   aim p99 < ${kAim_ms} ms: ${gate.p99 < kAim_ms ? "met" : "missed"}`);
}

if (process.argv[2] === "--server") {
  const server = await startAuthorizationServer();
  process.send(server.issuer);
  process.once("disconnect", () => process.exit(0));
} else if (process.argv[1] === self) {
  await main();
}
