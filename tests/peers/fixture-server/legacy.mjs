// The fixture on the wire of the dated revisions up to 2025-11-25: the SDK's 1.x line, with sessions.
//   node legacy.mjs            Streamable HTTP on a free loopback port, prints {"port":N}
//   node legacy.mjs --stdio    standard input and output
import { randomUUID } from "node:crypto";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import { createContent, kServerInfo } from "./content.mjs";
import { answerError, readJson, serveHttp } from "./http_host.mjs";
import { BadParameters, createWorld, CustomError, UnknownResource } from "./world.mjs";

const kEventsMaximum = 10_000;
const kAskTimeout_ms = 120_000;

const world = createWorld();
const content = createContent(world);

const kResultOf = {
  "elicitation/create": types.ElicitResultSchema,
  "sampling/createMessage": types.CreateMessageResultSchema,
  "roots/list": types.ListRootsResultSchema,
};

function contextOf(server, extra) {
  const progressToken = extra._meta?.progressToken;
  return {
    era: "legacy",
    meta: extra._meta,
    progressToken,
    signal: extra.signal,
    capabilities: server.getClientCapabilities() ?? {},
    closeStream: extra.closeSSEStream,
    async progress(progress, total, message) {
      if (progressToken === undefined) return;
      await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress, total, message } });
    },
    async log(level, data) {
      if (server.isMessageIgnored(level, extra.sessionId)) return;
      await extra.sendNotification({ method: "notifications/message", params: { level, logger: kServerInfo.name, data } });
    },
    // All questions go out at once, each as a request of its own on the call's stream.
    async ask(questions) {
      const answers = await Promise.all(
        Object.entries(questions).map(async ([key, question]) => [
          key,
          await extra.sendRequest(question, kResultOf[question.method], { timeout: kAskTimeout_ms }),
        ]),
      );
      return Object.fromEntries(answers);
    },
  };
}

// The SDK sends `code`, `message` and `data` of whatever is thrown.
function asWireError(error) {
  if (error instanceof BadParameters) return new types.McpError(types.ErrorCode.InvalidParams, error.message);
  if (error instanceof UnknownResource) return new types.McpError(-32002, error.message, { uri: error.uri });
  if (error instanceof CustomError) return Object.assign(new Error(error.message), { code: error.code, data: error.data });
  return error;
}

function createServer() {
  const server = new Server(kServerInfo, {
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true, listChanged: true },
      prompts: { listChanged: true },
      logging: {},
      completions: {},
    },
    instructions: "A server for tests.",
  });
  const watched = new Set();
  const on = (schema, handler) =>
    server.setRequestHandler(schema, async (request, extra) => {
      try {
        return await handler(request.params ?? {}, extra);
      } catch (error) {
        throw asWireError(error);
      }
    });

  on(types.ListToolsRequestSchema, (params) => content.listTools(params.cursor));
  on(types.CallToolRequestSchema, (params, extra) => content.callTool(params.name, params.arguments, contextOf(server, extra)));
  on(types.ListResourcesRequestSchema, (params) => content.listResources(params.cursor));
  on(types.ListResourceTemplatesRequestSchema, (params) => content.listTemplates(params.cursor));
  on(types.ReadResourceRequestSchema, (params) => content.readResource(params.uri));
  on(types.SubscribeRequestSchema, (params) => (watched.add(params.uri), {}));
  on(types.UnsubscribeRequestSchema, (params) => (watched.delete(params.uri), {}));
  on(types.ListPromptsRequestSchema, (params) => content.listPrompts(params.cursor));
  on(types.GetPromptRequestSchema, (params, extra) => content.getPrompt(params.name, params.arguments, contextOf(server, extra)));
  on(types.CompleteRequestSchema, (params) => content.complete(params.ref, params.argument));

  const unsubscribe = world.subscribe((what) => {
    const sent =
      what === "tools" ? server.sendToolListChanged()
      : what === "prompts" ? server.sendPromptListChanged()
      : what === "resources" ? server.sendResourceListChanged()
      : watched.has(what.updated) ? server.sendResourceUpdated({ uri: what.updated })
      : Promise.resolve();
    sent.catch(() => {}); // a client that has just left hears nothing
  });
  server.onclose = unsubscribe;
  return server;
}

// Events of one session, so that a client which lost its stream gets what it missed.
function createEventStore() {
  const events = [];
  let last = 0;
  return {
    async storeEvent(streamId, message) {
      const id = `${streamId}/${++last}`;
      events.push({ id, streamId, message, at: last });
      if (events.length > kEventsMaximum) events.shift();
      return id;
    },
    async getStreamIdForEventId(eventId) {
      return eventId.slice(0, eventId.lastIndexOf("/"));
    },
    async replayEventsAfter(lastEventId, { send }) {
      const streamId = lastEventId.slice(0, lastEventId.lastIndexOf("/"));
      const after = Number(lastEventId.slice(lastEventId.lastIndexOf("/") + 1));
      for (const event of events) {
        if (event.streamId === streamId && event.at > after && Object.keys(event.message).length > 0) await send(event.id, event.message);
      }
      return streamId;
    },
  };
}

function serveSessions() {
  const transports = new Map();

  async function openSession() {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      eventStore: createEventStore(),
      retryInterval: 500,
      onsessioninitialized: (id) => transports.set(id, transport),
    });
    const server = createServer();
    await server.connect(transport);
    const closed = transport.onclose;
    transport.onclose = () => {
      transports.delete(transport.sessionId);
      closed?.();
    };
    return transport;
  }

  serveHttp(async (request, response) => {
    let body;
    if (request.method === "POST") {
      try {
        body = await readJson(request);
      } catch (error) {
        return answerError(response, 400, -32700, `Parse error: ${error.message}`);
      }
    }
    const id = request.headers["mcp-session-id"];
    if (id !== undefined) {
      const transport = transports.get(id);
      if (!transport) return answerError(response, 404, -32001, "Session not found");
      return transport.handleRequest(request, response, body);
    }
    if (body?.method === "initialize") return (await openSession()).handleRequest(request, response, body);
    return answerError(response, 400, -32000, "Bad Request: no session", body?.id ?? null);
  });
}

if (process.argv.includes("--stdio")) await createServer().connect(new StdioServerTransport());
else serveSessions();
