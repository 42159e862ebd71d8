// A real OpenID provider (npm oidc-provider) on loopback, over https with a certificate of the test's authority. Its keys can be rotated
// and it can be taken away and brought back, at the same address.
import { createServer } from "node:https";
import { createLocalJWKSet, exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from "jose";
import Provider, { errors } from "oidc-provider";

const kToken_s = 300;

let made = 0;
export async function signingKey(algorithm = "ES256") {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: `key-${++made}`, alg: algorithm, use: "sig" };
}

// clients: [{client_id, ...}], each a confidential client for client_credentials. claims(token, client) are added to access tokens.
export async function startIssuer({ authority, clients = [], audiences = [], nonces = false, claims = () => ({}) }) {
  const { cert, key } = authority.server("issuer");
  let handler;
  const server = createServer({ cert, key, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    counts[request.url.split("?")[0]] = (counts[request.url.split("?")[0]] ?? 0) + 1;
    handler(request, response);
  });
  const counts = {};
  const listen = (port) =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve(server.address().port));
    });
  const port = await listen(0);
  const issuer = `https://127.0.0.1:${port}`;

  function use(keys) {
    const provider = new Provider(issuer, {
      jwks: { keys },
      clients: clients.map((client) => ({
        client_secret: "secret-of-a-test-client",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: "client_secret_post",
        ...client,
      })),
      enabledJWA: { dPoPSigningAlgValues: ["ES256", "EdDSA", "Ed25519", "RS256"] },
      clientDefaults: { id_token_signed_response_alg: keys[0].alg },
      scopes: ["openid", "tools"],
      ttl: { ClientCredentials: kToken_s, AccessToken: kToken_s },
      findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      extraTokenClaims: (ctx, token) => claims(token),
      features: {
        devInteractions: { enabled: true },
        clientCredentials: { enabled: true },
        dPoP: { enabled: true, ...(nonces ? { nonceSecret: Buffer.alloc(32, 7), requireNonce: () => true } : {}) },
        mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.() },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo(ctx, resource) {
            if (!audiences.includes(resource)) throw new errors.InvalidTarget();
            return { scope: "tools", audience: resource, accessTokenFormat: "jwt", accessTokenTTL: kToken_s, jwt: { sign: { alg: keys[0].alg } } };
          },
          defaultResource: (ctx) => audiences[0],
          useGrantedResource: () => true,
        },
      },
    });
    handler = provider.callback();
    return provider;
  }
  let keys = [await signingKey()];
  use(keys);

  return {
    issuer,
    counts,
    // Signs with a new key; the old one stays published unless `forget`.
    async rotate({ forget = false } = {}) {
      const fresh = await signingKey();
      keys = forget ? [fresh] : [fresh, ...keys];
      use(keys);
      return fresh.kid;
    },
    keys: () => keys.map(({ kid }) => kid),
    // An access token with these claims, signed by any key: what the issuer itself would not issue.
    async sign(jwk, claims) {
      const now_s = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer, iat: now_s, exp: now_s + kToken_s, client_id: claims.sub, jti: `${now_s}-${++made}`, ...claims })
        .setProtectedHeader({ alg: jwk.alg, kid: jwk.kid, typ: "at+jwt" })
        .sign(await importJWK(jwk, jwk.alg));
    },
    async goAway() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    comeBack: () => listen(port),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

// Whether a key at `jwks_uri` signed the token.
export async function verifyByKeysAt(jwks_uri, token, fetch) {
  return jwtVerify(token, createLocalJWKSet(await (await fetch(jwks_uri)).json()));
}

export { decodeJwt, decodeProtectedHeader } from "jose";
