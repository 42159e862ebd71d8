// A gate of another trust domain that federates with SPIRE: it reads SPIRE's bundle endpoint (https_spiffe) and follows its rotation.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, textOf } from "../peers/clients.mjs";
import { eventually } from "../peers/parts.mjs";
import { makeAuthority } from "./certificates.mjs";
import { lastAttempt, openGate } from "./gates.mjs";
import { kTrustDomain, spireParts, startSpire } from "./spire.mjs";
import { known, startProxy, watchWorkload, workload } from "./workload.mjs";

const kShopper = `spiffe://${kTrustDomain}/agent/shopper`;
const kSvid_s = 20;
const kHint_s = 5;
const kStep_ms = 60_000;

describe("a gate that federates with SPIRE", () => {
  let spire, gate, proxy;
  before(async () => {
    spire = await startSpire({ x509_s: kSvid_s, hint_s: kHint_s });
    await spire.entry("agent/shopper", spireParts.workload);
    await known(spire.endpoint);
    const authority = makeAuthority();
    const server = authority.server("gate");
    gate = await openGate({
      tls: { certificate: server.certFile, key: server.keyFile },
      identity: {
        spiffe: {
          trust_domain: "gate.test",
          accept_bearer: true,
          bundles: [{ trust_domain: kTrustDomain, url: spire.bundleUrl, endpoint_id: `spiffe://${kTrustDomain}/spire/server`, first: spire.bundleFile }],
        },
      },
    });
    proxy = await startProxy({ socket: spire.endpoint, to: gate.base, ca: authority.caFile });
  });
  after(async () => {
    await proxy?.stop();
    await gate?.close();
    await spire?.stop();
  });
  const act = async () => {
    const client = await connect("modern", { url: `${proxy.url}/mcp/fixture` });
    try {
      assert.equal(textOf(await client.call("echo", { text: "abroad" })), "abroad");
    } finally {
      await client.close();
    }
  };

  it("takes the SVIDs of the other trust domain", async () => {
    await act();
    const receipt = await lastAttempt(gate, kShopper);
    assert.equal(receipt.detail.assurance, "mtls");
    assert.equal(receipt.detail.credential, "x509-svid");
  });

  it("takes its JWT-SVIDs", async () => {
    // The first bundle was a PEM file, which has no keys for tokens: they come from the endpoint.
    const { event } = await workload("jwt", { socket: spire.endpoint, audience: gate.resource });
    await eventually("the endpoint was read", async () => {
      const response = await fetch(`${proxy.url}/mcp/fixture`, { method: "POST", headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", Authorization: `Bearer ${event("jwt").token}` }, body: "{}" });
      await response.text();
      return response.status !== 401;
    }, { within_ms: kStep_ms, every_ms: 500 });
  });

  it("follows a new authority, which nobody told it of but the endpoint", async () => {
    const watch = await watchWorkload(spire.endpoint);
    try {
      await watch.until("an SVID", () => watch.latest("x509"));
      const { prepared_authority: next } = await spire.authority("x509", "prepare");
      await watch.until("it is published", () => watch.latest("x509").bundles[kTrustDomain] === 2, { within_ms: kStep_ms });
      // As SPIRE's documentation has it: activated when all who read the bundle have had the time to read it again.
      const published_ms = Date.now();
      await watch.until("two refreshes have passed", () => Date.now() > published_ms + 2 * kHint_s * 1000, { within_ms: kStep_ms, every_ms: 250 });
      await spire.authority("x509", "activate", next.authority_id);
      await watch.until("an SVID of the new authority", () => watch.latest("x509").svids[0].authority === next.authority_id, { within_ms: kStep_ms });
      for (let i = 0; i < 10; ++i) await act();
    } finally {
      await watch.stop();
    }
  });
});
