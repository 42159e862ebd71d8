// SPIRE rotates SVIDs and its authority while calls run: not one fails, and the gate, its certificate and its clients all have moved on.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { connect, textOf } from "../peers/clients.mjs";
import { decodeProtectedHeader } from "../peers/issuer.mjs";
import { connectWithBearer, tlsFetch } from "../peers/oauth_client.mjs";
import { eventually, gateBinary } from "../peers/parts.mjs";
import { openGate, receipts } from "./gates.mjs";
import { kTrustDomain, spireParts, startSpire } from "./spire.mjs";
import { known, startProxy, watchWorkload, workload } from "./workload.mjs";

const kSvid_s = 20; // renewed at half of that
const kCallers = 4;
const kStep_ms = 60_000;
const kCall_ms = 10_000;
const kFailures = 20;
const kAgentSync_ms = 5_000; // until SPIRE's agent hears of a change

// The certificate that a server shows at this moment.
function shownBy(base) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw));
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

// Ends the session too, as a client that will not come back should.
async function leave(client) {
  await client.raw.transport.terminateSession?.().catch(() => {});
  await client.close();
}

// Callers of both eras; half of them keep one session all along, the others begin anew for each call. Every request shakes hands anew, with
// the SVID that is newest. One more shows a new JWT-SVID each time. Too many failures end it.
function startLoad(url, { socket, resource }) {
  const load = { calls: 0, tokens: 0, keys: new Set(), failures: [], running: true };
  const attempt = async (what, work) => {
    try {
      return await work();
    } catch (error) {
      load.failures.push(`${new Date().toISOString()} ${what}: ${error.message}`);
      if (load.failures.length >= kFailures) load.running = false;
      return undefined;
    }
  };
  async function caller(era, keeps) {
    let client;
    while (load.running) {
      client ??= await attempt(`${era} connects`, () => connect(era, { url }));
      if (!client) continue;
      const text = `call ${++load.calls}`;
      await attempt(`${era} calls`, async () => assert.equal(textOf(await client.call("echo", { text }, { timeout: kCall_ms })), text));
      if (keeps) continue;
      await leave(client);
      client = undefined;
    }
    if (client) await leave(client);
  }
  async function bearer() {
    const fetch = tlsFetch({ anyServer: true }); // go-spiffe looks at the server
    while (load.running) {
      await attempt("a JWT-SVID", async () => {
        const { event, events } = await workload("jwt", { socket, audience: resource });
        assert.ok(event("jwt"), JSON.stringify(events));
        const client = await connectWithBearer(event("jwt").token, { url: resource, fetch });
        assert.equal(textOf(await client.call("echo", { text: "token" }, { timeout: kCall_ms })), "token");
        await client.close();
        ++load.tokens;
        load.keys.add(decodeProtectedHeader(event("jwt").token).kid);
      });
    }
  }
  const callers = Array.from({ length: kCallers }, (_, i) => caller(i % 2 ? "legacy" : "modern", i < kCallers / 2));
  callers.push(bearer());
  load.stop = async () => {
    load.running = false;
    await Promise.all(callers);
  };
  return load;
}

describe("rotation under load", () => {
  let spire, gate, proxy;
  before(async () => {
    spire = await startSpire({ x509_s: kSvid_s, jwt_s: kSvid_s });
    await spire.entry("agent/shopper", spireParts.workload);
    await spire.entry("gate", gateBinary);
    await known(spire.endpoint);
    gate = await openGate({ tls: { spiffe: true }, identity: { spiffe: { trust_domain: kTrustDomain, workload_api: spire.endpoint, accept_bearer: true } } });
    proxy = await startProxy({ socket: spire.endpoint, to: gate.base, serverId: `spiffe://${kTrustDomain}/gate` });
  });
  after(async () => {
    await proxy?.stop();
    await gate?.close();
    await spire?.stop();
  });

  it("SVIDs are renewed and the authority is replaced without one failed call", { timeout: 240_000 }, async () => {
    const watch = await watchWorkload(spire.endpoint);
    const load = startLoad(`${proxy.url}/mcp/fixture`, { socket: spire.endpoint, resource: gate.resource });
    try {
      await renewSvids(watch);
      await replaceAuthority(watch);
      await replaceTokenKey(watch);
      await eventually("tokens of the next key act", () => !load.running || load.keys.size === 2, { within_ms: kStep_ms });
      const before_ = load.calls;
      await eventually("calls go on afterwards", () => !load.running || load.calls > before_ + kCallers * 5, { within_ms: kStep_ms });
    } finally {
      await load.stop();
      await watch.stop();
    }
    assert.deepEqual(load.failures, [], `${load.failures.length} of ${load.calls} calls failed\n${gate.errors().slice(-2000)}`);
    const serials = new Set(watch.events.filter(({ event }) => event === "x509").map(({ svids }) => svids[0].serial));
    assert.ok(serials.size >= 3, [...serials].join(" "));
    assert.deepEqual(await receipts(gate, "--kind", "attempt", "--verdict", "deny"), []);
    assert.ok(load.calls > 100 && load.tokens > 10, `${load.calls} calls, ${load.tokens} tokens`);
    console.log(`measured: ${load.calls} calls by mTLS and ${load.tokens} by JWT-SVID over ${serials.size} SVIDs, 2 authorities and 2 token keys; 0 failed`);
  });

  const shown = async () => (await shownBy(gate.base)).serialNumber;
  async function renewSvids(watch) {
    await watch.until("an SVID", () => watch.latest("x509"));
    const [workloadSerial, gateSerial] = [watch.latest("x509").svids[0].serial, await shown()];
    await watch.until("the workload has another SVID", () => watch.latest("x509").svids[0].serial !== workloadSerial, { within_ms: kStep_ms });
    await eventually("the gate shows another SVID", async () => (await shown()) !== gateSerial, { within_ms: kStep_ms, every_ms: 250 });
  }
  // Published, then signing, then, when nothing that the old one signed is valid, given up.
  async function replaceAuthority(watch) {
    const authorities = () => watch.latest("x509").bundles[kTrustDomain];
    const { active: old } = await spire.authority("x509", "show");
    const { prepared_authority: next } = await spire.authority("x509", "prepare");
    await watch.until("the next authority is published", () => authorities() === 2, { within_ms: kStep_ms });
    await spire.authority("x509", "activate", next.authority_id);
    await spire.authority("x509", "taint", old.authority_id);
    const activated_ms = Date.now();
    const gateSerial = await shown();
    await watch.until("the workload has an SVID of the new authority", () => watch.latest("x509").svids[0].authority === next.authority_id, { within_ms: kStep_ms });
    await eventually("the gate shows another SVID", async () => (await shown()) !== gateSerial, { within_ms: kStep_ms, every_ms: 250 });
    await watch.until("SVIDs of the old authority have run out", () => Date.now() > activated_ms + kSvid_s * 1000 + kAgentSync_ms, { within_ms: kStep_ms, every_ms: 250 });
    await spire.authority("x509", "revoke", old.authority_id);
    await watch.until("the old authority is gone from the bundle", () => authorities() === 1, { within_ms: kStep_ms });
  }
  async function replaceTokenKey(watch) {
    const keys = () => watch.latest("jwt_bundles").bundles[kTrustDomain].length;
    await watch.until("the token key", () => keys() === 1, { within_ms: kStep_ms });
    const { prepared_authority: next } = await spire.authority("jwt", "prepare");
    await watch.until("the next token key is published", () => keys() === 2, { within_ms: kStep_ms });
    await spire.authority("jwt", "activate", next.authority_id);
  }
});
