// A real authorization server (npm oidc-provider) on loopback whose word on each token is asked by introspection (RFC 7662): client
// credentials, refresh tokens that rotate and kill their family when one is used twice, and token exchange (RFC 8693) as an extension grant.
import { createServer } from "node:http";
import { exportJWK, exportPKCS8, generateKeyPair } from "jose";
import Provider, { errors } from "oidc-provider";

export const kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
export const kApi = "https://api.example/";
export const kOtherApi = "https://billing.example/";
const kScopes = { [kApi]: "repo:read repo:write repo:admin", [kOtherApi]: "bill:read" };
const kToken_s = 300;
export const kSecret = "secret-of-the-gate";

const accessTokenTypes = "urn:ietf:params:oauth:token-type:access_token";

// kills_family: the end of one access token ends the refresh token too, which RFC 7009 §2.1 leaves to the server and oidc-provider does;
// else it is spared, and only its second use ends the family.
export async function startAuthorizationServer({ kills_family = false } = {}) {
  const requests = [];
  let handler;
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    handler(request, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const keyOfClient = await generateKeyPair("ES256", { extractable: true });
  const grant_types = ["client_credentials", "refresh_token", "authorization_code", kExchange];
  const client = { redirect_uris: ["https://gate.example/callback"], response_types: ["code"], grant_types };

  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: "k", alg: "ES256", use: "sig" }] },
    clients: [
      { ...client, client_id: "gate", client_secret: kSecret },
      {
        ...client,
        client_id: "gate-by-key",
        token_endpoint_auth_method: "private_key_jwt",
        jwks: { keys: [{ ...(await exportJWK(keyOfClient.publicKey)), kid: "gate", alg: "ES256", use: "sig" }] },
      },
      { ...client, client_id: "another", client_secret: kSecret },
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    scopes: ["openid", "offline_access", ...Object.values(kScopes).flatMap((text) => text.split(" "))],
    ttl: { ClientCredentials: kToken_s, AccessToken: kToken_s, RefreshToken: 3600, Grant: 3600 },
    rotateRefreshToken: true,
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo(ctx, resource) {
          if (!kScopes[resource]) throw new errors.InvalidTarget();
          return { scope: kScopes[resource], audience: resource, accessTokenFormat: "opaque", accessTokenTTL: kToken_s };
        },
        defaultResource: () => kApi,
        useGrantedResource: () => true,
      },
    },
  });

  if (!kills_family) {
    for (const model of [provider.AccessToken, provider.RefreshToken, provider.AuthorizationCode]) {
      const revokeAll = model.revokeByGrantId.bind(model);
      model.revokeByGrantId = async (grantId) => {
        const { oidc } = Provider.ctx;
        if (oidc.route !== "revocation" || !oidc.entities.AccessToken) await revokeAll(grantId);
      };
    }
  }
  provider.on("server_error", (ctx, error) => console.error(error));

  // RFC 8693: a live access token of this client for one with less, for one resource.
  async function exchange(ctx) {
    const { params } = ctx.oidc;
    if (params.subject_token_type !== accessTokenTypes) throw new errors.InvalidRequest("subject_token_type");
    const subject = await provider.AccessToken.find(params.subject_token);
    if (!subject?.isValid || subject.clientId !== ctx.oidc.client.clientId) throw new errors.InvalidGrant("subject_token");
    const wanted = (params.scope ?? subject.scope).split(" ");
    const beyond = wanted.filter((scope) => !subject.scopes.has(scope));
    if (beyond.length > 0) throw new errors.InvalidScope("beyond the subject token", beyond.join(" "));
    const resource = params.resource ?? kApi;
    if (!kScopes[resource]) throw new errors.InvalidTarget();
    const token = new provider.AccessToken({ accountId: subject.accountId, client: ctx.oidc.client, grantId: await authority.grant(wanted.join(" "), resource), gty: "token_exchange", scope: wanted.join(" ") });
    token.resourceServer = new provider.ResourceServer(resource, { scope: kScopes[resource], audience: resource, accessTokenFormat: "opaque", accessTokenTTL: kToken_s });
    ctx.body = { access_token: await token.save(), issued_token_type: accessTokenTypes, token_type: token.tokenType, expires_in: kToken_s, scope: token.scope };
  }
  provider.registerGrantType(kExchange, exchange, ["subject_token", "subject_token_type", "requested_token_type", "audience", "resource", "scope"], ["audience", "resource"]);
  handler = provider.callback();

  const basic = (id) => `Basic ${Buffer.from(`${id}:${kSecret}`).toString("base64")}`;
  const authority = {
    issuer,
    requests,
    clientKeyPem: await exportPKCS8(keyOfClient.privateKey),
    // What the server itself says of a token.
    async introspect(token) {
      const answer = await fetch(`${issuer}/token/introspection`, { method: "POST", headers: { Authorization: basic("gate") }, body: new URLSearchParams({ token }) });
      return answer.json();
    },
    // As a human's login would leave them: a grant, and a token of it.
    async grant(scope, resource = kApi) {
      const grant = new provider.Grant({ accountId: "ada", clientId: "gate" });
      grant.addOIDCScope("openid offline_access");
      grant.addResourceScope(resource, scope);
      return grant.save();
    },
    async refreshToken(scope) {
      const grantId = await authority.grant(scope);
      return new provider.RefreshToken({ accountId: "ada", client: await provider.Client.find("gate"), grantId, gty: "authorization_code", scope, resource: kApi, rotations: 0 }).save();
    },
    async accessToken(scope) {
      const token = new provider.AccessToken({ accountId: "ada", client: await provider.Client.find("gate"), grantId: await authority.grant(scope), gty: "authorization_code", scope });
      token.resourceServer = new provider.ResourceServer(kApi, { scope: kScopes[kApi], audience: kApi, accessTokenFormat: "opaque", accessTokenTTL: kToken_s });
      return token.save();
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return authority;
}
