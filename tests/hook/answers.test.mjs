// What a host is told: yes, no, ask; and what the ledger has of it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually } from "../peers/parts.mjs";
import { kHosts } from "./hosts.mjs";
import { openWorld } from "./world.mjs";

for (const [name, host] of Object.entries(kHosts)) {
  describe(`the hook of ${name}`, () => {
    let world;
    before(async () => {
      world = await openWorld();
    });
    after(() => world.close());

    const denied = ({ code, out, errors }, why) => {
      if (host.denial_json) {
        assert.equal(code, 0);
        assert.match(host.denial_json(out), why);
        return;
      }
      assert.equal(code, 2, errors);
      assert.match(errors, why);
      if (host.denial_out) assert.match(out, host.denial_out);
      else assert.equal(out, "");
    };

    it("lets an allowed command through, and has it on record", async () => {
      const { code, out, errors } = await world.hook(name, host.shell("ls -l"));
      assert.equal(code, 0, errors);
      assert.equal(errors, "");
      if (host.allowed_out) assert.match(out, host.allowed_out);
      else assert.equal(out, "");
      const receipts = await world.receipts();
      assert.ok(receipts.some((one) => one.surface === "hook" && one.action === "ls" && one.verdict === "allow"), JSON.stringify(receipts.at(-1)));
    });
    it("denies a command that policy denies, with the layer, the reason and what to do", async () => {
      denied(await world.hook(name, host.shell("true && touch made")), /policy: touch: nothing is touched here.*leave it/);
    });
    it("denies one file, whatever the tool", async () => {
      denied(await world.hook(name, host.write(join(world.folder, "secret.txt"))), /that file is closed/);
      const { code } = await world.hook(name, host.write(join(world.folder, "other.txt")));
      assert.equal(code, 0);
    });
    if (host.mcp) {
      it("denies a tool of an MCP server by its name there", async () => {
        denied(await world.hook(name, host.mcp("notes", "add")), /notes stay as they are/);
      });
    }
    it("denies a prompt", async () => {
      const answer = await world.hook(name, host.prompt("something forbidden"));
      denied({ ...answer, out: host.denial_out ? '"permissionDecision":"deny"' : answer.out }, /not about that/);
      const { code, errors } = await world.hook(name, host.prompt("something else"));
      assert.equal(code, 0, errors);
    });
    if (host.asks) {
      it("has the host ask its own human", async () => {
        const { code, out, errors } = await world.hook(name, host.shell("truncate -s 0 x"));
        assert.equal(code, 0, errors);
        assert.ok(host.asks(out), out);
        assert.deepEqual(await world.pending(), []);
      });
    } else {
      it("holds the call until a human has answered", async () => {
        const held = world.start(name, host.shell("truncate -s 0 x"), { below: true });
        let pending = [];
        await eventually("it is asked", async () => (pending = await world.pending()).length === 1);
        assert.equal((await world.cli("approve", pending[0].id, "--yes")).code, 0);
        const { code, out, errors } = await held.ended;
        assert.equal(code, 0, errors);
        if (host.denial_json) assert.ok(!host.denial_json(out), out);
      });
      it("a hook that is killed leaves nothing that waits", async () => {
        const held = world.start(name, host.shell("truncate -s 1 x"));
        await eventually("it is asked", async () => (await world.pending()).length === 1);
        held.child.kill("SIGKILL");
        await held.ended;
        await eventually("nothing waits", async () => (await world.pending()).length === 0);
      });
    }
    if (host.end) {
      it("ends the session's task with the session", async () => {
        const before_end = (await world.receipts()).filter((one) => one.kind === "task" || one.kind === "task_end");
        const { code } = await world.hook(name, host.end());
        assert.equal(code, 0);
        await eventually("the ledger has the end", async () => (await world.receipts()).filter((one) => one.kind === "task" || one.kind === "task_end").length > before_end.length);
      });
    }
    it("answers fifty at once", async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => world.hook(name, host.shell(i % 2 === 0 ? `echo ${i}` : `touch ${i}`))));
      answers.forEach((answer, i) => (i % 2 === 0 ? assert.equal(answer.code, 0, answer.errors) : denied(answer, /nothing is touched/)));
    });
  });
}
