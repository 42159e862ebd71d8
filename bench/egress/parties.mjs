// Who is measured by `dev bench egress`: one process on one core each, in front of one nginx that answers a small file, plain and in TLS.
// A party says for each row how the load reaches it; null: it does not do that.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { free_port, start } from '../../scripts/process.mjs';

export const ROWS = [
  { name: 'plain HTTP/1.1, reverse', connections: 64 },
  { name: 'plain HTTP/1.1, forward', connections: 64 },
  { name: 'TLS opened, HTTP/1.1', connections: 64 },
  { name: 'TLS opened, HTTP/2', connections: 4, streams: 16 },
];
const [REVERSE, FORWARD, TLS, TLS2] = ROWS.map((row) => row.name);

// The proxies stand on one core, what they stand between on the other.
const PROXY_CORE = '0';
export const LOAD_CORE = '1';
const pinned = (core, command, args, options) => start('taskset', ['-c', core, command, ...args], options);

const to = (port) => ['--to', `127.0.0.1:${port}`];
const reverse = (port, up, path) => [...to(port), '--target', path, '--authority', `localhost:${up}`];
const forward = (port, up, path) => [...to(port), '--target', `http://localhost:${up}${path}`, '--authority', `localhost:${up}`];
const in_tls = (port, up, path) => [...to(port), '--tls', 'localhost', '--target', path, '--authority', `localhost:${up}`];
const in_tunnel = (port, up, path) => [...to(port), '--tunnel', `localhost:${up}`, '--tls', 'localhost', '--target', path, '--authority', `localhost:${up}`];

export function make_certificates(folder) {
  const openssl = (...args) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-days', '2', '-subj', '/CN=bench authority', '-keyout', 'ca.key', '-out', 'ca.pem');
  openssl('req', ...key, '-subj', '/CN=localhost', '-keyout', 'server.key', '-out', 'server.csr');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  openssl('x509', '-req', '-in', 'server.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', 'server.pem');
}

const nginx_frame = (folder, name, http) => `${process.getuid() === 0 ? 'user root;' : ''}
daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log ${folder}/${name}.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; ssl_certificate ${folder}/server.pem; ssl_certificate_key ${folder}/server.key;
  client_body_temp_path ${folder}/${name}-b; proxy_temp_path ${folder}/${name}-p; fastcgi_temp_path ${folder}/${name}-f;
  uwsgi_temp_path ${folder}/${name}-u; scgi_temp_path ${folder}/${name}-s;
  ${http}
}
`;

export async function start_upstream(folder) {
  const up = { plain: await free_port(), tls: await free_port() };
  mkdirSync(join(folder, 'www'));
  writeFileSync(join(folder, 'www/small'), randomBytes(384).toString('base64'));
  writeFileSync(join(folder, 'upstream.conf'), nginx_frame(folder, 'upstream', `
  server { listen 127.0.0.1:${up.plain}; listen 127.0.0.1:${up.tls} ssl http2; root ${folder}/www; }`));
  await pinned(LOAD_CORE, '/usr/sbin/nginx', ['-c', join(folder, 'upstream.conf'), '-e', join(folder, 'upstream.log')], { ready: up.tls });
  return up;
}

export async function start_nginx(folder, up) {
  const [plain, tls] = [await free_port(), await free_port()];
  const pass = 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;';
  writeFileSync(join(folder, 'nginx.conf'), nginx_frame(folder, 'nginx', `
  upstream plain { server 127.0.0.1:${up.plain}; keepalive 128; keepalive_requests 100000000; }
  upstream tls { server 127.0.0.1:${up.tls}; keepalive 128; keepalive_requests 100000000; }
  server { listen 127.0.0.1:${plain}; location / { proxy_pass http://plain; ${pass} } }
  server { listen 127.0.0.1:${tls} ssl http2; location / { proxy_pass https://tls; ${pass}
    proxy_ssl_verify on; proxy_ssl_trusted_certificate ${folder}/ca.pem; proxy_ssl_name localhost; proxy_ssl_server_name on; } }`));
  const process = await pinned(PROXY_CORE, '/usr/sbin/nginx', ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'nginx.log')], { ready: tls });
  return { name: 'nginx', process, loads: {
    [REVERSE]: reverse(plain, up.plain, '/small'), [TLS]: in_tls(tls, up.tls, '/small'), [TLS2]: in_tls(tls, up.tls, '/small') } };
}

export async function start_envoy(root, folder, up) {
  const binary = join(root, 'build/peers/egress_bench/envoy/bin/envoy');
  if (!existsSync(binary)) return null;
  const [plain, tls] = [await free_port(), await free_port()];
  const address = (port) => ({ socket_address: { address: '127.0.0.1', port_value: port } });
  const typed = (name, fields) => ({ '@type': `type.googleapis.com/envoy.extensions.${name}`, ...fields });
  const listener = (name, port, transport_socket) => ({
    name, address: address(port), filter_chains: [{ transport_socket, filters: [{ name: 'http', typed_config: typed('filters.network.http_connection_manager.v3.HttpConnectionManager', {
      stat_prefix: name, codec_type: 'AUTO', generate_request_id: false,
      route_config: { virtual_hosts: [{ name, domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: name } }] }] },
      http_filters: [{ name: 'router', typed_config: typed('filters.http.router.v3.Router', { dynamic_stats: false }) }] }) }] }] });
  const cluster = (name, port, transport_socket) => ({
    name, type: 'STATIC', transport_socket,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }] } });
  const down = { name: 'tls', typed_config: typed('transport_sockets.tls.v3.DownstreamTlsContext', { common_tls_context: {
    alpn_protocols: ['h2', 'http/1.1'], tls_certificates: [{ certificate_chain: { filename: join(folder, 'server.pem') }, private_key: { filename: join(folder, 'server.key') } }] } }) };
  const upward = { name: 'tls', typed_config: typed('transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'localhost', common_tls_context: {
    validation_context: { trusted_ca: { filename: join(folder, 'ca.pem') } } } }) };
  writeFileSync(join(folder, 'envoy.json'), JSON.stringify({ static_resources: {
    listeners: [listener('plain', plain, undefined), listener('tls', tls, down)],
    clusters: [cluster('plain', up.plain, undefined), cluster('tls', up.tls, upward)] } }));
  const process = await pinned(PROXY_CORE, binary, ['-c', join(folder, 'envoy.json'), '--concurrency', '1', '--log-level', 'error', '--disable-hot-restart'], { ready: tls });
  return { name: 'Envoy', process, loads: {
    [REVERSE]: reverse(plain, up.plain, '/small'), [TLS]: in_tls(tls, up.tls, '/small'), [TLS2]: in_tls(tls, up.tls, '/small') } };
}

export async function start_mitmproxy(root, folder, up) {
  const binary = join(root, 'build/peers/egress_bench/mitmproxy/bin/mitmdump');
  if (!existsSync(binary)) return null;
  const port = await free_port();
  const process = await pinned(PROXY_CORE, binary, ['-q', '--listen-host', '127.0.0.1', '-p', String(port), '--set', `confdir=${folder}/mitmproxy`,
    '--set', `ssl_verify_upstream_trusted_ca=${folder}/ca.pem`, '--set', 'flow_detail=0', '--set', 'stream_large_bodies=1m'], { ready: port });
  return { name: 'mitmproxy', process, loads: {
    [FORWARD]: forward(port, up.plain, '/small'), [TLS]: in_tunnel(port, up.tls, '/small'), [TLS2]: in_tunnel(port, up.tls, '/small') } };
}

// net/ alone: the same streams without identity, policy, leases and receipts.
export async function start_relay(build, folder, up) {
  const process = await pinned(PROXY_CORE, join(build, 'bench/egress_relay'), ['--upstream', String(up.plain), '--upstream-tls', String(up.tls),
    '--certificate', join(folder, 'server.pem'), join(folder, 'server.key'), '--ca', join(folder, 'ca.pem')], { ready: /"plain":(\d+)/ });
  const port = Number(process.match[1]);
  return { name: 'net alone', process, loads: {
    [REVERSE]: reverse(port, up.plain, '/small'), [FORWARD]: forward(port, up.plain, '/small'),
    [TLS]: in_tunnel(port, up.tls, '/small'), [TLS2]: in_tunnel(port, up.tls, '/small') } };
}

// The gate with a token, a policy and the durable ledger; the operation is known and of band 0, as reading is.
export async function start_interlock(build, folder, up) {
  const token = randomBytes(24).toString('hex');
  const port = await free_port();
  writeFileSync(join(folder, 'bench.cedar'), '@id("bench-reads")\npermit (principal == Agent::"bench", action in Action::"read", resource);\n');
  writeFileSync(join(folder, 'bench.yaml'), `catalogue: 1
entry: bench
hosts: [ "localhost:${up.plain}", "localhost:${up.tls}" ]
operations:
  small: { request: "GET /small", effects: [read], band: 0 }
`);
  writeFileSync(join(folder, 'interlock.yaml'), `version: 1
listen: 127.0.0.1:0
state_dir: ${folder}/state
preset: none
policies: [ ./bench.cedar ]
catalogue: [ ./bench.yaml ]
egress:
  listen: 127.0.0.1:${port}
  hosts:
    - { host: localhost, private_address: true }
  routes:
    - { path: /up, upstream: "http://localhost:${up.plain}" }
  upstream_ca_file: ${folder}/ca.pem
auth:
  tokens:
    - { token_sha256: ${createHash('sha256').update(token).digest('hex')}, subject: bench, owner: bench }
log: { level: warn }
`);
  const process = await pinned(PROXY_CORE, join(build, 'interlock'), ['serve', '--config', join(folder, 'interlock.yaml')], { ready: port });
  const shown = ['--header', `Proxy-Authorization: Bearer ${token}`];
  return { name: 'interlock', process, state: join(folder, 'state'), loads: {
    [REVERSE]: [...reverse(port, port, '/up/small'), ...shown], [FORWARD]: [...forward(port, up.plain, '/small'), ...shown],
    [TLS]: [...in_tunnel(port, up.tls, '/small'), ...shown], [TLS2]: [...in_tunnel(port, up.tls, '/small'), ...shown] } };
}

// The processes of a party: what start() started is taskset, which became it; nginx works in a child.
export function pids_of({ pid }) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
  return [String(pid), ...children];
}
