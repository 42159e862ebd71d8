#!/usr/bin/env node
// The life of tasks against a simple model: random starts, children, extensions, ends, kills and lifts, calls in and out of scope,
// and gates that die by kill -9 and come back, two of them on one state folder.
//
// Usage: node life.mjs [STEPS] [SEED]. The gate is $INTERLOCK_BIN, default build/release/interlock. What must never be: an act that
// reaches the server outside the scope, the time, the budget or the life of its task; an end that is recorded twice, or not at all.
// Each call is begun and judged by this process's clock, which is the gates' own. Last line: "N passed, N failed".
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = process.env.INTERLOCK_BIN ?? join(root, "build/release/interlock");
const kSteps = Number(process.argv[2] ?? 4000);
const seed = Number(process.argv[3] ?? randomBytes(4).readUInt32LE());
const kGates = 2;
const kAgents = ["a0", "a1", "a2", "a3"];
const kSessions = ["s0", "s1"]; // they name no task, and have the implicit ones
const kSureMs = 400; // this far from any edge the model says what must be allowed, too
const kHeardMs = 1200; // by then every gate has heard of what another one changed
const kDatedMs = 100; // a receipt is dated after its act was judged
const kAnswerMs = 20_000;
const kFamily = 12; // children that end at once, so that a gate can die among their ends

// ---- chance, reproducible as far as the clock lets it ---------------------------------------------------------------------------

let state = seed >>> 0 || 1;
function chance() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = state;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(chance() * n);
const one_of = (list) => list[below(list.length)];
const some_of = (list) => list.filter(() => chance() < 0.5);

// ---- the server, which tells what reached it ------------------------------------------------------------------------------------

const kTools = {
  look: { effects: ["read"], band: 0 },
  note: { effects: ["write"], band: 1 },
  send: { effects: ["send"], band: 2 },
};
const kPlaces = ["/work/a", "/work/b", "/etc"];
const hits = new Set(); // numbers of the calls that arrived

const canary = createServer((incoming, outgoing) => {
  let body = "";
  incoming.on("data", (chunk) => (body += chunk));
  incoming.on("end", () => {
    const message = JSON.parse(body || "{}");
    if (message.id === undefined) return outgoing.writeHead(202).end();
    const complete = { resultType: "complete", ttlMs: 60000, cacheScope: "private" };
    let result = {};
    if (message.method === "server/discover") result = { ...complete, supportedVersions: ["2026-07-28"], capabilities: { tools: {} } };
    if (message.method === "tools/list") {
      const inputSchema = { type: "object", properties: { path: { type: "string" }, number: { type: "integer" } } };
      result = { ...complete, tools: Object.keys(kTools).map((name) => ({ name, description: name, inputSchema })) };
    }
    if (message.method === "tools/call") {
      hits.add(message.params.arguments.number);
      result = { resultType: "complete", content: [{ type: "text", text: String(message.params.arguments.number) }] };
    }
    const text = JSON.stringify({ jsonrpc: "2.0", id: message.id, result });
    outgoing.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }).end(text);
  });
});

// ---- gates ----------------------------------------------------------------------------------------------------------------------

const folder = mkdtempSync(join(tmpdir(), "interlock-life-"));
const secret = randomBytes(16).toString("hex");
const config = join(folder, "interlock.yaml");

function write_configuration(port) {
  mkdirSync(join(folder, "policies"));
  writeFileSync(join(folder, "policies/all.cedar"), '@id("all")\npermit (principal, action, resource);\n');
  const tools = Object.entries(kTools).map(([name, t]) => `  ${name}: { effects: [${t.effects}], band: ${t.band}, resource: { file: path } }\n`);
  writeFileSync(join(folder, "canary.yaml"), `catalogue: 1\nentry: canary\ntools:\n${tools.join("")}`);
  const tokens = [...kAgents, ...kSessions].map((name) => {
    const hash = createHash("sha256").update(`${secret}-${name}`).digest("hex");
    return `    - { token_sha256: ${hash}, subject: ${name}, owner: suite }\n`;
  });
  writeFileSync(
    config,
    `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${folder}/state\npreset: none\npolicies: [ ${folder}/policies ]\ncatalogue: [ ${folder}/canary.yaml ]\n` +
      `log: { level: error }\nauth:\n  tokens:\n${tokens.join("")}servers:\n  canary:\n    url: http://127.0.0.1:${port}/mcp\n    catalogue: canary\n` +
      `    protocol: 2026-07-28\n`,
  );
}

class Gate {
  async start() {
    this.process = spawn(binary, ["serve", "--config", config], { stdio: ["ignore", "pipe", "inherit"] });
    const lines = createInterface({ input: this.process.stdout });
    const line = await new Promise((done, reject) => {
      lines.once("line", done);
      this.process.once("exit", (code) => reject(new Error(`a gate ended with ${code} before it listened`)));
    });
    this.port = Number(new URL(JSON.parse(line).listening).port);
    this.socket = join(folder, `state/run/${this.process.pid}.sock`);
    this.keep = new Agent({ keepAlive: true, maxSockets: 8 });
    this.alive = true;
  }
  async end(signal) {
    this.alive = false;
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill(signal);
    await ended;
    this.keep.destroy();
  }
  // {status, body}, or null where the gate died on the way.
  ask(options, body) {
    return new Promise((done) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = { ...(options.headers ?? {}) };
      if (text !== undefined) Object.assign(headers, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) });
      const asked = request({ ...options, headers, timeout: kAnswerMs }, (answer) => {
        let all = "";
        answer.on("data", (chunk) => (all += chunk));
        answer.on("end", () => {
          try {
            done({ status: answer.statusCode, body: JSON.parse(all) });
          } catch {
            done(null);
          }
        });
        answer.on("error", () => done(null));
      });
      asked.on("timeout", () => asked.destroy());
      asked.on("error", () => done(null));
      asked.end(text);
    });
  }
  admin(method, path, body) {
    return this.ask({ socketPath: this.socket, method, path }, body);
  }
  call(agent, task, tool, args) {
    const meta = {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientCapabilities": {},
      "io.modelcontextprotocol/clientInfo": { name: "life", version: "1" },
    };
    const headers = {
      Authorization: `Bearer ${secret}-${agent}`,
      Accept: "application/json, text/event-stream",
      "MCP-Protocol-Version": "2026-07-28",
      "Mcp-Method": "tools/call",
      "Mcp-Name": tool,
      ...(task ? { "Interlock-Task": task } : {}),
    };
    const message = { jsonrpc: "2.0", id: args.number, method: "tools/call", params: { _meta: meta, name: tool, arguments: args } };
    return this.ask({ host: "127.0.0.1", port: this.port, path: "/mcp/canary", method: "POST", headers, agent: this.keep }, message);
  }
}

// ---- the model ------------------------------------------------------------------------------------------------------------------

// Times in ms. `ended` is when an end was known to have taken effect (its command had returned), `maybe_ended` when one was begun.
const tasks = new Map();
const kills = new Map(); // agent -> {since, maybe}: since: the command had returned; maybe: one was begun
let gate_deaths = 0;

function chain_of(task) {
  const chain = [];
  for (let at = task; at; at = tasks.get(at.parent)) chain.push(at);
  return chain;
}

const inside = (place, path) => path === place || path.startsWith(`${place}/`);
const scope_permits = (task, tool, path) =>
  task.scopes.length === 0 ||
  task.scopes.some(
    (scope) =>
      (!scope.effects || kTools[tool].effects.every((effect) => scope.effects.includes(effect))) &&
      (!scope.paths || scope.paths.some((place) => inside(place, path))),
  );

// Why a call that was begun at `at` may not have come through; null: it may.
function forbidden(call) {
  const kill = kills.get(call.agent);
  if (call.killed_since !== undefined && kill !== undefined) return "its agent was under kill";
  if (!call.task) return null;
  for (const task of chain_of(tasks.get(call.task))) {
    if (!scope_permits(task, call.tool, call.path)) return `the scope of ${task.id} does not permit it`;
    if (kTools[call.tool].band > task.band) return `the ceiling of ${task.id} is lower`;
    if (call.at >= task.latest_expiry) return `${task.id} had expired ${call.at - task.latest_expiry} ms before`;
    if (task.ended !== undefined && call.at >= task.ended) return `${task.id} had ended`;
    if (task.heartbeat && call.at >= call.beats.get(task.id) + task.heartbeat) return `${task.id} had no heartbeat`;
  }
  return null;
}

// Whether it must have come through.
function certain(call) {
  if (kills.has(call.agent) || call.killed_since !== undefined) return false;
  if (!call.task) return true;
  return chain_of(tasks.get(call.task)).every(
    (task) =>
      task.sure && task.maybe_ended === undefined && task.calls === undefined && !task.heartbeat &&
      call.at >= (task.heard ?? 0) && call.at + kSureMs < task.expires && scope_permits(task, call.tool, call.path) && kTools[call.tool].band <= task.band,
  );
}

// ---- steps ----------------------------------------------------------------------------------------------------------------------

const gates = Array.from({ length: kGates }, () => new Gate());
const counts = {};
const wrong = [];
let number = 0;
let allowed = 0;
let denied = 0;

const count = (name) => (counts[name] = (counts[name] ?? 0) + 1);
const any_gate = () => one_of(gates);
const known_tasks = () => [...tasks.values()];
const recent_tasks = () => known_tasks().slice(-24);

function random_scope() {
  if (chance() < 0.3) return undefined;
  const scope = {};
  if (chance() < 0.7) scope.effects = some_of(["read", "write", "send"]);
  if (chance() < 0.7) scope.paths = some_of(["/work", "/work/a", "/work/b", "/etc"]);
  return scope;
}

async function start_task(parent) {
  const body = { subject: parent ? parent.agent : one_of(kAgents), purpose: "life" };
  const lifetime_s = 1 + below(4);
  body.lifetime = `${lifetime_s}s`;
  const scope = random_scope();
  if (scope) body.scope = scope;
  if (chance() < 0.3) body.band_ceiling = below(3);
  if (chance() < 0.25) body.calls = 1 + below(12);
  if (chance() < 0.15) body.heartbeat = "1s";
  if (parent) body.parent = parent.id;
  const answer = await any_gate().admin("POST", "/v1/tasks", body);
  if (answer?.status !== 200) return count(parent ? "child refused" : "start refused");
  count(parent ? "child started" : "started");
  const shown = answer.body.task ?? answer.body;
  const expires = Date.parse(shown.expires);
  tasks.set(shown.id, {
    id: shown.id,
    agent: body.subject,
    parent: parent?.id,
    scopes: scope ? [scope] : [],
    band: body.band_ceiling ?? 3,
    calls: body.calls,
    heartbeat: body.heartbeat ? 1000 : 0,
    beat: Date.now(),
    expires,
    latest_expiry: expires,
    used: 0,
    sure: true,
  });
}

async function extend_task(task) {
  const until = Date.now() + 1000 + below(4000);
  const grant = chance() < 0.5 ? { until: new Date(until).toISOString() } : { scope: { effects: [one_of(["read", "write", "send"])] } };
  // Begun is as good as done for what may pass, and as bad as not done for what must.
  const wider = grant.until ? { latest: Math.max(task.latest_expiry, until) } : { scope: grant.scope };
  if (wider.latest) task.latest_expiry = wider.latest;
  else if (task.scopes.length > 0) task.scopes = [...task.scopes, wider.scope];
  const answer = await any_gate().admin("POST", `/v1/tasks/${task.id}/extend`, grant);
  if (answer?.status === 200) {
    count("extended");
    if (wider.latest) task.expires = Math.max(task.expires, until);
    task.heard = Date.now() + kHeardMs;
    return;
  }
  count("extension refused");
  if (answer === null) task.sure = false;
  else if (wider.latest) task.latest_expiry = Math.max(task.expires, ...(task.others ?? []));
  else if (task.scopes.length > 0) task.scopes = task.scopes.filter((scope) => scope !== wider.scope);
}

const with_children = (task) => known_tasks().filter((one) => chain_of(one).includes(task));

async function end_task(task, by_kill) {
  const family = with_children(task);
  for (const one of family) one.maybe_ended ??= Date.now();
  const answer = by_kill
    ? await every_gate("POST", "/v1/kills", { reach: "task", target: task.id, reason: "life" })
    : await any_gate().admin("POST", `/v1/tasks/${task.id}/end`, { reason: "life" });
  if (answer?.status !== 200) return count("end refused");
  count(by_kill ? "task killed" : "ended");
  // Another gate hears of an end by its tick; of a kill it is told.
  const at = Date.now() + (by_kill ? 0 : kHeardMs);
  for (const one of family) one.ended = Math.min(one.ended ?? Infinity, at);
}

// As the command line does it: every gate is told, and the command returns when all have answered.
async function every_gate(method, path, body) {
  const answers = await Promise.all(gates.map((gate) => gate.admin(method, path, body)));
  return answers.find((answer) => answer?.status === 200) ?? answers[0];
}

async function kill_agent(agent) {
  const entry = kills.get(agent) ?? {};
  kills.set(agent, entry);
  for (const task of known_tasks()) if (task.agent === agent) with_children(task).forEach((one) => (one.maybe_ended ??= Date.now()));
  const answer = await every_gate("POST", "/v1/kills", { reach: "agent", target: agent, reason: "life" });
  if (answer?.status !== 200) return count("kill refused");
  count("agent killed");
  entry.since ??= Date.now();
  for (const task of known_tasks()) if (task.agent === agent) with_children(task).forEach((one) => (one.ended = Math.min(one.ended ?? Infinity, Date.now())));
}

async function lift_kill(agent) {
  const entry = kills.get(agent);
  if (!entry) return;
  entry.since = undefined; // from here on its acts may pass again
  const answer = await any_gate().admin("POST", "/v1/kills/lift", { agent, reason: "life" });
  if (answer === null) return;
  count("kill lifted");
  await Promise.all(gates.map((gate) => gate.admin("POST", "/v1/refresh", {})));
  kills.delete(agent);
}

async function make_call(options = {}) {
  const implicit = options.implicit ?? chance() < 0.15;
  const task = implicit ? undefined : one_of(recent_tasks());
  if (!implicit && !task) return;
  const agent = implicit ? one_of(kSessions) : chance() < 0.95 ? task.agent : one_of(kAgents);
  const call = { number: ++number, agent, task: task?.id, tool: one_of(Object.keys(kTools)), path: `${one_of(kPlaces)}/x` };
  call.at = Date.now();
  call.killed_since = kills.get(agent)?.since;
  call.beats = new Map(task ? chain_of(task).map((one) => [one.id, one.beat]) : []);
  const stranger = task && agent !== task.agent;
  const gate = any_gate();
  const answer = await gate.call(agent, task?.id, call.tool, { number: call.number, path: call.path });
  const hit = hits.has(call.number);
  if (hit) {
    allowed++;
    if (task) for (const one of chain_of(task)) {
      one.used++;
      one.beat = Math.max(one.beat, Date.now());
    }
    const reason = stranger ? "the task is another agent's" : forbidden(call);
    if (reason) wrong.push(`call ${call.number} (${call.tool} ${call.path} of ${agent}) reached the server: ${reason}`);
    if (task) for (const one of chain_of(task)) {
      if (one.calls !== undefined && one.used > one.calls) wrong.push(`${one.id} used ${one.used} of ${one.calls} calls`);
    }
  } else {
    denied++;
    // A refused act may have counted as a sign of life.
    if (task && !stranger) for (const one of chain_of(task)) one.beat = Math.max(one.beat, Date.now());
    if (answer !== null && !stranger && certain(call)) wrong.push(`call ${call.number} was refused: ${JSON.stringify(answer.body?.error ?? answer.body).slice(0, 300)}`);
  }
}

async function restart_gate() {
  const gate = any_gate();
  gate_deaths++;
  // In the middle of something, most of the time.
  const under_way = chance() < 0.7 ? [make_call(), end_or_start()] : [];
  await gate.end("SIGKILL");
  await Promise.all(under_way);
  await gate.start();
  count("gate killed and started again");
}

// Dies as soon as the ledger grows by the ends of a family: some have a receipt and are open in the store, some have an intent alone.
async function die_among_ends() {
  const gate = any_gate();
  const order = { subject: "family", purpose: "life" };
  const root = await gate.admin("POST", "/v1/tasks", { ...order, lifetime: "1h" });
  if (root?.status !== 200) return count("start refused");
  gate_deaths++;
  const parent = (root.body.task ?? root.body).id;
  for (let i = 0; i < kFamily; i++) await gate.admin("POST", "/v1/tasks", { ...order, parent });
  const before = ledger_bytes();
  let answered = false;
  const ending = gate.admin("POST", `/v1/tasks/${parent}/end`, { reason: "life" }).then(() => (answered = true));
  while (!answered && ledger_bytes() === before) await new Promise((done) => setImmediate(done));
  count(answered ? "gate killed after ends" : "gate killed among ends");
  await gate.end("SIGKILL");
  await ending;
  await gate.start();
}

const end_or_start = () => (chance() < 0.5 && recent_tasks().length > 0 ? end_task(one_of(recent_tasks()), false) : start_task());

async function step() {
  const dice = chance();
  const task = recent_tasks().length > 0 ? one_of(recent_tasks()) : undefined;
  if (!task || dice < 0.08) return start_task();
  if (dice < 0.14) return start_task(task);
  if (dice < 0.19) return extend_task(task);
  if (dice < 0.215) return end_task(task, false);
  if (dice < 0.225) return end_task(task, true);
  if (dice < 0.235) return kill_agent(one_of(kAgents.concat(kSessions)));
  if (dice < 0.26) return lift_kill(one_of([...kills.keys(), kAgents[0]]));
  if (dice < 0.272) return restart_gate();
  if (dice < 0.28) return die_among_ends();
  if (dice < 0.4) return Promise.all([make_call(), make_call(), make_call()]);
  return make_call();
}

// ---- what the ledger says -------------------------------------------------------------------------------------------------------

function logs() {
  const ledger = join(folder, "state/ledger");
  return readdirSync(ledger).filter((name) => /^\d{4}$/.test(name)).map((name) => join(ledger, name, "log"));
}

const ledger_bytes = () => logs().reduce((sum, log) => sum + statSync(log).size, 0);

function receipts() {
  const out = [];
  for (const log of logs()) {
    for (const line of readFileSync(log, "utf8").split("\n")) if (line) out.push(JSON.parse(line.slice(17)));
  }
  return out;
}

function judge_ledger() {
  const life = new Map();
  const all = receipts().sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  for (const receipt of all.filter((one) => one.kind === "task")) {
    const one = life.get(receipt.act) ?? { opened: [], ended: [], expires: 0 };
    life.set(receipt.act, one);
    if (receipt.verdict === "opened") {
      one.opened.push(receipt);
      one.expires = Date.parse(receipt.detail.expires);
    }
    if (receipt.verdict === "extended" && receipt.detail.grant?.until) one.expires = Math.max(one.expires, Date.parse(receipt.detail.grant.until));
    if (receipt.verdict === "ended") one.ended.push(receipt);
  }
  const never = [...life].filter(([, one]) => one.ended.length === 0).map(([id]) => id);
  const twice = [...life].filter(([, one]) => one.ended.length > 1).map(([id]) => id);
  const reasons = {};
  for (const [, one] of life) for (const end of one.ended) reasons[end.detail.reason.split(":")[0]] = (reasons[end.detail.reason.split(":")[0]] ?? 0) + 1;
  const late = all.filter((one) => one.kind === "attempt" && one.verdict === "allow").filter((one) => {
    const task = life.get(one.task);
    return !task || Date.parse(one.at) >= task.expires + kDatedMs;
  });
  return { life, never, twice, reasons, late };
}

// ---- the run --------------------------------------------------------------------------------------------------------------------

let passed = 0;
let failed = 0;
function check(name, holds, measured = "") {
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${measured ? `: ${measured}` : ""}`);
  if (holds) passed++;
  else failed++;
}

async function main() {
  if (!existsSync(binary)) throw new Error(`${binary} has to be built: ./dev build`);
  await new Promise((listening) => canary.listen(0, "127.0.0.1", listening));
  write_configuration(canary.address().port);
  await Promise.all(gates.map((gate) => gate.start()));
  for (let i = 0; i < kSteps && wrong.length < 10; i++) await step();

  // The end of all: the gates die, one comes back, and every task must come to its end.
  await Promise.all(gates.map((gate) => gate.end("SIGKILL")));
  const last = gates[0];
  await last.start();
  const deadline = Date.now() + 60_000;
  let open = ["?"];
  while (open.length > 0 && Date.now() < deadline) {
    await new Promise((done) => setTimeout(done, 250));
    const answer = await last.admin("GET", "/v1/tasks");
    open = answer?.body?.tasks ?? ["?"];
  }
  await last.end("SIGTERM");
  const { life, never, twice, reasons, late } = judge_ledger();

  console.log(`${kSteps} steps (seed ${seed}): ${JSON.stringify(counts)}`);
  console.log(`${allowed} acts passed, ${denied} were refused; ${life.size} tasks, ended by ${JSON.stringify(reasons)}`);
  for (const line of wrong.slice(0, 10)) console.log(`  ${line}`);
  check("no act outside its task's scope, time, budget or life, and none refused that was certainly inside", wrong.length === 0, `${wrong.length} wrong`);
  check("acts passed and acts were refused", allowed > kSteps / 20 && denied > kSteps / 20, `${allowed} and ${denied}`);
  check("gates were killed and came back", gate_deaths > 0, `${gate_deaths} times`);
  check("every task ended at last", open.length === 0, `${open.length} left`);
  check("every end is recorded", never.length === 0, never.slice(0, 3).join(" "));
  check("no end is recorded twice", twice.length === 0, twice.slice(0, 3).join(" "));
  check("no attempt was allowed after its task's expiry, by the ledger's own times", late.length === 0, late.slice(0, 2).map((one) => one.act).join(" "));
  if (failed > 0 && process.env.KEEP) console.log(`what is left: ${folder}`);
}

try {
  await main();
} catch (error) {
  console.error(`life: ${error.stack}`);
  failed++;
}
for (const gate of gates) if (gate.alive) gate.process.kill("SIGKILL");
canary.close();
canary.closeAllConnections();
if (!(failed > 0 && process.env.KEEP)) rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
