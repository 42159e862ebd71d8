// The OAuth broker against a real authorization server: what a leased token may do and for how long is what the server says of it, by
// introspection, not what we wrote down.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { startDriver } from "./driver_part.mjs";
import { kApi, kOtherApi, kSecret, startAuthorizationServer } from "../peers/authorization_server.mjs";

const kEffects = { read: ["repo:read"], write: ["repo:read", "repo:write"], admin: ["repo:admin"] };
let server;
let driver;
let folder;
let configuration;

describe("a token of OAuth for one lease", () => {
  before(async () => {
    server = await startAuthorizationServer();
    const settings = (more = {}) => ({
      broker: "oauth",
      issuer: server.issuer,
      client_id: "gate",
      client_secret_secret: "oauth/gate",
      grant: "client_credentials",
      scopes: kEffects,
      resource: kApi,
      ...more,
    });
    configuration = {
      secrets: {
        "oauth/gate": kSecret,
        "oauth/wrong": "wrong-secret",
        "oauth/key": server.clientKeyPem,
        "oauth/refresh": await server.refreshToken("repo:read repo:write"),
        "oauth/subject": await server.accessToken("repo:read repo:write"),
      },
      credentials: {
        api: settings(),
        by_key: settings({ client_id: "gate-by-key", client_secret_secret: undefined, private_key_secret: "oauth/key", key_id: "gate" }),
        wrong: settings({ client_secret_secret: "oauth/wrong" }),
        endpoints: settings({ issuer: undefined, token_endpoint: `${server.issuer}/token`, revocation_endpoint: `${server.issuer}/token/revocation` }),
        short: settings({ token_lifetime: "1m" }),
        brief: settings({ lifetime_ms: 1_500 }),
        unknown: settings({ resource: "https://elsewhere.example/" }),
        refreshed: settings({ grant: "refresh_token", refresh_token_secret: "oauth/refresh" }),
        exchanged: settings({ grant: "token_exchange", subject_token_secret: "oauth/subject" }),
        elsewhere: settings({ grant: "token_exchange", subject_token_secret: "oauth/subject", resource: kOtherApi, scopes: ["repo:read"] }),
      },
    };
    folder = scratch();
    driver = startDriver(folder, JSON.parse(JSON.stringify(configuration)));
  });
  after(async () => {
    await driver?.close();
    await server?.stop();
  });

  for (const name of ["api", "by_key", "endpoints", "refreshed", "exchanged"]) {
    it(`${name}: is alive while the lease is, narrowed to the act, and dead at the server after it`, async () => {
      const { lease, fields } = await driver.acquire(name, { effects: ["read"] });
      const said = await server.introspect(fields.token);
      assert.equal(said.active, true);
      assert.equal(said.scope, "repo:read");
      assert.equal(said.aud, kApi);
      assert.equal(fields.token_type, "Bearer");
      await driver.ask("release", { lease });
      await eventually("it is dead", async () => (await server.introspect(fields.token)).active === false);
    });
  }

  it("can do what the act's effects need together, and an act without scopes gets none", async () => {
    const both = await driver.acquire("api", { task: "both", effects: ["write", "read"] });
    assert.equal((await server.introspect(both.fields.token)).scope, "repo:read repo:write");
    const admin = await driver.acquire("api", { task: "both", effects: ["admin"] });
    assert.equal((await server.introspect(admin.fields.token)).scope, "repo:admin");
    await assert.rejects(driver.acquire("api", { effects: ["delete"] }), /no entry for acts that delete.*scopes\.delete/);
    await driver.ask("end_task", { task: "both" });
    for (const { fields } of [both, admin]) assert.equal((await server.introspect(fields.token)).active, false);
  });

  it("is dead when its task has ended", async () => {
    const leases = await Promise.all(Array.from({ length: 20 }, (_, i) => driver.acquire("api", { task: "many", effects: [i % 2 ? "read" : "write"] })));
    assert.equal(new Set(leases.map(({ fields }) => fields.token)).size, 20);
    await driver.ask("end_task", { task: "many" });
    for (const { fields } of leases) assert.equal((await server.introspect(fields.token)).active, false);
  });

  it("is revoked when the lease's own time is over, long before the server's", async () => {
    const { fields } = await driver.acquire("brief", { task: "brief", band: 0 });
    assert.equal((await server.introspect(fields.token)).active, true);
    await eventually("it is dead", async () => (await server.introspect(fields.token)).active === false);
  });

  it("keeps a refresh token that rotates: each is used once, and the next is there after a restart", async () => {
    const many = await Promise.all(Array.from({ length: 10 }, (_, i) => driver.acquire("refreshed", { task: `r-${i}` })));
    for (const { fields } of many) assert.equal((await server.introspect(fields.token)).active, true);
    await driver.close();
    for (const { fields } of many) assert.equal((await server.introspect(fields.token)).active, false);
    driver = startDriver(folder, JSON.parse(JSON.stringify(configuration)));
    const { fields } = await driver.acquire("refreshed", { task: "again" });
    assert.equal((await server.introspect(fields.token)).active, true);
    await driver.ask("end_task", { task: "again" });
  });

  it("survives a kill at any step but one: with the server's answer in hand, before its first write", async () => {
    const kSteps = 36;
    const dieAt = async (step) => {
      const secrets = { "oauth/gate": kSecret, "oauth/refresh": await server.refreshToken("repo:read repo:write") };
      const own = { secrets, credentials: { refreshed: configuration.credentials.refreshed } };
      const state = scratch();
      const first = startDriver(state, JSON.parse(JSON.stringify(own)), step);
      const minted = await first.acquire("refreshed", { task: "one" }).then(() => true, () => false);
      first.kill();
      await first.ended;
      const second = startDriver(state, JSON.parse(JSON.stringify(own)));
      const again = await second.acquire("refreshed", { task: "two" }).then(() => "", ({ message }) => message);
      second.kill();
      await second.ended;
      return { step, minted, again };
    };
    // At once: what a dead gate holds of the refresh token is free again after some seconds.
    const deaths = await Promise.all(Array.from({ length: kSteps }, (_, i) => dieAt(i + 8)));
    const lost = deaths.filter(({ again }) => again !== "");
    assert.ok(lost.length <= 1, JSON.stringify(lost));
    for (const { again } of lost) assert.match(again, /interlock secret rotate oauth\/refresh/);
    assert.ok(deaths.some(({ minted }) => !minted), "none died before its mint");
    assert.ok(deaths.some(({ minted }) => minted), "none lived to its mint");
  });

  it("is left to expire where the server would end the refresh token with it", async () => {
    const strict = await startAuthorizationServer({ kills_family: true });
    const of = (revocation_endpoint) => ({
      secrets: { "oauth/gate": kSecret },
      credentials: {
        refreshed: {
          broker: "oauth",
          issuer: strict.issuer,
          client_id: "gate",
          client_secret_secret: "oauth/gate",
          grant: "refresh_token",
          refresh_token_secret: "oauth/refresh",
          scopes: ["repo:read"],
          resource: kApi,
          ...(revocation_endpoint ? { revocation_endpoint } : {}),
        },
      },
    });
    const mintTwice = async (revocation_endpoint) => {
      const configured = of(revocation_endpoint);
      configured.secrets["oauth/refresh"] = await strict.refreshToken("repo:read");
      const own = startDriver(scratch(), configured);
      const { fields } = await own.acquire("refreshed", { task: "one" });
      await own.ask("end_task", { task: "one" });
      const active = (await strict.introspect(fields.token)).active;
      const again = await own.acquire("refreshed", { task: "two" }).then(() => "minted", ({ message }) => message);
      const { leases } = await own.ask("list");
      await own.kill();
      await own.ended;
      return { active, again, leases };
    };
    const ended = await mintTwice();
    assert.equal(ended.active, false);
    assert.match(ended.again, /invalid_grant.*interlock secret rotate oauth\/refresh/);
    const expiring = await mintTwice("none");
    assert.equal(expiring.active, true);
    assert.equal(expiring.again, "minted");
    const [lease] = expiring.leases;
    assert.equal(lease.state, "revoking");
    await strict.stop();
  });

  it("is revoked by the next gate where the one that minted it was killed", async () => {
    const { fields } = await driver.acquire("api", { task: "orphan" });
    driver.kill();
    await driver.ended;
    assert.equal((await server.introspect(fields.token)).active, true);
    driver = startDriver(folder, JSON.parse(JSON.stringify(configuration)));
    await eventually("it is dead", async () => (await server.introspect(fields.token)).active === false);
  });

  it("is refused as the server refuses it, and no refusal shows a secret", async () => {
    await assert.rejects(driver.acquire("wrong"), (error) => /invalid_client/.test(error.message) && !error.message.includes("wrong-secret"));
    await assert.rejects(driver.acquire("unknown"), /invalid_target/);
    await assert.rejects(driver.acquire("elsewhere", { effects: ["admin"] }).then(() => driver.acquire("exchanged", { effects: ["admin"] })), /invalid_scope/);
  });

  it("that lives longer than it is said to is not used, and is revoked", async () => {
    const before = server.requests.filter((line) => line === "POST /token/revocation").length;
    await assert.rejects(driver.acquire("short"), /it lives for 300 s.*token_lifetime: 300s/);
    assert.equal(server.requests.filter((line) => line === "POST /token/revocation").length, before + 1);
  });

  it("stands in no file of the state folder, and in no list", async () => {
    const { readdirSync, readFileSync } = await import("node:fs");
    const { join } = await import("node:path");
    const { fields } = await driver.acquire("api", { task: "hidden" });
    const { leases } = await driver.ask("list");
    assert.equal(JSON.stringify(leases).includes(fields.token), false);
    for (const name of readdirSync(folder).filter((file) => file !== "driver.json")) {
      const bytes = readFileSync(join(folder, name)).toString("latin1");
      for (const secret of [fields.token, kSecret]) assert.equal(bytes.includes(secret), false, name);
    }
    await driver.ask("end_task", { task: "hidden" });
  });
});
