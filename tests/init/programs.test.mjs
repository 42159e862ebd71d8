// Hook files that are programs (Cline's executables, opencode's module), and what hooks do when Interlock is gone.
import assert from "node:assert/strict";
import { chmodSync, statSync } from "node:fs";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { Home, configurations, fixture, ourEntries, parseJsonc, programs, shell } from "./homes.mjs";

// A program in interlock's place, and the text of a hook file that calls it.
function with_fake(home, text, body) {
  const fake = home.put("fake/interlock", `#!/bin/sh\n${body}\n`);
  chmodSync(fake, 0o755);
  return text.replaceAll(/\/[^\s'"]*\/interlock(?= hook)/g, fake);
}

describe("Cline's executables", () => {
  const events = ["TaskStart", "TaskResume", "TaskCancel", "TaskComplete", "UserPromptSubmit", "PreToolUse", "PostToolUse"];

  it("are made, one for each event, and removed again", async () => {
    for (const [scope, words] of [["home", ["cline"]], ["project", ["cline", "--project"]]]) {
      const home = new Home();
      const before = home.snapshot();
      assert.equal((await home.init([...words, "--yes"])).code, 0);
      const folder = scope === "home" ? programs.cline.home : `src/app/${programs.cline.project}`;
      for (const event of events) assert.equal(statSync(home.path(folder, event)).mode & 0o111, 0o111, event);
      assert.equal((await home.json(words)).written, false);
      assert.equal((await home.init([...words, "--undo", "--yes"])).code, 0);
      assert.deepEqual(home.snapshot(), before);
    }
  });

  it("of somebody else are left alone, and nothing is written", async () => {
    const home = new Home();
    home.put(`${programs.cline.home}/PreToolUse`, fixture("cline", "other.sh"), 0o755);
    const before = home.snapshot();
    const result = await home.init(["cline", "--yes"]);
    assert.equal(result.code, 1);
    assert.match(result.stderr, /somebody else/);
    assert.deepEqual(home.snapshot(), before);
    assert.equal((await home.json(["cline", "--undo", "--yes"])).written, false);
    assert.deepEqual(home.snapshot(), before);
  });

  it("of an older version are replaced, and an undo leaves none", async () => {
    const home = new Home();
    home.put(`${programs.cline.home}/PreToolUse`, fixture("cline", "older_interlock.sh"), 0o755);
    assert.equal((await home.init(["cline", "--yes"])).code, 0);
    assert.doesNotMatch(home.text(`${programs.cline.home}/PreToolUse`), /\/old\//);
    assert.equal((await home.init(["cline", "--undo", "--yes"])).code, 0);
    assert.equal(home.text(`${programs.cline.home}/PreToolUse`), null);
  });

  it("hand on the answer, and cancel where there is none", async () => {
    const home = new Home();
    await home.init(["cline", "--yes"]);
    const text = home.text(`${programs.cline.home}/PreToolUse`);
    const run = (body) => shell(with_fake(home, text, body), { input: '{"hookName":"PreToolUse"}' });
    assert.equal(run("cat").stdout, '{"hookName":"PreToolUse"}\n');
    for (const body of ["exit 2", "exit 1", "kill -9 $$", "echo half; exit 2"]) {
      const { code, stdout } = run(body);
      assert.equal(code, 0);
      assert.equal(JSON.parse(stdout).cancel, true, body);
    }
    const gone = shell(text.replaceAll(/\/[^\s'"]*\/interlock(?= hook)/g, "/not/there/interlock"), { input: "{}" });
    assert.equal(JSON.parse(gone.stdout).cancel, true);
  });
});

describe("opencode's module", () => {
  async function plugin(body) {
    const home = new Home();
    await home.init(["opencode", "--yes"]);
    const path = home.put("plugin.mjs", with_fake(home, home.text(programs.opencode.home), body));
    const { Interlock } = await import(pathToFileURL(path));
    return { home, hooks: await Interlock({ directory: "/work/it" }) };
  }
  const call = { tool: "bash", sessionID: "ses_1", callID: "call_1" };

  it("is made and removed, and one of somebody else is left alone", async () => {
    const home = new Home();
    const before = home.snapshot();
    assert.equal((await home.init(["opencode", "--yes"])).code, 0);
    assert.equal((await home.json(["opencode"])).written, false);
    assert.equal((await home.init(["opencode", "--undo", "--yes"])).code, 0);
    assert.deepEqual(home.snapshot(), before);
    home.put(programs.opencode.home, fixture("opencode", "other.js"));
    assert.equal((await home.init(["opencode", "--yes"])).code, 1);
    home.put(programs.opencode.home, fixture("opencode", "older_interlock.js"));
    assert.equal((await home.init(["opencode", "--yes"])).code, 0);
    assert.match(home.text(programs.opencode.home), /spawn/);
  });

  it("tells the gate what is to run, and lets it run as it is or as the gate changed it", async () => {
    const { home, hooks } = await plugin('cat > "$(dirname "$0")/seen"; exit 0');
    const output = { args: { command: "ls" } };
    await hooks["tool.execute.before"](call, output);
    assert.deepEqual(output.args, { command: "ls" });
    assert.deepEqual(JSON.parse(home.text("fake/seen")), { hook: "tool.execute.before", ...call, args: { command: "ls" }, cwd: "/work/it" });

    const changing = await plugin(`cat > /dev/null; echo '{"args":{"command":"ls -l"}}'`);
    await changing.hooks["tool.execute.before"](call, output);
    assert.deepEqual(output.args, { command: "ls -l" });
    const redacting = await plugin(`cat > /dev/null; echo '{"output":"***"}'`);
    const result = { title: "t", output: "s3cret", metadata: { output: "s3cret" } };
    await redacting.hooks["tool.execute.after"]({ ...call, args: {} }, result);
    assert.equal(result.output, "***");
    assert.doesNotMatch(JSON.stringify(result), /s3cret/);
    const of_mcp = { content: [{ type: "text", text: "s3cret" }], structuredContent: { a: "s3cret" } };
    await redacting.hooks["tool.execute.after"]({ ...call, args: {} }, of_mcp);
    assert.deepEqual(of_mcp, { content: [{ type: "text", text: "***" }] });
  });

  it("throws, which blocks, on a no, on a crash, on nonsense, and where the program is gone", async () => {
    for (const [body, message] of [
      ["cat > /dev/null; echo 'policy says no' >&2; exit 2", /policy says no/],
      ["kill -9 $$", /denied/i],
      ["cat > /dev/null; echo 'nonsense'", /cannot be read/],
      ["exit 1", /denied/i],
    ]) {
      const { hooks } = await plugin(body);
      await assert.rejects(hooks["tool.execute.before"](call, { args: {} }), message, body);
    }
    const home = new Home();
    await home.init(["opencode", "--yes"]);
    const path = home.put("gone.mjs", home.text(programs.opencode.home).replaceAll(/\/[^\s'"]*\/interlock(?= hook)/g, "/not/there/interlock"));
    const { Interlock } = await import(pathToFileURL(path));
    await assert.rejects((await Interlock({ directory: "/" }))["tool.execute.before"](call, { args: {} }));
  });
});

describe("the command of a hook", () => {
  for (const host of Object.keys(configurations)) {
    it(`${host}: blocks with a reason where no gate runs, where the program is gone, and where it is killed`, async () => {
      const home = new Home();
      await home.init([host, "--yes"]);
      const { command, home: path } = configurations[host];
      const line = ourEntries(host, parseJsonc(home.bytes(path)))[0].entry[command];
      const env = home.environment();
      const without_gate = shell(line, { input: "{}", env });
      assert.equal(without_gate.code, 2, without_gate.stderr);
      assert.notEqual(without_gate.stderr.trim(), "");
      for (const body of ["kill -9 $$", "exit 1", "kill -SEGV $$"]) {
        const broken = shell(with_fake(home, line, body), { input: "{}", env });
        assert.equal(broken.code, 2, body);
      }
      const gone = shell(line.replace(/\/[^\s'"]*\/interlock(?= hook)/, "/not/there/interlock"), { input: "{}", env });
      assert.equal(gone.code, 2);
      assert.notEqual(gone.stderr.trim(), "");
      const fine = shell(with_fake(home, line, "cat"), { input: '{"a":1}', env });
      assert.deepEqual([fine.code, fine.stdout], [0, '{"a":1}']);
    });
  }
});
