// The Vault broker against a real OpenBao whose database engine makes roles in a real PostgreSQL: the leased user can log in while the lease
// lives and not after it, however the lease ends, and each is made under a token that dies by itself.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { startDriver } from "./driver_part.mjs";
import { freePort, startPostgres } from "./postgres_part.mjs";
import { bao } from "./python_parts.mjs";


const kRoot = "root-token-of-a-test";
const kRoles = { reader: "GRANT SELECT ON orders TO \"{{name}}\";", writer: "GRANT SELECT, INSERT ON orders TO \"{{name}}\";" };
// What the gate's own token may do: make children, ask for credentials, end and renew their leases. Not: read other secrets, list tokens.
const kPolicy = `
path "auth/token/create" { capabilities = ["update"] }
path "database/creds/*" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "sys/leases/renew" { capabilities = ["update"] }`;

async function startOpenBao() {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const child = spawn(bao, ["server", "-dev", `-dev-root-token-id=${kRoot}`, `-dev-listen-address=127.0.0.1:${port}`, "-dev-no-store-token"], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: process.env.PATH, HOME: scratch() },
  });
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const ask = async (method, path, body, token = kRoot) => {
    const answer = await fetch(`${address}/v1/${path}`, { method, headers: { "X-Vault-Token": token }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : {} };
  };
  await eventually(`OpenBao is up ${errors}`, () => ask("GET", "sys/health").then(({ status }) => status === 200, () => false));
  return {
    address,
    ask,
    async must(method, path, body) {
      const answer = await ask(method, path, body);
      assert.ok(answer.status < 300, `${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    // The tokens that leases were made under and that are alive.
    async children() {
      const { body } = await ask("LIST", "auth/token/accessors");
      const tokens = await Promise.all(body.data.keys.map((accessor) => ask("POST", "auth/token/lookup-accessor", { accessor })));
      return tokens.filter(({ status, body: told }) => status === 200 && told.data.meta?.interlock_lease).map(({ body: told }) => told.data);
    },
    async stop() {
      process.removeListener("exit", kill);
      child.kill("SIGTERM");
      await new Promise((resolve) => child.once("exit", resolve));
    },
  };
}

let postgres;
let openbao;
let driver;
let folder;
let configuration;
const dsn = ({ username, password }) => `postgresql://${username}:${password}@127.0.0.1:${postgres.port}/shop`;
const can = async (fields, sql) => (await postgres.psql(dsn(fields), sql)).code === 0;
const roles = () => postgres.ask("SELECT rolname FROM pg_roles WHERE rolname LIKE 'v-%'");
const gone = (fields) => eventually(`${fields.username} is gone`, async () => !(await roles()).includes(fields.username));

describe("a dynamic secret of OpenBao for one lease", () => {
  before(async () => {
    [postgres, openbao] = await Promise.all([startPostgres(), startOpenBao()]);
    await openbao.must("POST", "sys/mounts/database", { type: "database" });
    await openbao.must("POST", "database/config/shop", {
      plugin_name: "postgresql-database-plugin",
      allowed_roles: "*",
      connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${postgres.port}/shop?sslmode=disable`,
      username: "postgres",
      password: "super",
    });
    for (const [name, grants] of Object.entries(kRoles))
      await openbao.must("POST", `database/roles/${name}`, {
        db_name: "shop",
        creation_statements: [`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'; GRANT USAGE ON SEQUENCE orders_id_seq TO "{{name}}"; ${grants}`],
        default_ttl: "5m",
        max_ttl: "1h",
      });
    await openbao.must("POST", "sys/policies/acl/gate", { policy: kPolicy });
    const { auth } = await openbao.must("POST", "auth/token/create", { policies: ["gate"], ttl: "1h" });
    const settings = (more = {}) => ({
      broker: "vault",
      address: openbao.address,
      token_secret: "bao/gate",
      path: { read: "database/creds/reader", write: "database/creds/writer" },
      ...more,
    });
    await openbao.must("POST", "sys/mounts/kv", { type: "kv", options: { version: "1" } });
    await openbao.must("POST", "kv/static", { password: "static" });
    configuration = {
      secrets: { "bao/gate": auth.client_token, "bao/wrong": "s.wrong" },
      credentials: {
        shop: settings(),
        brief: settings({ lifetime_ms: 2_000 }),
        wrong: settings({ token_secret: "bao/wrong" }),
        unknown: settings({ path: "database/creds/nobody" }),
        forbidden: settings({ path: "kv/static" }),
      },
    };
    folder = scratch();
    driver = startDriver(folder, configuration);
  });
  after(async () => {
    await driver?.close();
    if (openbao) assert.deepEqual(await openbao.children(), [], "a token is left");
    if (postgres) assert.deepEqual(await roles(), [], "a role is left");
    await openbao?.stop();
    await postgres?.stop();
  });

  it("can log in and do what its act needs, and cannot after its release", async () => {
    const { lease, fields } = await driver.acquire("shop", { effects: ["read"] });
    assert.ok(await can(fields, "SELECT * FROM orders"));
    assert.equal(await can(fields, "INSERT INTO orders (item, price) VALUES ('x', 1)"), false);
    const [child] = await openbao.children();
    assert.equal(child.meta.interlock_lease, lease);
    assert.equal(child.renewable, false);
    assert.ok(child.explicit_max_ttl > 0 && child.explicit_max_ttl <= 600);
    await driver.ask("release", { lease });
    await gone(fields);
    assert.equal(await can(fields, "SELECT 1"), false);
    assert.deepEqual(await openbao.children(), []);
  });

  it("writes where the act writes", async () => {
    const { lease, fields } = await driver.acquire("shop", { effects: ["read", "write"] });
    assert.ok(await can(fields, "INSERT INTO orders (item, price) VALUES ('x', 1)"));
    assert.equal(await can(fields, "SELECT * FROM payroll"), false);
    await driver.ask("release", { lease });
    await gone(fields);
  });

  it("is dead when its task has ended", async () => {
    const leases = await Promise.all(Array.from({ length: 8 }, () => driver.acquire("shop", { task: "many" })));
    await driver.ask("end_task", { task: "many" });
    assert.deepEqual(await roles(), []);
    for (const { fields } of leases) assert.equal(await can(fields, "SELECT 1"), false);
  });

  it("is revoked by the next gate where the one that minted it was killed", async () => {
    const { fields } = await driver.acquire("shop", { task: "orphan" });
    driver.kill();
    await driver.ended;
    assert.ok(await can(fields, "SELECT 1"));
    driver = startDriver(folder, configuration);
    await gone(fields);
  });

  it("dies with the token that it was made under, though no gate comes to end it", async () => {
    const { fields } = await driver.acquire("brief", { task: "brief" });
    driver.kill();
    await driver.ended;
    await gone(fields);
    assert.equal(await can(fields, "SELECT 1"), false);
    driver = startDriver(folder, configuration);
  });

  it("is refused as OpenBao refuses it; what is not made anew is no lease, and its token is ended", async () => {
    await assert.rejects(driver.acquire("wrong"), (error) => /HTTP 403/.test(error.message) && !error.message.includes("s.wrong"));
    await assert.rejects(driver.acquire("unknown"), /HTTP 400.*unknown role/);
    await assert.rejects(driver.acquire("forbidden"), /HTTP 403/);
    await openbao.must("POST", "sys/policies/acl/gate", { policy: `${kPolicy}\npath "kv/*" { capabilities = ["read"] }` });
    await assert.rejects(driver.acquire("forbidden"), /no lease.*broker: static/);
    assert.deepEqual(await openbao.children(), []);
  });

  it("is revoked by the end of its token where the gate may not end leases", async () => {
    const { lease, fields } = await driver.acquire("shop");
    await openbao.must("POST", "sys/policies/acl/gate", { policy: kPolicy.replace(/path "sys\/leases\/revoke"[^\n]*\n/, "") });
    await driver.ask("release", { lease });
    await gone(fields);
    await openbao.must("POST", "sys/policies/acl/gate", { policy: kPolicy });
  });
});
