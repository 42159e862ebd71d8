// A human's machine in small: a home with secrets, a Git repository, a gate, and `interlock run` in it, as one user or another.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gateBinary, scratch, startReady, write } from "../peers/parts.mjs";

const kRun_ms = 60_000;
const kUnprivileged = 4242; // a user that no file knows

// Who the same tests are done as. Without root there is one.
export const people =
  process.getuid() === 0
    ? [{ name: "root" }, { name: "a user without any privilege", uid: kUnprivileged }]
    : [{ name: "the user that runs the tests" }];

// Whatever runs inside may, but for these.
export const kPolicies = `
@id("inside") permit (principal, action, resource) when { context.sandboxed };
@id("roads") permit (principal, action, resource);
@id("no-touch") @reason("nothing is touched here") forbid (principal, action, resource == Command::"touch");
@id("ask-truncate") @reason("a human says so") forbid (principal, action, resource == Command::"truncate") unless { context.approved };
@id("closed") @reason("that path is closed") forbid (principal, action, resource) when { resource is Url && resource.path == "/closed" };
`;

function as(person, words) {
  if (person.uid === undefined) return words;
  return ["setpriv", `--reuid=${person.uid}`, `--regid=${person.uid}`, "--clear-groups", "--no-new-privs", ...words];
}

// Interlock's words come first; the command's output is `out`.
export async function openWorld(person, { policies = kPolicies, extra = "", egress = {}, serves = true } = {}) {
  const folder = scratch("interlock-run");
  const home = join(folder, "home");
  const project = join(home, "project");
  mkdirSync(project, { recursive: true });
  for (const name of [".ssh/id_ed25519", ".aws/credentials", ".npmrc", ".bash_history", "notes.txt"]) write(join(home, name), "secret-of-the-human\n");
  write(join(home, ".gitconfig"), "[user]\n\tname = Dev\n[credential]\n\thelper = store\n[alias]\n\tx = !sh\n");
  execFileSync("git", ["init", "-q", project], { env: { PATH: process.env.PATH, HOME: home } });
  const file = write(
    join(folder, "interlock.yaml"),
    `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${join(folder, "state")}\npreset: none\npolicies: [own.cedar, ${join(project, "rules")}]\n` +
      `approvals: { expires: 20s, elicit: false }\negress: ${JSON.stringify({ listen: "127.0.0.1:0", ...egress })}\n` +
      `workspace: [${project}]\nauth: { tokens: [{ token_sha256: ${"0".repeat(64)}, subject: nobody }] }\n${extra}`,
  );
  write(join(folder, "own.cedar"), policies);
  write(join(project, "rules/more.cedar"), '@id("no-tac") forbid (principal, action, resource == Command::"tac");\n');
  chmodSync(folder, 0o755);
  if (person.uid !== undefined) execFileSync("chown", ["-R", `${person.uid}:${person.uid}`, folder]);
  const env = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", HOME: home, USER: "dev", LANG: "C.UTF-8", TERM: "dumb", AWS_SECRET_ACCESS_KEY: "secret-of-the-human", LC_ALL: "C.UTF-8" };
  const [program, ...words] = as(person, [gateBinary, "serve", "--config", file]);
  const gate = serves ? await startReady(program, words, { env: { ...process.env, HOME: home } }) : undefined;
  const world = { folder, home, project, file, gate, env, person };

  // A run that goes on: {child, out(), errors(), ended}. `ended` gives {code, signal, out, errors}.
  world.start = (command, { options = [], cwd = project, input, variables = {}, wrap = (line) => line } = {}) => {
    const line = wrap(as(person, [gateBinary, "run", "--config", file, ...options, "--", ...command]));
    const child = spawn(line[0], line.slice(1), { cwd, env: { ...env, ...variables }, stdio: ["pipe", "pipe", "pipe"], detached: true });
    let out = "";
    let errors = "";
    child.stdout.on("data", (data) => (out += data));
    child.stderr.on("data", (data) => (errors += data));
    child.stdin.on("error", () => {});
    if (input !== undefined) child.stdin.end(input);
    const timer = setTimeout(() => child.kill("SIGKILL"), kRun_ms);
    const ended = new Promise((resolve) =>
      child.on("close", (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, out, errors });
      }),
    );
    return { child, out: () => out, errors: () => errors, ended };
  };
  world.run = (command, options = {}) => world.start(command, { input: "", ...options }).ended;
  world.sh = (script, options) => world.run(["sh", "-c", script], options);
  // The same from a file, of which no line is an act of its own: each program that it starts is.
  let scripts = 0;
  world.script = (text, options) => world.run(["sh", write(join(project, `script-${++scripts}`), text)], options);
  // Another verb, by the same human.
  world.cli = (...words) =>
    new Promise((resolve) => {
      const line = as(person, [gateBinary, ...words, "--config", file]);
      const child = spawn(line[0], line.slice(1), { env, stdio: ["ignore", "pipe", "pipe"] });
      let out = "";
      let errors = "";
      child.stdout.on("data", (data) => (out += data));
      child.stderr.on("data", (data) => (errors += data));
      child.on("close", (code) => resolve({ code, out, errors }));
    });
  world.receipts = async () => {
    const { out } = await world.cli("log", "query", "--json", "--limit", "5000");
    return out.split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
  };
  world.has = (name) => existsSync(join(project, name));
  world.close = async () => gate?.stop();
  return world;
}

// A web server of the host's loopback that keeps what it was asked for.
export async function startWeb() {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.end(`you asked for ${request.url}\n`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: server.address().port, asked, close: () => server.close() };
}

// Processes of this machine whose command line holds a text.
export function processesWith(text) {
  const found = [];
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const line = execFileSync("cat", [`/proc/${pid}/cmdline`], { stdio: ["ignore", "pipe", "ignore"] }).toString().replaceAll("\0", " ");
      if (line.includes(text) && !line.startsWith("cat ")) found.push(`${pid} ${line}`);
    } catch {
      // it has ended
    }
  }
  return found;
}
