// The PostgreSQL broker against a real server: what a leased role can do, what it cannot, and that it is gone afterwards. The admin role
// is no superuser, and its password is of the kind that breaks sloppy quoting.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually, scratch } from "../peers/parts.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { startDriver } from "./driver_part.mjs";
import { dsnOf, kAdminPassword, startPostgres } from "./postgres_part.mjs";

const kOdd = '"odd.Schema"."a""b; DROP TABLE payroll; --"';
let postgres;
let driver;

const settings = (more = {}) => ({
  broker: "postgres",
  host: "127.0.0.1",
  port: postgres.port,
  database: "shop",
  user: "gate",
  password_secret: "pg/admin",
  grants: [
    { tables: ["public.orders"], verbs: ["select", "insert", "update", "delete"] },
    { tables: ["public.customers"], verbs: ["select"], columns: ["id", "name"] },
    { tables: [kOdd], verbs: ["select"] },
  ],
  ...more,
});
const configuration = (credentials) => ({ secrets: { "pg/admin": kAdminPassword, "pg/wrong": "wrong" }, credentials });
const can = async (fields, sql) => (await postgres.psql(fields.dsn, sql)).code === 0;
const cannot = async (fields, sql, why = /permission denied/) => {
  const answer = await postgres.psql(fields.dsn, sql);
  assert.notEqual(answer.code, 0, `${sql} was done`);
  assert.match(answer.stderr, why);
};

describe("a role of PostgreSQL for one lease", () => {
  before(async () => {
    postgres = await startPostgres();
    driver = startDriver(
      scratch(),
      configuration({
        shop: settings(),
        brief: settings({ lifetime_ms: 2_000 }),
        few: settings({ connection_limit: 1 }),
        payroll: settings({ grants: [{ tables: ["public.payroll"], verbs: ["select"] }] }),
        missing: settings({ grants: [{ tables: ["public.nothing"], verbs: ["select"] }] }),
        wrong: settings({ password_secret: "pg/wrong" }),
      }),
    );
  });
  after(async () => {
    try {
      await driver?.close();
      assert.deepEqual(await postgres?.roles(), [], "a role is left");
    } finally {
      await postgres?.stop();
    }
  });

  it("reads what is granted to a reading act, and writes nothing", async () => {
    const { lease, fields, grant } = await driver.acquire("shop", { effects: ["read"] });
    assert.match(grant, /public\.orders: select(;|$)/);
    assert.ok(await can(fields, "SELECT * FROM orders"));
    assert.ok(await can(fields, `SELECT * FROM ${kOdd}`));
    for (const sql of ["INSERT INTO orders (item) VALUES ('x')", "UPDATE orders SET price = 0", "DELETE FROM orders", "TRUNCATE orders", "DROP TABLE orders"])
      await cannot(fields, sql, /permission denied|must be owner/);
    await driver.ask("release", { lease });
  });

  it("cannot read the neighbour table, nor a column that is not granted", async () => {
    const { lease, fields } = await driver.acquire("shop", { effects: ["execute"] });
    await cannot(fields, "SELECT * FROM payroll");
    await cannot(fields, "SELECT card FROM customers");
    await cannot(fields, "SELECT * FROM customers");
    assert.ok(await can(fields, "SELECT id, name FROM customers"));
    await driver.ask("release", { lease });
  });

  it("is no way to more: no role, no schema, no other's rights, no longer life", async () => {
    const { lease, fields } = await driver.acquire("shop", { effects: ["execute"] });
    for (const sql of [
      "CREATE ROLE evil LOGIN",
      "CREATE TABLE mine (id int)",
      "SET ROLE gate",
      "SET ROLE postgres",
      `ALTER ROLE "${fields.username}" VALID UNTIL 'infinity'`,
      `ALTER ROLE "${fields.username}" CONNECTION LIMIT -1`,
      "SELECT * FROM pg_authid",
      "COPY orders TO PROGRAM 'cat'",
    ])
      assert.equal(await can(fields, sql), false, sql);
    await can(fields, "GRANT SELECT ON orders TO PUBLIC"); // PostgreSQL warns, and grants nothing
    assert.deepEqual(await postgres.ask("SELECT 1 FROM pg_class, aclexplode(relacl) a WHERE relname = 'orders' AND a.grantee = 0"), []);
    await driver.ask("release", { lease });
  });

  it("writes where the act writes, with the sequence that the table draws from", async () => {
    const { lease, fields } = await driver.acquire("shop", { effects: ["write"], resource: ["Table", "orders"] });
    assert.ok(await can(fields, "INSERT INTO orders (item, price) VALUES ('chair', 20)"));
    assert.ok(await can(fields, "UPDATE orders SET price = 21 WHERE item = 'chair'"));
    await cannot(fields, "DELETE FROM orders");
    await cannot(fields, "SELECT id FROM customers");
    await driver.ask("release", { lease });
  });

  it("is refused for a table that has no grant, before anything is made", async () => {
    await assert.rejects(driver.acquire("shop", { resource: ["Table", "public.payroll"] }), /no grant for the table public\.payroll/);
    await assert.rejects(driver.acquire("payroll"), /cannot grant SELECT on public\.payroll.*WITH GRANT OPTION/);
    await assert.rejects(driver.acquire("missing"), /public\.nothing is not in the database shop/);
    await assert.rejects(driver.acquire("wrong"), (error) => /password authentication failed/.test(error.message) && !/wrong"/.test(error.message));
  });

  it("is refused where PUBLIC could use another table: the role would reach it too", async () => {
    await postgres.ask("GRANT SELECT ON payroll TO PUBLIC");
    await assert.rejects(driver.acquire("shop"), /every role can use the table public\.payroll/);
    await postgres.ask("REVOKE ALL ON payroll FROM PUBLIC");
  });

  it("dies with its release: sessions end, the password is worth nothing, the role is gone", async () => {
    const { lease, fields } = await driver.acquire("shop");
    const session = postgres.session(fields.dsn);
    assert.match(await session.say("SELECT count(*) FROM orders"), /^\d+\n$/);
    const used = session.used();
    await driver.ask("release", { lease });
    assert.match((await used).error, /terminating connection due to administrator command/);
    await cannot(fields, "SELECT 1", /password authentication failed|not permitted to log in/);
    await eventually("the role is dropped", async () => !(await postgres.roles()).includes(fields.username));
  });

  it("dies though its sessions are busy, and though it has made something of its own", async () => {
    const { fields } = await driver.acquire("shop", { task: "busy", effects: ["execute"] });
    const elsewhere = dsnOf({ ...fields, database: "postgres" });
    assert.equal((await postgres.psql(elsewhere, "SELECT lo_create(0)")).code, 0, "a large object in another database");
    assert.ok(await can(fields, "SELECT lo_create(0)"));
    const asleep = postgres.session(fields.dsn);
    asleep.say("BEGIN; LOCK TABLE orders IN ROW SHARE MODE; SELECT pg_sleep(600)").catch(() => {});
    await eventually("it sleeps", async () => (await postgres.ask("SELECT query FROM pg_stat_activity WHERE wait_event = 'PgSleep'")).length === 1);
    await driver.ask("end_task", { task: "busy" });
    await asleep.ended;
    await eventually("the role is dropped", async () => !(await postgres.roles()).includes(fields.username));
  });

  it("is one for all reading acts of a task, and ends with the task", async () => {
    const one = await driver.acquire("shop", { task: "shared", band: 0 });
    const two = await driver.acquire("shop", { task: "shared", band: 1 });
    const other = await driver.acquire("shop", { task: "other", band: 0 });
    assert.equal(one.fields.username, two.fields.username);
    assert.notEqual(one.fields.username, other.fields.username);
    await driver.ask("end_task", { task: "shared" });
    await cannot(one.fields, "SELECT 1", /password authentication failed|not permitted to log in/);
    assert.ok(await can(other.fields, "SELECT * FROM orders"));
    await driver.ask("end_task", { task: "other" });
  });

  it("ends by itself: the server knows its hour, and the gate comes to clear it away", async () => {
    const { fields } = await driver.acquire("brief", { task: "brief", band: 0 });
    const [until] = await postgres.ask(`SELECT extract(epoch FROM rolvaliduntil) * 1000 FROM pg_roles WHERE rolname = '${fields.username}'`);
    assert.ok(Number(until) <= Date.now() + 2_000, "VALID UNTIL is the lease's end");
    const session = postgres.session(fields.dsn);
    await session.used();
    assert.ok(Date.now() >= Number(until));
    await eventually("the role is dropped", async () => !(await postgres.roles()).includes(fields.username));
  });

  it("opens no more sessions than it is allowed", async () => {
    const { lease, fields } = await driver.acquire("few");
    const session = postgres.session(fields.dsn);
    await session.say("SELECT 1");
    await cannot(fields, "SELECT 1", /too many connections for role/);
    const used = session.used();
    await driver.ask("release", { lease });
    await used;
  });

  it("is minted again after the server was away, and what it forgot is made good", async () => {
    const { lease, fields } = await driver.acquire("shop");
    await postgres.ask("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'gate'");
    await eventually("a mint after the loss", () => driver.acquire("shop", { task: "again" }).then(() => true, () => false));
    await driver.ask("release", { lease });
    await eventually("the role is dropped", async () => !(await postgres.roles()).includes(fields.username));
    await driver.ask("end_task", { task: "again" });
  });

  it("lets no password into the server's log, of which it writes every statement", async () => {
    const { lease, fields } = await driver.acquire("shop");
    assert.ok(await can(fields, "SELECT 1"));
    await eventually("the log is written", () => postgres.log().includes(fields.username));
    assert.ok(postgres.log().includes(`CREATE ROLE "${fields.username}"`), "the log has its making");
    assert.ok(!postgres.log().includes(fields.password), "the lease's password");
    assert.ok(!postgres.log().includes(kAdminPassword), "the admin's password");
    await driver.ask("release", { lease });
  });

  it("holds under many at once: each is made, each works, each is gone", async () => {
    const leases = await Promise.all(Array.from({ length: 60 }, (_, i) => driver.acquire("shop", { task: `many-${i % 6}`, effects: [["read"], ["write"], ["delete"]][i % 3] })));
    assert.equal(new Set(leases.map(({ fields }) => fields.username)).size, 60);
    for (const { fields } of leases.slice(0, 10)) assert.ok(await can(fields, "SELECT count(*) FROM orders"));
    const began_ms = performance.now();
    await Promise.all(Array.from({ length: 6 }, (_, i) => driver.ask("end_task", { task: `many-${i}` })));
    console.log(`measured: 60 roles of 6 tasks revoked within ${Math.round(performance.now() - began_ms)} ms`);
    await eventually("no role is left", async () => (await postgres.roles()).length === 0);
  });
});

describe("a server with TLS", () => {
  it("is believed where its certificate is, and gets no password where it is not", async () => {
    const authority = makeAuthority();
    const other = makeAuthority();
    const { cert, key } = authority.server();
    postgres = await startPostgres({ tls: { cert, key } });
    const trust = (ca_file, more = {}) => settings({ tls: "verify-full", ca_file, ...more });
    const gate = startDriver(scratch(), configuration({ good: trust(authority.caFile), strange: trust(other.caFile), named: trust(authority.caFile, { host: "127.0.0.2" }) }));
    try {
      const { lease, fields } = await gate.acquire("good");
      assert.match(fields.dsn, /sslmode=verify-full/);
      const seen = await postgres.ask("SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'gate'");
      assert.deepEqual(seen, ["t"]);
      await gate.ask("release", { lease });
      await assert.rejects(gate.acquire("strange"), /certificate verify failed/);
      await assert.rejects(gate.acquire("named"), /does not match host name/);
    } finally {
      await gate.close();
      await postgres.stop();
    }
  });
});
