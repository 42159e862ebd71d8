// The fixture on the wire of 2026-07-28: the SDK's 2.x line, stateless, strict (no older client is served here).
//   node modern.mjs            Streamable HTTP on a free loopback port, prints {"port":N}
//   node modern.mjs --stdio    standard input and output
import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, ProtocolError, ResourceNotFoundError, Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { createContent, kServerInfo } from "./content.mjs";
import { serveHttp } from "./http_host.mjs";
import { BadParameters, createWorld, CustomError, UnknownResource } from "./world.mjs";

const kInvalidParams = -32602;
const kCapabilities = "io.modelcontextprotocol/clientCapabilities";
const kBodyMaximum_bytes = 128 * 1024 * 1024;

const world = createWorld();
const content = createContent(world);
const key = randomBytes(32);

// State that travels through the client is signed, and bound to the operation that minted it.
const mac = (text) => createHmac("sha256", key).update(text).digest("base64url");

function mintState(operation, answers) {
  const body = Buffer.from(JSON.stringify({ operation, answers, nonce: randomUUID() })).toString("base64url");
  return `${body}.${mac(body)}`;
}

function openState(operation, state) {
  const refuse = () => {
    throw new ProtocolError(kInvalidParams, "requestState is not one that this server has minted for this request");
  };
  const [body, given, ...more] = state.split(".");
  if (!given || more.length > 0) refuse();
  const want = Buffer.from(mac(body));
  const have = Buffer.from(given);
  if (want.length !== have.length || !timingSafeEqual(want, have)) refuse();
  const { operation: minted, answers } = JSON.parse(Buffer.from(body, "base64url").toString("utf8"));
  if (minted !== operation) refuse();
  return answers;
}

const kAnswerIsWhole = {
  "elicitation/create": (answer) => typeof answer?.action === "string",
  "sampling/createMessage": (answer) => answer?.content !== undefined,
  "roots/list": (answer) => Array.isArray(answer?.roots),
};

// Thrown by `ask` when answers are missing; the handler turns it into an input_required result.
class InputNeeded extends Error {
  constructor(questions, state) {
    super("input required");
    this.result = { resultType: "input_required", inputRequests: questions, requestState: state };
  }
}

function contextOf(operation, ctx) {
  const { mcpReq } = ctx;
  const progressToken = mcpReq._meta?.progressToken;
  const state = mcpReq.requestState();
  const known = state === undefined ? {} : openState(operation, state);
  return {
    era: "modern",
    meta: mcpReq._meta,
    progressToken,
    signal: mcpReq.signal,
    capabilities: mcpReq.envelope?.[kCapabilities] ?? {},
    async progress(progress, total, message) {
      if (progressToken === undefined) return;
      await mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress, total, message } });
    },
    log: (level, data) => mcpReq.log(level, data, kServerInfo.name),
    // A handler runs from its beginning in each round; answers of earlier rounds travel in the signed state.
    async ask(questions) {
      for (const [name, question] of Object.entries(questions)) {
        const answer = mcpReq.inputResponses?.[name];
        if (answer !== undefined && kAnswerIsWhole[question.method](answer)) known[name] = answer;
      }
      const missing = Object.entries(questions).filter(([name]) => known[name] === undefined);
      if (missing.length > 0) throw new InputNeeded(Object.fromEntries(missing), mintState(operation, known));
      return Object.fromEntries(Object.keys(questions).map((name) => [name, known[name]]));
    },
  };
}

function asWireError(error) {
  if (error instanceof BadParameters) return new ProtocolError(kInvalidParams, error.message);
  if (error instanceof UnknownResource) return new ResourceNotFoundError(error.uri);
  if (error instanceof CustomError) return new ProtocolError(error.code, error.message, error.data);
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
    cacheHints: { "tools/list": { ttlMs: 1000, cacheScope: "private" }, "resources/read": { ttlMs: 0, cacheScope: "private" } },
  });
  const on = (method, handler) =>
    server.setRequestHandler(method, async (request, ctx) => {
      try {
        return await handler(request.params ?? {}, ctx);
      } catch (error) {
        if (error instanceof InputNeeded) return error.result;
        throw asWireError(error);
      }
    });

  on("tools/list", (params) => content.listTools(params.cursor));
  on("tools/call", (params, ctx) => content.callTool(params.name, params.arguments, contextOf(`tool ${params.name}`, ctx)));
  on("resources/list", (params) => content.listResources(params.cursor));
  on("resources/templates/list", (params) => content.listTemplates(params.cursor));
  on("resources/read", (params) => content.readResource(params.uri));
  on("prompts/list", (params) => content.listPrompts(params.cursor));
  on("prompts/get", (params, ctx) => content.getPrompt(params.name, params.arguments, contextOf(`prompt ${params.name}`, ctx)));
  on("completion/complete", (params) => content.complete(params.ref, params.argument));
  return server;
}

if (process.argv.includes("--stdio")) {
  const live = new Set();
  world.subscribe((what) => {
    for (const server of live) {
      const sent =
        what === "tools" ? server.sendToolListChanged()
        : what === "prompts" ? server.sendPromptListChanged()
        : what === "resources" ? server.sendResourceListChanged()
        : server.sendResourceUpdated({ uri: what.updated });
      sent.catch(() => live.delete(server)); // a discarded probe's instance has no connection
    }
  });
  serveStdio(
    () => {
      const server = createServer();
      live.add(server);
      return server;
    },
    { legacy: "reject", onerror: (error) => console.error(error.message) },
  );
} else {
  const handler = createMcpHandler(createServer, { legacy: "reject", maxRequestBodySize: kBodyMaximum_bytes });
  world.subscribe((what) => {
    if (what === "tools") handler.notify.toolsChanged();
    else if (what === "prompts") handler.notify.promptsChanged();
    else if (what === "resources") handler.notify.resourcesChanged();
    else handler.notify.resourceUpdated(what.updated);
  });
  serveHttp(toNodeHandler(handler));
}
