// An OpenID provider, a gate over https that believes it, and clients of both.
import assert from "node:assert/strict";
import { textOf } from "../peers/clients.mjs";
import { startIssuer } from "../peers/issuer.mjs";
import { discover, humanToken, tlsFetch } from "../peers/oauth_client.mjs";
import { makeAuthority } from "./certificates.mjs";
import { kAll, openGate } from "./gates.mjs";

const kRedirect = "https://127.0.0.1:1/back";
const kClients = [
  { client_id: "shopper" },
  { client_id: "porter" },
  { client_id: "careless" },
  { client_id: "bound", tls_client_certificate_bound_access_tokens: true },
  { client_id: "desk", grant_types: ["authorization_code"], response_types: ["code"], redirect_uris: [kRedirect] },
];
export const kElsewhere = "https://elsewhere.example/mcp";

// issuerOf: what `identity.issuers` says of it beyond its name. identity: more of that part. parts: more of the configuration.
export async function openWorld(issuerOf, { nonces = "off", policies = kAll, scopes, identity = {}, parts = {} } = {}) {
  const authority = makeAuthority();
  const audiences = [];
  const provider = await startIssuer({
    authority,
    clients: kClients,
    audiences,
    nonces: nonces === "required",
    claims: (token) => ({ tenant: "acme", ...(token.accountId ? { email: `${token.accountId}@example.org` } : {}) }),
  });
  const server = authority.server("gate");
  const issuer = { issuer: provider.issuer, ca_file: authority.caFile, attributes: { tenant: "tenant" }, human_claims: ["email"], ...issuerOf };
  const gate = await openGate(
    { tls: { certificate: server.certFile, key: server.keyFile }, identity: { issuers: [issuer], dpop: { nonces }, ...identity }, ...parts },
    { policies, server: scopes ? { scopes } : {} },
  ).catch(async (error) => {
    await provider.stop();
    throw error;
  });
  audiences.push(gate.resource, kElsewhere);
  const fetch = tlsFetch({ ca: authority.ca });
  return {
    authority,
    provider,
    gate,
    fetch,
    subject: (name) => `oidc/${provider.issuer.replace("https://", "")}/${name}`,
    client: (id, options = {}) => discover(provider.issuer, id, { ca: authority.ca, ...options }),
    human: async (login, DPoP) => humanToken(await discover(provider.issuer, "desk", { ca: authority.ca }), fetch, { login, resource: gate.resource, redirectUri: kRedirect, DPoP }),
    async close() {
      await gate.close();
      await provider.stop();
    },
  };
}

export async function echoes(client, text = "hello") {
  assert.equal(textOf(await client.call("echo", { text })), text);
  await client.close();
}
