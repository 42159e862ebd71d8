// Step-up: a call that needs a human is held, the client sees progress, a second process approves or denies it, it expires, and a
// yes is for one act, once, and never the agent's own.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, eventually, gateBinary, interlock, nodeBinary, root, scratch, startFixture, startGate, writeConfiguration } from "../peers/parts.mjs";

const kRefused = -31002;
const kAgent = join(root, "tests", "integration", "agent.mjs");

const kPolicies = `
permit (principal, action, resource);

@id("deleting-needs-a-human")
@reason("A human decides on each deletion.")
forbid (principal, action == Action::"fixture/delete_thing", resource)
unless { context.approved };
`;

const idOf = (approval) => approval.id;
const stateOf = (approval) => approval.state ?? "pending";

async function listed(cli) {
  const answer = await cli("approvals", "--json");
  assert.equal(answer.code, 0, answer.stderr);
  const document = answer.json();
  return (Array.isArray(document) ? document : document.approvals).filter((one) => stateOf(one) === "pending");
}

// A wrapper that is starting has no admin socket yet.
const oneHeld = (cli) => eventually("an act is held", async () => (await listed(cli).catch(() => []))[0]);

// A call that is awaited later, and may be refused before that.
function begun(promise) {
  promise.catch(() => {});
  return promise;
}

for (const era of ["legacy", "modern"]) {
  describe(`step-up over HTTP, ${era} client`, () => {
    let fixture, gate, client, direct;
    before(async () => {
      fixture = await startFixture(era);
      gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: kPolicies });
      client = await connect(era, { url: gate.url("fixture") });
      direct = await connect(era, { url: fixture.url });
    });
    after(async () => {
      await client?.close();
      await direct?.close();
      await gate?.stop();
      await fixture?.stop();
    });
    const deleted = async () => JSON.parse(textOf(await direct.call("list_deleted")));

    it("holds the call, shows progress, lists it with its arguments, and runs it once a second process approves", async () => {
      const progress = [];
      let over = false;
      const call = begun(client.call("delete_thing", { name: "alpha" }, { onprogress: (one) => progress.push(one) }).finally(() => (over = true)));
      const held = await oneHeld(gate.cli);
      assert.ok(JSON.stringify(held).includes("alpha"), "the arguments are shown");
      assert.ok(JSON.stringify(held).includes("A human decides on each deletion."), "the reason is shown");
      await eventually("the client sees progress", () => progress.length > 0);
      assert.equal(over, false);
      assert.ok(!(await deleted()).includes("alpha"));
      const approved = await gate.cli("approve", idOf(held), "--yes");
      assert.equal(approved.code, 0, approved.stderr);
      assert.equal(textOf(await call), "deleted alpha");
      assert.deepEqual((await deleted()).filter((name) => name === "alpha"), ["alpha"]);
    });

    it("uses an approval once: it cannot be given again, and the same call needs its own", async () => {
      const first = begun(client.call("delete_thing", { name: "beta" }));
      const { id } = await oneHeld(gate.cli);
      assert.equal((await gate.cli("approve", id, "--yes")).code, 0);
      await first;
      assert.notEqual((await gate.cli("approve", id, "--yes")).code, 0);
      const second = begun(client.call("delete_thing", { name: "beta" }));
      const again = await oneHeld(gate.cli);
      assert.notEqual(again.id, id);
      assert.equal((await gate.cli("deny", again.id)).code, 0);
      assert.equal((await refusal(second)).code, kRefused);
      assert.equal((await deleted()).filter((name) => name === "beta").length, 1);
    });

    it("ends a denied call with the human's reason, and the server never sees it", async () => {
      const call = begun(client.call("delete_thing", { name: "gamma" }));
      const { id } = await oneHeld(gate.cli);
      const denied = await gate.cli("deny", id, "--reason", "not on a Friday");
      assert.equal(denied.code, 0, denied.stderr);
      const error = await refusal(call);
      assert.equal(error.code, kRefused);
      assert.match(error.message, /not on a Friday/);
      assert.equal(error.data.interlock.layer, "approval");
      assert.ok(!(await deleted()).includes("gamma"));
    });

    it("binds a yes to its own act: two held calls are released one by one", async () => {
      const calls = new Map(["one", "two"].map((name) => [name, begun(client.call("delete_thing", { name }))]));
      const both = await eventually("both are held", async () => {
        const list = await listed(gate.cli);
        return list.length === 2 && list;
      });
      const two = both.find((one) => JSON.stringify(one).includes('"two"'));
      const one = both.find((other) => other !== two);
      assert.equal((await gate.cli("approve", two.id, "--yes")).code, 0);
      assert.equal(textOf(await calls.get("two")), "deleted two");
      assert.deepEqual((await listed(gate.cli)).map(idOf), [one.id]);
      assert.equal((await gate.cli("deny", one.id)).code, 0);
      await refusal(calls.get("one"));
      assert.ok(!(await deleted()).includes("one"));
    });

    it("takes back what is held when the client cancels: a late yes does nothing", async () => {
      const stop = new AbortController();
      const call = begun(client.call("delete_thing", { name: "delta" }, { signal: stop.signal }));
      call.catch(() => {});
      const { id } = await oneHeld(gate.cli);
      stop.abort("changed my mind");
      await assert.rejects(call);
      await eventually("nothing is held", async () => (await listed(gate.cli)).length === 0);
      assert.notEqual((await gate.cli("approve", id, "--yes")).code, 0);
      assert.ok(!(await deleted()).includes("delta"));
    });

    it("refuses an id that does not exist", async () => {
      assert.equal((await gate.cli("approve", "zzzzzz", "--yes")).code, 1);
      assert.equal((await gate.cli("deny", "zzzzzz")).code, 1);
    });

    it("lets other calls pass while one is held", async () => {
      const call = begun(client.call("delete_thing", { name: "epsilon" }));
      const { id } = await oneHeld(gate.cli);
      assert.equal(textOf(await client.call("echo", { text: "meanwhile" })), "meanwhile");
      assert.equal((await gate.cli("approve", id, "--yes")).code, 0);
      await call;
    });
  });

  describe(`step-up expiry, ${era} client`, () => {
    it("ends the call when nobody decides, and a late yes does nothing", async () => {
      const fixture = await startFixture(era);
      const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: kPolicies, extra: "approvals: { expires: 1s }" });
      const client = await connect(era, { url: gate.url("fixture") });
      try {
        const call = begun(client.call("delete_thing", { name: "zeta" }));
        call.catch(() => {});
        const { id } = await oneHeld(gate.cli);
        const error = await refusal(call);
        assert.equal(error.code, kRefused);
        assert.match(error.message, /expire/i);
        assert.notEqual((await gate.cli("approve", id, "--yes")).code, 0);
        assert.equal(textOf(await client.call("list_deleted")), "[]");
      } finally {
        await client.close();
        await gate.stop();
        await fixture.stop();
      }
    });
  });

  describe(`step-up behind the stdio wrapper, ${era} client`, () => {
    // The agent is a process of its own, as in life: the wrapper's parent is the agent, the human is somebody else.
    function agent(order) {
      const child = spawn(nodeBinary, [kAgent, JSON.stringify(order)], { stdio: ["ignore", "pipe", "inherit"] });
      const events = [];
      createInterface({ input: child.stdout }).on("line", (line) => events.push(JSON.parse(line)));
      const ended = new Promise((resolve) => child.once("close", resolve));
      return { events, ended, first: (key) => events.find((event) => event[key] !== undefined)?.[key] };
    }
    const order = (file, more = {}) => ({
      era,
      target: { command: [gateBinary, "mcp", "--config", file, "--name", "fixture", "--", ...commands[era]] },
      call: { tool: "delete_thing", args: { name: "eta" } },
      ...more,
    });
    const cliOf = (file) => (...args) => interlock(file, ...args);

    it("holds, and a human in another process releases", async () => {
      const { file } = writeConfiguration({ policies: kPolicies });
      const run = agent(order(file));
      const { id } = await oneHeld(cliOf(file));
      const approved = await interlock(file, "approve", id, "--yes");
      assert.equal(approved.code, 0, approved.stderr);
      await run.ended;
      assert.equal(run.first("result"), "deleted eta");
    });

    it("refuses the agent that tries to approve for itself", async () => {
      const { file } = writeConfiguration({ policies: kPolicies });
      const script = `id=$("$0" approvals --json --config "$1" | grep -oE '"id": ?"[0-9a-z]{6}"' | head -1 | grep -oE '[0-9a-z]{6}"' | tr -d '"'); exec "$0" approve "$id" --yes --config "$1"`;
      const run = agent(order(file, { then: ["bash", "-c", script, gateBinary, file] }));
      const { id } = await oneHeld(cliOf(file));
      const attempt = await eventually("the agent has tried", () => run.first("attempt"));
      assert.notEqual(attempt.code, 0, `the agent approved its own act: ${attempt.stdout}`);
      assert.equal(run.first("result"), undefined);
      assert.equal((await interlock(file, "deny", id)).code, 0);
      await run.ended;
      assert.equal(run.first("error")?.code, kRefused);
    });

    it("does not take the agent's own elicitation for a human's yes", async () => {
      const { file } = writeConfiguration({ policies: kPolicies });
      const run = agent(order(file, { elicitation: "accept" }));
      await eventually("the client is asked too", () => run.first("elicited"));
      const { id } = await oneHeld(cliOf(file));
      assert.equal(run.first("result"), undefined);
      assert.equal((await interlock(file, "deny", id, "--reason", "no")).code, 0);
      await run.ended;
      assert.equal(run.first("error")?.code, kRefused);
    });

    it("takes it where the configuration says that it counts", async () => {
      const { file } = writeConfiguration({ policies: kPolicies, extra: "approvals: { elicitation_counts: true }", folder: scratch() });
      const run = agent(order(file, { elicitation: "accept" }));
      await run.ended;
      assert.equal(run.first("result"), "deleted eta", JSON.stringify(run.events));
    });

    it("takes a no from there always", async () => {
      const { file } = writeConfiguration({ policies: kPolicies });
      const run = agent(order(file, { elicitation: "decline" }));
      await run.ended;
      assert.equal(run.first("error")?.code, kRefused, JSON.stringify(run.events));
    });
  });
}
