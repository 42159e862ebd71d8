// Our JOSE beside npm `jose`: what one makes the other takes, in every algorithm and form of key; what is damaged both refuse.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, createPrivateKey, randomInt } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import * as jose from "../peers/jose.mjs";
import { root } from "../peers/parts.mjs";

const kDriver = join(root, "build", "release", "tests", "differential", "jose", "jose_differential");
const kAlgorithms = ["ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "EdDSA"];
const kNow_ms = 1_800_000_000_000;
const kIssuer = "https://issuer.example";
const kAudience = "https://gate.example/mcp";
const kUrl = "https://gate.example/mcp";
const kDamaged = 400; // of each algorithm
const kClaims = { iss: kIssuer, sub: "agent \u00e9 \u{1f511}", aud: [kAudience, "x"], iat: kNow_ms / 1000, exp: kNow_ms / 1000 + 300, n: 1.5, deep: { a: [null, true] } };

let driver;
let answers;

async function ask(question) {
  driver.stdin.write(`${JSON.stringify(question)}\n`);
  const { value, done } = await answers.next();
  assert.equal(done, false, "the driver has ended");
  return JSON.parse(value);
}
const now = new Date(kNow_ms);
const ours = (token, keys, more = {}) => ask({ ask: "verify", token, keys, issuer: kIssuer, audience: kAudience, now_ms: kNow_ms, ...more });
async function theirs(token, keys, more = {}) {
  try {
    const { payload } = await jose.jwtVerify(token, jose.createLocalJWKSet(keys), { issuer: kIssuer, audience: kAudience, currentDate: now, requiredClaims: ["exp"], ...more });
    return { ok: true, claims: payload };
  } catch (error) {
    return { ok: false, error: `${error.code}: ${error.message}` };
  }
}
const signedByThem = (key, alg, claims = kClaims, header = {}) => new jose.SignJWT(claims).setProtectedHeader({ alg, kid: "k", ...header }).sign(key);

before(() => {
  assert.ok(existsSync(kDriver), `${kDriver} is missing; run ./dev build`);
  driver = spawn(kDriver, { stdio: ["pipe", "pipe", "inherit"] });
  answers = createInterface({ input: driver.stdout })[Symbol.asyncIterator]();
});
after(() => driver?.stdin.end());

for (const alg of kAlgorithms) {
  describe(`${alg}, ours and npm jose's`, () => {
    let mine; // made by us
    let pair; // made by them
    let keys; // their public key, as a set
    before(async () => {
      mine = await ask({ ask: "generate", alg });
      pair = await jose.generateKeyPair(alg, { extractable: true });
      keys = { keys: [{ ...(await jose.exportJWK(pair.publicKey)), kid: "k", alg, use: "sig" }] };
    });

    it("their tokens verify here, with the same claims", async () => {
      const answer = await ours(await signedByThem(pair.privateKey, alg), keys);
      assert.deepEqual(answer, { ok: true, claims: kClaims });
    });

    it("our tokens verify there, with the same claims", async () => {
      const { token } = await ask({ ask: "sign", pem: mine.pem, alg, kid: "k", typ: "JWT", claims: kClaims });
      assert.deepEqual(await theirs(token, { keys: [{ ...mine.jwk, kid: "k", alg }] }), { ok: true, claims: kClaims });
    });

    it("keys go over in both directions and keep their thumbprint", async () => {
      assert.equal(await jose.calculateJwkThumbprint(mine.jwk), mine.thumbprint);
      const imported = await ask({ ask: "import", jwk: { ...(await jose.exportJWK(pair.privateKey)), alg } });
      assert.equal(imported.ok, true, imported.error);
      assert.equal(imported.thumbprint, await jose.calculateJwkThumbprint(keys.keys[0]));
      const { token } = await ask({ ask: "sign", pem: imported.pem, alg, kid: "k", typ: "", claims: kClaims });
      assert.equal((await theirs(token, keys)).ok, true);
      const here = createPrivateKey(mine.pem);
      assert.equal((await ours(await signedByThem(here, alg), { keys: [{ ...mine.jwk, kid: "k" }] })).ok, true);
    });

    it("DPoP proofs go over in both directions", async () => {
      const access_token = "a-token";
      const ath = createHash("sha256").update(access_token).digest("base64url");
      const { proof } = await ask({ ask: "prove", pem: mine.pem, method: "POST", url: `${kUrl}?a=b`, access_token, nonce: "n-1", now_ms: kNow_ms });
      const header = jose.decodeProtectedHeader(proof);
      const { payload } = await jose.jwtVerify(proof, await jose.importJWK(header.jwk, header.alg), { typ: "dpop+jwt", currentDate: now, maxTokenAge: "1m" });
      assert.deepEqual([payload.htm, payload.htu, payload.ath, payload.nonce], ["POST", kUrl, ath, "n-1"]);
      assert.equal(await jose.calculateJwkThumbprint(header.jwk), mine.thumbprint);

      const jwk = await jose.exportJWK(pair.publicKey);
      const made = await new jose.SignJWT({ htm: "POST", htu: kUrl, ath, jti: "j-1", nonce: "n-2" })
        .setProtectedHeader({ alg, typ: "dpop+jwt", jwk })
        .setIssuedAt(kNow_ms / 1000)
        .sign(pair.privateKey);
      const answer = await ask({ ask: "verify_proof", proof: made, method: "POST", url: kUrl, access_token, now_ms: kNow_ms });
      assert.deepEqual(answer, { ok: true, thumbprint: await jose.calculateJwkThumbprint(jwk), jti: "j-1", nonce: "n-2" });
    });

    it(`${kDamaged} tokens with one damaged character are refused by both`, async () => {
      const token = await signedByThem(pair.privateKey, alg);
      const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
      for (let i = 0; i < kDamaged; ++i) {
        const at = randomInt(token.length);
        const to = alphabet[randomInt(alphabet.length)];
        if (to === token[at]) continue;
        const damaged = token.slice(0, at) + to + token.slice(at + 1);
        assert.equal((await ours(damaged, keys)).ok, false, damaged);
        // npm jose reads base64url whose last bits nobody needs; a signature that ends otherwise is the same to it.
        if (at !== token.length - 1) assert.equal((await theirs(damaged, keys)).ok, false, damaged);
      }
    });
  });
}

describe("Claims and headers, as npm jose and we judge them", () => {
  let key;
  let keys;
  before(async () => {
    const pair = await jose.generateKeyPair("ES256", { extractable: true });
    key = pair.privateKey;
    keys = { keys: [{ ...(await jose.exportJWK(pair.publicKey)), kid: "k" }] };
  });
  const seconds = kNow_ms / 1000;
  const kSame = [
    ["good claims", {}, true],
    ["an audience alone", { aud: kAudience }, true],
    ["another audience", { aud: "https://other.example" }, false],
    ["no audience", { aud: undefined }, false],
    ["an empty list of audiences", { aud: [] }, false],
    ["an audience with a slash", { aud: `${kAudience}/` }, false],
    ["another issuer", { iss: "https://evil.example" }, false],
    ["an issuer with a slash", { iss: `${kIssuer}/` }, false],
    ["no issuer", { iss: undefined }, false],
    ["ends in a second", { exp: seconds + 1 }, true],
    ["ends now", { exp: seconds, iat: seconds - 10 }, false],
    ["ended", { exp: seconds - 1, iat: seconds - 10 }, false],
    ["never ends", { exp: undefined }, false],
    ["an end that is a text", { exp: `${seconds + 300}` }, false],
    ["begins now", { nbf: seconds }, true],
    ["begins in a second", { nbf: seconds + 1 }, false],
    ["begins at a text", { nbf: "0" }, false],
  ];
  for (const [what, over, ok] of kSame) {
    it(`${what}: ${ok ? "taken" : "refused"} by both`, async () => {
      const token = await signedByThem(key, "ES256", { ...kClaims, ...over });
      const [here, there] = [await ours(token, keys), await theirs(token, keys)];
      assert.deepEqual([here.ok, there.ok], [ok, ok], `${here.error} / ${there.error}`);
    });
  }

  // Where we are stricter, on purpose.
  const kStricter = [
    ["issued in the future", { iat: seconds + 60 }, {}, /iat is in the future/],
    ["a subject that is a number", { sub: 5 }, {}, /'sub' is no text/],
    ["an audience among numbers", { aud: [kAudience, 5] }, {}, /aud is neither/],
    ["a kid of 300 bytes", {}, { kid: "k".repeat(300) }, /'kid' is over the bound/],
  ];
  for (const [what, over, header, reason] of kStricter) {
    it(`${what}: refused here`, async () => {
      const answer = await ours(await signedByThem(key, "ES256", { ...kClaims, ...over }, header), keys);
      assert.equal(answer.ok, false);
      assert.match(answer.error, reason);
    });
  }

  it("a key set with keys of all kinds gives each token its key, in both", async () => {
    const pairs = await Promise.all(["ES256", "ES384", "RS256", "EdDSA"].map(async (alg) => ({ alg, pair: await jose.generateKeyPair(alg, { extractable: true }) })));
    const set = { keys: [{ kty: "oct", k: "c2VjcmV0", kid: "secret" }] };
    for (const { alg, pair } of pairs) set.keys.push({ ...(await jose.exportJWK(pair.publicKey)), kid: `kid-${alg}` });
    for (const { alg, pair } of pairs) {
      for (const kid of [`kid-${alg}`, undefined]) {
        const token = await signedByThem(pair.privateKey, alg, kClaims, { kid });
        assert.equal((await ours(token, set)).ok, true, `${alg} ${kid}`);
        assert.equal((await theirs(token, set)).ok, true, `${alg} ${kid}`);
      }
      const wrong = await signedByThem(pair.privateKey, alg, kClaims, { kid: "kid-none" });
      assert.deepEqual([(await ours(wrong, set)).ok, (await theirs(wrong, set)).ok], [false, false]);
    }
  });
});
