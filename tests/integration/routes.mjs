// Every way from a client to a server: both eras at both ends, HTTP and stdio at both ends, through the gate or, as the control
// that shows a test to be right, without it.
import { connect } from "../peers/clients.mjs";
import { commands, gateBinary, startFixture, startGate, writeConfiguration } from "../peers/parts.mjs";

const kEras = ["legacy", "modern"];

export function allRoutes() {
  const routes = [];
  for (const era of kEras) {
    routes.push({ client: era, server: era, path: "http" }, { client: era, server: era, path: "stdio" });
  }
  for (const client of kEras) {
    for (const server of kEras) {
      for (const path of ["http, gate, http", "http, gate, stdio", "stdio, gate, stdio"]) routes.push({ client, server, path });
    }
  }
  return routes;
}

export const titleOf = ({ client, server, path }) => `${client} client, ${server} server, ${path}`;

// Opens a route: {connect(options), close()}. `fixture` names another server program than the era's own.
export async function openRoute({ client, server, path }, { env = {}, fixture = server, policies, extra } = {}) {
  const ends = [];
  const target = await targetOf();
  return {
    gate: ends.find((end) => end.cli),
    connect: (options) => connect(client, target, options),
    async close() {
      for (const end of ends) await end.stop();
    },
  };

  async function targetOf() {
    const overHttp = async () => {
      const part = await startFixture(fixture, { env });
      ends.push(part);
      return { url: part.url };
    };
    const overGate = async (server_) => {
      const gate = await startGate({ servers: { fixture: server_ }, policies, extra });
      ends.unshift(gate);
      return { url: gate.url("fixture") };
    };
    switch (path) {
      case "http":
        return overHttp();
      case "stdio":
        return { command: commands[fixture], env };
      case "http, gate, http":
        return overGate(await overHttp());
      case "http, gate, stdio":
        return overGate({ command: commands[fixture], env });
      case "stdio, gate, stdio": {
        const { file } = writeConfiguration({ policies, extra });
        return { command: [gateBinary, "mcp", "--config", file, "--name", "fixture", "--", ...commands[fixture]], env };
      }
      default:
        throw new Error(`no path '${path}'`);
    }
  }
}
