// A pipeline's runner on loopback: an issuer of identity tokens as GitHub's is (discovery, keys, and the address where a job asks for its
// token), a repository, and the environment of a job's step.
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import { join } from "node:path";
import { exportJWK, generateKeyPair, SignJWT } from "../peers/jose.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { execute } from "../egress/world.mjs";
import { gateBinary, root, scratch, write } from "../peers/parts.mjs";

export const kAudience = "https://gate.example.test";
export const kRepository = "acme/app";
const kRequestToken = "request-token-of-the-job-9d1e";

async function startIssuer(authority) {
  const { cert, key } = authority.server("issuer");
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: "key-1", alg: "RS256", use: "sig" };
  const asked = [];
  const server = createServer({ cert, key }, async (request, response) => {
    const url = new URL(request.url, "https://issuer");
    const send = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (url.pathname === "/.well-known/openid-configuration") return send(200, { issuer, jwks_uri: `${issuer}/jwks` });
    if (url.pathname === "/jwks") return send(200, { keys: [jwk] });
    if (url.pathname !== "/token") return send(404, {});
    asked.push(url.searchParams.get("audience"));
    if (request.headers.authorization !== `bearer ${kRequestToken}`) return send(401, {});
    send(200, { count: 1, value: await sign({ aud: url.searchParams.get("audience") }) });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `https://127.0.0.1:${server.address().port}`;
  const sign = (claims = {}) =>
    new SignJWT({ repository: kRepository, repository_owner: "acme", ref: "refs/heads/main", sub: `repo:${kRepository}:ref:refs/heads/main`, actor: "dev", ...claims })
      .setProtectedHeader({ alg: "RS256", kid: "key-1", typ: "JWT" })
      .setIssuer(issuer)
      .setIssuedAt()
      .setExpirationTime("5m")
      .sign(privateKey);
  return {
    issuer,
    asked,
    sign,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

// policies: what the job may do. The gate is started by the job itself.
export async function openRunner({ policies }) {
  const authority = makeAuthority();
  const issuer = await startIssuer(authority);
  const folder = scratch("interlock-ci");
  const repository = join(folder, "home", "repository");
  mkdirSync(repository, { recursive: true });
  execFileSync("git", ["init", "-q", repository]);
  write(join(repository, "README.md"), "a repository\n");
  write(join(repository, "policies", "own.cedar"), policies);
  const file = write(
    join(repository, "interlock.yaml"),
    `version: 1\nlisten: 127.0.0.1:0\nstate_dir: ${join(folder, "state")}\npreset: none\npolicies: [policies]\nworkspace: [.]\nlog: { level: warn }\n` +
      `egress: { listen: "127.0.0.1:0" }\nidentity:\n  issuers:\n    - preset: github\n      issuer: ${issuer.issuer}\n      ca_file: ${authority.caFile}\n` +
      `      claims: { repository_owner: [acme] }\n      audiences: ["${kAudience}"]\n      accept_bearer: true\n`,
  );
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const environment = {
    PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
    HOME: join(folder, "home"),
    LANG: "C.UTF-8",
    CI: "true",
    INTERLOCK_BIN: gateBinary,
    GITHUB_TOKEN: "secret-of-the-job-77aa",
    CURL_CA_BUNDLE: authority.caFile,
  };
  chmodSync(join(folder, "home"), 0o755);
  return {
    folder,
    repository,
    file,
    issuer,
    github: { ACTIONS_ID_TOKEN_REQUEST_URL: `${issuer.issuer}/token?api-version=2`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: kRequestToken, INTERLOCK_CI_AUDIENCE: kAudience },
    // One step of a job: {code, stdout, stderr, summary, sarif}
    async step(script, env = {}, words = []) {
      const summary = join(folder, "summary.md");
      const sarif = join(folder, "interlock.sarif");
      const result = await execute(join(root, "ci", "shell", "interlock-ci"), words, {
        cwd: repository,
        env: { ...environment, INTERLOCK_CI_SCRIPT: script, INTERLOCK_CI_CONFIG: file, INTERLOCK_CI_SUMMARY: summary, INTERLOCK_CI_SARIF: sarif, ...env },
      });
      const text = (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);
      return { ...result, summary: text(summary), sarif: text(sarif) && JSON.parse(text(sarif)) };
    },
    receipts: async () => {
      const { stdout } = await execute(gateBinary, ["log", "query", "--config", file, "--json", "--limit", "500"], { env: environment });
      return stdout;
    },
    close: () => issuer.close(),
  };
}
