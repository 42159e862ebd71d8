// Child processes of the demo, the benchmarks and the docs test: each is started with a deadline to become ready, keeps its last
// output for a complaint, and is ended at the latest when this process ends, by its own id.
import { spawn } from 'node:child_process';
import { createServer, connect } from 'node:net';

const kTailCharacters = 4000;
const running = new Set();

// Resolves once `ready` holds: a pattern on stdout, whose match is returned as `match`; nothing; or a port that accepts.
export function start(command, args, { ready, env, cwd, timeout_ms = 20_000 } = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: env ?? process.env, cwd, detached: true });
  const self = { child, pid: child.pid, stdout: '', stderr: '', match: null, ended: false, end: () => end(self) };
  running.add(self);
  self.closed = new Promise((done) => child.on('close', done)).then(() => {
    self.ended = true;
    running.delete(self);
  });
  return new Promise((resolve, reject) => {
    const fail = (why) => {
      clearTimeout(timer);
      end(self);
      reject(new Error(`${command} ${args.join(' ')}: ${why}\n${tail_of(self)}`));
    };
    const timer = setTimeout(() => fail(`not ready after ${timeout_ms} ms`), timeout_ms);
    const succeed = () => {
      clearTimeout(timer);
      resolve(self);
    };
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => fail(`ended early (${signal ?? code})`));
    child.stderr.on('data', (data) => (self.stderr = (self.stderr + data).slice(-kTailCharacters)));
    child.stdout.on('data', (data) => {
      self.stdout = (self.stdout + data).slice(-kTailCharacters);
      if (ready instanceof RegExp && !self.match && (self.match = ready.exec(self.stdout))) succeed();
    });
    if (ready === undefined) succeed();
    else if (typeof ready === 'number') wait_for_port(ready, timeout_ms, () => self.ended).then(succeed, (error) => fail(error.message));
  });
}

export function tail_of(self) {
  return (self.stderr + self.stdout).split('\n').slice(-15).join('\n');
}

async function end(self, grace_ms = 3000) {
  if (self.ended) return;
  signal(self, 'SIGTERM');
  const timer = setTimeout(() => signal(self, 'SIGKILL'), grace_ms);
  await self.closed;
  clearTimeout(timer);
}

function signal(self, name) {
  try {
    process.kill(-self.pid, name);
  } catch {
    // It ended in between.
  }
}

export async function end_all() {
  await Promise.all([...running].map((one) => end(one)));
}
process.on('exit', () => running.forEach((one) => signal(one, 'SIGKILL')));
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(130));

// Runs to the end; never rejects for an exit code.
export function run(command, args, { env, cwd, input, timeout_ms = 60_000 } = {}) {
  return new Promise((done) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], env: env ?? process.env, cwd });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout_ms);
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('error', (error) => done({ code: -1, stdout, stderr: error.message }));
    child.on('close', (code, by) => {
      clearTimeout(timer);
      done({ code: code ?? -1, signal: by, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}

// A port that was free a moment ago, for programs that cannot pick one themselves.
export function free_port() {
  return new Promise((done, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

async function wait_for_port(port, timeout_ms, gave_up) {
  const until = Date.now() + timeout_ms;
  while (Date.now() < until && !gave_up()) {
    const open = await new Promise((done) => {
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => (socket.destroy(), done(true)));
      socket.on('error', () => done(false));
    });
    if (open) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`port ${port} does not accept`);
}
