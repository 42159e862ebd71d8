// dev bench egress [--quick] [--without-gate]: requests a second, p50, p99 and CPU a request of the road out, beside nginx and Envoy (which
// end TLS as reverse proxies) and mitmproxy (which opens it as a forward proxy, as the gate does). In one run, before one upstream, under one
// load, each proxy on the same single core; they take turns round by round, forth and back, and the median of the rounds is printed.
// Prints, and asserts nothing about time: a wrong answer or a receipt that is missing makes it fail.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { end_all, run, tail_of } from '../../scripts/process.mjs';
import { LOAD_CORE, ROWS, make_certificates, pids_of, start_envoy, start_interlock, start_mitmproxy, start_nginx, start_relay, start_upstream } from './parties.mjs';

const root = resolve(import.meta.dirname, '../..');
const build = resolve(process.env.INTERLOCK_BUILD ?? join(root, 'build/release'));
const quick = process.argv.includes('--quick');
const with_gate = !process.argv.includes('--without-gate');
const ROUNDS = quick ? 1 : 5;
const WARM_MS = quick ? 300 : 500;
const RUN_MS = quick ? 1_000 : 2_000;
const CPU_AIM = 1.5; // of nginx
const RATE_AIM = 20; // of mitmproxy
const folder = mkdtempSync(join(tmpdir(), 'interlock-egress-'));
const failures = [];

async function measure(party, row) {
  const done = await run('taskset', ['-c', LOAD_CORE, join(build, 'bench/egress_load'), ...party.loads[row.name], '--body', join(folder, 'www/small'),
    '--connections', String(row.connections), ...(row.streams ? ['--streams', String(row.streams)] : []),
    '--warm-ms', String(WARM_MS), '--ms', String(RUN_MS), '--pids', pids_of(party.process).join(',')], { timeout_ms: 60_000 });
  if (done.code !== 0) {
    failures.push(`${party.name}, ${row.name}: ${(done.stderr || done.stdout).trim()}\n${tail_of(party.process)}`);
    return null;
  }
  return JSON.parse(done.stdout);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const us = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(value < 100 ? 1 : 0)} us`);
const columns = (cells) => `  ${cells[0].padEnd(12)}${cells.slice(1).map((cell) => cell.padStart(13)).join('')}`;

async function main() {
  make_certificates(folder);
  const up = await start_upstream(folder);
  const parties = [];
  const add = async (name, starting) => {
    try {
      const party = await starting;
      if (party) parties.push(party);
      else console.log(`SKIPPED ${name}: it is not installed (see bench/egress/install)`);
    } catch (error) {
      failures.push(`${name} does not start: ${error.message}`);
    }
  };
  await add('nginx', start_nginx(folder, up));
  await add('Envoy', start_envoy(root, folder, up));
  await add('net alone', start_relay(build, folder, up));
  if (with_gate) await add('interlock', start_interlock(build, folder, up));
  await add('mitmproxy', start_mitmproxy(root, folder, up));

  const results = {};
  let asked = 0;
  for (const row of ROWS) {
    const able = parties.filter((party) => party.loads[row.name]);
    const seen = new Map(able.map((party) => [party.name, []]));
    for (let round = 0; round < ROUNDS; ++round) {
      for (const party of round % 2 ? [...able].reverse() : able) {
        const one = await measure(party, row);
        if (one) seen.get(party.name).push(one);
        if (one && party.name === 'interlock') asked += one.requests;
      }
    }
    console.log(`\n${row.name}: ${row.connections} connections${row.streams ? `, ${row.streams} requests at once on each` : ''}`);
    console.log(columns(['', 'requests/s', 'p50', 'p99', 'CPU/request', 'of nginx']));
    const of = {};
    for (const [name, rounds] of seen) {
      if (rounds.length === 0) continue;
      const middle = Object.fromEntries(['per_second', 'p50_us', 'p99_us', 'cpu_us'].map((key) => [key, median(rounds.map((one) => one[key]))]));
      of[name] = middle;
      const ratio = of.nginx && name !== 'nginx' ? (middle.cpu_us / of.nginx.cpu_us).toFixed(2) : '-';
      console.log(columns([name, middle.per_second.toFixed(0), us(middle.p50_us), us(middle.p99_us), us(middle.cpu_us), ratio]));
    }
    results[row.name] = of;
  }

  const gate = with_gate ? 'interlock' : 'net alone';
  console.log('\naims');
  const plain = results[ROWS[0].name];
  if (plain[gate] && plain.nginx) {
    const ratio = plain[gate].cpu_us / plain.nginx.cpu_us;
    console.log(`  ${gate}, plain proxying: ${ratio.toFixed(2)} times nginx's CPU a request; aim ${CPU_AIM}: ${ratio <= CPU_AIM ? 'met' : 'missed'}`);
    if (with_gate && plain['net alone'])
      console.log(`  of it net ${us(plain['net alone'].cpu_us)}; identity, policy, task, receipt ${us(plain[gate].cpu_us - plain['net alone'].cpu_us)}`);
  }
  for (const row of ROWS.slice(1)) {
    const { [gate]: ours, mitmproxy } = results[row.name];
    if (!ours || !mitmproxy) continue;
    const ratio = ours.per_second / mitmproxy.per_second;
    console.log(`  ${gate}, ${row.name}: ${ratio.toFixed(1)} times mitmproxy's requests a second; aim ${RATE_AIM}: ${ratio >= RATE_AIM ? 'met' : 'missed'}`);
  }
  if (with_gate && parties.some((party) => party.name === 'interlock')) {
    await parties.find((party) => party.name === 'interlock').process.end();
    const verified = await run(join(build, 'interlock'), ['log', 'verify', '--config', join(folder, 'interlock.yaml')], { timeout_ms: 120_000 });
    const receipts = Number(/intact: (\d+) records/.exec(verified.stdout)?.[1] ?? 0);
    console.log(`  ledger: ${verified.stdout.trim().split('\n').at(-1)}`);
    if (verified.code !== 0 || receipts < asked) failures.push(`the ledger holds ${receipts} receipts for ${asked} requests: ${verified.stderr}`);
  }
  mkdirSync(join(root, 'results'), { recursive: true });
  writeFileSync(join(root, 'results/bench-egress.json'), JSON.stringify({ cpu: cpus()[0].model, quick, results }, null, 2));
}

try {
  await main();
} finally {
  await end_all();
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.error(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
