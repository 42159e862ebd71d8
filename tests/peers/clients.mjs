// Real clients of both eras behind one face, so that a test is written once. The SDKs do the protocol; nothing is imitated here.
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as LegacyStdio } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport as LegacyHttp } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import * as types from "@modelcontextprotocol/sdk/types.js";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";

export const kLegacy = "2025-11-25";
export const kModern = "2026-07-28";

const kCall_ms = 30_000;

const kRequests = {
  "elicitation/create": { schema: types.ElicitRequestSchema, capability: { elicitation: {} } },
  "sampling/createMessage": { schema: types.CreateMessageRequestSchema, capability: { sampling: {} } },
  "roots/list": { schema: types.ListRootsRequestSchema, capability: { roots: { listChanged: true } } },
};

const kNotifications = {
  "notifications/message": types.LoggingMessageNotificationSchema,
  "notifications/tools/list_changed": types.ToolListChangedNotificationSchema,
  "notifications/prompts/list_changed": types.PromptListChangedNotificationSchema,
  "notifications/resources/list_changed": types.ResourceListChangedNotificationSchema,
  "notifications/resources/updated": types.ResourceUpdatedNotificationSchema,
};

// era: "legacy" | "modern". target: {url, headers?, fetch?} | {command: [...], env?, cwd?}.
// answers: {"elicitation/create": params => result, ...}; what has an answer is declared as a capability.
export async function connect(era, target, { answers = {}, name = "interlock-test-client", capabilities = {} } = {}) {
  const modern = era === "modern";
  const declared = Object.assign({}, ...Object.keys(answers).map((method) => kRequests[method].capability), capabilities);
  const options = { capabilities: declared, ...(modern ? { versionNegotiation: { mode: { pin: kModern } } } : {}) };
  const raw = new (modern ? ModernClient : LegacyClient)({ name, version: "1.0.0" }, options);
  const heard = [];
  const errors = [];
  raw.onerror = (error) => errors.push(error);

  for (const [method, answer] of Object.entries(answers)) {
    const handler = async (request) => answer(request.params ?? {});
    raw.setRequestHandler(modern ? method : kRequests[method].schema, handler);
  }
  for (const [method, schema] of Object.entries(kNotifications)) {
    raw.setNotificationHandler(modern ? method : schema, (notification) => void heard.push({ method, params: notification.params }));
  }

  let transport;
  if (target.url) {
    transport = new (modern ? ModernHttp : LegacyHttp)(new URL(target.url), { requestInit: { headers: target.headers ?? {} }, ...(target.fetch ? { fetch: target.fetch } : {}) });
  } else {
    const [command, ...args] = target.command;
    const environment = { ...process.env, ...target.env };
    transport = new (modern ? ModernStdio : LegacyStdio)({ command, args, env: environment, cwd: target.cwd, stderr: "pipe" });
  }
  await raw.connect(transport);

  // The SDKs drop what comes for a call that is answered already, so tests that count look at the messages themselves.
  const watchers = new Set();
  const deliver = transport.onmessage;
  transport.onmessage = (message, extra) => {
    for (const watcher of watchers) watcher(message);
    deliver(message, extra);
  };

  // Every page of a list, by explicit cursors.
  async function all(fetchPage, key) {
    const items = [];
    let cursor;
    do {
      const part = await fetchPage(cursor);
      items.push(...part[key]);
      cursor = part.nextCursor;
    } while (cursor !== undefined);
    return items;
  }
  const bare = (method, key) => (cursor) =>
    raw.request({ method, params: cursor === undefined ? {} : { cursor } }, modern ? undefined : types[`List${key}ResultSchema`]);

  return {
    era,
    raw,
    transport,
    heard,
    errors,
    watchMessages(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    tools: () => all(bare("tools/list", "Tools"), "tools"),
    toolsPage: bare("tools/list", "Tools"),
    toolNames: async () => (await all(bare("tools/list", "Tools"), "tools")).map((tool) => tool.name),
    prompts: () => all(bare("prompts/list", "Prompts"), "prompts"),
    resources: () => all(bare("resources/list", "Resources"), "resources"),
    templates: () => all(bare("resources/templates/list", "ResourceTemplates"), "resourceTemplates"),
    read: (uri) => raw.readResource({ uri }),
    prompt: (promptName, args = {}) => raw.getPrompt({ name: promptName, arguments: args }),
    complete: (params) => raw.complete(params),

    // meta goes into _meta beside what the SDK puts there.
    call(tool, args = {}, { meta, ...options } = {}) {
      const params = { name: tool, arguments: args, ...(meta ? { _meta: meta } : {}) };
      const rest = { timeout: kCall_ms, ...options };
      return modern ? raw.request({ method: "tools/call", params }, rest) : raw.request({ method: "tools/call", params }, types.CallToolResultSchema, rest);
    },

    async close() {
      await raw.close().catch(() => {});
    },
  };
}

export const textOf = (result) => (result.content ?? []).map((block) => block.text ?? "").join("");

// The error that a promise rejects with, as {code, message, data}; a result where a refusal was wanted is an error of the test.
export async function refusal(promise) {
  let result;
  try {
    result = await promise;
  } catch (error) {
    return { code: error.code, message: String(error.message).replace(/^(MCP error -?\d+: )+/, ""), data: error.data };
  }
  throw new Error(`wanted a refusal, got ${JSON.stringify(result).slice(0, 300)}`);
}
