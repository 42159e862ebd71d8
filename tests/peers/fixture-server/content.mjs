// What the fixture serves, said once for both eras: tools, resources, prompts and completions, as plain data and functions.
import { exerciseTools } from "./exercise_tools.mjs";
import { elicit, kPngBase64, text } from "./samples.mjs";
import { suiteTools } from "./suite_tools.mjs";
import { BadParameters, page, UnknownResource } from "./world.mjs";

export const kServerInfo = { name: "interlock-fixture", version: "1.0.0" };

const kResources = [
  { uri: "test://static-text", name: "static-text", description: "A text that never changes", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "static-binary", description: "A picture that never changes", mimeType: "image/png" },
  { uri: "test://watched-resource", name: "watched-resource", description: "A text that changes when told to", mimeType: "text/plain" },
];

const kTemplates = [
  { uriTemplate: "test://template/{id}/data", name: "template", description: "Data for an id", mimeType: "application/json" },
];

const argument = (name, description) => ({ name, description, required: true });

const kPrompts = [
  { name: "test_simple_prompt", description: "Has no arguments" },
  { name: "test_prompt_with_arguments", description: "Has two", arguments: [argument("arg1", "The first"), argument("arg2", "The second")] },
  { name: "test_prompt_with_embedded_resource", description: "Embeds a resource", arguments: [argument("resourceUri", "Which")] },
  { name: "test_prompt_with_image", description: "Holds a picture" },
  { name: "test_input_required_result_prompt", description: "Asks the user before it answers" },
];

const kCompletions = ["alpha", "alpine", "beta", "gamma", "test1", "testing"];

const user = (content) => ({ role: "user", content });
const said = (value) => user({ type: "text", text: value });

export function createContent(world) {
  const bulk = Array.from({ length: world.bulkTools }, (_, i) => ({
    name: `bulk_${String(i).padStart(5, "0")}`,
    description: `One of many tools, number ${i}`,
    inputSchema: { type: "object", properties: {} },
    run: () => text(`bulk ${i}`),
  }));
  const fixed = [...suiteTools, ...exerciseTools, ...bulk];
  const tools = () => [...fixed, ...world.dynamicTools.values()];

  const shown = ({ run: _run, ...tool }) => ({ ...tool, description: world.descriptionOf(tool.name, tool.description) });

  function list(key, items, cursor) {
    const { items: part, ...rest } = page(items, cursor, world.pageSize);
    return { [key]: part, ...rest };
  }

  return {
    listTools: (cursor) => list("tools", tools().map(shown), cursor),
    listResources: (cursor) => list("resources", kResources, cursor),
    listTemplates: (cursor) => list("resourceTemplates", kTemplates, cursor),
    listPrompts: (cursor) => list("prompts", kPrompts, cursor),

    async callTool(name, args, context) {
      const tool = tools().find((candidate) => candidate.name === name);
      if (!tool) throw new BadParameters(`Tool ${name} not found`);
      for (const property of tool.inputSchema.required ?? []) {
        if (args?.[property] === undefined) throw new BadParameters(`Tool ${name} needs the argument ${property}`);
      }
      world.calls++;
      return tool.run(args ?? {}, { ...context, world });
    },

    readResource(uri) {
      const one = (mimeType, body) => ({ contents: [{ uri, mimeType, ...body }] });
      if (uri === "test://static-text") return one("text/plain", { text: "This is the content of the static text resource." });
      if (uri === "test://static-binary") return one("image/png", { blob: kPngBase64 });
      if (uri === "test://watched-resource") return one("text/plain", { text: `Version ${world.watched.version}` });
      const template = /^test:\/\/template\/([^/]+)\/data$/.exec(uri);
      if (template) return one("application/json", { text: JSON.stringify({ id: template[1], templateTest: true }) });
      throw new UnknownResource(uri);
    },

    async getPrompt(name, args = {}, context) {
      switch (name) {
        case "test_simple_prompt":
          return { messages: [said("This is a simple prompt for testing.")] };
        case "test_prompt_with_arguments":
          return { messages: [said(`Prompt with arguments: arg1='${args.arg1}', arg2='${args.arg2}'`)] };
        case "test_prompt_with_embedded_resource": {
          const resource = { uri: args.resourceUri, mimeType: "text/plain", text: "Embedded resource content for testing." };
          return { messages: [user({ type: "resource", resource }), said("Please process the embedded resource above.")] };
        }
        case "test_prompt_with_image":
          return { messages: [user({ type: "image", data: kPngBase64, mimeType: "image/png" }), said("Please analyze the image above.")] };
        case "test_input_required_result_prompt": {
          const { user_context } = await context.ask({ user_context: elicit.context() });
          return { messages: [said(`Prompt with context: ${user_context.content?.context ?? "none"}`)] };
        }
        default:
          throw new BadParameters(`Prompt ${name} not found`);
      }
    },

    complete(_ref, { value }) {
      const values = kCompletions.filter((candidate) => candidate.startsWith(value));
      return { completion: { values, total: values.length, hasMore: false } };
    },
  };
}
