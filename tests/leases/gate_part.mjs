// The real gate before an MCP server that works with what it is lent: a database tool that asks the real PostgreSQL with its lease, and a
// deployment tool that logs in to the real sshd with its own. The server writes down what it was given: what must be dead afterwards.
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { connect, textOf } from "../peers/clients.mjs";
import { eventually, gateBinary, scratch, startGate, write, writeConfiguration } from "../peers/parts.mjs";
import { kAdminPassword, startPostgres } from "./postgres_part.mjs";
import { makeKey, startSshd } from "./sshd_part.mjs";

const kRecovery_ms = 40_000;
const tools = {
  read_table: { schema: { sql: { type: "string" } }, effect: "read", band: 2 },
  look_at_table: { schema: { sql: { type: "string" } }, effect: "read", band: 0 },
  write_table: { schema: { sql: { type: "string" } }, effect: "write", band: 2 },
  deploy: { schema: { command: { type: "string" } }, effect: "execute", band: 2 },
};
const ofServer = { db: ["read_table", "look_at_table", "write_table"], ship: ["deploy"] };

export function setSecret(file, name, value) {
  return new Promise((resolve, reject) => {
    const child = execFile(gateBinary, ["secret", "set", name, "--config", file], (error, stdout, stderr) => (error ? reject(new Error(stderr || error.message)) : resolve(stdout)));
    child.stdin.end(value);
  });
}

// One MCP server over HTTP with the tools of `name`; `given`: each lease's fields that a request came with.
async function startServer(name, perform, given) {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", async () => {
      if (request.method !== "POST") return response.writeHead(405).end();
      const message = JSON.parse(body);
      const answer = (result) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result }));
      if (message.id === undefined) return response.writeHead(202).end();
      if (message.method === "initialize") return answer({ protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name, version: "1" } });
      if (message.method === "tools/list")
        return answer({ tools: ofServer[name].map((tool) => ({ name: tool, description: tool, inputSchema: { type: "object", properties: tools[tool].schema } })) });
      if (message.method !== "tools/call") return answer({});
      const fields = fieldsOf(request.headers);
      given.push({ lease: fields.dsn ?? fields.certificate, fields });
      const text = await perform(fields, message.params.arguments ?? {});
      answer({ content: [{ type: "text", text }] });
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/mcp`, stop: () => (server.closeAllConnections(), server.close()) };
}

function fieldsOf(headers) {
  if (headers["x-dsn"]) return { dsn: headers["x-dsn"], username: decodeURIComponent(new URL(headers["x-dsn"]).username) };
  const pair = Buffer.from(String(headers["x-ssh"] ?? "").split(" ").at(-1), "base64").toString();
  return { private_key: pair.slice(0, pair.indexOf(":")), certificate: pair.slice(pair.indexOf(":") + 1) };
}

// force_command: of the SSH certificate; without one it may run anything.
export async function openGateWorld({ force_command } = {}) {
  const folder = scratch("interlock-gate");
  const authority = makeKey(join(folder, "ca"));
  const krl = join(folder, "revoked.krl");
  const postgres = await startPostgres({ log: "none" });
  let sshd;
  const given = [];
  const db = await startServer("db", async ({ dsn }, { sql }) => {
    const { code, stdout, stderr } = await postgres.psql(dsn, sql);
    return code === 0 ? stdout : `refused: ${stderr}`;
  }, given);
  const ship = await startServer("ship", async (fields, { command }) => {
    const { code, stdout, stderr } = await sshd.ssh(fields, command);
    return code === 0 ? stdout : `refused: ${stderr}`;
  }, given);
  const credentials = {
    shop: {
      broker: "postgres",
      host: "127.0.0.1",
      port: postgres.port,
      database: "shop",
      user: "gate",
      password_secret: "pg/admin",
      grants: [{ tables: ["public.orders"], verbs: ["select", "insert"] }],
    },
    ship: { broker: "ssh", ca_secret: "ssh/ca", principals: ["deploy"], krl, source_addresses: ["127.0.0.1"], ...(force_command ? { force_command } : { any_command: true }) },
  };
  const catalogue = Object.entries(ofServer).map(([name, own]) => {
    const lines = own.map((tool) => `  ${tool}: { effects: [ ${tools[tool].effect} ], band: ${tools[tool].band} }\n`);
    return write(join(folder, "catalogue", `${name}.yaml`), `catalogue: 1\nentry: lease-${name}\ntools:\n${lines.join("")}`);
  });
  const { file } = writeConfiguration({
    folder,
    servers: {
      db: { url: db.url, catalogue: "lease-db", credentials: [{ credential: "shop", header: "X-Dsn", value: "{dsn}" }] },
      ship: { url: ship.url, catalogue: "lease-ship", credentials: [{ credential: "ship", header: "X-Ssh", value: "{private_key:certificate|basic}" }] },
    },
    extra: `catalogue: ${JSON.stringify(catalogue)}\ncredentials: ${JSON.stringify(credentials)}`,
  });
  const start = () => startGate({ file, folder });
  const close = async () => {
    db.stop();
    ship.stop();
    await sshd?.stop();
    await postgres.stop();
  };
  try {
    await setSecret(file, "pg/admin", kAdminPassword);
    await setSecret(file, "ssh/ca", authority);
    const first = await start(); // writes the list of revoked certificates
    await first.stop();
    sshd = await startSshd({ authority: join(folder, "ca"), krl });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    postgres,
    sshd,
    given,
    file,
    start,
    agent: (gate, server) => connect("legacy", { url: gate.url(server) }),
    call: async (client, tool, words) => textOf(await client.call(tool, words)),
    // Until nothing of a lease is left at PostgreSQL.
    clear: () => eventually("no role is left", async () => (await postgres.roles()).length === 0, { within_ms: kRecovery_ms, every_ms: 100 }),
    close,
  };
}

// As killAtRandom() of orphans_part.mjs, of the real gate with agents that call.
export async function killGateAtRandom(world, kills, isAlive, { rest_every = 25, random = Math.random, longest_life_ms = 800, on_rest = () => {} } = {}) {
  const totals = { kills: 0, passwords: 0, certificates: 0, alive: [] };
  const work = async (gate, server) => {
    const client = await world.agent(gate, server);
    for (let i = 0; ; i++) {
      if (server === "db") await world.call(client, i % 3 === 0 ? "look_at_table" : "read_table", { sql: "SELECT count(*) FROM orders" });
      else await world.call(client, "deploy", { command: "true" });
    }
  };
  while (totals.kills < kills) {
    const gate = await world.start();
    const workers = ["db", "db", "db", "ship"].map((server) => work(gate, server).catch(() => {}));
    await new Promise((resolve) => setTimeout(resolve, random() * longest_life_ms));
    await gate.stop("SIGKILL");
    await Promise.all(workers);
    totals.kills++;
    if (totals.kills % rest_every !== 0 && totals.kills !== kills) continue;
    const next = await world.start();
    await world.clear();
    const given = world.given.splice(0);
    for (let at = 0; at < given.length; at += 4) {
      const some = given.slice(at, at + 4);
      const alive = await Promise.all(some.map((one) => isAlive(world, one)));
      totals.alive.push(...some.filter((_, i) => alive[i]).map(({ fields }) => fields.username ?? fields.certificate));
    }
    totals.alive.push(...(await world.postgres.roles()), ...(await world.postgres.sessions()));
    totals.passwords += given.filter(({ fields }) => fields.dsn).length;
    totals.certificates += given.filter(({ fields }) => fields.certificate).length;
    await next.stop();
    on_rest(totals);
  }
  return totals;
}
