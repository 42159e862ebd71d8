// The verb itself: links, owners and modes, questions, JSON, interruption, and what it says.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, cpSync, linkSync, lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, it } from "node:test";
import { gateBinary } from "../peers/parts.mjs";
import { Home, configurations, isRoot } from "./homes.mjs";

const kSettings = '{\n  "model": "opus"\n}\n';
const claude = configurations.claude.home;

describe("links and files of others", () => {
  it("a settings.json that is a link of a dotfile manager is edited where it is, and stays a link", async () => {
    const home = new Home();
    home.put("dotfiles/claude/settings.json", kSettings);
    mkdirSync(home.path(".claude"));
    symlinkSync("../dotfiles/claude/real.json", home.path(claude));
    symlinkSync("settings.json", home.path("dotfiles/claude/real.json"));
    const result = await home.init(["claude", "--yes"]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stdout, /dotfiles\/claude\/settings\.json/);
    assert.equal(readlinkSync(home.path(claude)), "../dotfiles/claude/real.json");
    assert.equal(readlinkSync(home.path("dotfiles/claude/real.json")), "settings.json");
    assert.match(home.text("dotfiles/claude/settings.json"), /interlock hook claude/);
    await home.init(["claude", "--undo", "--yes"]);
    assert.equal(home.text("dotfiles/claude/settings.json"), kSettings);
    assert.ok(lstatSync(home.path(claude)).isSymbolicLink());
  });

  it("a folder that is a link is followed", async () => {
    const home = new Home();
    home.put("dotfiles/claude/settings.json", kSettings);
    symlinkSync("dotfiles/claude", home.path(".claude"));
    assert.equal((await home.init(["claude", "--yes"])).code, 0);
    assert.match(home.text("dotfiles/claude/settings.json"), /interlock hook claude/);
    await home.init(["claude", "--undo", "--yes"]);
    assert.equal(home.text("dotfiles/claude/settings.json"), kSettings);
  });

  it("a link to what is not there is refused", async () => {
    const home = new Home();
    mkdirSync(home.path(".claude"));
    symlinkSync("../gone.json", home.path(claude));
    const result = await home.init(["claude", "--yes"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /not there/);
    assert.ok(lstatSync(home.path(claude)).isSymbolicLink());
  });

  it("a project's link out of the project is refused, file and folder", async () => {
    for (const folder of [false, true]) {
      const home = new Home();
      home.put("victim/settings.json", kSettings);
      if (folder) symlinkSync("../../victim", home.path("src/app/.claude"));
      else {
        mkdirSync(home.path("src/app/.claude"));
        symlinkSync("../../../victim/settings.json", home.path("src/app/.claude/settings.json"));
      }
      const result = await home.init(["claude", "--project", "--yes"]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /out of the project/);
      assert.equal(home.text("victim/settings.json"), kSettings);
    }
  });

  it("a link into a file of another owner is refused, and a file's owner stays", { skip: !isRoot && "needs root" }, async () => {
    const home = new Home();
    const other = home.put("other.json", kSettings);
    chownSync(other, 65534, 65534);
    mkdirSync(home.path(".claude"));
    symlinkSync("../other.json", home.path(claude));
    const refused = await home.init(["claude", "--yes"]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /somebody else/);
    assert.equal(home.text("other.json"), kSettings);

    const gemini = home.put(configurations.gemini.home, "{}");
    chownSync(gemini, 65534, 65534);
    assert.equal((await home.init(["gemini", "--yes"])).code, 0);
    assert.equal(statSync(gemini).uid, 65534);
    assert.equal(statSync(gemini).gid, 65534);
  });

  it("a read-only file, a file with another hard link, a folder and a pipe are refused", async () => {
    const makers = [
      [(home) => home.put(claude, kSettings, 0o444), /read-only/],
      [(home) => linkSync(home.put(claude, kSettings), home.path("twin.json")), /hard links/],
      [(home) => mkdirSync(home.path(claude), { recursive: true }), /no regular file/],
      [(home) => (mkdirSync(home.path(".claude")), execFileSync("mkfifo", [home.path(claude)])), /no regular file/],
    ];
    for (const [make, why] of makers) {
      const home = new Home();
      make(home);
      const before = home.snapshot();
      const result = await home.init(["claude", "--yes"]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, why);
      assert.deepEqual(home.snapshot(), before);
    }
  });

  it("modes stay, and what is kept is for the human alone", async () => {
    const home = new Home();
    home.put(claude, kSettings, 0o600);
    await home.init(["claude", "--yes"]);
    assert.equal(statSync(home.path(claude)).mode & 0o777, 0o600);
    const folder = home.path(".local/state/interlock/backups");
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    for (const name of ["manifest.json", "0"]) assert.equal(statSync(join(folder, home.backups[0], name)).mode & 0o777, 0o600);
    const manifest = JSON.parse(readFileSync(join(folder, home.backups[0], "manifest.json")));
    assert.equal(manifest.files[0].path, home.path(claude));
    assert.match(manifest.files[0].before, /^[0-9a-f]{64}$/);
    assert.match(manifest.files[0].after, /^[0-9a-f]{64}$/);
  });
});

describe("asking", () => {
  it("without a terminal and without --yes nothing is written", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    const result = await home.init(["claude"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /--yes/);
    assert.equal(home.text(claude), kSettings);
  });

  it("--dry-run shows a diff and writes nothing", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    const result = await home.init(["claude", "--dry-run"]);
    assert.equal(result.code, 0);
    assert.match(result.stdout, /^--- .*settings\.json\n\+\+\+ .*settings\.json\n@@ -1,3 \+1,\d+ @@/m);
    assert.match(result.stdout, /^\+ +"command": "\/.*interlock hook claude/m);
    assert.equal(home.text(claude), kSettings);
    assert.deepEqual(home.backups, []);
  });

  it("the diff does not show secrets, nor let a file write on the terminal", async () => {
    const home = new Home();
    home.put(claude, '{"env": {"ANTHROPIC_API_KEY": "sk-ant-1234"}, "x": "\u001b".length}'.replace('"\u001b".length', '"\u202eevil"'));
    const result = await home.init(["claude", "--dry-run"]);
    assert.doesNotMatch(result.stdout, /sk-ant/);
    assert.doesNotMatch(result.stdout, /\u202e/);
  });

  for (const [answer, written] of [["y", true], ["n", false], ["", false]]) {
    it(`on a terminal, '${answer}' is ${written ? "yes" : "no"}`, async () => {
      const home = new Home();
      home.put(claude, kSettings);
      const child = spawn("script", ["-qec", `${gateBinary} init claude`, "/dev/null"], { cwd: home.project, env: home.environment({ TERM: "dumb" }) });
      let out = "";
      await new Promise((resolve, reject) => {
        child.once("error", reject);
        child.once("close", resolve);
        child.stdout.on("data", (text) => {
          out += text;
          if (out.includes("[y/N]") && !child.asked) {
            child.asked = true;
            child.stdin.write(`${answer}\n`);
          }
        });
      });
      assert.match(out, /\[y\/N\]/);
      assert.equal(home.text(claude) !== kSettings, written, out);
    });
  }

  it("--json says what was done", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    const dry = await home.json(["claude", "--dry-run"]);
    assert.deepEqual([dry.written, dry.files.length, dry.files[0].action], [false, 1, "change"]);
    assert.match(dry.files[0].diff, /interlock hook claude/);
    const done = await home.json(["claude", "--yes"]);
    assert.deepEqual([done.written, done.files[0].action, done.files[0].host], [true, "change", "claude"]);
    assert.ok(done.backup.startsWith(home.path(".local/state/interlock/backups/")));
    assert.equal((await home.json(["claude"])).files[0].action, "unchanged");
    assert.equal((await home.json(["claude", "--undo", "--yes"])).files[0].action, "restore");
    const refused = await home.json(["claude"]);
    assert.equal(refused.code, 1);
    assert.match(refused.error.hint, /--yes/);
  });

  it("a wrong name or option is a usage error that helps", async () => {
    const home = new Home();
    for (const [words, why] of [[["claud"], /did you mean claude/], [["claude", "--undoo"], /did you mean --undo/], [["--yes"], /name a host/], [["claude", "--force"], /--force/]]) {
      const result = await home.init(words);
      assert.equal(result.code, 2, words.join(" "));
      assert.match(result.stderr, why);
    }
    const help = await home.init(["--help"]);
    for (const word of ["claude", "--agents", "--project", "--undo", "--dry-run", "--preset"]) assert.ok(help.stdout.includes(word), word);
  });

  it("without hosts it writes interlock.yaml as ever", async () => {
    const home = new Home();
    const result = await home.init([]);
    assert.equal(result.code, 0, result.stderr);
    assert.match(home.text("src/app/interlock.yaml"), /version: 1/);
  });
});

describe("which files, which gate", () => {
  it("variables of hosts are followed", async () => {
    const home = new Home();
    const env = { CODEX_HOME: home.path("cx"), CLAUDE_CONFIG_DIR: home.path("cl"), COPILOT_HOME: home.path("co"), GEMINI_CLI_HOME: home.path("ge"), XDG_CONFIG_HOME: home.path("xdg") };
    const result = await home.init(["codex", "claude", "copilot", "gemini", "opencode", "--yes"], { env });
    assert.equal(result.code, 0, result.stderr);
    for (const path of ["cx/hooks.json", "cl/settings.json", "co/hooks/interlock.json", "ge/.gemini/settings.json", "xdg/opencode/plugin/interlock.js"]) assert.ok(home.bytes(path), path);
    assert.equal(home.bytes(".codex/hooks.json"), null);
  });

  it("--agents finds programs and folders, and says so where there is none", async () => {
    const home = new Home();
    const none = await home.init(["--agents", "--yes"]);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no agent host is found/);
    const program = home.put("bin/gemini", "#!/bin/sh\n");
    chmodSync(program, 0o755);
    mkdirSync(home.path(".cursor"));
    const found = await home.json(["--agents", "--yes"], { env: { PATH: `/usr/bin:${home.path("bin")}` } });
    assert.deepEqual([...new Set(found.files.map(({ host }) => host))].sort(), ["cursor", "gemini"]);
  });

  it("hooks name the gate that was meant", async () => {
    const home = new Home();
    const state = home.path("a state");
    assert.equal((await home.init(["claude", "--yes", "--state", state])).code, 0);
    assert.ok(home.text(claude).includes(`hook claude --state '${state}' || echo interlock: blocked >&2 | exit 2`), home.text(claude));
    assert.equal((await home.json(["claude", "--state", state])).written, false);
    assert.equal((await home.init(["claude", "--undo", "--yes", "--state", state])).code, 0);
    assert.equal(home.text(claude), null);
  });

  it("a program in a folder with blanks and quotes is called as it is", async () => {
    const home = new Home();
    const folder = home.path("it's a 'tool' $HOME");
    mkdirSync(folder);
    for (const name of ["interlock", "interlock-gate"]) cpSync(join(dirname(gateBinary), name), join(folder, name));
    assert.equal((await home.init(["claude", "cursor", "cline", "--yes"], { program: join(folder, "interlock") })).code, 0);
    const line = JSON.parse(home.text(claude)).hooks.PreToolUse[0].hooks[0].command;
    let status = 0;
    let said = "";
    try {
      execFileSync("/bin/sh", ["-c", line], { input: "{}", env: home.environment(), stdio: ["pipe", "pipe", "pipe"] });
    } catch (error) {
      status = error.status;
      said = error.stderr.toString();
    }
    assert.equal(status, 2);
    assert.match(said, /^interlock: /, "this is the shell's, which did not find the program");
    // And the one in the usual place takes it over.
    assert.equal((await home.init(["claude", "--yes"])).code, 0);
    assert.doesNotMatch(home.text(claude), /tool/);
  });
});

describe("undo", () => {
  it("of everything takes out all hosts at once", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    home.put(configurations.cursor.home, '{"version":1}');
    const before = home.snapshot();
    await home.init(["claude", "codex", "gemini", "copilot", "cursor", "cline", "opencode", "windsurf", "vscode", "--yes"]);
    const undone = await home.init(["--undo", "--yes"]);
    assert.equal(undone.code, 0, undone.stderr);
    assert.deepEqual(home.snapshot(), before);
    assert.match((await home.init(["--undo"])).stdout, /Nothing of Interlock's/);
  });

  it("goes back through an upgrade to the first bytes", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    await home.init(["claude", "--yes", "--state", home.path("s")]);
    await home.init(["claude", "--yes", "--config", home.put("c/interlock.yaml", `version: 1\nstate_dir: ${home.path("s")}\n`)]);
    assert.match(home.text(claude), /--config/);
    await home.init(["claude", "--undo", "--yes", "--state", home.path("s")]);
    assert.equal(home.text(claude), kSettings);
  });

  it("without its backups still takes ours out", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    await home.init(["claude", "--yes"]);
    rmSync(home.path(".local/state"), { recursive: true });
    assert.equal((await home.init(["claude", "--undo", "--yes"])).code, 0);
    assert.equal(home.text(claude), kSettings);
  });

  it("does not trust a backup that somebody changed", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    await home.init(["claude", "--yes"]);
    const kept = home.path(".local/state/interlock/backups", home.backups[0], "0");
    writeFileSync(kept, '{"model": "evil"}');
    await home.init(["claude", "--undo", "--yes"]);
    assert.equal(home.text(claude), kSettings);
  });

  it("init, undo, init, undo ends where it began", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    for (let round = 0; round < 3; round++) {
      await home.init(["claude", "--yes"]);
      assert.match(home.text(claude), /interlock hook/);
      await home.init(["claude", "--undo", "--yes"]);
      assert.equal(home.text(claude), kSettings);
    }
  });
});

describe("interruption", () => {
  it("kill -9 at any instant leaves each file whole, and undo gives all back", async () => {
    const hosts = ["claude", "codex", "gemini", "copilot", "cursor", "cline", "opencode", "windsurf", "vscode"];
    const seen = { none: 0, some: 0, all: 0 };
    const began = performance.now();
    await new Home().init([...hosts, "--yes"]);
    const whole_ms = performance.now() - began;
    for (let round = 0; round < 40; round++) {
      const home = new Home();
      for (const host of Object.keys(configurations)) home.put(configurations[host].home, kSettings);
      const before = home.snapshot();
      const child = spawn(gateBinary, ["init", ...hosts, "--yes"], { cwd: home.project, env: home.environment(), stdio: "ignore" });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      await sleep((whole_ms * round) / 35);
      child.kill("SIGKILL");
      await ended;
      let changed = 0;
      for (const host of Object.keys(configurations)) {
        const text = home.text(configurations[host].home);
        const whole = text === kSettings || JSON.parse(text).hooks !== undefined;
        assert.ok(whole, `${host}: ${text}`);
        if (text !== kSettings) changed++;
      }
      seen[changed === 0 ? "none" : changed === Object.keys(configurations).length ? "all" : "some"]++;
      const undone = await home.init(["--undo", "--yes"]);
      assert.equal(undone.code, 0, undone.stderr);
      const after = home.snapshot();
      for (const path of Object.keys(after)) if (/\.interlock-\d+$/.test(path)) delete after[path];
      assert.deepEqual(after, before);
    }
    console.log(`measured: killed before ${seen.none}, between ${seen.some}, after ${seen.all}`);
  });

  it("a file that changes between the look and the write is not written over", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    const child = spawn("script", ["-qec", `${gateBinary} init claude`, "/dev/null"], { cwd: home.project, env: home.environment({ TERM: "dumb" }) });
    let out = "";
    await new Promise((resolve) => {
      child.once("close", resolve);
      child.stdout.on("data", (text) => {
        out += text;
        if (!out.includes("[y/N]") || child.asked) return;
        child.asked = true;
        home.put(claude, '{"model": "mine"}');
        child.stdin.write("y\n");
      });
    });
    assert.match(out, /has changed/);
    assert.equal(home.text(claude), '{"model": "mine"}');
  });

  it("a second init at the same time waits for nobody and says so", async () => {
    const home = new Home();
    home.put(claude, kSettings);
    const child = spawn("script", ["-qec", `${gateBinary} init claude`, "/dev/null"], { cwd: home.project, env: home.environment({ TERM: "dumb" }) });
    const ended = new Promise((resolve) => child.once("close", resolve));
    let out = "";
    await new Promise((resolve) => child.stdout.on("data", (text) => ((out += text), out.includes("[y/N]") && resolve())));
    const second = await home.init(["gemini", "--yes"]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, /another `interlock init`/);
    child.stdin.write("n\n");
    await ended;
  });
});
