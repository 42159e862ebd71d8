// Everything that the protocol carries passes the gate, in both eras and across them, over HTTP and stdio.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { refusal, textOf } from "../peers/clients.mjs";
import { eventually } from "../peers/parts.mjs";
import { allRoutes, openRoute, titleOf } from "./routes.mjs";

const kBulkTools = 150;
const kPage = 40;
const kLogLevel = "io.modelcontextprotocol/logLevel";
const kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const kTraceParent = `00-${kTraceId}-00f067aa0ba902b7-01`;

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

const answers = {
  "elicitation/create": ({ message, requestedSchema }) => {
    if (message.includes("refuse me")) return { action: "decline" };
    const filled = { name: "Ada", color: "blue", ok: true, response: "an answer", context: "a context", value: "v" };
    const wanted = Object.keys(requestedSchema.properties).filter((key) => filled[key] !== undefined);
    return { action: "accept", content: Object.fromEntries(wanted.map((key) => [key, filled[key]])) };
  },
  "sampling/createMessage": ({ messages }) => ({
    role: "assistant",
    model: "test-model",
    content: { type: "text", text: `model heard: ${[messages[0].content].flat()[0].text}` },
  }),
  "roots/list": () => ({ roots: [{ uri: "file:///work/one", name: "one" }, { uri: "file:///work/two" }] }),
};

for (const route of allRoutes()) {
  describe(titleOf(route), () => {
    let way;
    let client;
    before(async () => {
      way = await openRoute(route, { env: { FIXTURE_BULK_TOOLS: String(kBulkTools), FIXTURE_PAGE: String(kPage) } });
      client = await way.connect({ answers });
    });
    after(async () => {
      await client?.close();
      await way?.close();
    });
    const modern = route.client === "modern";

    it("lists all tools over several pages, each once, in the same order each time", async () => {
      const first = await client.toolNames();
      assert.equal(new Set(first).size, first.length);
      assert.equal(first.filter((name) => name.startsWith("bulk_")).length, kBulkTools);
      assert.ok(first.includes("echo") && first.includes("delete_thing"));
      assert.deepEqual(await client.toolNames(), first);
    });

    it("carries a tool's definition unchanged", async () => {
      const tool = (await client.tools()).find(({ name }) => name === "add");
      assert.equal(tool.description, "Adds two numbers, as structured content");
      assert.deepEqual(tool.inputSchema.required, ["a", "b"]);
      assert.deepEqual(tool.outputSchema.properties, { sum: { type: "number" } });
      assert.deepEqual(tool.annotations, { readOnlyHint: true });
    });

    it("calls a tool and returns its structured content", async () => {
      const result = await client.call("add", { a: 2, b: 3.5 });
      assert.equal(textOf(result), "5.5");
      assert.deepEqual(result.structuredContent, { sum: 5.5 });
    });

    it("carries any text exactly", async () => {
      for (const text of ["", "äöü ß 漢字 🦊 \u0000 \u001f \u2028 \" \\ / \ud83d\ude00", "a\nb\r\n\tc", "0".repeat(100_000)]) {
        assert.equal(textOf(await client.call("echo", { text })), text);
      }
    });

    it("answers fifty calls at once, each with its own answer", async () => {
      const results = await Promise.all(Array.from({ length: 50 }, (_, i) => client.call("echo", { text: `number ${i}` })));
      assert.deepEqual(results.map(textOf), results.map((_, i) => `number ${i}`));
    });

    it("returns a tool's own failure as a result, and a server's error with its code and data", async () => {
      const failed = await client.call("test_error_handling");
      assert.equal(failed.isError, true);
      assert.match(textOf(failed), /intentionally/);
      const error = await refusal(client.call("fail_with_code", { code: -32055, message: "as asked" }));
      assert.deepEqual(error, { code: -32055, message: "as asked", data: { asked: -32055 } });
    });

    it("says of an unknown tool that it is unknown", async () => {
      assert.equal((await refusal(client.call("no_such_tool"))).code, -32602);
    });

    it("carries progress in order, and the result after it", async () => {
      const seen = [];
      const unwatch = client.watchMessages(({ method, params }) => method === "notifications/progress" && seen.push(params));
      const result = await client.call("slow", { steps: 5, delay_ms: 5 }, { onprogress: () => {} });
      unwatch();
      assert.equal(textOf(result), "finished 5 steps");
      assert.deepEqual(seen.map(({ progress }) => progress), [1, 2, 3, 4, 5]);
      assert.deepEqual(seen.map(({ total }) => total), [5, 5, 5, 5, 5]);
      assert.equal(seen[0].message, "step 1 of 5");
    });

    it("carries a long stream whole", { timeout: 60_000 }, async () => {
      let last = 0;
      let outOfOrder = 0;
      const unwatch = client.watchMessages(({ method, params }) => {
        if (method !== "notifications/progress") return;
        if (params.progress !== last + 1) outOfOrder++;
        last = params.progress;
      });
      const result = await client.call("stream", { count: 3000, size_bytes: 200 }, { onprogress: () => {}, timeout: 60_000 });
      unwatch();
      assert.equal(textOf(result), "sent 3000");
      assert.equal(outOfOrder, 0);
      assert.equal(last, 3000);
    });

    it("carries a cancellation to the server", async () => {
      const before = Number(textOf(await client.call("count_cancelled")));
      const stop = new AbortController();
      const call = client.call("slow", { steps: 2000, delay_ms: 10 }, { signal: stop.signal, onprogress: () => stop.abort("enough") });
      await assert.rejects(call);
      await eventually("the server sees the cancellation", async () => Number(textOf(await client.call("count_cancelled"))) > before);
    });

    it("carries a question to the client's model and the answer back", async () => {
      assert.equal(textOf(await client.call("test_sampling", { prompt: "what now?" })), "LLM response: model heard: what now?");
    });

    it("carries a question to the user, accepted or declined", async () => {
      assert.equal(textOf(await client.call("test_elicitation", { message: "a question" })), 'User response: action=accept, content={"response":"an answer"}');
      assert.match(textOf(await client.call("test_elicitation", { message: "refuse me" })), /action=decline/);
    });

    it("carries the question for roots", async () => {
      assert.equal(textOf(await client.call("show_roots")), "file:///work/one file:///work/two");
    });

    it("carries several questions at once, and several rounds", async () => {
      assert.equal(textOf(await client.call("test_input_required_result_multiple_inputs")), "Name: Ada; Greeting: model heard: Generate a greeting; Roots: 2");
      assert.equal(textOf(await client.call("test_input_required_result_multi_round")), "Ada likes blue");
    });

    it("carries a question that a prompt asks", async () => {
      const { messages } = await client.prompt("test_input_required_result_prompt");
      assert.equal(messages[0].content.text, "Prompt with context: a context");
    });

    it("refuses a question that the client has not said it can answer", async () => {
      const mute = await way.connect();
      try {
        const outcome = await refusal(mute.call("test_missing_capability"));
        if (modern) assert.equal(outcome.code, -32021);
      } finally {
        await mute.close();
      }
    });

    it("carries log messages to a client that asked for them", async () => {
      if (!modern) await client.raw.setLoggingLevel("warning");
      const meta = modern ? { [kLogLevel]: "warning" } : undefined;
      const before = client.heard.length;
      await client.call("log_at", { level: "debug", message: "too quiet" }, { meta });
      await client.call("log_at", { level: "error", message: "loud enough" }, { meta });
      const logged = () => client.heard.slice(before).filter(({ method }) => method === "notifications/message");
      await eventually("the log message arrives", () => logged().length > 0);
      assert.deepEqual(logged().map(({ params }) => params.data), ["loud enough"]);
    });

    it("lists and reads resources, text and bytes, by name and by template", async () => {
      assert.deepEqual((await client.resources()).map(({ uri }) => uri), ["test://static-text", "test://static-binary", "test://watched-resource"]);
      assert.deepEqual((await client.templates()).map(({ uriTemplate }) => uriTemplate), ["test://template/{id}/data"]);
      assert.match((await client.read("test://static-text")).contents[0].text, /static text resource/);
      assert.equal(Buffer.from((await client.read("test://static-binary")).contents[0].blob, "base64").subarray(1, 4).toString(), "PNG");
      assert.equal(JSON.parse((await client.read("test://template/77/data")).contents[0].text).id, "77");
    });

    it("says of an unknown resource what the client's era says", async () => {
      assert.equal((await refusal(client.read("test://not-there"))).code, modern ? -32602 : -32002);
    });

    it("carries bytes exactly, in both directions", async () => {
      const result = await client.call("binary", { size_bytes: 3_000_000 }, { timeout: 60_000 });
      const bytes = Buffer.from(result.content[1].resource.blob, "base64");
      assert.equal(bytes.length, 3_000_000);
      assert.equal(sha256(bytes), textOf({ content: [result.content[0]] }));
      const data = "päck ".repeat(200_000);
      assert.equal(textOf(await client.call("receive", { data })), `${Buffer.byteLength(data)} ${sha256(data)}`);
    });

    it("lists and gets prompts, with arguments and pictures", async () => {
      assert.equal((await client.prompts()).length, 5);
      const { messages } = await client.prompt("test_prompt_with_arguments", { arg1: "one", arg2: "two" });
      assert.match(messages[0].content.text, /arg1='one', arg2='two'/);
      assert.equal((await client.prompt("test_prompt_with_image")).messages[0].content.type, "image");
    });

    it("completes arguments", async () => {
      const { completion } = await client.complete({
        ref: { type: "ref/prompt", name: "test_prompt_with_arguments" },
        argument: { name: "arg1", value: "al" },
      });
      assert.deepEqual(completion.values, ["alpha", "alpine"]);
    });

    it("tells of a changed list, and the list then is the new one", async () => {
      const subscription = modern ? await client.raw.listen({ toolsListChanged: true }) : undefined;
      const told = () => client.heard.filter(({ method }) => method === "notifications/tools/list_changed").length;
      const before = told();
      await eventually("the client is told", async () => {
        await client.call("add_tool", { name: "late_comer" });
        return told() > before;
      }, { every_ms: 200 });
      await eventually("the new tool is listed", async () => (await client.toolNames()).includes("late_comer"));
      assert.equal(textOf(await client.call("late_comer")), "I am late_comer");
      await client.call("remove_tool", { name: "late_comer" });
      await eventually("the tool is gone", async () => !(await client.toolNames()).includes("late_comer"));
      await subscription?.close();
    });

    it("tells who subscribed to a resource that it has changed", async () => {
      const uri = "test://watched-resource";
      const subscription = modern ? await client.raw.listen({ resourceSubscriptions: [uri] }) : await client.raw.subscribeResource({ uri });
      const told = () => client.heard.filter(({ method, params }) => method === "notifications/resources/updated" && params.uri === uri).length;
      const before = told();
      await eventually("the client is told", async () => {
        await client.call("update_resource");
        return told() > before;
      }, { every_ms: 200 });
      if (modern) await subscription.close();
      else await client.raw.unsubscribeResource({ uri });
    });

    it("carries _meta and the trace's context", async () => {
      const meta = JSON.parse(textOf(await client.call("show_meta", {}, { meta: { traceparent: kTraceParent, "example.org/note": { deep: [1, "two"] } } })));
      assert.equal(meta.traceparent.split("-")[1], kTraceId);
      assert.deepEqual(meta["example.org/note"], { deep: [1, "two"] });
    });

    it("carries the server's instructions", () => {
      assert.equal(client.raw.getInstructions(), "A server for tests.");
    });

    if (!modern) {
      it("answers a ping", async () => {
        await client.raw.ping();
      });
    }
  });
}
