// Fixed content for the fixture's results: a picture, a sound, bytes that can be recomputed, and the forms it asks for.
import { createHash } from "node:crypto";

export const kPngBase64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";
export const kWavBase64 = Buffer.from("RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0", "latin1").toString("base64");

export const text = (value) => ({ content: [{ type: "text", text: String(value) }] });

// Bytes in which every value occurs and no short period shows, the same for each call.
export function bytes(count) {
  const out = Buffer.alloc(count);
  let state = 0x9e3779b9;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

export const sha256 = (data) => createHash("sha256").update(data).digest("hex");

const form = (message, properties, required) => ({
  method: "elicitation/create",
  params: { message, requestedSchema: { type: "object", properties, ...(required ? { required } : {}) } },
});

export const elicit = {
  form,
  name: () => form("What is your name?", { name: { type: "string" } }, ["name"]),
  colour: () => form("Step 2: What is your favourite colour?", { color: { type: "string" } }, ["color"]),
  confirm: () => form("Please confirm", { ok: { type: "boolean" } }, ["ok"]),
  value: () => form("A value, please", { value: { type: "string" } }, ["value"]),
  context: () => form("What context should the prompt use?", { context: { type: "string" } }, ["context"]),
  response: (message) => form(message, { response: { type: "string", description: "What the user answers" } }, ["response"]),
  defaults: () =>
    form("Please review the defaults", {
      name: { type: "string", description: "Name", default: "John Doe" },
      age: { type: "integer", description: "Age", default: 30 },
      score: { type: "number", description: "Score", default: 95.5 },
      status: { type: "string", description: "Status", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", description: "Verified", default: true },
    }),
  enums: () => {
    const titled = (count, label) => [1, 2, 3].slice(0, count).map((n) => ({ const: `value${n}`, title: `${label} ${n}` }));
    return form("Please choose", {
      untitledSingle: { type: "string", description: "One of three", enum: ["option1", "option2", "option3"] },
      titledSingle: { type: "string", description: "One of three, titled", oneOf: titled(3, "Option") },
      legacyEnum: {
        type: "string",
        description: "One of three, titled the old way",
        enum: ["opt1", "opt2", "opt3"],
        enumNames: ["Option One", "Option Two", "Option Three"],
      },
      untitledMulti: {
        type: "array",
        description: "Some of three",
        minItems: 1,
        maxItems: 3,
        items: { type: "string", enum: ["option1", "option2", "option3"] },
      },
      titledMulti: { type: "array", description: "Some of three, titled", minItems: 1, maxItems: 3, items: { anyOf: titled(3, "Choice") } },
    });
  },
};

export const sample = (prompt, maxTokens) => ({
  method: "sampling/createMessage",
  params: { messages: [{ role: "user", content: { type: "text", text: prompt } }], maxTokens },
});

export const roots = () => ({ method: "roots/list", params: {} });

export const sampledText = (result) => {
  const blocks = Array.isArray(result?.content) ? result.content : [result?.content];
  return blocks.map((block) => block?.text ?? "").join("");
};
