// The client under test: a gate before the suite's MCP server, an MCP client before the gate, and a human who logs in when the gate
// waits for one. Called by the conformance suite: node client.mjs SERVER_URL. Ends with 1 where the call was refused.
import { chmodSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { connect } from "../peers/clients.mjs";
import { scratch, startGate, write } from "../peers/parts.mjs";

const kPoll_ms = 30;
const kServer = "upstream";
const kMetadataUrl = "https://conformance-test.local/client-metadata.json";

const url = process.argv[2];
const scenario = process.env.MCP_CONFORMANCE_SCENARIO ?? "";
const context = JSON.parse(process.env.MCP_CONFORMANCE_CONTEXT ?? "{}");
const era = process.env.MCP_CONFORMANCE_PROTOCOL_VERSION === "2026-07-28" ? "modern" : "legacy";

// An operator knows the issuer that gave out a secret; the suite leaves it to be looked up.
async function issuerOf(server) {
  const { origin, pathname } = new URL(server);
  const answer = await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`);
  return (await answer.json()).authorization_servers[0];
}

function secretFile(name, text) {
  const file = write(join(scratch("interlock-secret"), name), text);
  chmodSync(file, 0o600);
  return file;
}

// servers.NAME.oauth, as an operator would write it for each scenario.
async function oauthFor() {
  const named = { client_id: context.client_id };
  switch (scenario.replace(/^auth\//, "")) {
    case "basic-cimd":
      return { client_metadata_url: kMetadataUrl };
    case "pre-registration":
      return { ...named, client_secret: context.client_secret, issuer: context.issuer };
    case "client-credentials-basic":
      return { grant: "client_credentials", ...named, client_secret: context.client_secret, issuer: await issuerOf(url) };
    case "client-credentials-jwt":
      return { grant: "client_credentials", ...named, private_key: secretFile("key.pem", context.private_key_pem), algorithm: context.signing_algorithm, issuer: await issuerOf(url) };
    case "wif-jwt-bearer":
      return { grant: "jwt_bearer", ...named, assertion: secretFile("workload.jwt", context.valid_jwt), issuer: await issuerOf(url) };
    case "enterprise-managed-authorization":
      return {
        grant: "token_exchange",
        ...named,
        client_secret: context.client_secret,
        issuer: await issuerOf(url),
        idp: { token_endpoint: context.idp_token_endpoint, client_id: context.idp_client_id, subject_token: secretFile("id.jwt", context.idp_id_token) },
      };
    case "dpop":
    case "dpop-nonce":
      return { dpop: true };
    case "2025-03-26-oauth-endpoint-fallback":
      return { assume_endpoints: true };
    default:
      return {};
  }
}

function admin(gate, method, path) {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(gate.folder, "state", "run", `${gate.child.pid}.sock`), method, path, headers: { "Content-Length": 0 } }, (answer) => {
      let body = "";
      answer.on("data", (part) => (body += part));
      answer.on("end", () => resolve(body ? JSON.parse(body) : {}));
    });
    asked.on("error", reject);
    asked.end();
  });
}

// Opens the URL of each login as a browser would: to the authorization server, and back to the gate.
async function beHuman(gate, until) {
  while (!until.over) {
    const { servers = [] } = await admin(gate, "GET", "/v1/servers");
    if (servers.some((server) => server.server === kServer && server.state === "waits_for_login")) {
      const login = await admin(gate, "POST", `/v1/servers/${kServer}/login`);
      const there = login.url && (await fetch(login.url, { redirect: "manual" }));
      const back = there?.headers.get("location");
      if (back) await fetch(back);
    }
    await new Promise((resolve) => setTimeout(resolve, kPoll_ms));
  }
}

const gate = await startGate({ servers: { [kServer]: { url, oauth: await oauthFor() } } });
const until = { over: false };
const human = beHuman(gate, until).catch((error) => console.error(`the human: ${error.message}`));
let code = 0;
try {
  // What an agent brings as its own authorization is the gate's business, and must not reach the server.
  const client = await connect(era, { url: gate.url(kServer) });
  await client.tools();
  const result = await client.call("test-tool");
  console.log(JSON.stringify(result));
  await client.close();
} catch (error) {
  console.error(error.message);
  code = 1;
} finally {
  until.over = true;
  await human;
  await gate.stop();
  console.error(gate.errors());
}
process.exit(code);
