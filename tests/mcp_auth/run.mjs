// Runs the official conformance suite's `auth` scenarios for clients. The suite plays the MCP server and the authorization servers; the
// client under test is the gate, driven by client.mjs, which starts it, plays the human who logs in, and calls a tool through it.
// What a revision requires counts; extensions and scenarios for older revisions are run and reported beside, in lines of their own.
//   node run.mjs [PART OF A SCENARIO'S NAME] [--verbose]
import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gateBinary, gateExists, modulePath, nodeBinary, scratch } from "../peers/parts.mjs";

const kScenario_ms = 60_000;
const kRun_ms = 90_000;
const kAtOnce = 2;
const kRevisions = ["2025-11-25", "2026-07-28"];
const kOld = "2025-03-26";
const kOldScenarios = ["auth/2025-03-26-oauth-metadata-backcompat", "auth/2025-03-26-oauth-endpoint-fallback"];

const here = dirname(fileURLToPath(import.meta.url));
const suite = modulePath("@modelcontextprotocol", "conformance", "dist", "index.js");

// The auth scenarios of the suite's own requirements file: {required, extensions}.
function scenariosOf(revision) {
  const text = readFileSync(modulePath("@modelcontextprotocol", "conformance", "requirements", `${revision}.yaml`), "utf8");
  const found = { required: [], extensions: [] };
  let section = "";
  for (const line of text.split("\n")) {
    if (/^[a-z_]+:/.test(line)) section = line.trim().replace(/:$/, "");
    const name = /^\s+-\s+(?:scenario:\s*)?(auth\/\S+)\s*$/.exec(line)?.[1];
    if (name && section === "client") found.required.push(name);
    if (name && section === "not_scored") found.extensions.push(name);
  }
  if (found.required.length === 0) throw new Error(`no auth scenario in the requirements of ${revision}`);
  return found;
}

async function runScenario(scenario, revision) {
  const folder = scratch("interlock-mcp-auth");
  const args = [suite, "client", "--command", `${nodeBinary} ${join(here, "client.mjs")}`, "--scenario", scenario, "--spec-version", revision, "--force", "--timeout", String(kScenario_ms), "-o", folder];
  const output = await new Promise((resolve) => {
    execFile(nodeBinary, args, { timeout: kRun_ms, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => resolve(stdout + stderr));
  });
  const place = findChecks(folder);
  const checks = place && JSON.parse(readFileSync(join(place, "checks.json"), "utf8"));
  const heard = place ? ["stdout.txt", "stderr.txt"].map((name) => (existsSync(join(place, name)) ? readFileSync(join(place, name), "utf8") : "")).join("") : "";
  return { checks, output: output + heard };
}

function findChecks(folder) {
  if (existsSync(join(folder, "checks.json"))) return folder;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const found = entry.isDirectory() ? findChecks(join(folder, entry.name)) : undefined;
    if (found) return found;
  }
  return undefined;
}

// What is wrong with a run, or nothing. A warning is a SHOULD that was not done, and counts as wrong.
function complaint(checks) {
  if (!checks) return "did not run to an end";
  const bad = checks.find((check) => check.status === "FAILURE") ?? checks.find((check) => check.status === "WARNING");
  if (bad) return `${bad.id}: ${bad.errorMessage ?? bad.description}`;
  if (!checks.some((check) => check.status === "SUCCESS")) return "no check succeeded, which proves nothing";
  return undefined;
}

const counts = { required: { passed: 0, failed: 0 }, beside: { passed: 0, failed: 0 } };
const complaints = [];

async function runAll(title, kind, scenarios, revision, wanted, verbose) {
  const chosen = scenarios.filter((name) => !wanted || name.includes(wanted));
  if (chosen.length === 0) return;
  console.log(`\n${title}: ${chosen.length} scenarios at ${revision}`);
  const width = Math.max(...chosen.map((name) => name.length));
  const waiting = [...chosen];
  const worker = async () => {
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      const { checks, output } = await runScenario(scenario, revision);
      const why = complaint(checks);
      counts[kind][why === undefined ? "passed" : "failed"]++;
      console.log(`  ${scenario.padEnd(width)}  ${why === undefined ? `ok ${checks.filter((check) => check.status === "SUCCESS").length}` : `FAIL ${why}`}`);
      if (why !== undefined) complaints.push(`${revision} ${scenario}: ${why}`);
      if (verbose || (why !== undefined && process.env.SHOW_OUTPUT)) console.log(output);
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, worker));
}

if (!gateExists()) {
  console.log(`no gate at ${gateBinary}: build it with ./dev build, or name it with INTERLOCK_BIN`);
  console.log("0 passed, 1 failed");
  process.exit(1);
}
const verbose = process.argv.includes("--verbose");
const wanted = process.argv.slice(2).find((argument) => !argument.startsWith("--"));
for (const revision of kRevisions) {
  const { required, extensions } = scenariosOf(revision);
  await runAll("Required of a client", "required", required, revision, wanted, verbose);
  await runAll("Extensions, beside", "beside", extensions, revision, wanted, verbose);
}
await runAll("Older servers, beside", "beside", kOldScenarios, kOld, wanted, verbose);
if (complaints.length > 0) console.log(`\nFailures:\n${complaints.map((line) => `  ${line}`).join("\n")}`);
console.log(`\nbeside what is required: ${counts.beside.passed} of ${counts.beside.passed + counts.beside.failed} extension and older scenarios pass`);
console.log(`${counts.required.passed} passed, ${counts.required.failed} failed`);
process.exit(counts.required.failed === 0 && counts.required.passed + counts.beside.passed > 0 ? 0 : 1);
