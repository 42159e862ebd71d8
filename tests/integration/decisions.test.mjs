// What a subject may not call it does not see; what is denied says which layer, by which policy, why, and what to do next; and
// no denied call reaches the server. For both eras.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { startFixture, startGate } from "../peers/parts.mjs";

const kDenied = -31001;
const kInvalidParams = -32602;

const kPolicies = `
@id("all-else")
permit (principal, action, resource);

@id("nothing-is-deleted")
@reason("Nothing is deleted here.")
forbid (principal, action == Action::"fixture/delete_thing", resource);

@id("writes-stay-below-work")
@reason("Write below /work.")
forbid (principal, action == Action::"fixture/write_thing", resource)
unless { context.args has path && context.args.path like "/work/*" };

@id("a-human-for-purging")
@reason("Purging needs a human.")
forbid (principal, action == Action::"fixture/purge_everything", resource)
unless { context.approved };
`;

for (const era of ["legacy", "modern"]) {
  describe(`decisions, ${era} client`, () => {
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
    const calls = async () => Number(textOf(await direct.call("count_calls")));

    // Runs a refused call and shows that it did not reach the server: count_calls counts itself, so two looks differ by one.
    async function refusedBeforeServer(tool, args) {
      const before = await calls();
      const error = await refusal(client.call(tool, args));
      assert.equal(await calls(), before + 1, "the call has reached the server");
      return error;
    }

    it("lists what may be called, also what needs a human, and hides what may never be", async () => {
      const names = await client.toolNames();
      const all = await direct.toolNames();
      assert.ok(all.includes("delete_thing"));
      assert.deepEqual(names, all.filter((name) => name !== "delete_thing"));
      assert.ok(names.includes("purge_everything") && names.includes("write_thing"));
    });

    it("denies a hidden tool with its own error, which names layer, policy, reason and next step", async () => {
      const error = await refusedBeforeServer("delete_thing", { name: "x" });
      assert.equal(error.code, kDenied);
      assert.doesNotMatch(error.message, /not found|unknown/i);
      assert.match(error.message, /Nothing is deleted here\./);
      const { layer, policy, reason, next } = error.data.interlock;
      assert.equal(layer, "policy");
      assert.ok(policy.some((id) => id.includes("nothing-is-deleted")), JSON.stringify(policy));
      assert.match(reason, /Nothing is deleted here\./);
      assert.ok(typeof next === "string" && next.length > 10, `next: ${next}`);
      assert.equal(textOf(await direct.call("list_deleted")), "[]");
    });

    it("decides on arguments", async () => {
      assert.equal(textOf(await client.call("write_thing", { path: "/work/a", content: "x" })), "wrote /work/a");
      for (const path of ["/etc/passwd", "/workshop", "work/a", ""]) {
        const error = await refusedBeforeServer("write_thing", { path, content: "x" });
        assert.equal(error.code, kDenied);
        assert.ok(error.data.interlock.policy.some((id) => id.includes("writes-stay-below-work")));
      }
    });

    it("holds arguments against the input schema before the server sees the call", async () => {
      const bad = [{}, { text: 7 }, { text: null }, { text: "x", more: 1 }, { text: ["x"] }];
      for (const args of bad) {
        const error = await refusedBeforeServer("echo", args);
        assert.equal(error.code, kInvalidParams, JSON.stringify(args));
        assert.doesNotMatch(error.message, /not found/i);
      }
      assert.equal((await refusedBeforeServer("json_schema_2020_12_tool", { name: "n" })).code, kInvalidParams);
      assert.ok(textOf(await client.call("json_schema_2020_12_tool", { name: "n", contactMethod: "phone", phone: "1" })).includes("phone"));
    });

    it("keeps an id of the act in the error, and the ledger knows it", async () => {
      const error = await refusedBeforeServer("delete_thing", { name: "y" });
      const { act } = error.data.interlock;
      assert.ok(act?.length > 5);
      const shown = await gate.cli("log", "show", act);
      assert.equal(shown.code, 0, shown.stderr);
      assert.match(shown.stdout, /delete_thing/);
    });
  });

  describe(`a server's own annotations, ${era} client`, () => {
    it("never lower what is thought of a tool", async () => {
      const fixture = await startFixture(era);
      const policies = '@id("only-reading") permit (principal, action in Action::"read", resource);';
      const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies });
      const client = await connect(era, { url: gate.url("fixture") });
      try {
        assert.ok(!(await client.toolNames()).includes("purge_everything"));
        assert.equal((await refusal(client.call("purge_everything"))).code, kDenied);
      } finally {
        await client.close();
        await gate.stop();
        await fixture.stop();
      }
    });
  });

  describe(`denial: result, ${era} client`, () => {
    it("is a tool result with isError that says the same", async () => {
      const fixture = await startFixture(era);
      const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: kPolicies, extra: "denial: result" });
      const client = await connect(era, { url: gate.url("fixture") });
      try {
        const result = await client.call("write_thing", { path: "/etc/passwd", content: "x" });
        assert.equal(result.isError, true);
        assert.match(textOf(result), /Write below \/work\./);
        assert.match(textOf(result), /writes-stay-below-work/);
      } finally {
        await client.close();
        await gate.stop();
        await fixture.stop();
      }
    });
  });
}

describe("no policy", () => {
  it("denies everything and says what is missing", async () => {
    const fixture = await startFixture("legacy");
    const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: "// nothing is permitted\n" });
    const client = await connect("legacy", { url: gate.url("fixture") });
    try {
      assert.deepEqual(await client.toolNames(), []);
      const error = await refusal(client.call("echo", { text: "x" }));
      assert.equal(error.code, kDenied);
      assert.match(error.message + error.data.interlock.next, /polic/i);
    } finally {
      await client.close();
      await gate.stop();
      await fixture.stop();
    }
  });
});

describe("resources and prompts", () => {
  const policies = `
permit (principal, action, resource);
@id("no-static-text") forbid (principal, action, resource)
when { context.operation == "resources/read" && context.args has uri && context.args.uri == "test://static-text" };
@id("no-picture-prompt") forbid (principal, action, resource)
when { context.operation == "prompts/get" && context.tool == "test_prompt_with_image" };
`;
  for (const era of ["legacy", "modern"]) {
    it(`are denied by policy like tools, ${era} client`, async () => {
      const fixture = await startFixture(era);
      const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies });
      const client = await connect(era, { url: gate.url("fixture") });
      try {
        assert.equal((await refusal(client.read("test://static-text"))).code, kDenied);
        assert.ok((await client.read("test://static-binary")).contents.length === 1);
        assert.equal((await refusal(client.prompt("test_prompt_with_image"))).code, kDenied);
        assert.ok((await client.prompt("test_simple_prompt")).messages.length === 1);
        assert.ok(!(await client.resources()).some(({ uri }) => uri === "test://static-text"), "the resource is listed");
        assert.ok(!(await client.prompts()).some(({ name }) => name === "test_prompt_with_image"), "the prompt is listed");
      } finally {
        await client.close();
        await gate.stop();
        await fixture.stop();
      }
    });
  }
});
