// An agent in a process of its own, so that the human of a test is nobody's descendant: connects as it is told, makes one call,
// reports on stdout, one JSON line an event, and ends. The order comes as JSON in its only argument:
//   {era, target, call: {tool, args}, answers?: {elicitation: "accept"|"decline"}, then?: [command line to run while the call is held]}
import { execFile } from "node:child_process";
import { connect, textOf } from "../peers/clients.mjs";

const order = JSON.parse(process.argv[2]);
const say = (event) => console.log(JSON.stringify(event));

const answers = order.elicitation
  ? {
      "elicitation/create": (params) => {
        say({ elicited: params.message });
        if (order.elicitation === "decline") return { action: "decline" };
        const content = Object.fromEntries(Object.entries(params.requestedSchema?.properties ?? {}).map(([key, { type }]) => [key, type === "boolean" ? true : "yes"]));
        return { action: "accept", content };
      },
    }
  : {};

const client = await connect(order.era, order.target, { answers, name: "agent" });
let attempted = false;
function onprogress(progress) {
  say({ progress });
  if (!order.then || attempted) return;
  attempted = true;
  const [command, ...args] = order.then;
  execFile(command, args, (error, stdout, stderr) => say({ attempt: { code: error ? (error.code ?? 1) : 0, stdout, stderr } }));
}
try {
  const result = await client.call(order.call.tool, order.call.args ?? {}, { onprogress, timeout: 60_000, resetTimeoutOnProgress: true });
  say({ result: textOf(result), isError: result.isError === true });
} catch (error) {
  say({ error: { code: error.code, message: error.message, data: error.data } });
}
await client.close();
