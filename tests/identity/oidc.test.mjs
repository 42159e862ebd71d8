// Tokens of a real OpenID provider (npm oidc-provider, openid-client) at the gate: discovery, rotation, outage, DPoP, mTLS-bound tokens,
// and humans' tokens in agents' hands.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { refusal } from "../peers/clients.mjs";
import { decodeJwt, signingKey } from "../peers/issuer.mjs";
import { accessToken, connectWithBearer, connectWithProof, proofKey, tlsFetch } from "../peers/oauth_client.mjs";
import { eventually } from "../peers/parts.mjs";
import { kAll, knock, lastAttempt, receipts } from "./gates.mjs";
import { echoes, kElsewhere, openWorld } from "./world.mjs";

// The gate asks for keys that it does not know at most once in ten seconds.
const kNewKey = { within_ms: 30_000, every_ms: 500 };

describe("tokens with proof of possession", () => {
  let world;
  before(async () => {
    world = await openWorld({}, { nonces: "required", policies: `${kAll}@id("tenant") @reason("Acme alone.") forbid (principal, action, resource) unless { principal.attributes has tenant && principal.attributes.tenant == "acme" };` });
  });
  after(() => world?.close());

  for (const era of ["legacy", "modern"]) {
    for (const algorithm of ["ES256", "EdDSA", "RS256"]) {
      it(`a DPoP-bound token acts, with the gate's nonces, ${algorithm}, ${era} client`, async () => {
        const config = await world.client("shopper");
        const key = await proofKey(config, algorithm);
        const token = await accessToken(config, { DPoP: key });
        const seen = [];
        await echoes(await connectWithProof(config, token, key, { url: world.gate.resource, fetch: world.fetch, era, seen }));
        assert.deepEqual(seen.filter(({ status }) => status === 401).length, 1, "one challenge, which brought the nonce");
        assert.ok(seen[0].nonce);
        const receipt = await lastAttempt(world.gate, world.subject("shopper"));
        assert.equal(receipt.verdict, "allow");
        assert.equal(receipt.detail.assurance, "dpop");
        assert.equal(receipt.detail.credential, "oidc");
      });
    }
  }

  it("a proof that was seen is refused, and so is a DPoP-bound token without one", async () => {
    const config = await world.client("shopper");
    const key = await proofKey(config);
    const token = await accessToken(config, { DPoP: key });
    const seen = [];
    await echoes(await connectWithProof(config, token, key, { url: world.gate.resource, fetch: world.fetch, seen }));
    const sent = seen.findLast(({ status, init }) => status === 200 && init.method === "POST");
    const replayed = await world.fetch(sent.target, sent.init);
    assert.equal(replayed.status, 401);
    assert.match(replayed.headers.get("www-authenticate"), /DPoP.*error="invalid_dpop_proof"/);
    for (const scheme of ["Bearer", "DPoP"]) {
      const { status, challenge, body } = await knock(world.gate.resource, { fetch: world.fetch, headers: { Authorization: `${scheme} ${token}` } });
      assert.equal(status, 401);
      assert.match(challenge, /DPoP/);
      assert.ok(!body.includes(token));
    }
  });

  it("another key than the token's is no proof", async () => {
    const config = await world.client("shopper");
    const token = await accessToken(config, { DPoP: await proofKey(config) });
    await assert.rejects(connectWithProof(config, token, await proofKey(config), { url: world.gate.resource, fetch: world.fetch }));
  });

  it("a bare bearer token is refused where it is not configured", async () => {
    const token = await accessToken(await world.client("careless"));
    const { status, challenge } = await knock(world.gate.resource, { fetch: world.fetch, headers: { Authorization: `Bearer ${token}` } });
    assert.equal(status, 401);
    assert.match(challenge, /DPoP/);
  });

  it("a token for another resource is refused", async () => {
    const config = await world.client("shopper");
    const key = await proofKey(config);
    const token = await accessToken(config, { DPoP: key, resource: kElsewhere });
    await assert.rejects(connectWithProof(config, token, key, { url: world.gate.resource, fetch: world.fetch }));
  });

  it("an mTLS-bound token acts with its certificate, and with no other and none", async () => {
    const certificate = world.authority.client("bound");
    const config = await world.client("bound", { certificate });
    const token = await accessToken(config);
    assert.equal(decodeJwt(token).cnf["x5t#S256"], certificate.thumbprint);
    const own = tlsFetch({ ca: world.authority.ca, certificate });
    await echoes(await connectWithBearer(token, { url: world.gate.resource, fetch: own }));
    const receipt = await lastAttempt(world.gate, world.subject("bound"));
    assert.equal(receipt.detail.assurance, "mtls");
    for (const fetch of [world.fetch, tlsFetch({ ca: world.authority.ca, certificate: world.authority.client("thief") })]) {
      const { status, challenge } = await knock(world.gate.resource, { fetch, headers: { Authorization: `Bearer ${token}` } });
      assert.equal(status, 401);
      assert.match(challenge, /invalid_token/);
    }
  });

  it("the gate tells where its tokens come from (RFC 9728)", async () => {
    const { status, challenge } = await knock(world.gate.resource, { fetch: world.fetch });
    assert.equal(status, 401);
    const url = /resource_metadata="([^"]+)"/.exec(challenge)?.[1];
    assert.ok(url, challenge);
    const metadata = await (await world.fetch(url)).json();
    assert.equal(metadata.resource, world.gate.resource);
    assert.deepEqual(metadata.authorization_servers, [world.provider.issuer]);
    assert.equal(metadata.dpop_signing_alg_values_supported.includes("ES256"), true);
  });
});

describe("an issuer that changes", () => {
  let world;
  before(async () => {
    world = await openWorld({ accept_bearer: true });
  });
  after(() => world?.close());
  const withBearer = (token) => connectWithBearer(token, { url: world.gate.resource, fetch: world.fetch });
  const status = async (token) => (await knock(world.gate.resource, { fetch: world.fetch, headers: { Authorization: `Bearer ${token}` } })).status;

  it("is discovered, and asked for its keys once", async () => {
    const config = await world.client("shopper");
    for (let i = 0; i < 3; ++i) await echoes(await withBearer(await accessToken(config)));
    assert.equal(world.provider.counts["/jwks"], 1);
    assert.equal((await lastAttempt(world.gate, world.subject("shopper"))).detail.assurance, "bearer");
  });

  it("a new key is found when it signs, and the old one holds while it is published", async () => {
    const config = await world.client("shopper");
    const old = await accessToken(config);
    await world.provider.rotate();
    const fresh = await accessToken(config);
    await eventually("the new key is found", async () => (await status(fresh)) !== 401, kNewKey);
    await echoes(await withBearer(fresh));
    await echoes(await withBearer(old));
  });

  it("a key that is published no more is believed no more", async () => {
    const config = await world.client("careless");
    const old = await accessToken(config);
    await world.provider.rotate({ forget: true });
    const fresh = await accessToken(config);
    await eventually("the new key is found", async () => (await status(fresh)) !== 401, kNewKey);
    assert.equal(await status(old), 401);
  });

  it("a key that it never published signs nothing", async () => {
    const token = await world.provider.sign(await signingKey(), { sub: "shopper", aud: world.gate.resource });
    assert.equal(await status(token), 401);
  });

  it("an outage is survived with the keys that are known, and the issuer is found again", async () => {
    const config = await world.client("shopper");
    const [before_, unknown] = [await accessToken(config), await world.provider.sign(await signingKey(), { sub: "shopper", aud: world.gate.resource })];
    await world.provider.goAway();
    await echoes(await withBearer(before_));
    assert.ok([401, 503].includes(await status(unknown)));
    await echoes(await withBearer(before_));
    await world.provider.comeBack();
    await world.provider.rotate();
    const fresh = await accessToken(config);
    await eventually("keys are fetched again", async () => (await status(fresh)) !== 401 && (await status(fresh)) !== 503, kNewKey);
    await echoes(await withBearer(fresh));
  });
});

describe("a human's token in an agent's hand", () => {
  it("is refused where policy does not say otherwise, and the ledger names the human", async () => {
    const world = await openWorld({ accept_bearer: true });
    try {
      const token = await world.human("alice");
      const { status, body } = await knock(world.gate.resource, { fetch: world.fetch, headers: { Authorization: `Bearer ${token}` } });
      assert.equal(status, 403);
      assert.match(body, /human/);
      const found = await receipts(world.gate, "--kind", "attempt", "--verdict", "deny");
      assert.equal(found.at(-1).subject, world.subject("alice"));
      assert.equal(found.at(-1).detail.inherited, true);
      // The agent's own token is another matter.
      await echoes(await connectWithBearer(await accessToken(await world.client("shopper")), { url: world.gate.resource, fetch: world.fetch }));
    } finally {
      await world.close();
    }
  });

  it("is allowed where it is configured, and policy and the ledger know it as inherited", async () => {
    const world = await openWorld({ accept_bearer: true, inherited: "allow" }, { policies: `${kAll}@id("own") @reason("Sign in as yourself.") forbid (principal, action == Action::"fixture/add", resource) when { principal.inherited };` });
    try {
      const client = await connectWithBearer(await world.human("alice"), { url: world.gate.resource, fetch: world.fetch });
      assert.match((await refusal(client.call("add", { a: 1, b: 2 }))).message, /Sign in as yourself/);
      await echoes(client);
      assert.equal((await lastAttempt(world.gate, world.subject("alice"))).detail.inherited, true);
    } finally {
      await world.close();
    }
  });
});

describe("scopes of an endpoint", () => {
  it("a token without them is told which are missing", async () => {
    const world = await openWorld({ accept_bearer: true }, { scopes: ["tools", "refunds"] });
    try {
      const token = await accessToken(await world.client("shopper"));
      const { status, challenge } = await knock(world.gate.resource, { fetch: world.fetch, headers: { Authorization: `Bearer ${token}` } });
      assert.equal(status, 403);
      assert.match(challenge, /error="insufficient_scope"/);
      assert.match(challenge, /scope="[^"]*refunds/);
    } finally {
      await world.close();
    }
  });
});
