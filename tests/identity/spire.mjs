// A real SPIRE on loopback: a server and an agent in a scratch folder, joined by a token, with the unix workload attestor.
// Both end with the test that started them.
import { execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { eventually, root, scratch, stop, write } from "../peers/parts.mjs";

const folder = join(root, "build", "peers", "spire");
export const spireParts = { server: join(folder, "spire-server"), agent: join(folder, "spire-agent"), workload: join(folder, "workload") };

// Why the Go parts are not here; "" where they are.
export function whyNoGoParts() {
  const note = join(folder, "skipped");
  if (existsSync(note)) return readFileSync(note, "utf8").trim();
  return Object.values(spireParts).every((part) => existsSync(part)) ? "" : "run tests/peers/spire/install";
}

export const kTrustDomain = "example.org";
const kStart_ms = 60_000;

// A port that was free a moment ago: SPIRE takes no port 0.
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function start(binary, args) {
  const child = spawn(binary, args, { stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  const part = { child, log: "", stop: () => stop(child) };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text) => {
      part.log = (part.log + text).slice(-100_000);
    });
  }
  return part;
}

// {x509_s, jwt_s}: how long SVIDs live. hint_s: a bundle endpoint is served (profile https_spiffe) that asks to be read so often. Returns
// {endpoint, entry(), authority(), stop(), ...}.
export async function startSpire({ x509_s = 3600, jwt_s = 300, hint_s } = {}) {
  const home = scratch("interlock-spire");
  for (const name of ["server", "agent"]) mkdirSync(join(home, name), { recursive: true });
  const port = await freePort();
  const bundlePort = hint_s ? await freePort() : 0;
  const federation = hint_s ? `federation { bundle_endpoint { address = "127.0.0.1" port = ${bundlePort} refresh_hint = "${hint_s}s" profile "https_spiffe" {} } }` : "";
  const serverSocket = join(home, "server.sock");
  const agentSocket = join(home, "agent.sock");
  const serverFile = write(
    join(home, "server.conf"),
    `server {
  bind_address = "127.0.0.1"
  bind_port = ${port}
  socket_path = "${serverSocket}"
  trust_domain = "${kTrustDomain}"
  data_dir = "${join(home, "server")}"
  log_level = "INFO"
  ca_ttl = "24h"
  default_x509_svid_ttl = "${x509_s}s"
  default_jwt_svid_ttl = "${jwt_s}s"
  ${federation}
}
plugins {
  DataStore "sql" { plugin_data { database_type = "sqlite3" connection_string = "${join(home, "server", "data.sqlite3")}" } }
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
}
`,
  );
  const server = start(spireParts.server, ["run", "-config", serverFile]);

  // Runs a command of the server's command line; its answer is JSON.
  const ask = (...args) =>
    new Promise((resolve, reject) => {
      execFile(spireParts.server, [...args, "-socketPath", serverSocket, "-output", "json"], (error, stdout, stderr) => {
        if (error) reject(new Error(`spire-server ${args.join(" ")}: ${stderr || stdout}`));
        else resolve(stdout.trim() ? JSON.parse(stdout) : {});
      });
    });
  const answers = (what, ...args) =>
    eventually(what, () => ask(...args).then((answer) => answer, () => undefined), { within_ms: kStart_ms, every_ms: 100 }).catch((error) => {
      throw new Error(`${error.message}\n${server.log}`);
    });
  const { value: joinToken } = await answers("SPIRE's server makes a join token", "token", "generate", "-spiffeID", `spiffe://${kTrustDomain}/node`);
  const bundle = await new Promise((resolve, reject) => {
    execFile(spireParts.server, ["bundle", "show", "-socketPath", serverSocket], (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
  const agentFile = write(
    join(home, "agent.conf"),
    `agent {
  data_dir = "${join(home, "agent")}"
  log_level = "INFO"
  server_address = "127.0.0.1"
  server_port = ${port}
  socket_path = "${agentSocket}"
  trust_domain = "${kTrustDomain}"
  trust_bundle_path = "${write(join(home, "bundle.pem"), bundle)}"
  join_token = "${joinToken}"
}
plugins {
  NodeAttestor "join_token" { plugin_data {} }
  KeyManager "memory" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data { discover_workload_path = true } }
}
`,
  );
  const agent = start(spireParts.agent, ["run", "-config", agentFile]);
  await eventually("SPIRE's agent serves the Workload API", () => existsSync(agentSocket), { within_ms: kStart_ms }).catch((error) => {
    throw new Error(`${error.message}\n${agent.log}`);
  });

  return {
    home,
    endpoint: `unix://${agentSocket}`,
    bundleFile: join(home, "bundle.pem"),
    bundleUrl: `https://127.0.0.1:${bundlePort}`,
    ask,
    logs: () => `${server.log}\n${agent.log}`,
    // Registers a workload: spiffe://example.org/PATH for processes of `executable`. The agent hears of it within some seconds.
    entry: (path, executable, ...more) =>
      ask("entry", "create", "-parentID", `spiffe://${kTrustDomain}/node`, "-spiffeID", `spiffe://${kTrustDomain}/${path}`, "-selector", `unix:path:${executable}`, ...more),
    // kind: "x509" | "jwt". what: "show", "prepare", "activate", "taint", "revoke" (as `spire-server localauthority` has them).
    authority: (kind, what, id) => ask("localauthority", kind, what, ...(id ? ["-authorityID", id] : [])),
    stopAgent: () => agent.stop(),
    async stop() {
      await agent.stop();
      await server.stop();
    },
  };
}
