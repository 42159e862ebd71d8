// PostgreSQL and SSH leases through the real gate: an agent calls tools, their server works with what it is lent, and nothing of it outlives
// the call, the task or the gate.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { eventually } from "../peers/parts.mjs";
import { killGateAtRandom, openGateWorld } from "./gate_part.mjs";
import { isAlive } from "./orphans_part.mjs";

const kKills = 4;

describe("tools that work with leases", () => {
  let world;
  let gate;
  let db;
  let ship;
  before(async () => {
    world = await openGateWorld({ force_command: "echo deployed" });
    gate = await world.start();
    db = await world.agent(gate, "db");
    ship = await world.agent(gate, "ship");
  });
  after(async () => {
    await gate?.stop();
    try {
      assert.deepEqual(await world?.postgres.roles(), [], "a role is left after the gate has stopped");
    } finally {
      await world?.close();
    }
  });

  it("read what the act may read, and neither the neighbour nor more", async () => {
    assert.match(await world.call(db, "read_table", { sql: "SELECT item FROM orders" }), /lamp/);
    assert.match(await world.call(db, "read_table", { sql: "SELECT * FROM payroll" }), /refused: .*permission denied for table payroll/);
    assert.match(await world.call(db, "read_table", { sql: "INSERT INTO orders (item) VALUES ('x')" }), /refused: .*permission denied/);
    assert.doesNotMatch(await world.call(db, "write_table", { sql: "INSERT INTO orders (item) VALUES ('chair')" }), /refused/);
  });

  it("get a lease a call in a sensitive band, dead when the call is over", async () => {
    world.given.length = 0;
    await world.call(db, "read_table", { sql: "SELECT 1" });
    await world.call(db, "read_table", { sql: "SELECT 1" });
    const [one, two] = world.given;
    assert.notEqual(one.fields.username, two.fields.username);
    await eventually("both are dead", async () => !(await isAlive(world, one)) && !(await isAlive(world, two)));
  });

  it("share one in a task's lower band, dead when the task is over", async () => {
    world.given.length = 0;
    await world.call(db, "look_at_table", { sql: "SELECT 1" });
    await world.call(db, "look_at_table", { sql: "SELECT 1" });
    const [one, two] = world.given;
    assert.equal(one.fields.dsn, two.fields.dsn);
    assert.ok(await isAlive(world, one));
    const killed = await gate.cli("kill", "--all", "--reason", "the task is over");
    assert.equal(killed.code, 0, killed.stderr + killed.stdout);
    await eventually("it is dead", async () => !(await isAlive(world, one)));
    const again = await gate.cli("unkill", "--all");
    assert.equal(again.code, 0, again.stderr + again.stdout);
  });

  it("log in to run the one command, and never again", async () => {
    world.given.length = 0;
    assert.equal(await world.call(ship, "deploy", { command: "cat /etc/shadow" }), "deployed\n");
    const [one] = world.given;
    await eventually("its certificate lets nobody in", async () => !(await isAlive(world, one)));
  });
});

describe("a gate that is killed while tools work with leases", () => {
  let world;
  before(async () => {
    world = await openGateWorld();
  });
  after(() => world?.close());
  it("leaves none of them alive", async () => {
    const { passwords, alive } = await killGateAtRandom(world, kKills, isAlive, { rest_every: kKills });
    assert.ok(passwords > 0, "nothing was lent");
    assert.deepEqual(alive, []);
  });
});
