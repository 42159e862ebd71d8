// The agent never holds it: fifty secrets, all of them used in one run, none to be found by an agent that searches its environment, files,
// /proc, sockets and everything that servers and hosts answer, over MCP and through the proxy, while these do what they can to tell it.
//
// The agent is another user than the gate, as it is wherever that matters: under one user the kernel shows any process the memory of any
// other, and no gate could change that (docs/limitations.md). That takes root to set up.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, gateBinary, nodeBinary, scratch, startGate, writeConfiguration } from "../peers/parts.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { answer, escapedJson, kForms } from "./telltale.mjs";
import { kToldPaths, startTelltale } from "./telltale_http.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const kNobody = 65534;
const kCanaries = 50;
const isRoot = process.getuid() === 0;
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

// Some with what has to be escaped in JSON, URLs and shells.
const canaries = Array.from({ length: kCanaries }, (_, i) => `cnry${i}${["", "\"/+", "=&%", "\\$ '"][i % 4]}${randomBytes(16).toString("hex")}`);
const control = `cnry-control-${randomBytes(16).toString("hex")}`;

// Each place gets some of the fifty.
const kPlaces = [
  { server: "web_one", way: "header", count: 5 },
  { server: "web_two", way: "header", count: 4 },
  { server: "web_two", way: "query", count: 4 },
  { server: "web_three", way: "basic", count: 1 },
  { server: "web_three", way: "header", count: 3 },
  { server: "program_env", way: "env", count: 7 },
  { server: "program_fd", way: "fd", count: 7 },
  { server: "program_file", way: "file", count: 7 },
  { host: "secure", way: "header", count: 4 },
  { host: "secure", way: "query", count: 2 },
  { host: "clear", way: "header", count: 3 },
  { host: "clear", way: "query", count: 2 },
  { host: "clear", way: "basic", count: 1 },
];
const kHttpAnswers = 3 * kToldPaths.length + 2; // three roads, two WebSockets

const used = new Set();

function startWebServer() {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => {
      body += part;
    });
    request.on("end", () => {
      const url = new URL(request.url, "http://localhost");
      const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? "");
      const secrets = [
        ...Object.entries(request.headers).filter(([name]) => name.startsWith("x-canary-")).map(([, value]) => value),
        ...url.searchParams.values(),
        ...(basic ? [Buffer.from(basic[1], "base64").toString().slice("user:".length)] : []),
      ];
      for (const secret of secrets) used.add(sha256(secret));
      if (request.method !== "POST") return response.writeHead(405).end();
      const messages = [];
      const reply = answer(JSON.parse(body), () => secrets, (message) => messages.push(message));
      if (!reply) return response.writeHead(202).end();
      messages.push(reply);
      response.writeHead(200, { "content-type": "text/event-stream", "x-told": secrets.map(encodeURIComponent).join(" ") });
      for (const message of messages) response.write(`data: ${escapedJson(message, secrets)}\n\n`);
      response.end();
    });
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function placement(credential, way, index) {
  const value = "{token}";
  if (way === "header") return { credential, header: `X-Canary-${index}`, value };
  if (way === "query") return { credential, query: `canary${index}`, value };
  if (way === "basic") return { credential, header: "Authorization", value: "Basic {username:token|basic}" };
  return { credential, [way]: `CANARY_${index}`, value };
}

function setSecret(file, name, value) {
  return new Promise((resolve, reject) => {
    const child = execFile(gateBinary, ["secret", "set", name, "--config", file], (error, stdout, stderr) => {
      if (error) reject(new Error(`secret set: ${stderr}`));
      else resolve(stdout + stderr);
    });
    child.stdin.end(value);
  });
}

// Every form in which a secret could have come out, and its middle, so that half a secret counts as one.
function leaksOf(secret, text) {
  const leaks = Object.entries(kForms).filter(([, form]) => text.includes(form(secret))).map(([name]) => name);
  if (text.includes(secret.slice(-24))) leaks.push("part");
  for (let skipped = 0; skipped < 3; ++skipped) {
    const core = Buffer.from(secret.slice(skipped)).toString("base64").slice(4, -6);
    if (text.includes(core)) leaks.push(`base64 from ${skipped}`);
  }
  return leaks;
}

const children = () =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("telltale_stdio.mjs");
      } catch {
        return false;
      }
    });

describe("the agent never holds it", { skip: isRoot ? false : "SKIPPED: it takes root to run the agent as another user than the gate" }, () => {
  let web;
  let roads;
  let gate;
  let folder;
  let report;
  let out;
  let said = "";
  let counts;
  before(async () => {
    web = await startWebServer();
    folder = scratch("interlock-canary");
    chmodSync(folder, 0o755); // what is in it has to keep its own secrets
    mkdirSync(join(folder, "private"), { mode: 0o700 });
    report = join(folder, "private", "report");
    writeFileSync(report, "");
    const authority = makeAuthority();
    const use = (secret) => used.add(sha256(secret));
    roads = { secure: await startTelltale(use, { tls: authority.server() }), clear: await startTelltale(use) };
    const hosts = {};
    for (const [host, { authority: name }] of Object.entries(roads)) hosts[host] = { host: name, private_address: true, credentials: [] };
    const credentials = {};
    const servers = {};
    let next = 0;
    for (const { server, host, way, count } of kPlaces) {
      if (server) servers[server] ??= server.startsWith("web")
        ? { url: `http://127.0.0.1:${web.address().port}/mcp`, credentials: [] }
        : { command: [nodeBinary, join(here, "telltale_stdio.mjs")], env: { REPORT: report }, credentials: [] };
      for (let i = 0; i < count; ++i, ++next) {
        credentials[`c${next}`] = { broker: "static", secret: `canary/${next}`, ...(way === "basic" ? { username: "user" } : {}) };
        (servers[server] ?? hosts[host]).credentials.push(placement(`c${next}`, way, next));
        if (servers[server]?.command) servers[server].command.push(`${way}:CANARY_${next}`);
      }
    }
    assert.equal(next, kCanaries);
    const egress = { listen: "127.0.0.1:0", upstream_ca_file: authority.caFile, hosts: Object.values(hosts) };
    const extra = `credentials: ${JSON.stringify(credentials)}\negress: ${JSON.stringify(egress)}`;
    const { file } = writeConfiguration({ folder, servers, extra });
    for (let i = 0; i < kCanaries; ++i) said += await setSecret(file, `canary/${i}`, canaries[i]);
    gate = await startGate({ file, folder });
    out = join(folder, "found");
    writeFileSync(out, "", { mode: 0o666 });
    chmodSync(out, 0o666);
    const open = scratch("interlock-control");
    chmodSync(open, 0o755);
    writeFileSync(join(open, "control"), control, { mode: 0o644 });
    const told = (await gate.cli("egress", "env", "--json")).json();
    writeFileSync(join(open, "ca.pem"), readFileSync(told.CURL_CA_BUNDLE), { mode: 0o644 });
    const road = {
      proxy: told.HTTPS_PROXY,
      caFile: join(open, "ca.pem"),
      secure: roads.secure.authority,
      clear: roads.clear.authority,
      paths: kToldPaths,
    };
    const agent = spawn(nodeBinary, [join(here, "searching_agent.mjs")], {
      uid: kNobody,
      gid: kNobody,
      env: {
        PATH: process.env.PATH,
        GATE: gate.base,
        SERVERS: Object.keys(servers).join(","),
        ROAD: JSON.stringify(road),
        ROOTS: "/tmp,/run,/var/tmp,/dev/shm,/home",
        OUT: out,
      },
    });
    let text = "";
    let errors = "";
    agent.stdout.on("data", (part) => {
      text += part;
    });
    agent.stderr.on("data", (part) => {
      errors += part;
    });
    const code = await new Promise((resolve) => agent.once("exit", resolve));
    assert.equal(code, 0, errors);
    counts = JSON.parse(text.trim().split("\n").at(-1));
  });
  after(async () => {
    await gate?.stop();
    web?.close();
    for (const road of Object.values(roads ?? {})) road.close();
  });

  it("all fifty were used", () => {
    for (const line of readFileSync(report, "utf8").trim().split("\n")) used.add(line.split(" ")[0]);
    const unused = canaries.filter((canary) => !used.has(sha256(canary)));
    assert.equal(unused.length, 0, `${unused.length} were not used: ${canaries.map((canary, i) => (unused.includes(canary) ? i : "")).join(" ")}`);
  });

  it("the agent looked everywhere, and finds what is there to be found", () => {
    assert.ok(counts.answers >= 2 * 9 * 6, JSON.stringify(counts));
    assert.ok(counts.processes > 3 && counts.files > 0 && counts.sockets > 0, JSON.stringify(counts));
    const text = readFileSync(out, "latin1");
    assert.ok(text.includes(control), "the planted control was not found");
    assert.match(text, /hidden by Interlock/);
    assert.equal(counts.http, kHttpAnswers);
    console.log(`    searched: ${JSON.stringify(counts)}, ${statSync(out).size} bytes kept`);
  });

  it("every answer over HTTP came from its host, and tells of what was hidden", () => {
    const sections = readFileSync(out, "latin1").split("\n## ").filter((section) => /^HTTP\/[12]/.test(section));
    assert.equal(sections.length, kHttpAnswers);
    for (const section of sections) {
      const name = section.slice(0, section.indexOf("\n"));
      const path = /\/[a-z-]+$/.exec(name)[0];
      assert.match(section, new RegExp(`"status":${{ "/error": 500, "/socket": 101 }[path] ?? 200}`), section.slice(0, 1000));
      // No mark fits into a header's name: such a header is left out.
      if (path !== "/name") assert.match(section, /hidden by Interlock/, section.slice(0, 1000));
    }
  });

  it("none of them is in what it found", () => {
    const text = readFileSync(out, "latin1");
    for (const [i, canary] of canaries.entries()) {
      const leaks = leaksOf(canary, text);
      const where = leaks.length > 0 ? text.split("\n## ").filter((section) => leaksOf(canary, section).length > 0) : [];
      assert.deepEqual(leaks, [], `canary ${i} at ${where.map((section) => section.slice(0, section.indexOf("\n"))).join("; ")}`);
    }
  });

  it("none of them is in the gate's log, ledger, store or command line output", () => {
    const texts = [said, gate.errors()];
    const read = (path) => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory()) read(join(path, entry.name));
        else if (entry.isFile()) texts.push(readFileSync(join(path, entry.name), "latin1"));
      }
    };
    read(join(folder, "state"));
    const text = texts.join("\n");
    for (const [i, canary] of canaries.entries()) assert.deepEqual(leaksOf(canary, text), [], `canary ${i}`);
  });

  it("the record tells of every mint and use, and a program ends with its task", async () => {
    const log = await gate.cli("log", "query", "--kind", "lease", "--limit", "10000", "--json");
    assert.equal(log.code, 0, log.stderr);
    for (let i = 0; i < kCanaries; ++i) {
      for (const verdict of ["minted", "used"]) {
        assert.ok(
          log.stdout.split("\n").some((line) => line.includes(`Credential::\\"c${i}\\"`) && line.includes(`"${verdict}"`)),
          `c${i} ${verdict}`,
        );
      }
    }
    const killed = await gate.cli("kill", "--all", "--reason", "the test is over");
    assert.equal(killed.code, 0, killed.stderr + killed.stdout);
    await eventually("the programs end with their task", () => children().length === 0);
    const revoked = await gate.cli("log", "query", "--kind", "lease", "--limit", "10000", "--json");
    assert.ok(revoked.stdout.split("\n").some((line) => line.includes('"revoked"')));
  });
});
