// Compares Interlock's Cedar engine with the reference on generated cases. Usage: run.mjs [REQUESTS] [--seed N] [--only-wasm]
// Decision, determining policies and erring policies must be the same. The first difference of each kind is printed as a
// small case. The last line is "N passed, N failed", counted in requests.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CedarWasm, LineEngine, cedarpy } from './engines.mjs';
import { generateCase, written } from './generator.mjs';
import { minimize } from './minimize.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..', '..');
const driver = join(process.env.INTERLOCK_BUILD ?? join(root, 'build', 'release'), 'tests', 'differential', 'cedar', 'cedar_differential');
const python = join(root, 'build', 'cedarpy', 'bin', 'python');

const kRequestsPerCase = 10;
const kMostRefused = 0.05; // of the cases: a generator whose cases are refused compares nothing

const { values: options, positionals } = parseArgs({ options: { seed: { type: 'string', default: '1' }, 'only-wasm': { type: 'boolean' } }, allowPositionals: true });
const wanted = Number(positionals[0] ?? 100_000);
const firstSeed = Number(options.seed);

function startPeers() {
  const peers = [];
  try {
    peers.push(new CedarWasm(join(root, 'tests', 'peers', 'package.json')));
  } catch (error) {
    console.log(`SKIPPED the comparison with cedar-wasm: ${error.message.split('\n')[0]} (tests/peers/install brings it)`);
  }
  if (!options['only-wasm']) {
    if (existsSync(python)) peers.push(cedarpy(python, join(here, 'cedarpy_peer.py')));
    else console.log('SKIPPED the comparison with cedarpy: build/cedarpy is not here (tests/differential/cedar/run makes it where PyPI is reachable)');
  }
  return peers;
}

// What two engines differ in on one request; undefined where they agree.
function difference(ours, theirs) {
  if ((ours.refused === undefined) !== (theirs.refused === undefined)) return 'what is refused';
  if (ours.refused !== undefined) return undefined;
  if (ours.decision !== theirs.decision) return 'decision';
  if (ours.reasons.join() !== theirs.reasons.join()) return 'determining policies';
  if (ours.errors.join() !== theirs.errors.join()) return 'erring policies';
  return undefined;
}

const prepared = (one) => {
  const wasm = peers.find((peer) => peer.prepare);
  return wasm ? wasm.prepare(written(one)) : written(one);
};
const answersOf = (result, count) => result.answers ?? Array.from({ length: count }, () => result);

function shownPolicies({ policies, templates, links, document }) {
  const lines = [...policies, ...Object.entries(templates).map(([id, text]) => `// template ${id}\n${text}`), ...links.map((link) => `// link ${JSON.stringify(link)}`)];
  if (document) lines.push(`// given as JSON: ${JSON.stringify(document)}`);
  return lines.join('\n');
}

async function show(kind, peer, one, at) {
  const compare = async (candidate) => {
    const input = prepared(candidate);
    const [ours, theirs] = await Promise.all([interlock.answer(input), peer.answer(input)]);
    return [answersOf(ours, 1)[0], answersOf(theirs, 1)[0]];
  };
  const small = await minimize({ ...one, requests: [one.requests[at]] }, async (candidate) => difference(...(await compare(candidate))) === kind);
  const [ours, theirs] = await compare(small);
  console.log(`\n-- the first difference in ${kind}, with ${peer.name}; seed ${one.seed}, request ${at}\n${shownPolicies(prepared(small))}`);
  console.log(`entities  ${JSON.stringify(small.entities)}\nrequest   ${JSON.stringify(small.requests[0])}`);
  console.log(`interlock ${JSON.stringify(ours)}\n${peer.name} ${JSON.stringify(theirs)}`);
}

const interlock = new LineEngine('interlock', driver, []);
const peers = startPeers();
const shown = new Set();
const seen = { allow: 0, deny: 0, reasons: 0, several: 0, errors: 0, refused: 0, json: 0, linked: 0 };
let passed = 0;
let failed = 0;

function tally(answer) {
  if (answer.refused !== undefined) return void seen.refused++;
  seen[answer.decision]++;
  if (answer.reasons.length > 0) seen.reasons++;
  if (answer.reasons.length > 1) seen.several++;
  if (answer.errors.length > 0) seen.errors++;
}

for (let seed = firstSeed; peers.length > 0 && passed + failed < wanted; ++seed) {
  const one = generateCase(seed, Math.min(kRequestsPerCase, wanted - passed - failed));
  const input = prepared(one);
  if (input.document) seen.json++;
  if (input.links.length > 0) seen.linked++;
  const results = await Promise.all([interlock, ...peers].map((engine) => (engine.knows(input) ? engine.answer(input) : undefined)));
  const [ours, ...theirs] = results.map((result) => result && answersOf(result, one.requests.length));
  for (const at of one.requests.keys()) {
    tally(ours[at]);
    let agreed = true;
    for (const [i, peer] of peers.entries()) {
      if (theirs[i] === undefined) continue;
      const kind = difference(ours[at], theirs[i][at]);
      if (kind === undefined) continue;
      agreed = false;
      if (shown.has(kind)) continue;
      shown.add(kind);
      await show(kind, peer, one, at);
    }
    agreed ? passed++ : failed++;
  }
}
for (const engine of [interlock, ...peers]) engine.close();

const total = passed + failed;
if (total > 0) {
  console.log(`compared with ${peers.map((peer) => (peer.version ? `${peer.name} ${peer.version()}` : peer.name)).join(' and ')}, seeds from ${firstSeed}`);
  console.log(`${seen.allow} allowed, ${seen.deny} denied; ${seen.reasons} with determining policies, ${seen.several} with several; ${seen.errors} with errors; ${seen.refused} refused by all; ${seen.json} policy sets as JSON, ${seen.linked} with links`);
  if (seen.refused > total * kMostRefused) {
    console.log(`more than ${kMostRefused * 100} % were refused: the generator is at fault`);
    failed++;
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && (total > 0 || peers.length === 0) ? 0 : 1;
