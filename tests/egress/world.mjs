// A gate with the HTTP road out, servers on loopback that it is let to, and the environment that an agent's clients are given.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer as createTls } from "node:https";
import { join } from "node:path";
import { receipts } from "../identity/gates.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { gateBinary, root, startGate, writeConfiguration } from "../peers/parts.mjs";

export const python = join(root, "build", "peers", "egress-python", "bin", "python");
// What is injected: no client has it, and none may ever see it.
export const kSecret = "canary-5f0e9c1b7d2a4e86-leased";
// What a client brings along: no server may ever see it.
export const kBrought = "brought-by-the-agent-91c3";

const kAll = "permit (principal, action, resource);\n";

// Listens on loopback and returns {port, url, seen, close()}; `seen` are the requests' method, path and headers.
export async function startServer(handler, { tls } = {}) {
  const seen = [];
  const note = (request, response) => {
    seen.push({ method: request.method, url: request.url, headers: request.headers });
    handler(request, response);
  };
  const server = tls ? createTls({ cert: tls.cert, key: tls.key }, note) : createPlain(note);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  return {
    server,
    port,
    seen,
    url: `${tls ? "https" : "http"}://localhost:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections?.();
        server.close(resolve);
      }),
  };
}

// A gate whose egress leads to localhost, with a leased secret put into every request there. hosts: more of them, first.
export async function openEgress({ hosts = [], egress = {}, policies = kAll, extra = {}, authority = makeAuthority(), secret = true } = {}) {
  const lease = secret ? [{ credential: "leased", header: "Authorization", value: "Bearer {value}" }] : [];
  const parts = {
    ...(secret ? { credentials: { leased: { broker: "static", secret: "tests/leased", field: "value" } } } : {}),
    egress: {
      listen: "127.0.0.1:0",
      upstream_ca_file: authority.caFile,
      hosts: [...hosts, { host: "localhost", private_address: true, credentials: lease }],
      ...egress,
    },
    ...extra,
  };
  const { folder, file } = writeConfiguration({
    policies,
    extra: Object.entries(parts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n"),
  });
  if (secret) {
    const made = await execute(gateBinary, ["secret", "set", "tests/leased", "--config", file], { input: kSecret });
    assert.equal(made.code, 0, made.stderr);
  }
  const gate = await startGate({ folder, file });
  const told = await gate.cli("egress", "env", "--json");
  assert.equal(told.code, 0, told.stderr);
  const given = told.json();
  // These tests' servers are on this machine, which is usually left out of a proxy's way.
  const agent = { PATH: process.env.PATH, HOME: folder, LANG: "C.UTF-8", ...given, NO_PROXY: "", no_proxy: "" };
  const proxy = new URL(given.HTTPS_PROXY ?? given.https_proxy);
  return Object.assign(gate, {
    authority,
    agent,
    proxy,
    caBundle: readFileSync(given.CURL_CA_BUNDLE, "utf8"),
    receipts: (...query) => receipts(gate, ...query),
    memory_kib: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gate.child.pid}/status`, "utf8"))[1]),
    async close() {
      await gate.stop();
    },
  });
}

// Runs a command to its end: {code, stdout, stderr}. Never rejects.
export function execute(command, args, { env, cwd, input, timeout_ms = 120_000 } = {}) {
  return new Promise((resolve) => {
    const child = execFile(command, args, { env, cwd, timeout: timeout_ms, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
      resolve({ code: error ? (error.code ?? error.signal ?? 1) : 0, stdout, stderr }),
    );
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
  });
}

// Samples the gate's memory while `work` runs: {result, grown_kib} over what it was before.
export async function watchMemory(gate, work) {
  const before = gate.memory_kib();
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, gate.memory_kib());
  }, 50);
  try {
    const result = await work();
    return { result, grown_kib: Math.max(most, gate.memory_kib()) - before };
  } finally {
    clearInterval(timer);
  }
}

// `git http-backend` behind a server's handler (CGI, RFC 3875): bodies are piped.
export function gitBackend(projects) {
  return (request, response) => {
    const url = new URL(request.url, "http://localhost");
    const child = spawn("git", ["http-backend"], {
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: projects,
        GIT_HTTP_EXPORT_ALL: "1",
        REMOTE_USER: "agent",
        REQUEST_METHOD: request.method,
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        ...(request.headers["content-length"] ? { CONTENT_LENGTH: request.headers["content-length"] } : {}),
        ...(request.headers["content-encoding"] ? { HTTP_CONTENT_ENCODING: request.headers["content-encoding"] } : {}),
        ...(request.headers["git-protocol"] ? { GIT_PROTOCOL: request.headers["git-protocol"] } : {}),
      },
    });
    child.stdin.on("error", () => {});
    request.pipe(child.stdin);
    let head = Buffer.alloc(0);
    child.stdout.on("data", function onHead(part) {
      head = Buffer.concat([head, part]);
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      child.stdout.off("data", onHead);
      let status = 200;
      for (const line of head.subarray(0, end).toString("latin1").split("\r\n")) {
        const colon = line.indexOf(":");
        const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
        if (name.toLowerCase() === "status") status = Number.parseInt(value, 10);
        else response.setHeader(name, value);
      }
      response.writeHead(status);
      response.write(head.subarray(end + 4));
      child.stdout.pipe(response);
    });
    child.on("error", () => response.destroy());
  };
}
