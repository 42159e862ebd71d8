#!/usr/bin/env node
// The kill switch under load: from the command to the last possible act, with 1,000 agents active and 5,000 calls a second.
//
// Usage: node kill.mjs [KILLS]. The gate is $INTERLOCK_BIN, default build/release/interlock; the load, the canary and the kills are
// kill_load's (kill_load.cpp). Some kills go through the command line itself. Last line: "N passed, N failed".
import { spawn, execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const gate_binary = process.env.INTERLOCK_BIN ?? join(root, "build/release/interlock");
const load_binary = process.env.KILL_LOAD_BIN ?? join(root, "build/release/tests/task/kill_load");
const kKills = Number(process.argv[2] ?? 200);
const kActive = 1000; // agents that are active throughout: those to be killed come on top
const kRate = 5000;
const kAimMs = 50;
const kStartMs = 60_000;
const kVerbKills = 5;

let passed = 0;
let failed = 0;
function check(name, holds, measured = "") {
  console.log(`${holds ? "ok    " : "FAILED"} ${name}${measured ? `: ${measured}` : ""}`);
  if (holds) passed++;
  else failed++;
}

const children = [];
function start(binary, args, options = {}) {
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "inherit"], ...options });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  const waiting = [];
  const seen = [];
  lines.on("line", (line) => (waiting.length > 0 ? waiting.shift().resolve(line) : seen.push(line)));
  child.on("exit", (code) => waiting.splice(0).forEach((one) => one.reject(new Error(`${binary} ended with ${code}`))));
  const next_line = () =>
    seen.length > 0 ? Promise.resolve(seen.shift()) : new Promise((resolve_line, reject) => waiting.push({ resolve: resolve_line, reject }));
  return { child, next_line };
}
const within = (ms, promise, what) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} took more than ${ms} ms`)), ms).unref())]);
const run = (binary, args) =>
  new Promise((done) => execFile(binary, args, { timeout: 60_000 }, (error, stdout, stderr) => done({ code: error ? (error.code ?? 1) : 0, stdout, stderr })));

const folder = mkdtempSync(join(tmpdir(), "interlock-kill-"));
async function main() {
  if (!existsSync(gate_binary) || !existsSync(load_binary)) throw new Error(`${gate_binary} and ${load_binary} have to be built: ./dev check kill`);
  const agents = kActive + kKills;
  const prefix = `${randomBytes(16).toString("hex")}-`;
  const load = start(load_binary, ["--agents", agents, "--kills", kKills, "--rate", kRate, "--token", prefix].map(String));
  const { canary } = JSON.parse(await within(kStartMs, load.next_line(), "the canary"));

  mkdirSync(join(folder, "policies"));
  writeFileSync(join(folder, "policies/all.cedar"), '@id("all")\npermit (principal, action, resource);\n');
  writeFileSync(join(folder, "canary.yaml"), "catalogue: 1\nentry: canary\ntools:\n  echo: { effects: [read], band: 0 }\n");
  const tokens = Array.from({ length: agents }, (_, i) => {
    const hash = createHash("sha256").update(`${prefix}${i}`).digest("hex");
    return `    - { token_sha256: ${hash}, subject: agent-${i}, owner: suite }`;
  });
  const config = join(folder, "interlock.yaml");
  writeFileSync(
    config,
    `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${folder}/state\npreset: none\npolicies: [ ${folder}/policies ]\ncatalogue: [ ${folder}/canary.yaml ]\n` +
      `log: { level: warn }\nlimits: { calls_in_flight: 5000 }\nauth:\n  tokens:\n${tokens.join("\n")}\nservers:\n  canary:\n    url: http://127.0.0.1:${canary}/mcp\n    catalogue: canary\n    sharing: all\n` +
      `    protocol: 2026-07-28\n`,
  );
  const gate = start(gate_binary, ["serve", "--config", config]);
  const { listening } = JSON.parse(await within(kStartMs, gate.next_line(), "the gate's start"));
  const socket = join(folder, `state/run/${gate.child.pid}.sock`);
  load.child.stdin.write(`${new URL(listening).port} ${socket}\n`);
  const report = JSON.parse(await within(400_000, load.next_line(), "the load"));

  const figure = (value) => `${value.toFixed(2)} ms`;
  console.log(`Machine: ${cpus().length} x ${cpus()[0].model}; load, canary and gate share it`);
  console.log(`${report.agents} agents, ${report.calls_per_second.toFixed(0)} calls/s while ${report.kills} were killed one by one; ${report.denied} calls denied afterwards`);
  console.log(`  command to last act  p50 ${figure(report.last_act_p50_ms)}  p99 ${figure(report.last_act_p99_ms)}  max ${figure(report.last_act_max_ms)}`);
  console.log(`  command to return    p50 ${figure(report.command_p50_ms)}  p99 ${figure(report.command_p99_ms)}  max ${figure(report.command_max_ms)}`);
  console.log(`  bare request         p50 ${figure(report.bare_p50_ms)}  p99 ${figure(report.bare_p99_ms)}`);
  console.log(`  a kill costs ${(report.command_p50_ms / report.bare_p50_ms).toFixed(2)} times a bare request of the same socket at p50`);
  check("every kill was taken", report.refused === 0 && report.kills === kKills, `${report.refused} refused`);
  check("every killed agent was active before", report.heard_before === report.kills, `${report.heard_before} of ${report.kills}`);
  check("acts are told by the time at which the kernel received them", report.kernel_stamps);
  check("no act of a killed agent after the command had returned", report.late === 0, report.late === 0 ? "none" : `${report.late}, the latest by ${figure(report.latest_ms)}`);
  check("killed agents went on asking, and were denied", report.denied > report.kills, `${report.denied} denials`);
  check("nobody else was hurt", report.wrong === 0, `${report.wrong} wrong answers`);
  check(`at ${kRate} calls a second`, report.calls_per_second >= 0.95 * kRate, `${report.calls_per_second.toFixed(0)}`);
  check(`from the command to the last act, p99 under ${kAimMs} ms`, report.last_act_p99_ms < kAimMs, figure(report.last_act_p99_ms));
  check(`from the command to its return, p99 under ${kAimMs} ms`, report.command_p99_ms < kAimMs, figure(report.command_p99_ms));

  // The same by the command line, and what the state folder says of it afterwards.
  for (let i = 0; i < kVerbKills; i++) {
    const done = await run(gate_binary, ["kill", `agent-${i * Math.floor(agents / kKills) + 1}`, "--config", config, "--reason", "by the verb"]);
    if (done.code !== 0) console.log(done.stdout + done.stderr);
    if (i === 0) check("`interlock kill AGENT` works beside the load's kills", done.code === 0);
    else if (done.code !== 0) check("`interlock kill AGENT`", false);
  }
  gate.child.kill("SIGTERM");
  await new Promise((ended) => gate.child.on("exit", ended));
  const verified = await run(gate_binary, ["log", "verify", "--state", join(folder, "state"), "--json"]);
  check("the ledger verifies", verified.code === 0, verified.code === 0 ? "" : verified.stdout + verified.stderr);
}

let trouble = null;
try {
  await main();
} catch (error) {
  trouble = error;
  console.error(`kill: ${error.message}`);
  failed++;
}
for (const child of children) child.kill("SIGKILL");
if (process.env.KEEP) cpSync(folder, process.env.KEEP, { recursive: true });
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(trouble || failed ? 1 : 0);
