// The GitHub App broker against a server that speaks GitHub's documented API and checks the app's JWT: a leased token reaches the act's
// repository and no other, reads where the act reads, and opens nothing once the lease has ended.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { startGithub } from "../peers/github_app.mjs";
import { startDriver } from "./driver_part.mjs";

let github;
let driver;
let folder;
let configuration;

describe("an installation token of a GitHub App for one lease", () => {
  before(async () => {
    github = await startGithub();
    const settings = (more = {}) => ({
      broker: "github_app",
      app_id: github.appId,
      installation_id: github.installationId,
      private_key_secret: "github/key",
      api: github.url,
      repositories: ["octo/site", "octo/api"],
      permissions: { contents: "write", issues: "read" },
      ...more,
    });
    configuration = {
      secrets: { "github/key": github.keyPem, "github/other": github.otherKeyPem },
      credentials: {
        gh: settings(),
        forged: settings({ private_key_secret: "github/other" }),
        another_app: settings({ app_id: "Iv23other" }),
        elsewhere: settings({ installation_id: 1 }),
        greedy: settings({ permissions: { contents: "admin" } }),
        absent: settings({ repositories: ["octo/nothing"] }),
      },
    };
    folder = scratch();
    driver = startDriver(folder, configuration);
  });
  after(async () => {
    await driver?.close();
    assert.equal(github.alive(), 0, "a token is left alive");
    await github?.stop();
  });

  it("reads the act's repository, writes nothing, and cannot touch the other repository", async () => {
    const { lease, fields } = await driver.acquire("gh", { effects: ["read"], resource: ["Repo", "octo/site"] });
    assert.equal(await github.ask(fields.token, "GET", "/repos/octo/site/contents/README"), 200);
    assert.equal(await github.ask(fields.token, "PUT", "/repos/octo/site/contents/README"), 403);
    for (const other of ["octo/api", "octo/secret", "evil/site"]) assert.equal(await github.ask(fields.token, "GET", `/repos/${other}/contents/README`), 404);
    await driver.ask("release", { lease });
    await eventually("it is dead", async () => (await github.ask(fields.token, "GET", "/repos/octo/site/contents/README")) === 401);
  });

  it("writes where the act writes, and no more than is configured", async () => {
    const { fields } = await driver.acquire("gh", { task: "writes", effects: ["write"], resource: ["Repo", "Octo/API"] });
    assert.equal(await github.ask(fields.token, "PUT", "/repos/octo/api/contents/README"), 201);
    assert.equal(await github.ask(fields.token, "GET", "/repos/octo/api/issues"), 200);
    assert.equal(await github.ask(fields.token, "POST", "/repos/octo/api/issues"), 403);
    assert.equal(await github.ask(fields.token, "PUT", "/repos/octo/site/contents/README"), 404);
    await driver.ask("end_task", { task: "writes" });
    assert.equal(await github.ask(fields.token, "GET", "/repos/octo/api/issues"), 401);
  });

  it("is for the configured repositories where the act names none", async () => {
    const { lease, fields } = await driver.acquire("gh", { effects: ["read"], resource: ["Tool", "search"] });
    for (const name of ["site", "api"]) assert.equal(await github.ask(fields.token, "GET", `/repos/octo/${name}/contents/x`), 200);
    assert.equal(await github.ask(fields.token, "GET", "/repos/octo/secret/contents/x"), 404);
    await driver.ask("release", { lease });
  });

  it("is refused for another repository before GitHub is asked", async () => {
    const before = github.requests.length;
    await assert.rejects(driver.acquire("gh", { resource: ["Repo", "octo/secret"] }), /not for repository octo\/secret/);
    assert.equal(github.requests.length, before);
  });

  it("is refused as GitHub refuses it: a forged app, another app, another installation, too much", async () => {
    await assert.rejects(driver.acquire("forged"), /HTTP 401.*could not be decoded/);
    await assert.rejects(driver.acquire("another_app"), /HTTP 401/);
    await assert.rejects(driver.acquire("elsewhere"), /HTTP 404/);
    await assert.rejects(driver.acquire("greedy", { effects: ["write"] }), /HTTP 422.*permissions/);
    await assert.rejects(driver.acquire("absent"), /HTTP 422.*repository/);
  });

  it("is revoked by the next gate where the one that minted it was killed", async () => {
    const { fields } = await driver.acquire("gh", { task: "orphan" });
    driver.kill();
    await driver.ended;
    assert.equal(await github.ask(fields.token, "GET", "/installation/repositories"), 200);
    driver = startDriver(folder, configuration);
    await eventually("it is dead", async () => (await github.ask(fields.token, "GET", "/installation/repositories")) === 401);
  });
});
