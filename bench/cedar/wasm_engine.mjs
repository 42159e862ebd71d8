// cedar-wasm's stateful call behind the protocol of engines.mjs: wasm_engine.mjs DATA BUDGET_MS prints one JSON object. Its
// policies are resident; entities go in with each call, which is how its interface is made. Large data sets are answered in
// part: what did not fit the budget is null.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const wasm = createRequire(new URL('../../tests/peers/package.json', import.meta.url))('@cedar-policy/cedar-wasm/nodejs');
const data = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const budget_ms = Number(process.argv[3]);

const parsed = wasm.preparsePolicySet('bench', { staticPolicies: data.policies });
if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed.errors));
const decide = (request) => {
  const result = wasm.statefulIsAuthorized({ ...request, preparsedPolicySetId: 'bench', entities: data.entities });
  if (result.type !== 'success') throw new Error(JSON.stringify(result.errors));
  return result.response;
};

function measure(work) {
  const samples = [];
  const began = performance.now();
  while (performance.now() - began < budget_ms || samples.length === 0) {
    const start = process.hrtime.bigint();
    work(samples.length % data.requests.length);
    samples.push(Number(process.hrtime.bigint() - start));
  }
  samples.sort((a, b) => a - b);
  return { p50: samples[samples.length >> 1], p99: samples[Math.floor(samples.length * 0.99)] };
}

const began = performance.now();
const answers = data.requests.map((request, i) => {
  if (i > 0 && performance.now() - began > 4 * budget_ms) return null;
  const { decision, diagnostics } = decide(request);
  return `${decision} ${[...diagnostics.reason].sort().join()} !${diagnostics.errors.map((error) => error.policyId).sort().join()}`;
});
const texts = data.requests.map((request) => JSON.stringify(request));
const ready = measure((i) => decide(data.requests[i]));
const json = measure((i) => decide(JSON.parse(texts[i])));
console.log(JSON.stringify({ answers, ready, json }));
