// dev bench cedar [--quick]: what a decision costs, beside the reference engine in the same run. Fails when any engine answers
// any request otherwise than ours, or when a decision of ours asks the heap for memory.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applications } from './applications.mjs';
import { findEngines, runEngine } from './engines.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const build = process.env.INTERLOCK_BUILD ?? join(root, 'build', 'release');
const quick = process.argv.includes('--quick');
const kRounds = quick ? 1 : 3; // the engines take turns, so that a slow moment of the machine meets all of them
const kBudget_ms = quick ? 100 : 250;
const sizes = { gdrive: [5, 20, 50], github: [5, 20, 50], tinytodo: [5, 20, 50], gateway: [10, 100, 1000, 10_000] };

const scratch = join(root, 'build', 'bench-cedar');
mkdirSync(scratch, { recursive: true });
const engines = findEngines(root, build);
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const shown = (ns) => (ns < 10_000 ? `${Math.round(ns)} ns` : ns < 10_000_000 ? `${(ns / 1000).toFixed(ns < 100_000 ? 1 : 0)} µs` : `${(ns / 1e6).toFixed(1)} ms`);
const ratio = (theirs, ours) => `${(theirs / ours).toFixed(theirs / ours < 10 ? 1 : 0)}×`;
const further_words = { alone: 'the decision alone', sliced: 'the request with its own entities' };
let wrong = 0;
let compared = 0;

function compareAnswers(name, engine, ours, theirs, requests) {
  theirs.forEach((answer, i) => {
    if (answer === null) return;
    compared++;
    if (answer === ours[i]) return;
    if (wrong++ === 0) console.log(`\nWRONG: ${name}, request ${i}: ${JSON.stringify(requests[i])}\n  interlock ${ours[i]}\n  ${engine} ${answer}`);
  });
}

function measure(application, size) {
  const data = applications[application](size);
  const name = `${application} ${size}`;
  const file = join(scratch, `${application}-${size}.json`);
  writeFileSync(file, JSON.stringify(data));
  const results = engines.map(() => []);
  for (let round = 0; round < kRounds; ++round) engines.forEach((engine, i) => results[i].push(runEngine(engine, file, kBudget_ms)));
  const ours = results[0][0].answers;
  engines.forEach((engine, i) => i > 0 && compareAnswers(name, engine.name, ours, results[i][0].answers, data.requests));
  const of = (i, kind, rank) => median(results[i].map((result) => result[kind][rank]));
  const allowed = ours.filter((answer) => answer.startsWith('allow')).length;
  console.log(`\n${name}: ${data.entities.length} entities, ${allowed} of ${ours.length} requests allowed; floor (three look-ups, timed alike) p50 ${shown(of(0, 'floor', 'p50'))}`);
  engines.forEach((engine, i) => {
    const cells = ['ready', 'json'].map((kind) => {
      const [p50, p99] = [of(i, kind, 'p50'), of(i, kind, 'p99')];
      const times = `${kind === 'ready' ? 'parsed' : 'from JSON'} p50 ${shown(p50).padStart(8)}  p99 ${shown(p99).padStart(8)}`;
      return i === 0 ? `${times}  ${' '.repeat(7)}` : `${times}  ${ratio(p50, of(0, kind, 'p50')).padStart(7)}`;
    });
    console.log(`  ${engine.name.padEnd(14)}${cells.join('   ')}`);
  });
  const further = ['alone', 'sliced'].filter((kind) => results[0][0][kind]).map((kind) => `${further_words[kind]} p50 ${shown(of(0, kind, 'p50'))}  p99 ${shown(of(0, kind, 'p99'))}`);
  const allocations = Math.max(...results[0].map((result) => result.allocations));
  console.log(`  ours besides: ${further.join('; ')}; ${allocations} allocations in all decisions`);
  if (allocations > 0) wrong++;
  return of(0, 'ready', 'p50');
}

const p50 = {};
for (const [application, list] of Object.entries(sizes)) for (const size of list) p50[`${application} ${size}`] = measure(application, size);
console.log(`\nours, 10,000 policies of a gateway to 100: ${(p50['gateway 10000'] / p50['gateway 100']).toFixed(2)}`);
console.log('the last column of each half is how many times our p50 the engine takes; cedar-wasm reads its entities in every call');
console.log(`${compared} answers compared with the other engines, ${wrong} wrong`);
process.exitCode = wrong > 0 || compared === 0 ? 1 : 0;
