// An agent built with the SDK that does as it is told: the text of a prompt is JSON, a list of requests {method, params} for the editor,
// or {exit: code}, {hang: true}; what came of each goes back as one message of the conversation, as JSON.
import { Readable, Writable } from "node:stream";
import { acp } from "./sdk.mjs";

const sessions = new Map(); // id -> what session/new brought
const cancelled = new Set();

const app = acp
  .agent({ name: "scripted" })
  .onRequest("initialize", () => ({ protocolVersion: acp.PROTOCOL_VERSION, agentCapabilities: { loadSession: false }, agentInfo: { name: "scripted", version: "1" } }))
  .onRequest("session/new", ({ params }) => {
    const sessionId = `session-${sessions.size + 1}`;
    sessions.set(sessionId, params);
    return { sessionId };
  })
  .onNotification("session/cancel", ({ params }) => cancelled.add(params.sessionId))
  .onRequest("session/prompt", async ({ params, client }) => {
    const { sessionId } = params;
    const answers = [];
    for (const order of JSON.parse(params.prompt[0].text)) {
      if (order.exit !== undefined) process.exit(order.exit);
      if (order.session) answers.push({ result: sessions.get(sessionId) });
      if (!order.method) continue;
      try {
        answers.push({ result: await client.request(order.method, { sessionId, ...order.params }) });
      } catch (error) {
        answers.push({ error: { code: error.code, message: error.message, data: error.data } });
      }
    }
    await client.notify("session/update", { sessionId, update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text: JSON.stringify({ answers }) } } });
    return { stopReason: cancelled.delete(sessionId) ? "cancelled" : "end_turn" };
  });

app.connect(acp.ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin)));
