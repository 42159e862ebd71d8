// A gate, and `interlock hook HOST` as a host calls it: its event on standard input.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { gateBinary, scratch, startReady, write } from "../peers/parts.mjs";

const kHook_ms = 60_000;
const kPolicies = `
@id("all") permit (principal, action, resource);
@id("no-touch") @reason("nothing is touched here") @next("leave it") forbid (principal, action, resource == Command::"touch");
@id("no-secret") @reason("that file is closed") forbid (principal, action, resource) when { resource is File && resource.name == "secret.txt" };
@id("ask-truncate") @reason("a human says so") forbid (principal, action, resource == Command::"truncate") unless { context.approved };
@id("no-add") @reason("notes stay as they are") forbid (principal, action, resource == Tool::"notes/add");
@id("no-prompt") @reason("not about that") forbid (principal, action == Action::"agent/prompt", resource) when { context.args.prompt like "*forbidden*" };
`;

export async function openWorld({ serves = true } = {}) {
  const folder = scratch("interlock-hook");
  const state = join(folder, "state");
  const file = write(
    join(folder, "interlock.yaml"),
    `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${state}\npreset: none\npolicies: [own.cedar]\nworkspace: [${folder}]\napprovals: { expires: 30s, elicit: false }\n` +
      "auth: { tokens: [{ token_sha256: " + "0".repeat(64) + ", subject: nobody }] }\n",
  );
  write(join(folder, "own.cedar"), kPolicies);
  const gate = serves ? await startReady(gateBinary, ["serve", "--config", file], { env: { ...process.env, HOME: folder } }) : undefined;
  const world = { folder, state, file, gate };

  // A hook that goes on: {child, ended}; `ended` gives {code, signal, out, errors}. A payload that is no text or bytes goes as JSON.
  // `below`: an agent of its own starts the hook, not the one who answers what is asked.
  world.start = (host, payload, { at = state, below = false } = {}) => {
    const words = [gateBinary, "hook", host, "--state", at];
    const [program, ...rest] = below ? ["perl", "-e", "exit(system(@ARGV) >> 8)", ...words] : words;
    const child = spawn(program, rest, { cwd: folder, env: { PATH: process.env.PATH, HOME: folder }, stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let errors = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (errors += data));
    child.stdin.on("error", () => {});
    child.stdin.end(typeof payload === "string" || Buffer.isBuffer(payload) ? payload : JSON.stringify(payload));
    const timer = setTimeout(() => child.kill("SIGKILL"), kHook_ms);
    const ended = new Promise((resolve) =>
      child.on("close", (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, out, errors });
      }),
    );
    return { child, ended };
  };
  world.hook = (host, payload, options) => world.start(host, payload, options).ended;
  world.cli = (...words) =>
    new Promise((resolve) => {
      const child = spawn(gateBinary, [...words, "--config", file], { env: { ...process.env, HOME: folder }, stdio: ["ignore", "pipe", "pipe"] });
      let out = "";
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", () => {});
      child.on("close", (code) => resolve({ code, out }));
    });
  world.receipts = async () => {
    const { out } = await world.cli("log", "query", "--json", "--limit", "5000");
    return out.split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
  };
  world.pending = async () => JSON.parse((await world.cli("approvals", "--json")).out).approvals;
  world.close = async () => gate?.stop();
  return world;
}
