// A gate that asks who is there, and what its ledger says afterwards.
import assert from "node:assert/strict";
import { join } from "node:path";
import { startFixture, startGate } from "../peers/parts.mjs";

export const kAll = "permit (principal, action, resource);\n";

// A gate before the legacy fixture, with `parts` of the configuration ({tls, identity, ...}); nobody is let in but whom they name.
export async function openGate(parts, { policies = kAll, server = {}, env } = {}) {
  const fixture = await startFixture("legacy");
  const extra = Object.entries(parts).map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n");
  try {
    const gate = await startGate({ servers: { fixture: { url: fixture.url, ...server } }, policies, auth: {}, extra, env });
    return Object.assign(gate, {
      resource: gate.url("fixture"),
      receipts: (...query) => receipts(gate, ...query),
      async close() {
        await gate.stop();
        await fixture.stop();
      },
    });
  } catch (error) {
    await fixture.stop();
    throw error;
  }
}

// The receipts of the ledger that fit the query, oldest first.
export async function receipts(gate, ...query) {
  const found = await gate.cli("log", "query", "--json", "--state", join(gate.folder, "state"), ...query);
  assert.equal(found.code, 0, found.stderr);
  return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
}

// The newest attempt of a subject: who acted, how that was proven, for whom.
export async function lastAttempt(gate, subject) {
  const found = await receipts(gate, "--kind", "attempt", "--subject", subject);
  assert.ok(found.length > 0, `the ledger has no attempt of ${subject}`);
  return found.at(-1);
}

// What the gate says to a request that it refuses before MCP: {status, challenge, body}.
export async function knock(url, { fetch = globalThis.fetch, headers = {} } = {}) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream", ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  return { status: response.status, challenge: response.headers.get("www-authenticate") ?? "", nonce: response.headers.get("dpop-nonce"), body: await response.text() };
}
