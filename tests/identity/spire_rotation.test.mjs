// SPIRE rotates SVIDs and its authority while calls run: not one fails, and the gate, its certificate and its clients all have moved on.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { connect as tlsConnect } from "node:tls";
import { connect, textOf } from "../peers/clients.mjs";
import { eventually, gateBinary } from "../peers/parts.mjs";
import { openGate, receipts } from "./gates.mjs";
import { kTrustDomain, spireParts, startSpire } from "./spire.mjs";
import { known, startProxy, watchWorkload } from "./workload.mjs";

const kSvid_s = 20; // renewed at half of that
const kCallers = 4;
const kStep_ms = 60_000;

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

describe("rotation under load", () => {
  let spire, gate, proxy;
  before(async () => {
    spire = await startSpire({ x509_s: kSvid_s });
    await spire.entry("agent/shopper", spireParts.workload);
    await spire.entry("gate", gateBinary);
    await known(spire.endpoint);
    gate = await openGate({ tls: { spiffe: true }, identity: { spiffe: { trust_domain: kTrustDomain, workload_api: spire.endpoint } } });
    proxy = await startProxy({ socket: spire.endpoint, to: gate.base, serverId: `spiffe://${kTrustDomain}/gate` });
  });
  after(async () => {
    await proxy?.stop();
    await gate?.close();
    await spire?.stop();
  });

  it("SVIDs are renewed and the authority is replaced without one failed call", { timeout: 240_000 }, async () => {
    const load = { calls: 0, failures: [], serials: new Set(), running: true };
    // Each request shakes hands anew, with the SVID that is newest; some callers keep one session all along, others begin anew.
    const call = async (era, client) => {
      const text = `call ${++load.calls}`;
      try {
        assert.equal(textOf(await client.call("echo", { text })), text);
      } catch (error) {
        load.failures.push(`${new Date().toISOString()} ${era}: ${error.message}`);
      }
    };
    const caller = async (era, keeps) => {
      let client;
      while (load.running) {
        try {
          client ??= await connect(era, { url: `${proxy.url}/mcp/fixture` });
        } catch (error) {
          load.failures.push(`${new Date().toISOString()} ${era} connecting: ${error.message}`);
          continue;
        }
        await call(era, client);
        if (keeps) continue;
        await client.close();
        client = undefined;
      }
      await client?.close();
    };
    const watch = await watchWorkload(spire.endpoint);
    const serial = () => watch.latest("x509").svids[0].serial;
    const authorities = () => watch.latest("x509").bundles[kTrustDomain];
    const callers = Array.from({ length: kCallers }, (_, i) => caller(i % 2 ? "legacy" : "modern", i < kCallers / 2));

    // SVIDs alone.
    const [firstSerial, firstShown] = [serial(), (await shownBy(gate.base)).serialNumber];
    await watch.until("the workload's SVID is renewed", () => serial() !== firstSerial, { within_ms: kStep_ms });
    await eventually("the gate's certificate is renewed", async () => (await shownBy(gate.base)).serialNumber !== firstShown, { within_ms: kStep_ms, every_ms: 250 });

    // The authority: published, then signing, then given up.
    const { active: old } = await spire.authority("show");
    const { prepared_authority: next } = await spire.authority("prepare");
    await watch.until("the next authority is published", () => authorities() === 2, { within_ms: kStep_ms });
    await spire.authority("activate", next.authority_id);
    await spire.authority("taint", old.authority_id);
    const [oldSerial, oldShown] = [serial(), (await shownBy(gate.base)).serialNumber];
    await watch.until("the workload has an SVID of the new authority", () => serial() !== oldSerial, { within_ms: kStep_ms });
    await eventually("the gate shows one too", async () => (await shownBy(gate.base)).serialNumber !== oldShown, { within_ms: kStep_ms, every_ms: 250 });
    // Every SVID of the old authority has run out.
    const renewedAt = Date.now();
    await watch.until("old SVIDs have run out", () => Date.now() > renewedAt + kSvid_s * 1000, { within_ms: kStep_ms, every_ms: 250 });
    await spire.authority("revoke", old.authority_id);
    await watch.until("the old authority is gone from the bundle", () => authorities() === 1, { within_ms: kStep_ms });
    const callsBefore = load.calls;
    await eventually("calls go on afterwards", () => load.calls > callsBefore + 20, { within_ms: kStep_ms });

    load.running = false;
    await Promise.all(callers);
    await watch.stop();
    assert.deepEqual(load.failures, [], `${load.failures.length} of ${load.calls} calls failed\n${spire.logs().slice(-3000)}`);
    assert.ok(load.calls > 100, `${load.calls} calls`);
    const serials = new Set(watch.events.filter(({ event }) => event === "x509").map(({ svids }) => svids[0].serial));
    assert.ok(serials.size >= 3, [...serials].join(" "));
    console.log(`${load.calls} calls, ${serials.size} SVIDs, 2 authorities, 0 failures`);
    const denied = await receipts(gate, "--kind", "attempt", "--verdict", "deny");
    assert.deepEqual(denied, []);
  });
});
