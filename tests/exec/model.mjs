// A scripted stand-in for a model API: Anthropic Messages, OpenAI Responses and Gemini generateContent, streaming and not. The agent's own
// conversation gets the script's steps, step k after k tool results; the conversation of a sub-agent gets its own. What the agent sent is
// kept, so that a test can ask what the model was shown.
//
// A step is {text}, {tool, input} with the agent's own names, or {tool, text} for a tool that takes no JSON (Codex's apply_patch). `before`,
// an async function, runs once before the step is sent.
import { listen, tlsServer } from "./web.mjs";

const kBody_bytes = 64 << 20;
const kPlaces = 200;  // as make_lab has them

// What a request says of itself, whatever its wire: the names of the tools, the results so far, whether it is to be streamed.
const wires = {
  anthropic: {
    takes: (url) => url.startsWith("/v1/messages"),
    read(body) {
      const blocks = (body.messages ?? []).flatMap(({ content }) => (Array.isArray(content) ? content : [{ type: "text", text: content }]));
      const text = (content) => (Array.isArray(content) ? content.map((part) => part.text ?? "").join("") : String(content ?? ""));
      return {
        tools: (body.tools ?? []).map(({ name }) => name),
        results: blocks.filter(({ type }) => type === "tool_result").map((block) => ({ id: block.tool_use_id, text: text(block.content), failed: block.is_error === true })),
        stream: body.stream === true,
      };
    },
    write(response, { body, stream, id, step }) {
      const block = step.tool ? { type: "tool_use", id: `toolu_${id}`, name: step.tool, input: step.input ?? {} } : { type: "text", text: step.text ?? "" };
      const stop_reason = step.tool ? "tool_use" : "end_turn";
      const head = { id: `msg_${id}`, type: "message", role: "assistant", model: body.model, usage: { input_tokens: 1, output_tokens: 1 } };
      if (!stream) return json(response, { ...head, content: [block], stop_reason });
      const event = events(response, (type) => `event: ${type}\n`);
      event({ type: "message_start", message: { ...head, content: [], stop_reason: null } });
      event({ type: "content_block_start", index: 0, content_block: step.tool ? { ...block, input: {} } : { ...block, text: "" } });
      event({ type: "content_block_delta", index: 0, delta: step.tool ? { type: "input_json_delta", partial_json: JSON.stringify(block.input) } : { type: "text_delta", text: block.text } });
      event({ type: "content_block_stop", index: 0 });
      event({ type: "message_delta", delta: { stop_reason }, usage: { output_tokens: 1 } });
      event({ type: "message_stop" });
      response.end();
    },
  },
  openai: {
    takes: (url) => url.includes("/responses"),
    read(body) {
      const input = Array.isArray(body.input) ? body.input : [];
      const text = (output) => (typeof output === "string" ? output : JSON.stringify(output ?? ""));
      return {
        tools: (body.tools ?? []).flatMap((tool) => (tool.tools ? tool.tools.map(({ name }) => `${tool.name}${name}`) : [tool.name ?? tool.type])),
        results: input.filter(({ type }) => /_call_output$/.test(type ?? "")).map((item) => ({ id: item.call_id, text: text(item.output), failed: false })),
        stream: true,
      };
    },
    write(response, { id, step }) {
      const event = events(response, (type) => `event: ${type}\n`);
      const call = { id: `fc_${id}`, call_id: `call_${id}`, name: step.tool, ...(step.namespace ? { namespace: step.namespace } : {}) };
      const item = !step.tool
        ? { type: "message", id: `m_${id}`, role: "assistant", content: [{ type: "output_text", text: step.text ?? "" }] }
        : step.text !== undefined
          ? { type: "custom_tool_call", status: "completed", ...call, input: step.text }
          : { type: "function_call", ...call, arguments: JSON.stringify(step.input ?? {}) };
      event({ type: "response.created", response: { id: `r_${id}` } });
      event({ type: "response.output_item.done", output_index: 0, item });
      const usage = { input_tokens: 1, input_tokens_details: null, output_tokens: 1, output_tokens_details: null, total_tokens: 2 };
      event({ type: "response.completed", response: { id: `r_${id}`, usage } });
      response.end();
    },
  },
  gemini: {
    takes: (url) => url.includes("enerateContent"),
    read(body, url) {
      const parts = (body.contents ?? []).flatMap(({ parts }) => parts ?? []);
      return {
        tools: (body.tools ?? []).flatMap(({ functionDeclarations }) => (functionDeclarations ?? []).map(({ name }) => name)),
        results: parts.filter(({ functionResponse }) => functionResponse).map(({ functionResponse }) => ({ id: functionResponse.id, text: JSON.stringify(functionResponse.response), failed: functionResponse.response?.error !== undefined })),
        stream: url.includes("stream"),
      };
    },
    write(response, { stream, step }) {
      const part = step.tool ? { functionCall: { name: step.tool, args: step.input ?? {} } } : { text: step.text ?? "" };
      const answer = {
        candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      };
      if (!stream) return json(response, answer);
      events(response, () => "")(answer);
      response.end();
    },
  },
};

const json = (response, body) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(body));
};
const events = (response, head) => {
  response.writeHead(200, { "content-type": "text/event-stream" });
  return (event) => response.write(`${head(event.type)}data: ${JSON.stringify(event)}\n\n`);
};

// mainTool: a tool that agents and sub-agents have; requests without it (titles, summaries, checks) get an empty answer. play() gives the
// script: the agent's own steps and those of a sub-agent, which is known by kSubMark in its prompt.
export const kSubMark = "SUBAGENT-MARK";
export async function startModel({ mainTool }) {
  const requests = [];
  const ran = new Set();
  let main = [];
  let sub = [];
  let results = [];
  let serial = 0;
  async function answer(request, response) {
    const pieces = [];
    let size = 0;
    for await (const piece of request) {
      if ((size += piece.length) > kBody_bytes) return response.destroy();
      pieces.push(piece);
    }
    const text = Buffer.concat(pieces).toString();
    const url = request.url.replace(/^\/(anthropic|openai|gemini)(?=\/)/, "");
    const wire = Object.entries(wires).find(([, { takes }]) => takes(url));
    requests.push({ url: request.url, text, headers: request.headers });
    if (url.startsWith("/v1/messages/count_tokens")) return json(response, { input_tokens: 1 });
    if (url.includes("countTokens")) return json(response, { totalTokens: 1 });
    if (!wire) return json(response, {});
    let body;
    try {
      body = JSON.parse(text);
    } catch {
      return response.writeHead(400).end();
    }
    const asked = wire[1].read(body, url);
    requests.at(-1).tools = asked.tools;
    requests.at(-1).results = asked.results;
    // The sub-agent's prompt stands in the main conversation as a call's argument, so the first message decides.
    const first = JSON.stringify((body.messages ?? body.contents ?? (Array.isArray(body.input) ? body.input : [])).filter(({ role }) => role === "user").slice(0, 3));
    const isSub = first.includes(kSubMark);
    let step = { text: "ok" };
    if (asked.tools.includes(mainTool)) {
      const steps = isSub ? sub : main;
      const at = Math.min(asked.results.length, steps.length - 1);
      step = steps[at] ?? step;
      if (!isSub && asked.results.length >= results.length) results = asked.results;
      const key = `${isSub} ${at}`;
      if (step.before && !ran.has(key)) {
        ran.add(key);
        await step.before();
      }
      if (typeof step.input === "function") step = { ...step, input: step.input(asked.results) };
    }
    wire[1].write(response, { body, stream: asked.stream, id: ++serial, step });
  }
  // The first place that nobody has: its address is this model's, and its number the world's.
  const server = tlsServer((request, response) => answer(request, response).catch(() => response.destroy()));
  server.requestTimeout = 0;
  let place = 1 + Math.floor(Math.random() * kPlaces);
  for (let tried = 0; ; ++tried) {
    try {
      await listen(server, 443, `93.184.216.${place}`);
      break;
    } catch (error) {
      if (error.code !== "EADDRINUSE" || tried >= kPlaces) throw error;
      place = 1 + (place % kPlaces);
    }
  }
  return {
    place,
    url: `https://model-${place}.lab.test`,
    requests,
    play(mainSteps, subSteps) {
      main = mainSteps;
      sub = subSteps;
    },
    // What the agent said of each call, in order.
    results: () => results,
    // Whether any request held this text.
    wasShown: (text) => requests.some((request) => request.text.includes(text)),
    tools: () => requests.find(({ tools }) => tools?.length > 0)?.tools ?? [],
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
