// Runs every gtest binary of a build folder and sums what they report. Usage: node scripts/unit_tests.mjs BUILD [FILTER]
// The counts come from gtest's own JSON; a binary that dies, hangs or reports nothing counts as one failure.
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';

const kTimeoutMs = 300_000;
const build = resolve(process.argv[2] ?? 'build/release');
const filter = process.argv[3] ?? '';
const binaries = readdirSync(join(build, 'tests'))
  .filter((name) => name.startsWith('test_') && name.includes(filter) && statSync(join(build, 'tests', name)).mode & 0o100)
  .filter((name) => statSync(join(build, 'tests', name)).isFile())
  .sort();
const reports = join(build, 'unit-reports');
mkdirSync(reports, { recursive: true });

let passed = 0;
let failed = 0;
let skipped = 0;

function run(name) {
  const report = join(reports, `${name}.json`);
  rmSync(report, { force: true });
  const began = Date.now();
  return new Promise((done) => {
    const child = spawn(join(build, 'tests', name), [`--gtest_output=json:${report}`, '--gtest_brief=1'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    const timer = setTimeout(() => child.kill('SIGKILL'), kTimeoutMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ name, report, code, signal, output, ms: Date.now() - began });
    });
  });
}

function count({ name, report, code, signal, output, ms }) {
  let good = 0;
  let bad = 0;
  let left = 0;
  try {
    for (const group of JSON.parse(readFileSync(report, 'utf8')).testsuites) {
      for (const test of group.testsuite) {
        if (test.status !== 'RUN') continue;
        if (test.failures) bad++;
        else if (test.result === 'SKIPPED') left++;
        else good++;
      }
    }
  } catch {
    bad++;
  }
  if (code !== 0 && bad === 0) bad++;
  if (good + bad + left === 0) bad++;
  passed += good;
  failed += bad;
  skipped += left;
  const end = signal ? `, ended by ${signal}` : '';
  console.log(`${bad ? 'FAIL' : 'ok  '} ${name.padEnd(28)} ${String(good).padStart(5)} passed ${String(bad).padStart(3)} failed ${String(ms).padStart(6)} ms${end}`);
  if (bad) console.log(output.split('\n').slice(-200).join('\n'));
  for (const line of output.split('\n')) if (!bad && line.includes('SKIPPED') && line.length < 300 && !line.startsWith('[')) console.log(line.trim());
}

const waiting = [...binaries];
async function worker() {
  for (let name = waiting.shift(); name; name = waiting.shift()) count(await run(name));
}
await Promise.all(Array.from({ length: Math.min(availableParallelism(), binaries.length) }, worker));
if (skipped) console.log(`SKIPPED ${skipped} unit tests, each said why above`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
