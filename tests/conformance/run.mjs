// Runs the official MCP conformance suite's required server scenarios of both eras: on the fixture directly, through the gate on
// the same wire, and through the gate's bridge to a server of the other era; prints them side by side. A scenario that passes
// directly must pass through the gate with the same checks and the same tool results. A pass must be a real one.
//   node run.mjs [--direct] [--verbose]      --direct: the fixture alone, without a gate
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { commands, gateBinary, gateExists, modulePath, nodeBinary, scratch, startFixture, startGate } from "../peers/parts.mjs";
import { kInexpressible, kRevisions, requiredScenarios } from "./scenarios.mjs";

const kScenario_ms = 15_000;
const kRun_ms = 300_000;
const kOther = { legacy: "modern", modern: "legacy" };
const kWireCheck = "wire-schema-valid"; // holds of any well-formed answer, so it proves no scenario
const kMissingTool = /(unknown|no such) tool|tool\s+\S+\s+(was\s+)?(not found|does not exist)/i;
const kOwnResult = new Set(["tools-call-with-progress"]); // its text is the progress token, which each hop chooses

// Runs all scenarios that the revision requires against url; returns scenario → checks.
async function runSuite(url, revision) {
  const folder = scratch("interlock-conformance");
  const suite = modulePath("@modelcontextprotocol", "conformance", "dist", "index.js");
  const args = [suite, "server", "--url", url, "--requirements", revision, "--timeout", String(kScenario_ms), "-o", folder];
  const output = await new Promise((resolve) => {
    execFile(nodeBinary, args, { timeout: kRun_ms, maxBuffer: 256 * 1024 * 1024 }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  const results = new Map();
  for (const name of readdirSync(folder)) {
    const scenario = /^server-(.+)-\d{4}-\d{2}-\d{2}T/.exec(name)?.[1];
    const file = join(folder, name, "checks.json");
    if (scenario && existsSync(file)) results.set(scenario, JSON.parse(readFileSync(file, "utf8")));
  }
  return { results, output };
}

const contentOf = (checks) => checks.map((check) => check.details?.result?.content).filter(Array.isArray);

// Returns what is wrong with one scenario's run, or nothing. `direct` is the same scenario's run without a gate.
function complaint(scenario, checks, direct) {
  if (!checks) return "did not run to an end";
  const bad = checks.find((check) => check.status === "FAILURE");
  if (bad) return `${bad.id}: ${bad.errorMessage ?? bad.description}`;
  const proven = checks.filter((check) => check.status === "SUCCESS" && check.id !== kWireCheck);
  if (proven.length === 0) return "no check succeeded, which proves nothing";
  const missing = kMissingTool.exec(JSON.stringify(checks.map((check) => check.details ?? null)));
  if (missing) return `not a real pass: the answer says '${missing[0]}'`;
  const short = checks.find((check) => check.status === "WARNING");
  if (!direct) return short ? `${short.id}: ${short.errorMessage ?? short.description}` : undefined;
  for (const check of direct) {
    if (check.status !== "SUCCESS") continue;
    const here = checks.filter((other) => other.id === check.id);
    if (here.length === 0) return `${check.id}: succeeds directly, is absent here`;
    const lost = here.find((other) => other.status !== "SUCCESS");
    if (lost) return `${check.id}: succeeds directly, here ${lost.status}: ${lost.errorMessage ?? lost.description}`;
  }
  if (!kOwnResult.has(scenario) && scenario.startsWith("tools-call") && !isDeepStrictEqual(contentOf(checks), contentOf(direct))) {
    return `the tool's result differs from the direct one: ${JSON.stringify(contentOf(checks)).slice(0, 200)}`;
  }
  return undefined;
}

async function through(part, server, use) {
  const gate = await startGate({ servers: { fixture: server } });
  try {
    return await use(gate.url("fixture"));
  } finally {
    await gate.stop();
    await part?.stop();
  }
}

// The legs of one client era: [title, run]. Each starts its own server, so that no leg sees another's state.
function legsOf(era, directOnly) {
  const revision = kRevisions[era];
  const direct = async () => {
    const part = await startFixture(era);
    try {
      return await runSuite(part.url, revision);
    } finally {
      await part.stop();
    }
  };
  if (directOnly) return [["direct", direct]];
  const overHttp = (serverEra) => async () => {
    const part = await startFixture(serverEra);
    return through(part, { url: part.url }, (url) => runSuite(url, revision));
  };
  const overStdio = (serverEra) => () => through(undefined, { command: commands[serverEra] }, (url) => runSuite(url, revision));
  return [
    ["direct", direct],
    ["gate", overHttp(era)],
    ["gate, stdio", overStdio(era)],
    [`bridge to ${kRevisions[kOther[era]]}`, overHttp(kOther[era])],
    ["bridge, stdio", overStdio(kOther[era])],
  ];
}

const counts = { passed: 0, failed: 0 };
const complaints = [];

async function runEra(era, directOnly) {
  const scenarios = requiredScenarios(kRevisions[era]);
  const legs = [];
  for (const [title, run] of legsOf(era, directOnly)) {
    try {
      legs.push({ title, ...(await run()) });
    } catch (error) {
      legs.push({ title, results: new Map(), output: "", error });
      complaints.push(`${kRevisions[era]} ${title}: ${error.message}`);
    }
  }

  const width = Math.max(...scenarios.map((name) => name.length));
  const cells = (first, rest) => console.log(`${first.padEnd(width)}  ${rest.map((cell, i) => cell.padEnd(legs[i].title.length)).join("  ")}`.trimEnd());
  console.log(`\nRequired of a server by ${kRevisions[era]}: ${scenarios.length} scenarios, asked by a client of that revision`);
  cells("scenario", legs.map((leg) => leg.title));
  for (const scenario of scenarios) {
    const row = legs.map((leg) => {
      if (leg.title.startsWith("bridge") && kInexpressible[era][scenario]) return "-";
      const checks = leg.results.get(scenario);
      const why = complaint(scenario, checks, leg === legs[0] ? undefined : (legs[0].results.get(scenario) ?? []));
      if (why === undefined) {
        counts.passed++;
        return `ok ${checks.filter((check) => check.status === "SUCCESS").length}`;
      }
      counts.failed++;
      complaints.push(`${kRevisions[era]} ${leg.title}: ${scenario}: ${why}`);
      return "FAIL";
    });
    cells(scenario, row);
  }
  const left = Object.entries(kInexpressible[era]);
  if (!directOnly && left.length > 0) {
    console.log(`\nNot asked through the bridge (-), a client of ${kRevisions[era]} with a server of ${kRevisions[kOther[era]]}:`);
    for (const [scenario, why] of left) console.log(`  ${scenario}: ${why}`);
  }
  if (process.argv.includes("--verbose")) for (const leg of legs) console.log(`\n--- ${leg.title}\n${leg.output}`);
}

const directOnly = process.argv.includes("--direct");
if (!directOnly && !gateExists()) {
  console.log(`no gate at ${gateBinary}: build it with ./dev build, or name it with INTERLOCK_BIN`);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
await runEra("legacy", directOnly);
await runEra("modern", directOnly);
if (complaints.length > 0) console.log(`\nFailures:\n${complaints.map((line) => `  ${line}`).join("\n")}`);
console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 && complaints.length === 0 && counts.passed > 0 ? 0 : 1);
