// The wiring of identity as an operator sees it: https and its renewal, what needs a restart and what does not, bad configurations, the
// gate's own authority, issuers whose keys are found, DPoP and token exchange.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { request } from "node:https";
import { chmodSync, existsSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import * as jose from "../peers/jose.mjs";
import { eventually, interlock, scratch, startFixture, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const kJwt = "urn:ietf:params:oauth:token-type:jwt";

const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] }).toString();

// A self-signed certificate for 127.0.0.1 in two files.
function makeCertificate(folder, name) {
  const [certificate, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate);
  chmodSync(key, 0o600);
  return { certificate, key };
}

// One request over TLS: {status, body, subject of the server's certificate}. What the server shows is looked at, not judged.
function call(url, { method = "GET", headers = {}, body, ca, cert, key } = {}) {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, ca, cert, key, rejectUnauthorized: ca !== undefined, agent: false }, (response) => {
      const { subject, subjectaltname } = response.socket.getPeerCertificate();
      let text = "";
      response.on("data", (part) => (text += part)).on("end", () => resolve({ status: response.statusCode, headers: response.headers, body: text, subject: subject?.CN, names: subjectaltname }));
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

const kPing = { method: "POST", body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "t", version: "1" } } }), headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" } };

// An issuer of its own: discovery, keys, and tokens signed with them.
async function startIssuer() {
  const { publicKey, privateKey } = await jose.generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: "k1", use: "sig", alg: "ES256" };
  const server = createServer((incoming, answer) => {
    const { port } = server.address();
    const issuer = `http://127.0.0.1:${port}`;
    answer.setHeader("Content-Type", "application/json");
    if (incoming.url === "/.well-known/openid-configuration" || incoming.url === "/.well-known/oauth-authorization-server") answer.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
    else if (incoming.url === "/keys") answer.end(JSON.stringify({ keys: [jwk] }));
    else answer.writeHead(404).end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer,
    token: (claims) => new jose.SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "k1" }).setIssuer(issuer).setIssuedAt().setExpirationTime("5m").setJti(crypto.randomUUID()).sign(privateKey),
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function proofKey() {
  const { publicKey, privateKey } = await jose.generateKeyPair("ES256");
  const jwk = await jose.exportJWK(publicKey);
  return {
    thumbprint: await jose.calculateJwkThumbprint(jwk),
    proof: async (method, url, token) =>
      new jose.SignJWT({ htm: method, htu: url, jti: crypto.randomUUID(), ...(token ? { ath: jose.base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)))) } : {}) })
        .setProtectedHeader({ typ: "dpop+jwt", alg: "ES256", jwk }).setIssuedAt().sign(privateKey),
  };
}

async function withGate(options, use) {
  const fixture = await startFixture("legacy");
  const gate = await startGate({ servers: { fixture: { url: fixture.url } }, auth: {}, ...options }).catch(async (error) => {
    await fixture.stop();
    throw error;
  });
  try {
    await use(gate);
  } finally {
    await gate.stop();
    await fixture.stop();
  }
}
const receipts = async (gate, ...query) => {
  const found = await gate.cli("log", "query", "--json", ...query);
  assert.equal(found.code, 0, found.stderr);
  return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
};

describe("https", () => {
  it("is served with the files of the configuration, and a renewal needs no restart", async () => {
    const folder = scratch();
    const files = makeCertificate(folder, "first");
    await withGate({ extra: `tls: ${JSON.stringify(files)}` }, async (gate) => {
      assert.match(gate.base, /^https:\/\/127\.0\.0\.1:/);
      const health = await call(`${gate.base}/healthz`, { ca: readFileSync(files.certificate) });
      assert.equal(health.status, 200);
      assert.equal(health.subject, "first");
      const next = makeCertificate(folder, "second");
      renameSync(next.key, files.key);
      renameSync(next.certificate, files.certificate);
      await eventually("the new certificate is shown", async () => (await call(`${gate.base}/healthz`)).subject === "second");
      write(files.certificate, "nonsense");
      await eventually("the log says what is wrong", () => /the new certificate is refused/.test(gate.errors()));
      assert.equal((await call(`${gate.base}/healthz`)).subject, "second", "the old one stays in force");
    });
  });

  it("is not begun with a pair that does not fit, nor with a key that everybody can read", async () => {
    const folder = scratch();
    const [one, two] = [makeCertificate(folder, "one"), makeCertificate(folder, "two")];
    const start = (tls) => {
      const { file } = writeConfiguration({ extra: `tls: ${JSON.stringify(tls)}` });
      return interlock(file, "serve");
    };
    const mixed = await start({ certificate: one.certificate, key: two.key });
    assert.equal(mixed.code, 1);
    assert.doesNotMatch(mixed.stderr, /PRIVATE KEY/);
    chmodSync(one.key, 0o644);
    const open = await start(one);
    assert.equal(open.code, 1);
    assert.match(open.stderr, /interlock\.yaml:\d+:\d+: `tls\.key`: other users can read/);
    assert.match(open.stderr, /chmod 600/);
  });
});

describe("the configuration of identity", () => {
  it("is taken over live where that can be, refused whole where it is wrong, and says what needs a restart", async () => {
    const issuer = await startIssuer();
    try {
      await withGate({ extra: "agents: [ { id: builder, owner: team } ]" }, async (gate) => {
        const text = readFileSync(gate.file, "utf8");
        const ask = async () => (await fetch(gate.url("fixture"), { ...kPing, headers: { ...kPing.headers, Authorization: `Bearer ${await issuer.token({ sub: "a", aud: gate.url("fixture") })}` } })).status;
        assert.equal(await ask(), 401);
        const identity = `identity: { issuers: [ { issuer: ${JSON.stringify(issuer.issuer)}, accept_bearer: true, subject: "ci/{sub}" } ] }\n`;
        write(gate.file, text + identity);
        assert.equal((await gate.cli("reload")).code, 0);
        assert.equal(await ask(), 200);
        assert.ok(JSON.stringify((await gate.cli("status", "--json")).json()).includes(issuer.issuer));

        write(gate.file, text + identity.replace("issuers", "isuers"));
        const wrong = await gate.cli("reload");
        assert.equal(wrong.code, 1);
        assert.match(wrong.stderr, /interlock\.yaml:\d+:\d+: unknown key `identity\.isuers`/);
        assert.equal(await ask(), 200, "what was in force stays");

        write(gate.file, text.replace("agents: [ { id: builder, owner: team } ]", "agents: [ { id: builder, owner: team } ]\nonly_registered_agents: true") + identity);
        assert.equal((await gate.cli("reload")).code, 0);
        assert.equal(await ask(), 403);
        write(gate.file, text.replace("id: builder", 'id: "ci/*"') + "only_registered_agents: true\n" + identity);
        assert.equal((await gate.cli("reload")).code, 0);
        assert.equal(await ask(), 200);
        write(gate.file, text.replace("owner: team", "owner: gone").replace("id: builder", 'id: "ci/*"') + "owners: [ { name: gone, left: 2020-01-01 } ]\n" + identity);
        assert.equal((await gate.cli("reload")).code, 0);
        assert.equal(await ask(), 403, "its owner left");
        assert.match((await gate.cli("agent", "findings")).stdout, /owner-left/);
        assert.match((await gate.cli("agent", "show", "ci/a")).stdout, /last seen +20/);

        write(gate.file, `${text + identity}public_url: https://gate.example\nresource: { scopes: [ a ] }\n`);
        const restart = await gate.cli("reload", "--json");
        assert.deepEqual(restart.json().gates[0].needs_restart, ["public_url", "resource"]);
      });
    } finally {
      await issuer.close();
    }
  });

  it("keeps acts above an agent's highest band away from policy", async () => {
    const issuer = await startIssuer();
    try {
      const extra = `agents: [ { id: ci, owner: team, bands: 0 } ]\nidentity: { issuers: [ { issuer: ${JSON.stringify(issuer.issuer)}, accept_bearer: true, subject: "{sub}" } ] }`;
      await withGate({ extra }, async (gate) => {
        const headers = { ...kPing.headers, Authorization: `Bearer ${await issuer.token({ sub: "ci", aud: gate.url("fixture") })}` };
        const opened = await fetch(gate.url("fixture"), { ...kPing, headers });
        const session = opened.headers.get("mcp-session-id");
        const called = await fetch(gate.url("fixture"), { method: "POST", headers: { ...headers, "Mcp-Session-Id": session }, body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "echo", arguments: { text: "x" } } }) });
        assert.match(await called.text(), /-31001/);
        const [attempt] = await receipts(gate, "--kind", "attempt", "--subject", "ci");
        assert.equal(attempt.verdict, "deny");
      });
    } finally {
      await issuer.close();
    }
  });
});

describe("the gate's own authority", () => {
  it("serves https with an SVID of its own, keeps its keys for itself, and has them again after a restart", async () => {
    const extra = "tls: { spiffe: true }\nidentity: { spiffe: { trust_domain: example.org, authority: {} } }";
    let options;
    let first;
    await withGate({ extra }, async (gate) => {
      const shown = await call(`${gate.base}/healthz`);
      assert.equal(shown.status, 200);
      assert.match(shown.names, /URI:spiffe:\/\/example\.org\/interlock\/gate/);
      assert.match(shown.names, /IP Address:127\.0\.0\.1/);
      const state = join(gate.folder, "state");
      assert.equal(statSync(join(state, "master.key")).mode & 0o777, 0o600);
      assert.ok(existsSync(join(state, "workload.sock")));
      const { gates } = (await gate.cli("status", "--json")).json();
      assert.equal(gates[0].identity.spiffe.id, "spiffe://example.org/interlock/gate");
      assert.deepEqual(gates[0].identity.spiffe.bundles, ["example.org"]);
      first = readFileSync(join(state, "master.key"));
      options = { file: gate.file, folder: gate.folder };
    });
    const again = await startGate(options);
    assert.deepEqual(readFileSync(join(options.folder, "state", "master.key")), first);
    await again.stop();
    write(join(options.folder, "state", "master.key"), Buffer.alloc(32, 7).toString("latin1").slice(0, 32));
    const locked = await interlock(options.file, "serve");
    assert.equal(locked.code, 1, "seals that do not open are no reason for new keys");
  });

  it("is waited for no longer than needed where SPIRE gives the SVID and is not there", async () => {
    const { file } = writeConfiguration({ extra: 'tls: { spiffe: true }\nidentity: { spiffe: { trust_domain: example.org, workload_api: "unix:///nowhere/agent.sock" } }' });
    const checked = await interlock(file, "check");
    assert.equal(checked.code, 0, checked.stderr);
  });
});

describe("token exchange", () => {
  it("gives an agent a token of its own for its human, bound to its key, with the chain in it and in the ledger", async () => {
    const issuer = await startIssuer();
    const extra = `identity: { token_exchange: { enabled: true }, issuers: [ { issuer: ${JSON.stringify(issuer.issuer)}, accept_bearer: true, subject: "{sub}", human_claims: [ email ] } ] }`;
    try {
      await withGate({ extra }, async (gate) => {
        const key = await proofKey();
        const url = `${gate.base}/oauth/token`;
        const human = await issuer.token({ sub: "ada", email: "ada@example.org", scope: "read write", aud: gate.base });
        const agent = await issuer.token({ sub: "helper", aud: gate.base });
        const form = { grant_type: kExchange, subject_token: human, subject_token_type: kJwt, scope: "read", resource: gate.url("fixture") };
        const exchange = async (fields, headers = {}) => {
          const response = await fetch(url, { method: "POST", body: new URLSearchParams(fields), headers: { Authorization: `Bearer ${agent}`, ...headers } });
          return { status: response.status, cache: response.headers.get("cache-control"), body: await response.json() };
        };
        const made = await exchange(form, { DPoP: await key.proof("POST", url) });
        assert.equal(made.status, 200, JSON.stringify(made.body));
        assert.equal(made.cache, "no-store");
        assert.equal(made.body.token_type, "DPoP");
        assert.equal(made.body.scope, "read");
        const token = made.body.access_token;
        const { payload } = await jose.jwtVerify(token, jose.createRemoteJWKSet(new URL(`${gate.base}/.well-known/jwks.json`)), { issuer: gate.base, audience: gate.url("fixture") });
        assert.equal(payload.cnf.jkt, key.thumbprint);
        assert.equal(payload.act.sub, "helper");
        assert.ok(payload.exp - payload.iat <= 600);

        const use = async (headers) => (await fetch(gate.url("fixture"), { ...kPing, headers: { ...kPing.headers, ...headers } })).status;
        assert.equal(await use({ Authorization: `DPoP ${token}`, DPoP: await key.proof("POST", gate.url("fixture"), token) }), 200);
        assert.equal(await use({ Authorization: `Bearer ${token}` }), 401, "bound tokens are no bearer tokens");
        const thief = await proofKey();
        assert.equal(await use({ Authorization: `DPoP ${token}`, DPoP: await thief.proof("POST", gate.url("fixture"), token) }), 401);
        assert.notEqual(await use({ Authorization: `Bearer ${human}` }), 200, "a human's token in an agent's hand");

        const proof = async () => ({ DPoP: await key.proof("POST", url) });
        for (const [why, fields, headers, status, error] of [
          ["no proof", form, {}, 400, "invalid_request"],
          ["a proof for another address", form, { DPoP: await key.proof("POST", `${gate.base}/mcp`) }, 400, "invalid_dpop_proof"],
          ["more scope than the human has", { ...form, scope: "read admin" }, await proof(), 400, "invalid_scope"],
          ["another resource", { ...form, resource: "https://elsewhere.example" }, await proof(), 400, "invalid_target"],
          ["another grant", { ...form, grant_type: "client_credentials" }, await proof(), 400, "unsupported_grant_type"],
          ["no subject", { grant_type: kExchange }, await proof(), 400, "invalid_request"],
          ["a broken subject token", { ...form, subject_token: `${human.slice(0, -4)}AAAA` }, await proof(), 400, "invalid_request"],
          ["nobody asks", form, { ...(await proof()), Authorization: "Bearer nonsense" }, 401, "invalid_client"],
          ["a page asks", form, { ...(await proof()), Origin: "https://evil.example" }, 403, "invalid_request"],
          ["the human as the actor", form, { ...(await proof()), Authorization: `Bearer ${human}` }, 403, "invalid_client"],
        ]) {
          const refused = await exchange(fields, headers);
          assert.equal(refused.status, status, `${why}: ${JSON.stringify(refused.body)}`);
          assert.equal(refused.body.error, error, `${why}: ${JSON.stringify(refused.body)}`);
          assert.ok(!JSON.stringify(refused.body).includes(human.slice(0, 40)), why);
        }
        const found = (await receipts(gate, "--kind", "attempt")).filter((one) => one.action === "interlock/exchange_token");
        assert.deepEqual([found[0].verdict, found[0].subject, found[0].detail.for], ["allow", "helper", "ada"]);
        assert.ok(found.some((one) => one.verdict === "deny"));
      });
    } finally {
      await issuer.close();
    }
  });
});
