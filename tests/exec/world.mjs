// Where an agent works in a test: a human's home with a secret and a repository in it, a folder beside it, an MCP server's notes, two sites, a
// scripted model, and, where the mode has them, a gate, its hooks and a run around the agent. All of it is looked at afterwards, as it is.
import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { gateBinary, interlock, nodeBinary, scratch, startGate, write } from "../peers/parts.mjs";
import { notesServer } from "./agents.mjs";
import { startModel } from "./model.mjs";
import { labAuthority, labBundle, startSites } from "./web.mjs";

const kSession_ms = 90_000;
const kCanary = "canary-of-the-private-key-5e0c";
export const kPrecious = "what must stay\n";

// Whatever is not named here may be done: each denial of a test is one rule's. In a run the boundary keeps files to the workspace. `unknowable` lines are denied where no boundary looks at what
// they become.
export const labPolicies = ({ place }) => `
@id("lab/permit") permit (principal, action, resource);
@id("lab/no-push") @reason("Nothing is pushed from the lab.") forbid (principal, action == Action::"git/push", resource);
@id("lab/only-the-workspace") @reason("Files are changed in the workspace.")
forbid (principal, action in [Action::"write", Action::"delete"], resource is File) unless { resource in Workspace::"default" || context.sandboxed || action == Action::"exec/unknown" };
@id("lab/no-keys") @reason("Keys are not read.") forbid (principal, action, resource is File) when { resource.path like "*/.ssh/*" };
@id("lab/no-erasing") @reason("Notes stay.") forbid (principal, action, resource) when { context.tool == "erase" };
@id("lab/not-that-site") @reason("That site is not for agents.") forbid (principal, action, resource in Host::"evil-${place}.lab.test");
@id("lab/ask-before-a-tag") @reason("A tag is for a human to allow.") forbid (principal, action == Action::"git/tag", resource) unless { context.approved };
@id("lab/nothing-unknowable") @reason("It cannot be known what this runs.")
forbid (principal, action == Action::"exec/unknown", resource) unless { context.sandboxed };
`;

export const modes = { bare: {}, hooks: { hooks: true }, boundary: { run: true }, both: { hooks: true, run: true } };

// own: a copy of the programs, which a test may break. Returns the world; close() it.
export async function openWorld(agent, options) {
  const closers = [];
  try {
    return await madeWorld(agent, options, closers);
  } catch (error) {
    for (const close of closers) await close();
    throw error;
  }
}

async function madeWorld(agent, { mode, policies = labPolicies, extra = "", approval = "60s", preset = "none", own = false, run = [] }, closers) {
  const wanted = modes[mode];
  const folder = scratch("interlock-exec");
  const at = (...names) => join(folder, ...names);
  const home = at("home");
  const project = join(home, "project");
  const outside = join(home, "outside");
  const notes = at("notes");
  for (const path of [project, outside, notes, at("tmp")]) mkdirSync(path, { recursive: true });
  write(join(home, ".ssh", "id_ed25519"), `${kCanary}\n`);
  write(join(notes, "precious"), kPrecious);
  write(join(outside, "precious"), kPrecious);

  const model = await startModel({ mainTool: agent.mainTool });
  closers.push(model.stop);
  const { place } = model;
  const sites = await startSites(place);
  closers.unshift(sites.stop);
  const git = (...words) => execFileSync("git", ["-c", "safe.directory=*", ...words], { cwd: project, env: { PATH: process.env.PATH, HOME: home, GIT_CONFIG_NOSYSTEM: "1" }, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  git("init", "-q", "-b", "main", ".");
  git("config", "user.email", "dev@lab.test");
  git("config", "user.name", "dev");
  write(join(project, ".gitignore"), "remote.git\n");
  write(join(project, "README.md"), "a project of the lab\n");
  git("add", "-A");
  git("commit", "-q", "-m", "begin");
  git("init", "-q", "--bare", "remote.git");
  git("remote", "add", "origin", join(project, "remote.git"));

  const base = { PATH: `${dirname(agent.program)}:${dirname(nodeBinary)}:/usr/local/bin:/usr/bin:/bin`, HOME: home, USER: "dev", LANG: "C.UTF-8", TERM: "dumb", TMPDIR: at("tmp") };
  const trust = { NODE_EXTRA_CA_CERTS: labAuthority, SSL_CERT_FILE: labBundle, CURL_CA_BUNDLE: labBundle };
  agent.settle({ home, notes, model });

  const world = { agent, mode, folder, home, project, outside, notes, model, sites, place, git, canary: kCanary, host: sites.host };
  let gate;
  let program = gateBinary;
  if (wanted.hooks || wanted.run) {
    if (own) {
      program = at("own", "interlock");
      mkdirSync(dirname(program));
      for (const name of ["interlock", "interlock-gate"]) copyFileSync(join(dirname(gateBinary), name), at("own", name));
    }
    write(at("policies", "lab.cedar"), policies(world));
    const lines = [
      "version: 1",
      "listen: 127.0.0.1:0",
      `preset: ${preset}`,
      `state_dir: ${at("state")}`,
      `policies: [ ${at("policies")} ]`,
      `workspace: [ ${project} ]`,
      "auth: { anonymous: true }",
      `approvals: { expires: ${approval}, elicit: false }`,
      `servers: { notes: ${JSON.stringify({ command: [nodeBinary, notesServer, notes] })} }`,
      `egress: { listen: 127.0.0.1:0, upstream_ca_file: ${labAuthority}, hosts: [ { host: model-${place}.lab.test, connector: ${agent.connector}, keep: [x-api-key, authorization, x-goog-api-key] } ] }`,
      `run: { read: [ ${dirname(dirname(nodeBinary))} ] }`,
      extra,
    ];
    const file = write(at("interlock.yaml"), `${lines.join("\n")}\n`);
    gate = await startGate({ folder, file, env: base });
    closers.unshift(gate.stop);
    world.gate = gate;
    world.file = file;
    world.program = program;
    world.cli = (...words) => interlock(file, ...words);
    if (wanted.hooks) execFileSync(program, ["init", agent.name, "--yes", "--config", file], { cwd: project, env: base, stdio: ["ignore", "pipe", "pipe"] });
  }

  // Runs the agent through the calls of the script, and returns once it has ended.
  world.session = async ({ steps, sub = [], timeout_ms = kSession_ms }) => {
    model.play([...steps, { text: "the script has ended" }], [...sub, { text: "the sub-agent has ended" }]);
    const words = [agent.name, ...agent.argv({ hooks: wanted.hooks, run: wanted.run, home })];
    const command = wanted.run ? [program, "run", "--config", world.file, ...run, "--", ...words] : words;
    const child = spawn(command[0], command.slice(1), { cwd: project, env: { ...base, ...trust, ...agent.environment(world) }, stdio: ["ignore", "pipe", "pipe"], detached: true });
    world.child = child;
    let out = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (out += part));
    const timer = setTimeout(() => killGroup(child), timeout_ms);
    const [code, signal] = await new Promise((resolve) => {
      child.once("error", (error) => resolve([error.message]));
      child.once("close", (...how) => resolve(how));
    });
    clearTimeout(timer);
    killGroup(child);
    world.out = out;
    if (process.env.LAB_DEBUG) console.error(`--- ${agent.name} ${mode}: ended with ${code ?? signal}\n${out.slice(-3000)}\n--- results\n${model.results().map(({ text }) => text.slice(0, 400)).join("\n")}`);
    return { code, signal, out, results: model.results() };
  };
  world.has = (path) => existsSync(path);
  world.text = (...names) => (existsSync(join(...names)) ? readFileSync(join(...names), "utf8") : undefined);
  world.ref = (name) => {
    try {
      return git("--git-dir", join(project, "remote.git"), "rev-parse", "--verify", "-q", `refs/heads/${name}`) !== "";
    } catch {
      return false;
    }
  };
  world.records = async (...words) => {
    const answer = await world.cli("log", "query", "--limit", "1000", "--json", ...words);
    if (answer.code !== 0) throw new Error(`log query: ${answer.stderr}`);
    const parsed = answer.stdout.trim().startsWith("[") ? JSON.parse(answer.stdout) : answer.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
    return (Array.isArray(parsed) ? parsed : parsed.records).map(({ receipt }) => receipt);
  };
  world.close = async () => {
    if (world.child) killGroup(world.child);
    for (const close of closers) await close();
    if (!process.env.KEEP_SCRATCH) rmSync(folder, { recursive: true, force: true });
  };
  return world;
}

function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it has ended, and left nothing
  }
}

// Names of files below a folder, for messages of tests.
export const filesOf = (folder) => readdirSync(folder, { recursive: true }).map((name) => basename(String(name)));
