// All servers under one endpoint: /mcp, tools as NAME__tool, in an order that stays, with pages and list changes merged.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, eventually, scratch, startFixture, startGate } from "../peers/parts.mjs";

for (const era of ["legacy", "modern"]) {
  describe(`/mcp, ${era} client`, () => {
    let old, young, gate, client;
    const work = scratch();
    before(async () => {
      old = await startFixture("legacy", { env: { FIXTURE_BULK_TOOLS: "60", FIXTURE_PAGE: "25" } });
      young = await startFixture("modern", { env: { FIXTURE_PAGE: "10" } });
      gate = await startGate({
        servers: {
          old: { url: old.url },
          young: { url: young.url },
          files: { command: commands.filesystem(work) },
          memory: { command: commands.memory, env: { MEMORY_FILE_PATH: join(work, "memory.jsonl") } },
        },
        policies: 'permit (principal, action, resource);\nforbid (principal, action == Action::"old/delete_thing", resource);',
      });
      const answers = { "roots/list": () => ({ roots: [{ uri: `file://${work}` }] }), "sampling/createMessage": () => ({ role: "assistant", model: "m", content: { type: "text", text: "yes" } }) };
      client = await connect(era, { url: gate.url() }, { answers });
    });
    after(async () => {
      await client?.close();
      await gate?.stop();
      await old?.stop();
      await young?.stop();
    });

    it("lists the tools of all servers with their server's name before them, each once, in the same order each time", async () => {
      const names = await client.toolNames();
      assert.equal(new Set(names).size, names.length);
      for (const name of ["old__echo", "young__echo", "files__read_text_file", "memory__read_graph", "old__bulk_00059"]) assert.ok(names.includes(name), name);
      const servers = names.map((name) => name.split("__")[0]);
      assert.equal(servers.filter((server, i) => server !== servers[i - 1]).length, 4, "each server's tools stand together");
      assert.deepEqual(await client.toolNames(), names);
    });

    it("hides there what policy hides", async () => {
      const names = await client.toolNames();
      assert.ok(!names.includes("old__delete_thing") && names.includes("young__delete_thing"));
      assert.equal((await refusal(client.call("old__delete_thing", { name: "x" }))).code, -31001);
    });

    it("sends each call to its server", async () => {
      assert.equal(textOf(await client.call("old__write_thing", { path: "/a", content: "x" })), "wrote /a");
      await client.call("young__delete_thing", { name: "only young" });
      assert.equal(textOf(await client.call("young__list_deleted")), '["only young"]');
      assert.equal(textOf(await client.call("old__list_deleted")), "[]");
      assert.match(textOf(await client.call("files__list_allowed_directories")), new RegExp(work));
      await client.call("memory__create_entities", { entities: [{ name: "bakery", entityType: "shop", observations: ["opens at 7"] }] });
      assert.match(textOf(await client.call("memory__read_graph")), /opens at 7/);
    });

    it("knows no tool without its server's name, and no server that is not there", async () => {
      for (const name of ["echo", "nobody__echo", "old__", "__echo", "old__no_such_tool", "old__young__echo"]) {
        assert.equal((await refusal(client.call(name, {}))).code, -32602, name);
      }
    });

    it("merges resources and prompts, and each is read from where it came", async () => {
      const resources = await client.resources();
      assert.ok(resources.length >= 3);
      assert.match((await client.read("test://static-text")).contents[0].text, /static text/);
      const prompts = (await client.prompts()).map(({ name }) => name);
      assert.ok(prompts.includes("old__test_simple_prompt") && prompts.includes("young__test_simple_prompt"), prompts.join(" "));
      assert.match((await client.prompt("young__test_simple_prompt")).messages[0].content.text, /simple prompt/);
    });

    it("carries questions of servers of both eras", async () => {
      assert.match(textOf(await client.call("old__test_sampling", { prompt: "?" })), /yes/);
      assert.match(textOf(await client.call("young__test_sampling", { prompt: "?" })), /yes/);
    });

    it("tells of a changed list, whichever server changed it", async () => {
      const subscription = era === "modern" ? await client.raw.listen({ toolsListChanged: true }) : undefined;
      for (const server of ["old", "young"]) {
        const told = () => client.heard.filter(({ method }) => method === "notifications/tools/list_changed").length;
        const before = told();
        await eventually(`a change of ${server} is told`, async () => {
          await client.call(`${server}__add_tool`, { name: "late" });
          return told() > before;
        }, { every_ms: 200 });
        await eventually("the tool is listed", async () => (await client.toolNames()).includes(`${server}__late`));
      }
      await subscription?.close();
    });
  });
}

describe("/mcp with a server that does not work", () => {
  it("still serves the others", async () => {
    const fixture = await startFixture("legacy");
    const gate = await startGate({
      servers: { good: { url: fixture.url }, bad: { command: ["/no/such/program"] }, gone: { url: "http://127.0.0.1:9/mcp" } },
    });
    const client = await connect("legacy", { url: gate.url() });
    try {
      assert.ok((await client.toolNames()).includes("good__echo"));
      assert.equal(textOf(await client.call("good__echo", { text: "alive" })), "alive");
      const error = await refusal(client.call("bad__anything", {}));
      assert.notEqual(error.code, undefined);
    } finally {
      await client.close();
      await gate.stop();
      await fixture.stop();
    }
  });
});
