// A gate in the trust domain of a real SPIRE: X.509-SVIDs and JWT-SVIDs of a go-spiffe workload are subjects, strangers are nobody.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { connectWithBearer, tlsFetch } from "../peers/oauth_client.mjs";
import { gateBinary, scratch } from "../peers/parts.mjs";
import { makeAuthority } from "./certificates.mjs";
import { kAll, knock, lastAttempt, openGate } from "./gates.mjs";
import { kTrustDomain, spireParts, startSpire } from "./spire.mjs";
import { known, startProxy, stranger, workload } from "./workload.mjs";

const kShopper = `spiffe://${kTrustDomain}/agent/shopper`;
const kGate = `spiffe://${kTrustDomain}/gate`;
const kPolicies = `${kAll}
@id("mtls-or-jwt") @reason("Only SVIDs of the shop.")
forbid (principal, action, resource) unless { principal == Agent::"${kShopper}" };
@id("deleting-needs-mtls") @reason("Deleting needs a client certificate.")
forbid (principal, action == Action::"fixture/add", resource) unless { principal.assurance == "mtls" };
`;

describe("a gate with real SPIRE", () => {
  const folder = scratch();
  let spire, gate, ca;
  before(async () => {
    spire = await startSpire();
    await spire.entry("agent/shopper", spireParts.workload);
    await spire.entry("gate", gateBinary);
    await known(spire.endpoint);
    await workload("once", { socket: spire.endpoint, write: folder });
    ca = readFileSync(join(folder, "bundle.pem"), "utf8");
    gate = await openGate(
      { tls: { spiffe: true }, identity: { spiffe: { trust_domain: kTrustDomain, workload_api: spire.endpoint, accept_bearer: true } } },
      { policies: kPolicies },
    );
  });
  after(async () => {
    await gate?.close();
    await spire?.stop();
  });
  const withProxy = async (options, use) => {
    const proxy = await startProxy({ socket: spire.endpoint, to: gate.base, serverId: kGate, ...options });
    try {
      return await use(proxy);
    } finally {
      await proxy.stop();
    }
  };

  for (const era of ["legacy", "modern"]) {
    it(`an X.509-SVID over mTLS is the subject, ${era} client`, async () => {
      await withProxy({}, async (proxy) => {
        const client = await connect(era, { url: `${proxy.url}/mcp/fixture` });
        assert.equal(textOf(await client.call("echo", { text: "hello" })), "hello");
        await client.close();
        const receipt = await lastAttempt(gate, kShopper);
        assert.equal(receipt.verdict, "allow");
        assert.equal(receipt.detail.assurance, "mtls");
        assert.equal(receipt.detail.credential, "x509-svid");
        assert.equal(receipt.detail.chain, undefined);
      });
    });
  }

  it("the gate's own certificate is its SVID: go-spiffe takes it, and takes it for nobody else's", async () => {
    await withProxy({}, async (proxy) => {
      assert.equal(proxy.id, kShopper);
      assert.equal((await fetch(`${proxy.url}/healthz`)).status, 200);
    });
    await withProxy({ serverId: `spiffe://${kTrustDomain}/other` }, async (proxy) => {
      assert.equal((await fetch(`${proxy.url}/healthz`)).status, 502);
      assert.match(proxy.latest("error").message, /unexpected ID/);
    });
  });

  for (const era of ["legacy", "modern"]) {
    it(`a JWT-SVID for the endpoint is the subject, ${era} client`, async () => {
      const { event } = await workload("jwt", { socket: spire.endpoint, audience: gate.resource });
      const client = await connectWithBearer(event("jwt").token, { url: gate.resource, fetch: tlsFetch({ ca, anyName: true }), era });
      assert.equal(textOf(await client.call("echo", { text: "hello" })), "hello");
      await client.close();
      const receipt = await lastAttempt(gate, kShopper);
      assert.equal(receipt.detail.assurance, "bearer");
      assert.equal(receipt.detail.credential, "jwt-svid");
    });
  }

  it("policy reads how the subject was proven", async () => {
    const { event } = await workload("jwt", { socket: spire.endpoint, audience: gate.resource });
    const bearer = await connectWithBearer(event("jwt").token, { url: gate.resource, fetch: tlsFetch({ ca, anyName: true }) });
    assert.match((await refusal(bearer.call("add", { a: 1, b: 2 }))).message, /client certificate/);
    await bearer.close();
    await withProxy({}, async (proxy) => {
      const client = await connect("modern", { url: `${proxy.url}/mcp/fixture` });
      assert.ok(!(await client.call("add", { a: 1, b: 2 })).isError);
      await client.close();
    });
  });

  it("a JWT-SVID for another audience is refused, and says so", async () => {
    const { event } = await workload("jwt", { socket: spire.endpoint, audience: "https://elsewhere.example" });
    const { status, challenge, body } = await knock(gate.resource, { fetch: tlsFetch({ ca, anyName: true }), headers: { Authorization: `Bearer ${event("jwt").token}` } });
    assert.equal(status, 401);
    assert.match(challenge, /error="invalid_token"/);
    assert.match(body, /aud/);
    assert.ok(!body.includes(event("jwt").token));
  });

  it("a process that SPIRE does not know is given nothing, and is nobody at the gate", async () => {
    const { code, event } = await workload("once", { socket: spire.endpoint }, stranger(folder));
    assert.equal(code, 1);
    assert.equal(event("error").code, "PermissionDenied");
    const { status, challenge } = await knock(gate.resource, { fetch: tlsFetch({ ca, anyName: true }) });
    assert.equal(status, 401);
    assert.match(challenge, /Bearer/);
  });

  it("a certificate of another authority is refused, whatever it names", async () => {
    const foreign = makeAuthority();
    for (const certificate of [foreign.client("stranger"), foreign.svid("forged", kShopper)]) {
      const { status } = await knock(gate.resource, { fetch: tlsFetch({ ca, certificate, anyName: true }) });
      assert.equal(status, 401);
    }
  });

  it("an SVID of the gate's own trust domain that policy does not name does nothing", async () => {
    const other = stranger(scratch());
    await spire.entry("agent/other", other);
    await known(spire.endpoint, other);
    const proxy = await startProxy({ socket: spire.endpoint, to: gate.base, serverId: kGate }, other);
    try {
      const client = await connect("modern", { url: `${proxy.url}/mcp/fixture` });
      assert.match((await refusal(client.call("echo", { text: "x" }))).message, /SVIDs of the shop/);
      await client.close();
      assert.equal((await lastAttempt(gate, `spiffe://${kTrustDomain}/agent/other`)).verdict, "deny");
    } finally {
      await proxy.stop();
    }
  });

  it("while SPIRE's agent is away, what it gave out goes on", async () => {
    await withProxy({}, async (proxy) => {
      await spire.stopAgent();
      const client = await connect("modern", { url: `${proxy.url}/mcp/fixture` });
      assert.equal(textOf(await client.call("echo", { text: "alone" })), "alone");
      await client.close();
    });
  });
});
