// The foreign workload of tests/peers/spire/workload (go-spiffe) as tests use it.
import { execFile, spawn } from "node:child_process";
import { chmodSync, copyFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { eventually, stop } from "../peers/parts.mjs";
import { spireParts } from "./spire.mjs";

const kRun_ms = 30_000;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const linesOf = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));

// Runs it once: {code, events}; `event(name)` is the first of that name. Never rejects.
export function workload(what, options = {}, binary = spireParts.workload) {
  const args = Object.entries(options).flatMap(([name, value]) => [`-${name}`, String(value)]);
  return new Promise((resolve) => {
    const child = execFile(binary, [...args, what], { timeout: kRun_ms }, (error, stdout, stderr) => {
      const events = linesOf(stdout);
      resolve({ code: error ? (error.code ?? 1) : 0, events, stderr, event: (name) => events.find((one) => one.event === name) });
    });
    child.stdin.on("error", () => {});
  });
}

// Until the Workload API gives this program an SVID: an agent hears of new entries within some seconds.
export const known = (socket, binary = spireParts.workload) =>
  eventually(`an SVID for ${binary}`, async () => {
    const { code, event } = await workload("once", { socket }, binary);
    return code === 0 && event("x509").svids[0];
  }, { within_ms: kRun_ms, every_ms: 250 });

// The same program as another executable: a process that nobody registered.
export function stranger(folder) {
  const binary = join(folder, "stranger");
  copyFileSync(spireParts.workload, binary);
  chmodSync(binary, 0o755);
  return binary;
}

// Runs it until stop(); events come in as they are heard. Waits for the first one.
async function startWorkload(binary, args) {
  const child = spawn(binary, args, { stdio: ["pipe", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.stdin.on("error", () => {});
  const part = {
    events: [],
    errors: "",
    latest: (name) => part.events.findLast((one) => one.event === name),
    until: (what, probe, limits) =>
      eventually(what, () => probe(part.events), limits).catch((error) => {
        throw new Error(`${error.message}; heard: ${JSON.stringify(part.events).slice(-2000)} ${part.errors}`);
      }),
    stop: () => stop(child),
  };
  createInterface({ input: child.stdout }).on("line", (line) => part.events.push(JSON.parse(line)));
  child.stderr.on("data", (text) => {
    part.errors += text;
  });
  await part.until("the workload says something", (events) => events.length > 0, { within_ms: kRun_ms });
  return part;
}

export const watchWorkload = (socket, binary = spireParts.workload) => startWorkload(binary, ["-socket", socket, "watch"]);

// A plain port on loopback behind which go-spiffe speaks mTLS with its newest SVID: {url, id, events, stop()}.
export async function startProxy({ socket, to, serverId = "", ca = "" }, binary = spireParts.workload) {
  const part = await startWorkload(binary, ["-socket", socket, "-to", to, "-server-id", serverId, "-ca", ca, "proxy"]);
  const [ready] = part.events;
  if (ready.event !== "ready") {
    await part.stop();
    throw new Error(`the proxy did not start: ${JSON.stringify(ready)}`);
  }
  return Object.assign(part, { url: ready.url, id: ready.id });
}
