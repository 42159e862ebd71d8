// The gate of a run: none, one that dies, its roads, pipelines.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, startFixture } from "../peers/parts.mjs";
import { openWorld, people, processesWith, startWeb } from "./world.mjs";

for (const person of people) {
  describe(`the gate of a run of ${person.name}`, () => {
    it("where none runs, one is started for the run, and ends with it", async () => {
      const world = await openWorld(person, { serves: false });
      const { code, out, errors } = await world.script("echo inside; touch no; echo $?");
      assert.equal(code, 0, errors);
      assert.equal(out, "inside\n126\n");
      assert.match(errors, /one is started for this run/);
      assert.deepEqual(processesWith(world.file), []);
    });
    it("where none comes up, the command does not start, and it is said why", async () => {
      const world = await openWorld(person, { serves: false, extra: "nonsense: true\n" });
      const { code, errors } = await world.sh("echo x > started");
      assert.equal(code, 125);
      assert.match(errors, /nonsense/);
      assert.ok(!world.has("started"));
    });
    it("killed in the middle: nothing more starts, what runs goes on, and its end is told", async () => {
      const world = await openWorld(person);
      const run = world.start(["sh", "-c", "echo ready; read line; ls; echo $?; exit 4"]);
      await eventually("the command runs", () => run.out().includes("ready"));
      const [pid] = processesWith(`serve --config ${world.file}`).map((line) => Number(line.split(" ")[0])).slice(-1);
      process.kill(pid, "SIGKILL");
      await eventually("the launcher has seen it", () => run.errors().includes("nothing more starts"));
      run.child.stdin.end("go\n");
      const { code, out } = await run.ended;
      assert.equal(out, "ready\n126\n");
      assert.equal(code, 4);
    });
    it("stopped, not dead: a start is refused after a bounded time", async () => {
      const world = await openWorld(person);
      const run = world.start(["sh", "-c", "echo ready; read line; ls; echo $?"]);
      await eventually("the command runs", () => run.out().includes("ready"));
      const [pid] = processesWith(`serve --config ${world.file}`).map((line) => Number(line.split(" ")[0])).slice(-1);
      process.kill(pid, "SIGSTOP");
      run.child.stdin.end("go\n");
      await eventually("it is refused", () => run.out().includes("126"), { within_ms: 40_000 });
      process.kill(pid, "SIGCONT");
      await run.ended;
      await world.close();
    });
  });

  describe(`the roads of a run of ${person.name}`, () => {
    let world;
    let web;
    let fixture;
    before(async () => {
      web = await startWeb();
      fixture = await startFixture("legacy");
      world = await openWorld(person, {
        egress: { hosts: [{ host: "localhost", private_address: true }] },
        extra: `servers: { fixture: { url: "${fixture.url}" } }\n`,
      });
    });
    after(async () => {
      await world.close();
      await fixture.stop();
      web.close();
    });
    const curl = "curl -sS -m 10 --noproxy none.example";

    it("the host's loopback is not there, but by the proxy", async () => {
      const { out } = await world.sh(`curl -sS -m 5 --noproxy '*' http://127.0.0.1:${web.port}/direct; echo; ${curl} http://localhost:${web.port}/open`);
      assert.deepEqual(web.asked, ["/open"]);
      assert.match(out, /you asked for \/open/);
    });
    it("a request that policy denies does not arrive, and its reason is told", async () => {
      const { out } = await world.sh(`${curl} http://localhost:${web.port}/closed`);
      assert.match(out, /that path is closed/);
      assert.ok(!web.asked.includes("/closed"));
    });
    it("both are acts of the run's task", async () => {
      const receipts = (await world.receipts()).filter((one) => one.kind === "attempt" && one.surface === "http");
      assert.ok(receipts.length >= 2);
      for (const one of receipts) assert.match(one.subject, /^run\//);
    });
    it("servers are reached at the gate, as the run and under its task", async () => {
      const call = (id, session, body) =>
        `curl -sS -m 10 -D head http://127.0.0.1:7410/mcp/fixture -H 'Accept: application/json, text/event-stream' -H 'Content-Type: application/json' ${session} -d '${JSON.stringify({ jsonrpc: "2.0", ...(id ? { id } : {}), ...body })}'`;
      const script = [
        call(1, "", { method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } } }),
        `S=$(grep -i '^mcp-session-id' head | tr -d '\\r' | cut -d' ' -f2)`,
        call(0, `-H "Mcp-Session-Id: $S"`, { method: "notifications/initialized" }),
        call(2, `-H "Mcp-Session-Id: $S"`, { method: "tools/list" }),
      ].join("\n");
      const { out, errors } = await world.sh(script);
      assert.match(out, /"tools":\[/, out + errors);
    });
  });

  describe(`a pipeline's run of ${person.name}`, () => {
    let world;
    before(async () => {
      world = await openWorld(person);
    });
    after(() => world.close());

    it("something was denied: the job fails with 3, the summary and the findings say what", async () => {
      const { code } = await world.script("touch built; true", { options: ["--ci", "--summary", join(world.project, "s.md"), "--sarif", join(world.project, "s.sarif")] });
      assert.equal(code, 3);
      const sarif = JSON.parse(readFileSync(join(world.project, "s.sarif"), "utf8"));
      assert.equal(sarif.version, "2.1.0");
      assert.equal(sarif.runs[0].results.length, 1);
      assert.match(readFileSync(join(world.project, "s.md"), "utf8"), /nothing is touched here/);
    });
    it("nothing was denied: the command's own code", async () => {
      assert.equal((await world.sh("true", { options: ["--ci"] })).code, 0);
      assert.equal((await world.sh("exit 6", { options: ["--ci"] })).code, 6);
    });
    it("--fail-on never leaves the code as it is", async () => assert.equal((await world.script("touch x; true", { options: ["--ci", "--fail-on", "never"] })).code, 0));
    it("nobody is waited for", async () => {
      const { out, errors } = await world.script("truncate -s 1 x; echo $?", { options: ["--ci", "--fail-on", "never"] });
      assert.equal(out, "126\n");
      assert.match(errors, /nobody is asked/);
      assert.doesNotMatch(errors, /interlock approve/);
    });
    it("--approval-timeout 0 waits for nobody, and one that is no duration is a mistake", async () => {
      const { out, errors } = await world.script("truncate -s 1 x; echo $?", { options: ["--ci", "--fail-on", "never", "--approval-timeout", "0"] });
      assert.equal(out, "126\n");
      assert.match(errors, /nobody is asked/);
      assert.equal((await world.sh("true", { options: ["--ci", "--approval-timeout", "soon"] })).code, 2);
    });
    it("with an --approval-timeout a human is waited for, and no longer; what nobody answered is denied", async () => {
      const { code, errors } = await world.script("truncate -s 1 x; true", { options: ["--ci", "--approval-timeout", "300ms"] });
      assert.equal(code, 3);
      assert.match(errors, /interlock approve/);
      assert.match(errors, /none has in time/);
    });
    it("an identity token that the gate does not know starts nothing", async () => {
      const { code, errors } = await world.sh("echo x > with-token", { options: ["--ci", "--identity-token", "env:TOKEN"], variables: { TOKEN: "no.such.token" } });
      assert.equal(code, 125);
      assert.ok(!errors.includes("no.such.token"));
      assert.ok(!world.has("with-token"));
    });
  });
}
