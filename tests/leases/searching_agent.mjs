// An agent that uses every server of a gate, and hosts through its proxy, and looks for secrets wherever it can reach: its own environment,
// what was answered and the bytes of it, the environment, command line, descriptors, files and mounts of every process, files of this machine, listening sockets.
// What it finds is written to OUT as one text, for the test to look through: it does not know the secrets itself.
//   GATE=url SERVERS=a,b ROAD='{"proxy", ...}' ROOTS=/tmp,/run OUT=file searching_agent.mjs
import { appendFileSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { takeRoad } from "./searching_road.mjs";

const kFileBytes = 8 * 1024 * 1024;
const kDepth = 6;
const kSocket_ms = 300;
const { GATE, SERVERS, ROAD, ROOTS, OUT } = process.env;
const counts = { answers: 0, http: 0, processes: 0, environments: 0, descriptors: 0, files: 0, sockets: 0 };
const isOut = (facts) => facts.ino === statSync(OUT).ino; // also by another way to it
const found = (where, bytes) => appendFileSync(OUT, Buffer.concat([Buffer.from(`\n## ${where}\n`), Buffer.from(bytes)]));

const attempt = (work) => {
  try {
    return work();
  } catch {
    return undefined; // not for us
  }
};

// ---- what the gate answers --------------------------------------------------------------------------------------------------

async function post(server, message, session) {
  const response = await fetch(`${GATE}/mcp/${server}`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...(session ? { "mcp-session-id": session } : {}) },
    body: JSON.stringify({ jsonrpc: "2.0", ...message }),
  });
  const text = await response.text();
  ++counts.answers;
  found(`${server} ${message.method}`, `${JSON.stringify([...response.headers])}\n${text}`);
  for (const part of text.split("\n")) {
    try {
      found(`${server} ${message.method}, read`, JSON.stringify(JSON.parse(part.replace(/^data: /, ""))));
    } catch {
      // no JSON: it is there as text
    }
  }
  return { text, session: response.headers.get("mcp-session-id") };
}

async function use(server) {
  const { session } = await post(server, {
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "searcher", version: "1" } },
  });
  await post(server, { method: "notifications/initialized" }, session);
  let id = 2;
  const requests = [
    ["tools/list", {}],
    ["resources/list", {}],
    ["resources/read", { uri: "told://0" }],
    ["prompts/list", {}],
    ["prompts/get", { name: "told" }],
    ["tools/call", { name: "tell", arguments: { how: "all" }, _meta: { progressToken: "p" } }],
    ["tools/call", { name: "fail", arguments: {} }],
    ["tools/call", { name: "tell", arguments: {} }],
  ];
  for (const [method, params] of requests) await post(server, { id: id++, method, params }, session);
  return session;
}

function noteHttp(where, texts) {
  ++counts.http;
  const read = texts.flatMap((text) => {
    const value = attempt(() => JSON.parse(text));
    return value === undefined ? [text] : [text, JSON.stringify(value)];
  });
  found(where, Buffer.concat(read.flatMap((text) => [Buffer.from(text), Buffer.from("\n")])));
}

// ---- what this machine shows ------------------------------------------------------------------------------------------------

function searchFolder(folder, depth) {
  for (const name of attempt(() => readdirSync(folder)) ?? []) {
    const path = join(folder, name);
    const facts = attempt(() => lstatSync(path));
    if (!facts || facts.isSymbolicLink() || isOut(facts)) continue;
    if (facts.isDirectory() && depth < kDepth) searchFolder(path, depth + 1);
    else if (facts.isFile() && facts.size <= kFileBytes) {
      const bytes = attempt(() => readFileSync(path));
      if (!bytes) continue;
      ++counts.files;
      if (bytes.includes("cnry")) found(path, bytes);
    } else if (facts.isSocket()) listen({ path });
  }
}

const waiting = [];
function listen(where) {
  waiting.push(
    new Promise((resolve) => {
      const socket = connect(where);
      const parts = [];
      const done = () => {
        socket.destroy();
        if (parts.length > 0) found(`socket ${JSON.stringify(where)}`, Buffer.concat(parts));
        resolve();
      };
      setTimeout(done, kSocket_ms);
      socket.on("connect", () => {
        ++counts.sockets;
        socket.write("GET /v1/leases HTTP/1.1\r\nHost: localhost\r\n\r\n");
      });
      socket.on("data", (part) => parts.push(part));
      socket.on("error", () => {});
    }),
  );
}

function searchProcesses() {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    ++counts.processes;
    for (const file of ["environ", "cmdline", "maps", "stack", "mountinfo"]) {
      const bytes = attempt(() => readFileSync(`/proc/${pid}/${file}`));
      if (!bytes) continue;
      if (file === "environ" && bytes.length > 0) ++counts.environments;
      found(`/proc/${pid}/${file}`, bytes);
    }
    for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
      const path = `/proc/${pid}/fd/${fd}`;
      const target = attempt(() => readlinkSync(path)) ?? "";
      if (target) ++counts.descriptors;
      const facts = attempt(() => statSync(path));
      if (facts?.isFile() && facts.size <= kFileBytes && !isOut(facts)) {
        const bytes = attempt(() => readFileSync(path));
        if (bytes) found(`${path} ${target}`, bytes);
      }
    }
    for (const folder of ["tmp", "run", "dev/shm"]) {
      for (const name of attempt(() => readdirSync(`/proc/${pid}/root/${folder}`)) ?? []) {
        if (name.startsWith("interlock-")) searchFolder(`/proc/${pid}/root/${folder}/${name}`, kDepth - 2);
      }
    }
  }
}

function searchSockets() {
  for (const line of (attempt(() => readFileSync("/proc/net/tcp", "utf8")) ?? "").split("\n").slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    if (state === "0A") listen({ host: "127.0.0.1", port: Number.parseInt(local.split(":")[1], 16) });
  }
  for (const line of (attempt(() => readFileSync("/proc/net/unix", "utf8")) ?? "").split("\n")) {
    const path = line.trim().split(/\s+/)[7];
    if (path) listen({ path: path.startsWith("@") ? `\0${path.slice(1)}` : path });
  }
}

// Servers are used while the machine is looked through: leases and children are alive then.
const sessions = [];
for (const server of SERVERS.split(",")) sessions.push([server, await use(server)]);
await takeRoad(JSON.parse(ROAD), noteHttp);
found("own environment", JSON.stringify(process.env));
searchProcesses();
searchSockets();
await Promise.all(waiting);
for (const folder of ROOTS.split(",")) searchFolder(folder, 0);
for (const server of SERVERS.split(",")) await use(server);
await Promise.all(waiting);
console.log(JSON.stringify(counts));
