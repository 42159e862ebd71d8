// From the start of a run to its end: what it sees, what it may start, how it ends.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, gateBinary } from "../peers/parts.mjs";
import { openWorld, people, processesWith } from "./world.mjs";

for (const person of people) {
  describe(`a run of ${person.name}`, () => {
    let world;
    before(async () => {
      world = await openWorld(person);
    });
    after(() => world.close());

    it("what it writes in the workspace is there afterwards", async () => {
      const { code, errors } = await world.sh("echo made inside > made && mkdir -p deep/er && echo x > deep/er/file");
      assert.equal(code, 0, errors);
      assert.equal(readFileSync(join(world.project, "made"), "utf8"), "made inside\n");
      assert.ok(world.has("deep/er/file"));
    });
    for (const name of [".ssh/id_ed25519", ".aws/credentials", ".npmrc", ".bash_history", "notes.txt"]) {
      it(`~/${name} does not exist`, async () => {
        const { code, out } = await world.sh(`cat ~/${name}`);
        assert.notEqual(code, 0);
        assert.ok(!out.includes("secret-of-the-human"));
      });
    }
    it("the gate's state and configuration do not exist", async () => {
      const { out } = await world.sh(`cat ${world.file}; ls ${world.folder}/state; echo end`);
      assert.ok(!out.includes("state_dir") && !out.includes("admin") && !out.includes("ledger"), out);
      assert.ok(out.endsWith("end\n"));
    });
    it("files of /etc that not everybody may read cannot be read", async () => {
      const { out } = await world.sh("cat /etc/shadow; echo end");
      assert.equal(out, "end\n");
    });
    it("the settings of Git that hold credentials or run programs are left out, the name stays", async () => {
      const { out } = await world.sh("cat ~/.gitconfig");
      assert.match(out, /name = Dev/);
      assert.doesNotMatch(out, /helper|!sh/);
    });
    it("hooks and configuration of the repository cannot be changed", async () => {
      const before_ = readFileSync(join(world.project, ".git/config"), "utf8");
      const { code } = await world.sh("echo x > .git/hooks/pre-commit || echo y >> .git/config");
      assert.notEqual(code, 0);
      assert.ok(!world.has(".git/hooks/pre-commit"));
      assert.equal(readFileSync(join(world.project, ".git/config"), "utf8"), before_);
    });
    it("the gate's policies cannot be changed, though they lie in the workspace", async () => {
      const file = join(world.project, "rules/more.cedar");
      const before_ = readFileSync(file, "utf8");
      const { out } = await world.script("echo x > rules/more.cedar; echo x > rules/new.cedar; mv rules other; rm -f rules/more.cedar; echo tried");
      assert.match(out, /tried/);
      assert.equal(readFileSync(file, "utf8"), before_);
      assert.ok(!world.has("rules/new.cedar") && !world.has("other"));
    });
    it("the system cannot be written, the temporary folder is its own", async () => {
      const { code } = await world.sh("echo x > /usr/interlock-was-here");
      assert.notEqual(code, 0);
      const name = `/tmp/interlock-run-${process.pid}`;
      const second = await world.sh(`echo x > ${name} && cat ${name}`);
      assert.equal(second.out, "x\n");
      assert.ok(!existsSync(name));
    });
    it("secrets of the environment are left out, the task is named", async () => {
      const { out } = await world.sh("env");
      assert.ok(!out.includes("secret-of-the-human"), out);
      assert.match(out, /^INTERLOCK_TASK=task_/m);
      assert.match(out, /^HTTPS_PROXY=http:\/\/127\.0\.0\.1:7420$/m);
      assert.match(out, /^LC_ALL=C\.UTF-8$/m);
    });

    for (const code of [0, 1, 7, 255]) {
      it(`the command's exit code is the run's: ${code}`, async () => assert.equal((await world.sh(`exit ${code}`)).code, code));
    }
    it("a command that is not there is 127, one that cannot be run is 126", async () => {
      assert.equal((await world.run(["interlock-has-no-such-program"])).code, 127);
      writeFileSync(join(world.project, "plain.txt"), "text\n");
      assert.equal((await world.run(["./plain.txt"])).code, 126);
    });
    it("a command that a signal ends, ends the run by that signal", async () => {
      const { code, signal } = await world.run(["perl", "-e", "kill 15, $$; sleep 5"]);
      assert.deepEqual({ code, signal }, { code: null, signal: "SIGTERM" });
    });
    it("SIGTERM of the launcher reaches the command, which may end as it likes", async () => {
      const run = world.start(["perl", "-e", '$SIG{TERM} = sub { print "told\\n"; exit 9 }; $| = 1; print "ready\\n"; sleep 60']);
      await eventually("the command runs", () => run.out().includes("ready"));
      run.child.kill("SIGTERM");
      const { code, out } = await run.ended;
      assert.equal(code, 9);
      assert.match(out, /told/);
    });
    it("what is read on standard input, and written on the others, passes", async () => {
      const { out, errors } = await world.run(["sh", "-c", "cat; echo to-errors >&2"], { input: "in\nput\n" });
      assert.equal(out, "in\nput\n");
      assert.match(errors, /to-errors/);
    });
    it("a daemon that is left behind ends with the run", async () => {
      const mark = `interlock-left-${person.uid ?? "root"}-${process.pid}`;
      const { code } = await world.run(["perl", "-e", `exit 0 if fork; $0 = "${mark}"; setpgrp; sleep 300`]);
      assert.equal(code, 0);
      assert.deepEqual(processesWith(mark), []);
    });
    it("kill -9 of the launcher ends all that runs inside", async () => {
      const mark = `interlock-orphan-${person.uid ?? "root"}-${process.pid}`;
      const run = world.start(["perl", "-e", `$| = 1; $0 = "${mark}"; print "ready\\n"; sleep 300`]);
      await eventually("the command runs", () => run.out().includes("ready"));
      run.child.kill("SIGKILL");
      await run.ended;
      await eventually("it has ended", () => processesWith(mark).length === 0);
    });
    it("a terminal stays a terminal, with its size", async () => {
      const line = (words) => ["script", "-qec", `stty rows 33 cols 77; ${words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")}`, "/dev/null"];
      const { out } = await world.run(["sh", "-c", "test -t 0 && test -t 1 && stty size"], { wrap: line });
      assert.match(out, /33 77/);
    });
    it("Ctrl-C at the terminal is the command's", async () => {
      const line = (words) => ["script", "-qec", `exec ${words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")}`, "/dev/null"];
      const run = world.start(["perl", "-e", '$SIG{INT} = sub { print "interrupted\\n"; exit 5 }; $| = 1; print "ready\\n"; sleep 60'], { wrap: line });
      await eventually("the command runs", () => run.out().includes("ready"));
      run.child.stdin.write("\x03");
      const { code, out } = await run.ended;
      assert.match(out, /interrupted/);
      assert.equal(code, 5);
    });

    it("a program that policy denies is not started, and the reason is told", async () => {
      const { out, errors } = await world.script("touch touched; echo $?");
      assert.equal(out, "126\n");
      assert.ok(!world.has("touched"));
      assert.match(errors, /denied: touch: policy: .*nothing is touched here/);
      assert.match(errors, /Permission denied/);
    });
    it("nor by an interpreter's child, by its path, by a link, or by env", async () => {
      const ways = {
        interpreter: ["perl", "-e", 'exit system("touch", "by-perl") == 0 ? 0 : 1'],
        path: ["sh", "-c", "/usr/bin/touch by-path"],
        link: ["sh", "-c", "ln -s /usr/bin/touch other && ./other by-link"],
        env: ["env", "touch", "by-env"],
        xargs: ["sh", "-c", "echo by-xargs | xargs touch"],
      };
      for (const [name, command] of Object.entries(ways)) {
        const { code } = await world.run(command);
        assert.notEqual(code, 0, name);
        assert.ok(!world.has(`by-${name === "interpreter" ? "perl" : name}`), name);
      }
    });
    it("each start is an act of the run's task, and the task ends with it", async () => {
      await world.sh("ls > /dev/null", { options: ["--purpose", `to list ${person.name}`] });
      const receipts = await world.receipts();
      const begun = receipts.find((one) => one.kind === "task" && JSON.stringify(one).includes(`to list ${person.name}`));
      assert.ok(begun, "the task's receipt");
      const task = begun.task;
      const own = receipts.filter((one) => one.task === task);
      assert.ok(own.some((one) => one.kind === "attempt" && one.resource === 'Command::"ls"' && one.surface === "exec" && one.detail.sandboxed === true));
      assert.ok(own.some((one) => one.kind === "task" && one.verdict === "ended"));
      assert.match(own.find((one) => one.kind === "attempt").subject, /^run\/.*\/sh$/);
    });
    it("what needs a human waits for one, and goes on with the yes", async () => {
      const run = world.start(["sh", "-c", "truncate -s 5 asked; echo $?"], { input: "" });
      await eventually("it waits", () => /interlock approve (\S+)/.test(run.errors()));
      assert.ok(!world.has("asked"));
      const id = run.errors().match(/interlock approve (\S+)/)[1];
      const said = await world.cli("approve", id);
      assert.equal(said.code, 0, said.errors);
      const { out } = await run.ended;
      assert.equal(out, "0\n");
      assert.ok(world.has("asked"));
    });
    it("and is refused with the no", async () => {
      const run = world.start(["perl", "-e", 'print system("truncate", "-s", "5", "refused") == 0 ? "done" : "not done"'], { input: "" });
      await eventually("it waits", () => /interlock approve (\S+)/.test(run.errors()));
      await world.cli("deny", run.errors().match(/interlock approve (\S+)/)[1]);
      assert.equal((await run.ended).out, "not done");
      assert.ok(!world.has("refused"));
    });
    it("a run inside a run is refused, whatever the environment says", async () => {
      const { out } = await world.sh(`env -u INTERLOCK_RUN ${gateBinary} run -- echo started; echo $?`);
      assert.equal(out, "125\n");
    });
    it("the gate's other verbs are not there", async () => {
      const { code, errors } = await world.sh(`${gateBinary} status`);
      assert.notEqual(code, 0);
      assert.match(errors, /interlock-gate/);
    });
    it("a home, or the root, is no workspace", async () => {
      for (const cwd of [world.home, "/"]) {
        const { code, errors } = await world.run(["true"], { cwd });
        assert.equal(code, 125);
        assert.match(errors, /no workspace/);
      }
    });
    it("the kill switch ends all that runs, at once", async () => {
      const run = world.start(["perl", "-e", '$| = 1; print "$ENV{INTERLOCK_TASK}\\n"; sleep 60']);
      await eventually("the command runs", () => run.out().includes("task_"));
      const killed = await world.cli("kill", run.out().trim());
      assert.equal(killed.code, 0, killed.errors);
      const { signal, errors } = await run.ended;
      assert.equal(signal, "SIGKILL");
      assert.match(errors, /ended by the gate/);
    });
    it("nothing of all this is left: no process, no file that was put there for a run", async () => {
      assert.deepEqual(processesWith(`run --config ${world.file}`), []);
      for (const name of [".envrc", ".mcp.json", ".vscode", ".idea"]) assert.ok(!world.has(name), name);
    });
  });
}
