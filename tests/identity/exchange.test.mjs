// Delegation at the gate (RFC 8693): a human's login and an agent's own identity become one token that says who acts for whom. The client is
// openid-client, which finds the gate by its metadata (RFC 8414).
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, refusal } from "../peers/clients.mjs";
import { decodeJwt, decodeProtectedHeader, verifyByKeysAt } from "../peers/issuer.mjs";
import { accessToken, authorizedFetch, connectWithBearer, connectWithProof, discoverServer, exchangeToken, kTokenTypes, proofKey, tlsFetch } from "../peers/oauth_client.mjs";
import { makeAuthority } from "./certificates.mjs";
import { kAll, knock, lastAttempt, receipts } from "./gates.mjs";
import { echoes, kElsewhere, openWorld } from "./world.mjs";

const kTrustDomain = "agents.example";
const kPlanner = `spiffe://${kTrustDomain}/planner`;
const kBooker = `spiffe://${kTrustDomain}/booker`;

// A world whose agents have SVIDs of an authority that the gate knows by a file, and whose gate exchanges tokens.
async function openDelegation(issuerOf = {}, options = {}) {
  const agents = makeAuthority();
  const world = await openWorld(issuerOf, {
    identity: {
      spiffe: { trust_domain: kTrustDomain, bundles: [{ trust_domain: kTrustDomain, file: agents.caFile }] },
      token_exchange: { enabled: true },
    },
    ...options,
  });
  const agent = (name) => tlsFetch({ ca: world.authority.ca, certificate: agents.svid(name, `spiffe://${kTrustDomain}/${name}`) });
  return Object.assign(world, {
    agent,
    // The gate as an authorization server, as seen by a client that speaks through `fetch`.
    server: (fetch) => discoverServer(world.gate.base, "agent", fetch),
  });
}

describe("token exchange", () => {
  let world, planner, booker, alice;
  before(async () => {
    world = await openDelegation();
    planner = world.agent("planner");
    booker = world.agent("booker");
    alice = await world.human("alice");
  });
  after(() => world?.close());
  const human = () => ({ subject_token: alice, subject_token_type: kTokenTypes.access, resource: world.gate.resource });

  it("a human's login becomes a token of the agent that acts for them, bound to its DPoP key", async () => {
    const config = await world.server(planner);
    const key = await proofKey(config);
    const answer = await exchangeToken(config, human(), key);
    assert.equal(answer.token_type, "dpop");
    assert.equal(answer.issued_token_type, kTokenTypes.access);
    assert.ok(answer.expires_in > 0 && answer.expires_in <= 300, `${answer.expires_in} s`);
    const claims = decodeJwt(answer.access_token);
    assert.equal(claims.iss, world.gate.base);
    assert.equal(claims.aud, world.gate.resource);
    assert.equal(claims.sub, world.subject("alice"));
    assert.equal(claims.act.sub, kPlanner);
    assert.ok(claims.exp <= decodeJwt(alice).exp);
    assert.equal(decodeProtectedHeader(answer.access_token).typ, "at+jwt");
    await verifyByKeysAt(config.serverMetadata().jwks_uri, answer.access_token, world.fetch);

    await echoes(await connectWithProof(config, answer.access_token, key, { url: world.gate.resource, fetch: world.fetch }));
    const receipt = await lastAttempt(world.gate, kPlanner);
    assert.equal(receipt.verdict, "allow");
    assert.equal(receipt.detail.assurance, "dpop");
    assert.equal(receipt.detail.credential, "exchange");
    assert.deepEqual(receipt.detail.chain.map(({ id, human: is }) => [id, is]), [[world.subject("alice"), true]]);
    assert.equal(receipt.detail.inherited, undefined);
  });

  it("without a DPoP key it is bound to the agent's certificate", async () => {
    const answer = await exchangeToken(await world.server(planner), human());
    assert.equal(answer.token_type, "bearer");
    await echoes(await connectWithBearer(answer.access_token, { url: world.gate.resource, fetch: planner }));
    assert.equal((await lastAttempt(world.gate, kPlanner)).detail.assurance, "mtls");
    for (const fetch of [world.fetch, booker]) {
      assert.equal((await knock(world.gate.resource, { fetch, headers: { Authorization: `Bearer ${answer.access_token}` } })).status, 401);
    }
  });

  it("the chain grows by each agent that passes it on: human, planner, booker", async () => {
    const first = await exchangeToken(await world.server(planner), human());
    const config = await world.server(booker);
    const key = await proofKey(config);
    const second = await exchangeToken(config, { subject_token: first.access_token, subject_token_type: kTokenTypes.access, resource: world.gate.resource }, key);
    const claims = decodeJwt(second.access_token);
    assert.deepEqual(claims.act, { sub: kBooker, act: { sub: kPlanner } });
    assert.ok(claims.exp <= decodeJwt(first.access_token).exp);
    await echoes(await connectWithProof(config, second.access_token, key, { url: world.gate.resource, fetch: world.fetch }));
    const receipt = await lastAttempt(world.gate, kBooker);
    assert.deepEqual(receipt.detail.chain.map(({ id }) => id), [world.subject("alice"), kPlanner]);
    assert.equal(receipt.detail.chain[0].human, true);
    assert.equal(receipt.detail.chain[1].human, false);
  });

  it("an agent proves itself by its own DPoP-bound token as well", async () => {
    const own = await world.client("shopper");
    const key = await proofKey(own);
    const config = await discoverServer(world.gate.base, "agent", authorizedFetch(own, await accessToken(own, { DPoP: key }), key, world.fetch));
    const answer = await exchangeToken(config, human());
    assert.equal(decodeJwt(answer.access_token).act.sub, world.subject("shopper"));
    await echoes(await connectWithProof(own, answer.access_token, key, { url: world.gate.resource, fetch: world.fetch }));
    assert.equal((await lastAttempt(world.gate, world.subject("shopper"))).detail.chain[0].id, world.subject("alice"));
  });

  it("or by an actor_token that is bound to the key of its proof", async () => {
    const own = await world.client("shopper");
    const key = await proofKey(own);
    const actor = await accessToken(own, { DPoP: key });
    const config = await world.server(world.fetch);
    const answer = await exchangeToken(config, { ...human(), actor_token: actor, actor_token_type: kTokenTypes.access }, key);
    assert.equal(decodeJwt(answer.access_token).act.sub, world.subject("shopper"));
    // Another's key proves nothing of that token.
    await assert.rejects(exchangeToken(config, { ...human(), actor_token: actor, actor_token_type: kTokenTypes.access }, await proofKey(config)));
  });

  it("a hop only narrows: fewer scopes yes, more never, and no other resource", async () => {
    const config = await world.server(planner);
    const answer = await exchangeToken(config, { ...human(), scope: "tools" });
    assert.equal(answer.scope, "tools");
    await assert.rejects(exchangeToken(config, { ...human(), scope: "tools admin" }), { error: "invalid_scope" });
    await assert.rejects(exchangeToken(config, { ...human(), resource: kElsewhere }), { error: "invalid_target" });
  });

  it("nobody acts for itself, and nobody unknown acts for anybody", async () => {
    const first = await exchangeToken(await world.server(planner), human());
    await assert.rejects(exchangeToken(await world.server(planner), { ...human(), subject_token: first.access_token }));
    await assert.rejects(exchangeToken(await world.server(world.fetch), human()), { status: 401 });
    const stranger = tlsFetch({ ca: world.authority.ca, certificate: makeAuthority().svid("planner", kPlanner) });
    await assert.rejects(exchangeToken(await world.server(stranger), human()), { status: 401 });
  });

  it("a human's token is no actor: an agent must be itself", async () => {
    const bob = await world.human("bob");
    await assert.rejects(exchangeToken(await world.server(world.fetch), { ...human(), actor_token: bob, actor_token_type: kTokenTypes.access }));
  });

  it("each exchange is in the ledger, those that were refused too", async () => {
    const before_ = (await receipts(world.gate)).length;
    const config = await world.server(planner);
    await exchangeToken(config, human());
    await assert.rejects(exchangeToken(config, { ...human(), scope: "admin" }));
    const fresh = (await receipts(world.gate)).slice(before_);
    assert.equal(fresh.length, 2, JSON.stringify(fresh));
    for (const receipt of fresh) {
      assert.match(JSON.stringify(receipt), new RegExp(`${world.subject("alice").replaceAll("/", "\\/")}`));
      assert.ok(!JSON.stringify(receipt).includes(alice));
    }
  });
});

describe("policy on whose behalf", () => {
  it("reads the chain's beginning", async () => {
    const world = await openDelegation({}, { policies: `${kAll}@id("adding") @reason("Only on a human's behalf.") forbid (principal, action == Action::"fixture/add", resource) when { principal.depth == 0 };` });
    try {
      const planner = world.agent("planner");
      const alone = await connect("modern", { url: world.gate.resource, fetch: planner });
      assert.match((await refusal(alone.call("add", { a: 1, b: 2 }))).message, /human's behalf/);
      await alone.close();
      const answer = await exchangeToken(await world.server(planner), { subject_token: await world.human("alice"), subject_token_type: kTokenTypes.access, resource: world.gate.resource });
      const delegated = await connectWithBearer(answer.access_token, { url: world.gate.resource, fetch: planner });
      assert.ok(!(await delegated.call("add", { a: 1, b: 2 })).isError);
      await delegated.close();
    } finally {
      await world.close();
    }
  });
});

describe("a human's token beside the agent's own certificate", () => {
  for (const [inherited, says] of [["refuse", 403], ["strip", 200]]) {
    it(`${inherited}: ${says === 200 ? "it is taken off, the agent acts as itself, and the ledger says so" : "nobody acts"}`, async () => {
      const world = await openDelegation({ accept_bearer: true, inherited });
      try {
        const headers = { Authorization: `Bearer ${await world.human("alice")}` };
        const planner = world.agent("planner");
        if (says === 403) {
          assert.equal((await knock(world.gate.resource, { fetch: planner, headers })).status, 403);
          return;
        }
        await echoes(await connect("modern", { url: world.gate.resource, fetch: planner, headers }));
        const receipt = await lastAttempt(world.gate, kPlanner);
        assert.equal(receipt.verdict, "allow");
        assert.equal(receipt.detail.credential, "x509-svid");
        assert.equal(receipt.detail.inherited_from, world.subject("alice"));
      } finally {
        await world.close();
      }
    });
  }
});
