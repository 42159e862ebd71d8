// Homes for tests: a folder of its own with the files of agent hosts, and `interlock init` run in it.
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gateBinary, scratch } from "../peers/parts.mjs";

export const fixturesFolder = join(dirname(fileURLToPath(import.meta.url)), "fixtures");

// Where hooks stand: the human's file, the project's, and how an entry says its command and its time limit (in seconds: `second`).
export const configurations = {
  claude: { home: ".claude/settings.json", project: ".claude/settings.json", command: "command", timeout: "timeout", second: 1, grouped: true },
  codex: { home: ".codex/hooks.json", project: ".codex/hooks.json", command: "command", timeout: "timeout", second: 1, grouped: true },
  gemini: { home: ".gemini/settings.json", project: ".gemini/settings.json", command: "command", timeout: "timeout", second: 1000, grouped: true },
  copilot: { home: ".copilot/hooks/interlock.json", project: ".github/hooks/interlock.json", command: "bash", timeout: "timeoutSec", second: 1 },
  cursor: { home: ".cursor/hooks.json", project: ".cursor/hooks.json", command: "command", timeout: "timeout", second: 1 },
  windsurf: { home: ".codeium/windsurf/hooks.json", project: ".windsurf/hooks.json", command: "command" },
  vscode: { home: ".copilot/hooks/interlock-vscode.json", project: ".github/hooks/interlock-vscode.json", command: "command", timeout: "timeout", second: 1 },
};
export const programs = {
  cline: { home: "Documents/Cline/Hooks", project: ".clinerules/hooks" },
  opencode: { home: ".config/opencode/plugin/interlock.js", project: ".opencode/plugin/interlock.js" },
};

export const fixtures = (host) => readdirSync(join(fixturesFolder, host)).sort();
export const fixture = (host, name) => readFileSync(join(fixturesFolder, host, name));

export class Home {
  constructor() {
    this.folder = scratch("interlock-init");
    this.project = join(this.folder, "src", "app");
    mkdirSync(this.project, { recursive: true });
  }
  path(...parts) {
    return join(this.folder, ...parts);
  }
  put(path, bytes, mode) {
    const whole = this.path(path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, bytes, { mode });
    return whole;
  }
  bytes(path) {
    return existsSync(this.path(path)) ? readFileSync(this.path(path)) : null;
  }
  text(path) {
    return this.bytes(path)?.toString("utf8") ?? null;
  }
  environment(more = {}) {
    return { PATH: "/usr/bin:/bin", HOME: this.folder, LANG: "C.UTF-8", ...more };
  }
  get backups() {
    const folder = this.path(".local/state/interlock/backups");
    return existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith(".")).sort() : [];
  }
  // Every file below the home but those of the backups, with its bytes and its mode.
  snapshot() {
    const out = {};
    for (const entry of readdirSync(this.folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (path.includes("/.local/state/interlock") || !entry.isFile()) continue;
      out[path] = [readFileSync(path).toString("latin1"), statSync(path).mode];
    }
    return out;
  }
  init(words, { cwd = this.project, env = {}, program = gateBinary } = {}) {
    return new Promise((resolve) => {
      execFile(program, ["init", ...words], { cwd, env: this.environment(env), timeout: 20_000 }, (error, stdout, stderr) =>
        resolve({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
      );
    });
  }
  async json(words, options) {
    const { code, stdout, stderr } = await this.init([...words, "--json"], options);
    return { code, stderr, ...JSON.parse(stdout) };
  }
}

// JSON with comments and trailing commas, read by other means than the editor's own: both are taken out of the text first.
export function parseJsonc(bytes) {
  const text = bytes.toString("utf8").replace(/^\uFEFF/, "");
  const plain = text.replace(/"(?:\\.|[^"\\])*"|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (part) => (part.startsWith('"') ? part : " "));
  const tight = plain.replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (part) => (part === "," ? "" : part));
  return tight.trim() === "" ? {} : JSON.parse(tight);
}

// Is this a hook of ours, of whatever version?
export const isOurs = (host, text) => new RegExp(`(^|/)interlock'? hook ${host}( |$)`).test(text ?? "");

// What a configuration says beside our hooks. Events and groups that hold nothing are no hooks.
export function withoutOurs(host, value) {
  const { command, grouped } = configurations[host];
  const out = structuredClone(value);
  const others = (list) => list.filter((entry) => !isOurs(host, entry?.[command]));
  for (const [event, list] of Object.entries(out.hooks ?? {})) {
    let left = list;
    if (grouped) left = list.map((group) => ({ ...group, hooks: others(group.hooks ?? []) })).filter((group) => group.hooks.length > 0);
    else left = others(list);
    if (left.length > 0) out.hooks[event] = left;
    else delete out.hooks[event];
  }
  if (out.hooks && Object.keys(out.hooks).length === 0) delete out.hooks;
  delete out.version;
  return out;
}

// Our entries in a configuration, by event, with the matcher that stands over each.
export function ourEntries(host, value) {
  const { command, grouped } = configurations[host];
  const out = [];
  for (const [event, list] of Object.entries(value.hooks ?? {})) {
    for (const one of list) {
      for (const entry of grouped ? (one.hooks ?? []) : [one]) if (isOurs(host, entry[command])) out.push({ event, matcher: one.matcher, entry });
    }
  }
  return out;
}

// The bytes of `inner` come in this order in `outer`, white space aside: nothing of it was changed or lost.
export function keepsBytes(inner, outer) {
  const of = (bytes) => bytes.toString("latin1").replace(/\s/g, "");
  const [a, b] = [of(inner), of(outer)];
  let at = 0;
  for (const c of b) if (at < a.length && a[at] === c) at++;
  return at === a.length;
}

export const isRoot = process.getuid() === 0;
export function shell(command, { input = "", env = {} } = {}) {
  try {
    const stdout = execFileSync("/bin/sh", ["-c", command], { input, env: { PATH: "/usr/bin:/bin", ...env }, stdio: ["pipe", "pipe", "pipe"], timeout: 20_000 });
    return { code: 0, stdout: stdout.toString(), stderr: "" };
  } catch (error) {
    return { code: error.status, stdout: error.stdout.toString(), stderr: error.stderr.toString() };
  }
}
