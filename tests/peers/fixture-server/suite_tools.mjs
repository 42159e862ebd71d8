// The tools that the conformance suite calls by name. Each is written once, as a straight line: `context.ask` puts questions to
// the client and returns the answers, over whichever wire serves the call.
import { elicit, kPngBase64, kWavBase64, roots, sample, sampledText, text } from "./samples.mjs";

const nothing = { type: "object", properties: {} };
const required = (name, description) => ({ type: "object", properties: { [name]: { type: "string", description } }, required: [name] });

const answered = (result) => `action=${result.action}, content=${JSON.stringify(result.content ?? {})}`;

const image = { type: "image", data: kPngBase64, mimeType: "image/png" };
const embedded = (uri, mimeType, body) => ({ type: "resource", resource: { uri, mimeType, text: body } });

const kSchema202012 = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  $defs: { address: { $anchor: "addressDef", type: "object", properties: { street: { type: "string" }, city: { type: "string" } } } },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

const content = [
  { name: "test_simple_text", description: "Returns one text block", run: () => text("This is a simple text response for testing.") },
  { name: "test_image_content", description: "Returns a picture", run: () => ({ content: [image] }) },
  {
    name: "test_audio_content",
    description: "Returns a sound",
    run: () => ({ content: [{ type: "audio", data: kWavBase64, mimeType: "audio/wav" }] }),
  },
  {
    name: "test_embedded_resource",
    description: "Returns an embedded resource",
    run: () => ({ content: [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")] }),
  },
  {
    name: "test_multiple_content_types",
    description: "Returns text, a picture and a resource",
    run: () => ({
      content: [
        { type: "text", text: "Multiple content types test:" },
        image,
        embedded("test://mixed-content-resource", "application/json", JSON.stringify({ test: "data", value: 123 })),
      ],
    }),
  },
  {
    name: "test_error_handling",
    description: "Always fails",
    run: () => ({ ...text("This tool intentionally returns an error for testing"), isError: true }),
  },
  {
    name: "json_schema_2020_12_tool",
    description: "Has an input schema with the newer keywords",
    inputSchema: kSchema202012,
    run: (args) => text(`Called with ${JSON.stringify(args)}`),
  },
];

const notifying = [
  {
    name: "test_tool_with_logging",
    description: "Logs three times while it runs",
    async run(_args, context) {
      for (const line of ["Tool execution started", "Tool processing data", "Tool execution completed"]) await context.log("info", line);
      return text("Tool with logging executed successfully");
    },
  },
  {
    name: "test_tool_with_progress",
    description: "Reports its progress three times",
    async run(_args, context) {
      for (const done of [0, 50, 100]) await context.progress(done, 100, `Completed step ${done} of 100`);
      return text(String(context.progressToken ?? 0));
    },
  },
  {
    name: "test_logging_tool",
    description: "Logs, if the request asks for logs",
    async run(_args, context) {
      await context.log("info", "Diagnostic trace");
      return text("Logging evaluated");
    },
  },
  {
    name: "test_reconnection",
    description: "Closes its response stream in mid-call; the result waits for the client's return",
    async run(_args, context) {
      context.closeStream?.();
      await new Promise((resolve) => setTimeout(resolve, 100));
      return text("Reconnection test completed");
    },
  },
  {
    name: "test_trigger_tool_change",
    description: "Says that the list of tools has changed",
    run(_args, { world }) {
      world.announce("tools");
      return text("Mutation triggered");
    },
  },
  {
    name: "test_trigger_prompt_change",
    description: "Says that the list of prompts has changed",
    run(_args, { world }) {
      world.announce("prompts");
      return text("Mutation triggered");
    },
  },
];

const asking = [
  {
    name: "test_sampling",
    description: "Asks the client's model",
    inputSchema: required("prompt", "What to ask the model"),
    async run(args, context) {
      const { answer } = await context.ask({ answer: sample(args.prompt, 100) });
      return text(`LLM response: ${sampledText(answer)}`);
    },
  },
  {
    name: "test_elicitation",
    description: "Asks the client's user",
    inputSchema: required("message", "What to ask the user"),
    async run(args, context) {
      const { answer } = await context.ask({ answer: elicit.response(args.message) });
      return text(`User response: ${answered(answer)}`);
    },
  },
  {
    name: "test_elicitation_sep1034_defaults",
    description: "Asks with a form that has defaults",
    async run(_args, context) {
      const { answer } = await context.ask({ answer: elicit.defaults() });
      return text(`Elicitation completed: ${answered(answer)}`);
    },
  },
  {
    name: "test_elicitation_sep1330_enums",
    description: "Asks with a form of all kinds of enumerations",
    async run(_args, context) {
      const { answer } = await context.ask({ answer: elicit.enums() });
      return text(`Elicitation completed: ${answered(answer)}`);
    },
  },
  {
    name: "test_missing_capability",
    description: "Needs sampling and does not ask first whether the client has it",
    async run(_args, context) {
      const { answer } = await context.ask({ answer: sample("Say yes", 10) });
      return text(`Success: ${sampledText(answer)}`);
    },
  },
  {
    name: "test_streaming_elicitation",
    description: "Reports progress, then asks",
    async run(_args, context) {
      await context.progress(50, 100, "Half way");
      const { answer } = await context.ask({ answer: elicit.confirm() });
      return text(`Streaming complete: ${answered(answer)}`);
    },
  },
];

const rounds = [
  {
    name: "test_input_required_result_elicitation",
    description: "Asks for a name",
    async run(_args, context) {
      const { user_name } = await context.ask({ user_name: elicit.name() });
      return text(`Hello, ${user_name.content?.name ?? "stranger"}!`);
    },
  },
  {
    name: "test_input_required_result_sampling",
    description: "Asks the model for a capital",
    async run(_args, context) {
      const { capital_question } = await context.ask({ capital_question: sample("What is the capital of France?", 100) });
      return text(`Sampling result: ${sampledText(capital_question)}`);
    },
  },
  {
    name: "test_input_required_result_list_roots",
    description: "Asks for the client's roots",
    async run(_args, context) {
      const { client_roots } = await context.ask({ client_roots: roots() });
      return text(`Found ${client_roots.roots?.length ?? 0} root(s)`);
    },
  },
  {
    name: "test_input_required_result_request_state",
    description: "Asks for a confirmation and checks that its state comes back",
    async run(_args, context) {
      const { confirm } = await context.ask({ confirm: elicit.confirm() });
      return text(confirm.content?.ok === true ? "state-ok: requestState validated" : "not confirmed");
    },
  },
  {
    name: "test_input_required_result_multiple_inputs",
    description: "Asks user, model and client at once",
    async run(_args, context) {
      const all = await context.ask({ user_name: elicit.name(), greeting: sample("Generate a greeting", 50), client_roots: roots() });
      const name = all.user_name.content?.name ?? "stranger";
      return text(`Name: ${name}; Greeting: ${sampledText(all.greeting)}; Roots: ${all.client_roots.roots?.length ?? 0}`);
    },
  },
  {
    name: "test_input_required_result_multi_round",
    description: "Asks twice, the second time with the first answer in hand",
    async run(_args, context) {
      const { step1 } = await context.ask({ step1: elicit.name() });
      const { step2 } = await context.ask({ step2: elicit.colour() });
      return text(`${step1.content?.name ?? "stranger"} likes ${step2.content?.color ?? "nothing"}`);
    },
  },
  {
    name: "test_input_required_result_tampered_state",
    description: "Asks for a confirmation and refuses a state that is not its own",
    async run(_args, context) {
      await context.ask({ confirm: elicit.confirm() });
      return text("integrity-ok: state verified");
    },
  },
  {
    name: "test_input_required_result_capabilities",
    description: "Asks only for what the client can do",
    async run(_args, context) {
      const questions = {};
      if (context.capabilities.elicitation) questions.elicit_input = elicit.value();
      if (context.capabilities.sampling) questions.sample_input = sample("Sample request", 50);
      if (Object.keys(questions).length === 0) return text("The client has declared nothing to ask with");
      return text(`received ${Object.keys(await context.ask(questions)).join(",")}`);
    },
  },
];

export const suiteTools = [...content, ...notifying, ...asking, ...rounds].map((tool) => ({ inputSchema: nothing, ...tool }));
