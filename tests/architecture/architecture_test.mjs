// Proves that an upward include does not build. Usage: node tests/architecture/architecture_test.mjs BUILD
//
// For every ordered pair of rooms, a tiny file that includes the other room's header is compiled with the command that
// compile_commands.json has for a source of the first room. Pairs that DESIGN §3 forbids must fail, and for the right reason:
// that header is not found. Pairs that a room declares must compile. The floors below are DESIGN's, not CMake's: the test
// would catch a CMakeLists.txt that says otherwise. Last line: N passed, N failed.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const build = resolve(process.argv[2] ?? join(root, 'build/release'));
const scratch = mkdtempSync(join(tmpdir(), 'interlock-architecture-'));

const kFloors = {
  base: 0,
  cedar: 1, jose: 1, net: 1, shell: 1, tlog: 1, yaml: 1, model: 1,
  store: 2, analyze: 2, spiffe: 2, oauth: 2, sandbox: 2, hosts: 2,
  identity: 3, policy: 3, catalogue: 3, task: 3, credential: 3, approval: 3, flow: 3, ledger: 3, telemetry: 3,
  gate: 4,
  'surface/mcp': 5, 'surface/http': 5, 'surface/exec': 5, 'surface/hook': 5, 'surface/browser': 5, 'surface/api': 5,
  'surface/acp': 5, 'surface/console': 5, report: 5, client: 5,
  cli: 6,
};
// A room may include what stands below it; floors 1 and 2 are libraries that may also stand on each other where they say so;
// an organ never includes an organ, a surface never a surface, and Cedar nothing but base.
function forbidden(from, to) {
  if (from === 'cedar') return to !== 'base';
  if (kFloors[to] > kFloors[from]) return true;
  return kFloors[to] === kFloors[from] && kFloors[from] >= 3;
}

let passed = 0;
let failed = 0;
function close(name, problem) {
  if (problem) failed++;
  else passed++;
  if (problem) console.log(`FAIL ${name}\n     ${problem.split('\n').slice(0, 6).join('\n     ')}`);
}

function run(command, args) {
  return new Promise((done) => {
    const child = spawn(command, args, { cwd: build, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', (error) => done({ code: -1, output: String(error) }));
    child.on('close', (code) => done({ code, output }));
  });
}

// --- the rooms as they are -------------------------------------------------------------------------------------------------

const compile_commands = JSON.parse(readFileSync(join(build, 'compile_commands.json'), 'utf8'));
function compile_command(room) {
  const folder = join(root, 'src', room);
  const entry = compile_commands.find((one) => dirname(one.file) === folder);
  if (!entry) return null;
  // CMake writes no quoting here beyond \" in definitions: fail on what else there is rather than guess.
  if (/(?<!\\)["']/.test(entry.command)) throw new Error(`cannot take apart: ${entry.command}`);
  const words = entry.command.split(/(?<!\\)\s+/).filter(Boolean).map((word) => word.replace(/\\(.)/g, '$1'));
  if (words[0].endsWith('ccache')) words.shift();
  const kept = [];
  for (let at = 0; at < words.length; at++) {
    if (words[at] === '-o' || words[at] === '-c') at++;
    else if (words[at] !== entry.file) kept.push(words[at]);
  }
  return kept;
}

const rooms = Object.keys(kFloors).filter((room) => existsSync(join(root, 'src', room, 'CMakeLists.txt')));
const commands = new Map(rooms.map((room) => [room, compile_command(room)]));
const headers = new Map(
  rooms.map((room) => [room, readdirSync(join(root, 'src', room)).filter((name) => name.endsWith('.hpp')).sort()[0]]),
);

// A room without a header yet still has a name that others could try to include.
const header_of = (room) => `${room}/${headers.get(room) ?? `${room.split('/').pop()}.hpp`}`;

let probes = 0;
function probe(from, header, extra = []) {
  const file = join(scratch, `probe_${probes++}.cpp`);
  writeFileSync(file, `#include "${header}"\n`);
  const [compiler, ...flags] = commands.get(from);
  return run(compiler, [...flags, ...extra, file]);
}

// --- the cases -----------------------------------------------------------------------------------------------------------

const cases = [];
for (const from of rooms.filter((room) => commands.get(room))) {
  for (const to of rooms.filter((room) => room !== from && forbidden(from, room))) {
    cases.push(async () => {
      const header = header_of(to);
      const { code, output } = await probe(from, header, ['-E', '-o', '/dev/null']);
      const right_reason = new RegExp(`fatal error: .*${header.replace(/[/.]/g, '\\$&')}.*(No such file|not found)|fatal error: '?${header}`).test(output);
      close(`${from} (floor ${kFloors[from]}) must not see ${to} (floor ${kFloors[to]})`,
        code === 0 ? `#include "${header}" was found` : right_reason ? null : `failed, but not because the file is not found: ${output}`);
    });
  }
  const own = readFileSync(join(root, 'src', from, 'CMakeLists.txt'), 'utf8');
  const declared = /DEPENDS\s+([^)]*?)(LIBRARIES|\))/.exec(own)?.[1].split(/\s+/).filter(Boolean) ?? [];
  for (const to of declared) {
    cases.push(async () => {
      close(`${from} may not declare ${to}`, forbidden(from, to) ? `src/${from}/CMakeLists.txt depends on a room that DESIGN §3 forbids` : null);
    });
    if (!headers.get(to)) continue;
    cases.push(async () => {
      const { code, output } = await probe(from, header_of(to), ['-fsyntax-only']);
      close(`${from} sees ${to}, which it declares`, code === 0 ? null : output);
    });
  }
}

// The four that the issue names, with the whole compiler rather than the preprocessor alone, on a real name of the room.
for (const [from, to] of [['base', 'gate'], ['cedar', 'model'], ['policy', 'catalogue'], ['surface/mcp', 'surface/api']]) {
  cases.push(async () => {
    if (!commands.get(from)) return close(`${from} including ${to}`, `src/${from} has no source to take a command from`);
    const { code, output } = await probe(from, header_of(to), ['-fsyntax-only']);
    close(`${from} including ${to} does not build`, code !== 0 && /fatal error/.test(output) ? null : `it built: ${output}`);
  });
}

// CMake refuses a room that declares what stands above it, beside it, or nowhere.
function cmake_case(name, floors, want) {
  cases.push(async () => {
    const folder = join(scratch, `cmake_${name.replace(/\W+/g, '_')}`);
    mkdirSync(folder, { recursive: true });
    let top = `cmake_minimum_required(VERSION 3.25)\nproject(probe LANGUAGES NONE)\nadd_library(interlock_flags INTERFACE)\ninclude(${root}/cmake/Room.cmake)\n`;
    for (const [room, text] of floors) {
      mkdirSync(join(folder, 'src', room), { recursive: true });
      writeFileSync(join(folder, 'src', room, 'CMakeLists.txt'), `interlock_room(${room} ${text})\n`);
      top += `add_subdirectory(src/${room})\n`;
    }
    writeFileSync(join(folder, 'CMakeLists.txt'), top);
    const { code, output } = await run('cmake', ['-G', 'Ninja', '-S', folder, '-B', join(folder, 'build')]);
    if (want === null) close(name, code === 0 ? null : output);
    else close(name, code !== 0 && output.replace(/\s+/g, ' ').includes(want) ? null : `wanted "${want}", got: ${output}`);
  });
}
cmake_case('a room may stand on a lower one', [['low', 'FLOOR 0'], ['high', 'FLOOR 1 DEPENDS low']], null);
cmake_case('a room may not declare a higher one', [['high', 'FLOOR 4'], ['low', 'FLOOR 1 DEPENDS high']], 'may not depend on high');
cmake_case('an organ may not declare an organ', [['one', 'FLOOR 3'], ['two', 'FLOOR 3 DEPENDS one']], 'may not depend on one');
cmake_case('a room may not declare one that comes later', [['low', 'FLOOR 1 DEPENDS high'], ['high', 'FLOOR 4']], 'does not stand below it');
cmake_case('a room states its floor', [['low', '']], 'FLOOR is missing');

// The one way around an include path is "..": house_rules.mjs forbids it in the whole tree; here is what it would do.
cases.push(async () => {
  const climbs = [];
  for (const room of rooms) {
    for (const name of readdirSync(join(root, 'src', room)).filter((one) => /\.(hpp|cpp)$/.test(one))) {
      if (/^\s*#\s*include\s*["<][^">]*\.\./m.test(readFileSync(join(root, 'src', room, name), 'utf8'))) climbs.push(`src/${room}/${name}`);
    }
  }
  close('no include climbs with ".."', climbs.length ? climbs.join('\n') : null);
});

// Every folder with sources is a room that the build knows.
cases.push(async () => {
  const unknown = readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'surface' && !(entry.name in kFloors))
    .map((entry) => entry.name);
  close('each folder of src/ is a room of DESIGN §3', unknown.length ? `not on any floor: ${unknown.join(' ')}` : null);
});

const total = cases.length;
async function worker() {
  for (let one = cases.shift(); one; one = cases.shift()) await one();
}
await Promise.all(Array.from({ length: availableParallelism() }, worker));
rmSync(scratch, { recursive: true, force: true });
const without = rooms.filter((room) => !commands.get(room));
if (without.length) console.log(`SKIPPED rooms that have no source yet: ${without.join(' ')}`);
console.log(`${total} cases: ${rooms.length} rooms, every forbidden pair tried with that room's own compile command`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
