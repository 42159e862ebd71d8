// An MCP server over stdio that keeps notes as files: notes_server.mjs FOLDER. `keep` writes one, `erase` removes one, `show` reads one. What it did is
// seen in the folder, whoever started it.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";

const folder = process.argv[2];
const at = (name) => join(folder, basename(name));
const schema = (...names) => ({ type: "object", properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])), required: names });
const tools = {
  keep: { description: "Keeps a note", inputSchema: schema("name", "text"), run: ({ name, text }) => (writeFileSync(at(name), text), "kept") },
  erase: { description: "Erases a note", inputSchema: schema("name"), run: ({ name }) => (rmSync(at(name)), "erased") },
  show: { description: "Shows a note", inputSchema: schema("name"), run: ({ name }) => readFileSync(at(name), "utf8") },
};
const methods = {
  initialize: ({ protocolVersion }) => ({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "notes", version: "1.0.0" } }),
  ping: () => ({}),
  "tools/list": () => ({ tools: Object.entries(tools).map(([name, { description, inputSchema }]) => ({ name, description, inputSchema })) }),
  "tools/call": ({ name, arguments: args }) => {
    try {
      return { content: [{ type: "text", text: tools[name].run(args) }] };
    } catch (error) {
      return { isError: true, content: [{ type: "text", text: error.message }] };
    }
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  const answer = methods[method] ? { result: methods[method](params ?? {}) } : { error: { code: -32601, message: "no such method" } };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...answer })}\n`);
}
