// GitHub's documented API for a GitHub App's installation, on loopback: it checks the app's JWT as GitHub does, makes installation tokens for
// the named repositories and permissions, lets each do just that, and revokes them.
// Source: docs.github.com REST "apps/apps" and "apps/installations" (2022-11-28), "Generating a JSON Web Token (JWT) for a GitHub App".
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { exportPKCS8, generateKeyPair, jwtVerify } from "jose";

const kLife_ms = 3_600_000;
const kAppLife_s = 600;
const kStrength = { read: 1, write: 2, admin: 3 };

const json = (response, status, body) => {
  response.writeHead(status, body === undefined ? {} : { "Content-Type": "application/json; charset=utf-8" });
  response.end(body === undefined ? undefined : JSON.stringify(body));
};

export async function startGithub({ appId = "Iv23abc", installationId = 4711, owner = "octo", repositories = ["site", "api", "secret"], permissions = { contents: "write", issues: "write", metadata: "read" } } = {}) {
  const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
  const other = await generateKeyPair("RS256", { extractable: true });
  const tokens = new Map();
  const requests = [];

  // The app, or why it is none.
  async function whyNoApp(bearer) {
    try {
      const { payload } = await jwtVerify(bearer, publicKey, { issuer: appId, algorithms: ["RS256"], requiredClaims: ["iat", "exp"], clockTolerance: 0 });
      const now_s = Date.now() / 1000;
      if (payload.exp > now_s + kAppLife_s) return "'Expiration time' claim ('exp') is too far in the future";
      if (payload.iat > now_s) return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
      return "";
    } catch {
      return "A JSON web token could not be decoded";
    }
  }

  function mint(body, response) {
    const wanted = body.repositories ?? repositories;
    if (!Array.isArray(wanted) || wanted.some((name) => !repositories.includes(name))) return json(response, 422, { message: "There is at least one repository that does not exist or is not accessible to the parent installation." });
    const asked = body.permissions ?? permissions;
    for (const [name, access] of Object.entries(asked)) {
      if (!kStrength[access] || kStrength[access] > (kStrength[permissions[name]] ?? 0)) return json(response, 422, { message: "The permissions requested are not granted to this installation." });
    }
    const token = `ghs_${randomBytes(27).toString("base64url")}`;
    const expires_at = new Date(Date.now() + kLife_ms).toISOString().replace(/\.\d+Z$/, "Z");
    tokens.set(token, { repositories: wanted, permissions: { metadata: "read", ...asked }, expires_ms: Date.parse(expires_at) });
    json(response, 201, {
      token,
      expires_at,
      permissions: tokens.get(token).permissions,
      repository_selection: body.repositories ? "selected" : "all",
      ...(body.repositories ? { repositories: wanted.map((name, id) => ({ id, name, full_name: `${owner}/${name}`, private: true })) } : {}),
    });
  }

  // What a token may do at /repos/OWNER/NAME/...: another repository is not there for it, as at GitHub.
  function repository(request, response, held, path) {
    const [, , who, name, area] = path.split("/");
    if (who !== owner || !held.repositories.includes(name)) return json(response, 404, { message: "Not Found" });
    const permission = area ?? "metadata";
    const needed = request.method === "GET" ? "read" : "write";
    if ((kStrength[held.permissions[permission]] ?? 0) < kStrength[needed]) return json(response, 403, { message: "Resource not accessible by integration" });
    json(response, request.method === "GET" ? 200 : 201, { full_name: `${owner}/${name}`, done: `${request.method} ${permission}` });
  }

  const server = createServer(async (request, response) => {
    let text = "";
    for await (const part of request) text += part;
    const path = request.url.split("?")[0];
    requests.push(`${request.method} ${path}`);
    const bearer = /^(?:Bearer|token) (\S+)$/i.exec(request.headers.authorization ?? "")?.[1] ?? "";
    if (!request.headers["user-agent"]) return json(response, 403, { message: "Request forbidden by administrative rules. Please make sure your request has a User-Agent header" });
    if (path.startsWith("/app/")) {
      const why = await whyNoApp(bearer);
      if (why) return json(response, 401, { message: why });
      if (request.method !== "POST" || path !== `/app/installations/${installationId}/access_tokens`) return json(response, 404, { message: "Not Found" });
      return mint(text ? JSON.parse(text) : {}, response);
    }
    const held = tokens.get(bearer);
    if (!held || held.expires_ms <= Date.now()) return json(response, 401, { message: "Bad credentials" });
    if (request.method === "DELETE" && path === "/installation/token") {
      tokens.delete(bearer);
      return json(response, 204);
    }
    if (path === "/installation/repositories") return json(response, 200, { total_count: held.repositories.length, repositories: held.repositories.map((name) => ({ full_name: `${owner}/${name}` })) });
    if (path.startsWith("/repos/")) return repository(request, response, held, path);
    json(response, 404, { message: "Not Found" });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  return {
    url,
    appId,
    installationId,
    requests,
    keyPem: await exportPKCS8(privateKey),
    otherKeyPem: await exportPKCS8(other.privateKey),
    alive: () => tokens.size,
    // As a client of the API would ask. Returns the status.
    async ask(token, method, path) {
      const answer = await fetch(url + path, { method, headers: { Authorization: `Bearer ${token}`, "User-Agent": "test", Accept: "application/vnd.github+json" } });
      await answer.text();
      return answer.status;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
