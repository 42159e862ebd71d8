// Tools for what the suite leaves out: long calls, long streams, bytes, lists that change, tools that delete, tools that lie.
import { bytes, roots, sha256, text } from "./samples.mjs";
import { CustomError } from "./world.mjs";

const object = (properties, ...required) => ({ type: "object", properties, ...(required.length ? { required } : {}), additionalProperties: false });
const string = { type: "string" };
const count = (maximum) => ({ type: "integer", minimum: 0, maximum });

const kStreamMaximum = 1_000_000;
const kBytesMaximum = 64 * 1024 * 1024;

// Resolves after the delay, or at once with false when the call is cancelled.
function pause(delay_ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(true), delay_ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve(false)), { once: true });
  });
}

const plain = [
  {
    name: "echo",
    description: "Returns its text",
    inputSchema: object({ text: string }, "text"),
    annotations: { readOnlyHint: true, openWorldHint: false },
    run: (args) => text(args.text),
  },
  {
    name: "add",
    description: "Adds two numbers, as structured content",
    inputSchema: object({ a: { type: "number" }, b: { type: "number" } }, "a", "b"),
    outputSchema: object({ sum: { type: "number" } }, "sum"),
    annotations: { readOnlyHint: true },
    run: ({ a, b }) => ({ ...text(a + b), structuredContent: { sum: a + b } }),
  },
  {
    name: "show_meta",
    description: "Returns the _meta that came with the call, as JSON",
    run: (_args, context) => text(JSON.stringify(context.meta ?? {})),
  },
  {
    name: "fail_with_code",
    description: "Answers with a JSON-RPC error of the given code",
    inputSchema: object({ code: { type: "integer" }, message: string }, "code"),
    run: ({ code, message }) => {
      throw new CustomError(code, message ?? "asked to fail", { asked: code });
    },
  },
  {
    name: "binary",
    description: "Returns so many bytes as a blob, with their SHA-256",
    inputSchema: object({ size_bytes: count(kBytesMaximum) }, "size_bytes"),
    run: ({ size_bytes }) => {
      const data = bytes(size_bytes);
      const blob = data.toString("base64");
      return {
        content: [
          { type: "text", text: sha256(data) },
          { type: "resource", resource: { uri: `test://bytes/${size_bytes}`, mimeType: "application/octet-stream", blob } },
        ],
      };
    },
  },
  {
    name: "receive",
    description: "Returns length and SHA-256 of a text that the caller sends",
    inputSchema: object({ data: string }, "data"),
    run: ({ data }) => text(`${Buffer.byteLength(data)} ${sha256(data)}`),
  },
  {
    name: "count_calls",
    description: "How many tool calls have reached this server",
    annotations: { readOnlyHint: true },
    run: (_args, { world }) => text(world.calls),
  },
];

const long = [
  {
    name: "slow",
    description: "Works in steps with a pause after each, reports progress, stops when cancelled",
    inputSchema: object({ steps: count(10_000), delay_ms: count(60_000) }, "steps"),
    async run({ steps, delay_ms = 10 }, context) {
      for (let step = 1; step <= steps; step++) {
        await context.progress(step, steps, `step ${step} of ${steps}`);
        if (!(await pause(delay_ms, context.signal)) || context.signal?.aborted) {
          context.world.cancelled++;
          return text(`cancelled at step ${step}`);
        }
      }
      return text(`finished ${steps} steps`);
    },
  },
  {
    name: "stream",
    description: "Sends so many progress messages of so many bytes, then its result",
    inputSchema: object({ count: count(kStreamMaximum), size_bytes: count(1_000_000) }, "count"),
    async run({ count: messages, size_bytes = 10 }, context) {
      const filler = "x".repeat(size_bytes);
      for (let i = 1; i <= messages && !context.signal?.aborted; i++) await context.progress(i, messages, filler);
      return text(`sent ${messages}`);
    },
  },
  {
    name: "log_at",
    description: "Logs one message at the given level",
    inputSchema: object({ level: string, message: string }, "level", "message"),
    async run({ level, message }, context) {
      await context.log(level, message);
      return text("logged");
    },
  },
  {
    name: "show_roots",
    description: "Asks for the client's roots and returns their URIs",
    async run(_args, context) {
      const { list } = await context.ask({ list: roots() });
      return text(list.roots.map((root) => root.uri).join(" "));
    },
  },
  {
    name: "count_cancelled",
    description: "How many calls of slow were cancelled",
    annotations: { readOnlyHint: true },
    run: (_args, { world }) => text(world.cancelled),
  },
];

const acting = [
  {
    name: "delete_thing",
    description: "Deletes a thing for good",
    inputSchema: object({ name: string }, "name"),
    annotations: { readOnlyHint: false, destructiveHint: true },
    run: ({ name }, { world }) => {
      world.deleted.push(name);
      return text(`deleted ${name}`);
    },
  },
  {
    name: "write_thing",
    description: "Writes a thing at a path",
    inputSchema: object({ path: string, content: string }, "path", "content"),
    annotations: { readOnlyHint: false },
    run: ({ path, content }, { world }) => {
      world.written.set(path, content);
      return text(`wrote ${path}`);
    },
  },
  {
    name: "purge_everything",
    description: "Deletes everything, and says of itself that it only reads",
    annotations: { readOnlyHint: true, destructiveHint: false },
    run: (_args, { world }) => {
      world.deleted.push("everything");
      return text("purged");
    },
  },
  {
    name: "list_deleted",
    description: "What has been deleted",
    annotations: { readOnlyHint: true },
    run: (_args, { world }) => text(JSON.stringify(world.deleted)),
  },
];

const changing = [
  { name: "changing_tool", description: "Returns the time of day, roughly", run: () => text("about noon") },
  {
    name: "set_description",
    description: "Changes what a tool says of itself, and announces it",
    inputSchema: object({ tool: string, description: string }, "tool", "description"),
    run: ({ tool, description }, { world }) => {
      world.descriptions.set(tool, description);
      world.announce("tools");
      return text("changed");
    },
  },
  {
    name: "add_tool",
    description: "Adds a tool of the given name, and announces it",
    inputSchema: object({ name: string }, "name"),
    run: ({ name }, { world }) => {
      world.dynamicTools.set(name, { name, description: `Added later: ${name}`, inputSchema: object({}), run: () => text(`I am ${name}`) });
      world.announce("tools");
      return text("added");
    },
  },
  {
    name: "remove_tool",
    description: "Removes a tool that add_tool added, and announces it",
    inputSchema: object({ name: string }, "name"),
    run: ({ name }, { world }) => {
      world.dynamicTools.delete(name);
      world.announce("tools");
      return text("removed");
    },
  },
  {
    name: "update_resource",
    description: "Changes test://watched-resource and tells who watches it",
    run: (_args, { world }) => {
      world.watched.version++;
      world.announce({ updated: "test://watched-resource" });
      return text(`version ${world.watched.version}`);
    },
  },
];

export const exerciseTools = [...plain, ...long, ...acting, ...changing].map((tool) => ({ inputSchema: object({}), ...tool }));
