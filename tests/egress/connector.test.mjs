// What a connector makes of requests, as the ledger has it: the operation and the repository, not the address; and what none knows.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { execute, openEgress, startServer } from "./world.mjs";

describe("requests through a connector", () => {
  let gate;
  let server;
  before(async () => {
    server = await startServer((request, response) => request.resume().on("end", () => response.end("{}")));
    gate = await openEgress({ secret: false, hosts: [{ host: `localhost:${server.port}`, connector: "github-api", private_address: true }] });
  });
  after(async () => {
    await gate?.close();
    await server?.close();
  });

  const graphql = (query) => ["-H", "Content-Type: application/json", "--data-binary", JSON.stringify({ query })];
  for (const [method, path, more, action, resource, band] of [
    ["GET", "/repos/Octo/Hello/issues?state=open", [], "github-api/issues/list-for-repo", 'Repo::"octo/hello"', 1],
    ["POST", "/repos/o/r/issues", ["-d", "{}"], "github-api/issues/create", 'Repo::"o/r"', 2],
    ["POST", "/graphql", graphql("query { viewer { login } }"), "github-api/graphql", "/graphql", 1],
    ["POST", "/graphql", graphql("mutation { x }"), "github-api/graphql", "/graphql", 2],
    ["POST", "/nothing/known", ["-d", "{}"], "github-api/post", "/nothing/known", 2],
    ["DELETE", "/repos/o/r%2Fgit", [], "github-api/delete", "/repos/o/r%2Fgit", 2],
  ]) {
    it(`${method} ${path} ${more.at(-1) ?? ""} is ${action}, band ${band}`, async () => {
      const before = (await gate.receipts("--kind", "attempt", "--limit", "1000")).length;
      const done = await execute("curl", ["-sS", "-X", method, ...more, `${server.url}${path}`], { env: gate.agent });
      assert.equal(done.stdout, "{}", done.stderr);
      const attempts = await gate.receipts("--kind", "attempt", "--limit", "1000");
      assert.equal(attempts.length, before + 1);
      const found = attempts.find((receipt) => receipt.action === action && receipt.band === band && receipt.resource.includes(resource));
      assert.ok(found, JSON.stringify(attempts.slice(-2)));
    });
  }

  it("a path that goes up is refused, and nothing arrives", async () => {
    const before = server.seen.length;
    const done = await execute("curl", ["-sS", "--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", `${server.url}/repos/o/r/%2e%2e/other`], { env: gate.agent });
    assert.equal(done.stdout, "400");
    assert.equal(server.seen.length, before);
  });
});
