// A server that breaks the rules when asked to: written on bare JSON-RPC, for no SDK would let it. Each tool is one misdeed, so
// that a test can follow it with a call of `ok` and see whether the gate still serves. It speaks 2025-11-25, without sessions.
//   node misbehave.mjs [--stdio]        MISBEHAVE=die-at-initialize | hang-at-initialize | hang-at-list | ignore-stdin-end
import { createInterface } from "node:readline";
import { answerError, readJson, serveHttp } from "./http_host.mjs";

const mode = process.env.MISBEHAVE ?? "";
const kFloodBatch = 200;
const kFloodMaximum = 2_000_000;

const tool = (name, description, properties = {}) => ({ name, description, inputSchema: { type: "object", properties } });
const kTools = [
  tool("ok", "Answers as it should"),
  tool("die", "Ends the process in mid-call"),
  tool("die_half", "Writes half an answer and ends the process"),
  tool("hang", "Never answers"),
  tool("flood", "Sends notifications without end and never answers"),
  tool("flood_then_answer", "Sends many notifications, then answers", { count: { type: "integer" } }),
  tool("answer_twice", "Answers the same call twice, differently"),
  tool("stranger_id", "Answers an id that nobody asked, then its own"),
  tool("null_id", "Answers with the id null, then its own"),
  tool("text_id", "Answers with its id as a text, then its own"),
  tool("garbage", "Sends what is not JSON, then answers"),
  tool("huge", "Answers with so many bytes", { size_bytes: { type: "integer" } }),
  tool("ask_nonsense", "Sends a request of an unknown method to the client, then answers"),
  tool("result_and_error", "Answers with a result and an error at once"),
  tool("wrong_shape", "Answers with a result that is no tool result"),
  tool("bad_utf8", "Sends bytes that are not UTF-8, then answers"),
  tool("late", "Answers long after", { delay_ms: { type: "integer" } }),
];

const said = (value) => ({ content: [{ type: "text", text: value }] });
const notice = (data) => ({ jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data } });

// wire: send(object), raw(bytes), end(), alive()
async function call(id, name, args, wire) {
  const answer = (result) => wire.send({ jsonrpc: "2.0", id, result });
  switch (name) {
    case "ok":
      return answer(said("ok"));
    case "die":
      return process.exit(3);
    case "die_half":
      wire.raw(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":{"content":[{"type":"text","te`);
      return setTimeout(() => process.exit(3), 20);
    case "hang":
      return undefined;
    case "flood":
    case "flood_then_answer": {
      const total = name === "flood" ? kFloodMaximum : (args.count ?? 10_000);
      for (let sent = 0; sent < total && wire.alive(); sent += kFloodBatch) {
        for (let i = 0; i < kFloodBatch; i++) wire.send(notice(`drop ${sent + i}`));
        await wire.drained();
      }
      return name === "flood" ? undefined : answer(said("after the flood"));
    }
    case "answer_twice":
      answer(said("first"));
      return answer(said("second"));
    case "stranger_id":
      wire.send({ jsonrpc: "2.0", id: 987654321, result: said("not yours") });
      return answer(said("mine"));
    case "null_id":
      wire.send({ jsonrpc: "2.0", id: null, result: said("nobody's") });
      return answer(said("mine"));
    case "text_id":
      wire.send({ jsonrpc: "2.0", id: String(id), result: said("a text's") });
      return answer(said("mine"));
    case "garbage":
      wire.raw("this is not json {[\n");
      return answer(said("after garbage"));
    case "huge":
      return answer(said("x".repeat(args.size_bytes ?? 1_000_000)));
    case "ask_nonsense":
      wire.send({ jsonrpc: "2.0", id: "nonsense-1", method: "no/such/method", params: {} });
      return answer(said("asked"));
    case "result_and_error":
      return wire.send({ jsonrpc: "2.0", id, result: said("both"), error: { code: -1, message: "both" } });
    case "wrong_shape":
      return wire.send({ jsonrpc: "2.0", id, result: "a text" });
    case "bad_utf8":
      wire.raw(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d, 0x0a]));
      return answer(said("after bad bytes"));
    case "late":
      return setTimeout(() => answer(said("late")), args.delay_ms ?? 1000);
    default:
      return wire.send({ jsonrpc: "2.0", id, error: { code: -32602, message: `Tool ${name} not found` } });
  }
}

function serve(message, wire) {
  const { id, method, params = {} } = message;
  if (id === undefined || method === undefined) return; // a notification or an answer
  switch (method) {
    case "initialize":
      if (mode === "die-at-initialize") process.exit(3);
      if (mode === "hang-at-initialize") return;
      wire.send({
        jsonrpc: "2.0",
        id,
        result: {
          protocolVersion: params.protocolVersion ?? "2025-11-25",
          capabilities: { tools: {}, logging: {} },
          serverInfo: { name: "interlock-misbehaving", version: "1.0.0" },
        },
      });
      return;
    case "tools/list":
      if (mode !== "hang-at-list") wire.send({ jsonrpc: "2.0", id, result: { tools: kTools } });
      return;
    case "tools/call":
      call(id, params.name, params.arguments ?? {}, wire);
      return;
    case "ping":
    case "logging/setLevel":
      wire.send({ jsonrpc: "2.0", id, result: {} });
      return;
    default:
      wire.send({ jsonrpc: "2.0", id, error: { code: -32601, message: `Method not found: ${method}` } });
  }
}

if (process.argv.includes("--stdio")) {
  let open = true;
  const wire = {
    send: (message) => process.stdout.write(`${JSON.stringify(message)}\n`),
    raw: (bytes) => process.stdout.write(bytes),
    alive: () => open,
    drained: () => (process.stdout.writableNeedDrain ? new Promise((resolve) => process.stdout.once("drain", resolve)) : new Promise(setImmediate)),
  };
  process.stdout.on("error", () => process.exit(0));
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    try {
      serve(JSON.parse(line), wire);
    } catch (error) {
      console.error(`misbehave: ${error.message}`);
    }
  });
  lines.on("close", () => {
    open = false;
    if (mode !== "ignore-stdin-end") process.exit(0);
    setInterval(() => {}, 60_000);
  });
} else {
  serveHttp(async (request, response) => {
    if (request.method !== "POST") return answerError(response, 405, -32000, "Method not allowed");
    const message = await readJson(request);
    if (message.id === undefined || message.method === undefined) return response.writeHead(202).end();
    const streamed = message.method === "tools/call";
    if (streamed) response.writeHead(200, { "content-type": "text/event-stream" });
    let open = true;
    response.on("close", () => (open = false));
    const wire = {
      send(answer) {
        if (streamed) response.write(`event: message\ndata: ${JSON.stringify(answer)}\n\n`);
        else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
        if (streamed && answer.id === message.id && answer.method === undefined) setImmediate(() => response.end());
      },
      raw: (bytes) => response.write(Buffer.concat([Buffer.from("data: "), Buffer.from(bytes), Buffer.from("\n\n")])),
      alive: () => open,
      drained: () => (response.writableNeedDrain ? new Promise((resolve) => (response.once("drain", resolve), response.once("close", resolve))) : new Promise(setImmediate)),
    };
    serve(message, wire);
  });
}
