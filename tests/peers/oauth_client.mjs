// An OAuth client of the tests (npm openid-client), and how it speaks MCP through the gate with what it got: bearer, DPoP, mTLS.
import * as oauth from "openid-client";
import { Agent, fetch as undiciFetch } from "undici";
import { connect } from "./clients.mjs";

export const kTestSecret = "secret-of-a-test-client";
const kLoginSteps = 12;  // redirects and forms: the provider needs seven

// A fetch that trusts `ca` and shows `certificate` ({cert, key}). anyName: the server's certificate names no host, as SVIDs do. anyServer: it
// is not looked at, where others do.
export function tlsFetch({ ca, certificate, anyName = false, anyServer = false }) {
  const names = { ...(anyName ? { checkServerIdentity: () => undefined } : {}), ...(anyServer ? { rejectUnauthorized: false } : {}) };
  const dispatcher = new Agent({ connect: { ca, cert: certificate?.cert, key: certificate?.key, ...names }, keepAliveTimeout: 500 });
  return (url, init) => undiciFetch(url, { ...init, dispatcher, duplex: init?.body ? "half" : undefined });
}

// Discovers the issuer (RFC 8414, OIDC Discovery) as the client `id`.
export function discover(issuer, id, { ca, certificate, method = oauth.ClientSecretPost(kTestSecret) }) {
  return oauth.discovery(new URL(issuer), id, { use_mtls_endpoint_aliases: false }, method, { [oauth.customFetch]: tlsFetch({ ca, certificate }) });
}

export async function proofKey(config, algorithm = "ES256") {
  return oauth.getDPoPHandle(config, await oauth.randomDPoPKeyPair(algorithm));
}

// An access token by client credentials, for `resource`; bound to `DPoP` where that is given.
export async function accessToken(config, { resource, scope = "tools", DPoP } = {}) {
  const answer = await oauth.clientCredentialsGrant(config, { scope, ...(resource ? { resource } : {}) }, { DPoP });
  return answer.access_token;
}

// The same by a human's login in a browser: authorization code with PKCE, the pages of the provider filled in as `login`. The client's
// redirect_uri is never called: its code is read from the last redirect.
export async function humanToken(config, fetch, { login, resource, redirectUri, scope = "openid tools", DPoP }) {
  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  let at = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(resource ? { resource } : {}),
  });
  const cookies = new Map();
  let form;
  for (let step = 0; step < kLoginSteps && !at.href.startsWith(redirectUri); ++step) {
    const response = await fetch(at, {
      method: form ? "POST" : "GET",
      redirect: "manual",
      headers: { Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "), ...(form ? { "Content-Type": "application/x-www-form-urlencoded" } : {}) },
      body: form?.toString(),
    });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) cookies.set(name, value);
      else cookies.delete(name);
    }
    const page = await response.text();
    const location = response.headers.get("location");
    form = undefined;
    if (location) {
      at = new URL(location, at);
    } else {
      const action = /action="([^"]+)"/.exec(page)?.[1];
      const prompt = /name="prompt" value="([^"]+)"/.exec(page)?.[1];
      if (!action || !prompt) throw new Error(`the provider shows no form: HTTP ${response.status} ${page.slice(0, 500)}`);
      at = new URL(action, at);
      form = new URLSearchParams(prompt === "login" ? { prompt, login, password: "any" } : { prompt });
    }
  }
  const answer = await oauth.authorizationCodeGrant(config, at, { pkceCodeVerifier: verifier, expectedState: state }, resource ? { resource } : {}, { DPoP });
  return answer.access_token;
}

// An authorization server found by RFC 8414 metadata, as the public client `id` that speaks through `fetch`.
export const discoverServer = (issuer, id, fetch) =>
  oauth.discovery(new URL(issuer), id, undefined, oauth.None(), { algorithm: "oauth2", [oauth.customFetch]: fetch });

export const kTokenTypes = { access: "urn:ietf:params:oauth:token-type:access_token" };

// Token exchange (RFC 8693): the whole answer.
export const exchangeToken = (config, parameters, DPoP) =>
  oauth.genericGrantRequest(config, "urn:ietf:params:oauth:grant-type:token-exchange", parameters, { DPoP });

// A fetch whose every request shows `token` with a DPoP proof; where nonces are asked for, it sends again with them.
export function authorizedFetch(config, token, DPoP, fetch) {
  const through = new oauth.Configuration({ issuer: config.serverMetadata().issuer }, "client");
  through[oauth.customFetch] = fetch;
  return (target, init = {}) =>
    oauth.fetchProtectedResource(through, token, new URL(target), init.method ?? "GET", init.body ?? null, new Headers(init.headers), { DPoP });
}

// An MCP client whose every request is authorized by openid-client: with DPoP proofs, and nonces where the gate asks for them. What it
// sent and was answered comes into `seen`.
export function connectWithProof(config, token, DPoP, { url, fetch, era = "modern", seen = [] }) {
  const watched = async (target, init) => {
    const response = await fetch(target, init);
    seen.push({ target, init, status: response.status, nonce: response.headers.get("dpop-nonce") });
    return response;
  };
  return connect(era, { url, fetch: authorizedFetch(config, token, DPoP, watched) });
}

export const connectWithBearer = (token, { url, fetch, era = "modern" }) => connect(era, { url, fetch, headers: { Authorization: `Bearer ${token}` } });
