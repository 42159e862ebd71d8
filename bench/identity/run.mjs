// dev bench identity [--quick]: what it costs to know who asks, beside `openssl speed` of the primitive that each kind of proof cannot do
// without. Both run on one core and take turns in slices of about a second, forth and back, so that a noisy machine meets both; a ratio is
// of one round, and what is printed is the median over the rounds. CPU time of the thread is counted, not waiting.
//
// Prints, and asserts nothing about time: only a wrong answer (checked by identity_load for each operation) makes it fail.
import { execFileSync, spawn } from 'node:child_process';
import os from 'node:os';
import readline from 'node:readline';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 7;
const SLICE_MS = quick ? 200 : 500;
const core = os.cpus().length - 1;
const binary = `${process.env.INTERLOCK_BUILD ?? 'build/release'}/bench/identity_load`;

// Seconds of one operation, as `openssl speed -mr` counts them: "+F4:index:bits:signs/s:verifies/s", "+F5:index:bits:derivations/s:s".
function openssl(algorithm) {
  const out = execFileSync('taskset', ['-c', core, 'openssl', 'speed', '-mr', '-seconds', '1', algorithm], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const line = out.split('\n').find((text) => /^\+F[245]:/.test(text));
  if (!line) throw new Error(`openssl speed ${algorithm} printed no result`);
  const [, , , first, second] = line.split(':').map(Number);
  return algorithm.startsWith('ecdh') ? { derive: 1 / first } : { sign: 1 / first, verify: 1 / second };
}

class Load {
  constructor() {
    this.process = spawn('taskset', ['-c', String(core), binary], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.process.stdout })[Symbol.asyncIterator]();
  }
  async slice(kind) {
    this.process.stdin.write(`${kind} ${SLICE_MS}\n`);
    const { value, done } = await this.lines.next();
    if (done) throw new Error('a wrong answer: see above');
    const { operations, cpu_s } = JSON.parse(value);
    return cpu_s / operations;
  }
  end() {
    this.process.stdin.end();
    return new Promise((resolve) => this.process.on('exit', (code) => resolve(code)));
  }
}

// What the primitive would cost alone. A server's handshake with a client's certificate: its own signature, the client's, two steps of key
// agreement (`openssl speed` times the derivation, which costs what making a key does), and where the SVID is new its authority's signature.
const ROWS = [
  { kind: 'es256', name: 'JWT-SVID ES256', of: 'verify', floor: (p) => p.ec.verify },
  { kind: 'rs256', name: 'JWT-SVID RS256', of: 'verify', floor: (p) => p.rsa.verify },
  { kind: 'dpop-remembered', name: 'DPoP proof, its token remembered', of: 'verify', floor: (p) => p.ec.verify },
  { kind: 'dpop', name: 'DPoP proof and its token', of: '2 verify', floor: (p) => 2 * p.ec.verify },
  { kind: 'handshake-remembered', name: 'mTLS handshake, SVID remembered', of: 'sign, verify, 2 X25519', floor: (p) => p.ec.sign + p.ec.verify + 2 * p.dh.derive },
  { kind: 'handshake', name: 'mTLS handshake and its SVID', of: 'sign, 2 verify, 2 X25519', floor: (p) => p.ec.sign + 2 * p.ec.verify + 2 * p.dh.derive },
  { kind: 'handshake-bare', name: "OpenSSL's own mTLS handshake", of: 'sign, 2 verify, 2 X25519', floor: (p) => p.ec.sign + 2 * p.ec.verify + 2 * p.dh.derive },
];
const ACTS = [
  { kind: 'es256-remembered', name: 'JWT-SVID ES256' },
  { kind: 'rs256-remembered', name: 'JWT-SVID RS256' },
  { kind: 'certificate-remembered', name: 'X.509-SVID of a connection' },
];

// Ours stand around the primitives that they are compared with.
const ORDER = [
  'ecdsap256', 'es256', 'dpop-remembered', 'dpop', 'es256-remembered', 'rsa2048', 'rs256', 'rs256-remembered',
  'ecdhx25519', 'handshake', 'handshake-bare', 'handshake-remembered', 'certificate-remembered',
];
const PRIMITIVES = { ecdsap256: 'ec', rsa2048: 'rsa', ecdhx25519: 'dh' };

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const micro = (seconds) => `${(seconds * 1e6).toFixed(1)} µs`;
const rate = (seconds) => Math.round(1 / seconds).toLocaleString('en');

const load = new Load();
const rounds = [];
try {
  for (let round = 0; round < ROUNDS; round++) {
    const seen = {};
    for (const step of round % 2 ? ORDER.toReversed() : ORDER) {
      if (PRIMITIVES[step]) seen[PRIMITIVES[step]] = openssl(step);
      else seen[step] = await load.slice(step);
    }
    rounds.push(seen);
    process.stderr.write(`round ${round + 1} of ${ROUNDS}\n`);
  }
} finally {
  if ((await load.end()) !== 0) process.exitCode = 1;
}
if (process.exitCode) process.exit();

console.log(`\n${execFileSync('openssl', ['version'], { encoding: 'utf8' }).trim()}, ${os.cpus()[core].model}, one core, median of ${ROUNDS} rounds\n`);
console.log(`${'verified anew'.padEnd(34)} ${'a second'.padStart(9)} ${'one'.padStart(9)} ${'openssl speed'.padStart(14)} ${'ratio'.padStart(6)}  of`);
for (const row of ROWS) {
  const ours = median(rounds.map((seen) => seen[row.kind]));
  const floor = median(rounds.map((seen) => row.floor(seen)));
  const ratio = median(rounds.map((seen) => seen[row.kind] / row.floor(seen)));
  console.log(`${row.name.padEnd(34)} ${rate(ours).padStart(9)} ${micro(ours).padStart(9)} ${micro(floor).padStart(14)} ${ratio.toFixed(2).padStart(6)}  ${row.of}`);
}
const bare = median(rounds.map((seen) => seen.handshake / seen['handshake-bare']));
console.log(`our mTLS handshake with its SVID is ${bare.toFixed(2)} of OpenSSL's own with the same authority\n`);
console.log(`${'an act by a subject verified before'.padEnd(44)} ${'identity'.padStart(9)}`);
for (const act of ACTS) console.log(`${act.name.padEnd(44)} ${`${(median(rounds.map((seen) => seen[act.kind])) * 1e6).toFixed(2)} µs`.padStart(9)}`);
