// The vault and leases as their owner sees them: verbs with and without a gate, two gates on one state folder, re-keying while they run,
// and that no value is anywhere but in the vault.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, textOf } from "../peers/clients.mjs";
import { commands, eventually, gateBinary, interlock, scratch, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kCanary = "canary-0d7e1f6c-of-the-vault";
const json = (answer) => (assert.equal(answer.code, 0, answer.stdout + answer.stderr), answer.json());

// One command whose standard input is `value`.
function feed(file, value, ...words) {
  return new Promise((resolve) => {
    const child = execFile(gateBinary, [...words, "--config", file], (error, stdout, stderr) =>
      resolve({ code: error ? error.code : 0, stdout, stderr, json: () => JSON.parse(stdout) }));
    child.stdin.on("error", () => {});
    child.stdin.end(value);
  });
}

const newest = (meta) => meta.versions[0].version;

// Everything that stands in a folder, as bytes.
function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const facts = statSync(path);
    if (facts.isDirectory()) yield* files(path);
    else if (facts.isFile()) yield [path, readFileSync(path)];
  }
}
function assertNowhere(folder, value) {
  for (const [path, bytes] of files(folder)) assert.equal(bytes.includes(value), false, `${path} holds the value`);
}

async function receipts(file) {
  const found = await interlock(file, "log", "query", "--json", "--kind", "secret");
  assert.equal(found.code, 0, found.stderr);
  return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
}

for (const withGate of [false, true]) {
  describe(`interlock secret, ${withGate ? "beside a gate" : "where none runs"}`, () => {
    let file;
    let folder;
    let gate;
    before(async () => {
      ({ folder, file } = writeConfiguration({}));
      if (withGate) gate = await startGate({ file, folder });
    });
    after(() => gate?.stop());

    it("keeps a value from standard input or a file, and never shows it", async () => {
      const made = await feed(file, `${kCanary}\n`, "secret", "set", "api/token", "--note", "of CI", "--max-age", "90d", "--overlap", "1h", "--json");
      const meta = json(made);
      assert.equal(meta.versions[0].bytes, kCanary.length, "the line's end is left out");
      assert.equal(meta.max_age_ms, 90 * 86_400_000);
      const pem = write(join(folder, "key.pem"), "line one\nline two\n");
      assert.equal(json(await interlock(file, "secret", "set", "api/key", "--file", pem, "--json")).versions[0].bytes, 18, "of several lines all stays");
      const shown = [made, await interlock(file, "secret", "list"), await interlock(file, "secret", "show-meta", "api/token"), await interlock(file, "secret", "list", "--json")];
      for (const answer of shown) assert.doesNotMatch(answer.stdout + answer.stderr, /canary/);
      assert.match(shown[2].stdout, /note +of CI/);
      assert.deepEqual(shown[3].json().secrets.map((one) => one.name), ["api/key", "api/token"]);
    });

    it("takes no value from the command line, and does not repeat it", async () => {
      for (const words of [["set", "x", kCanary], ["rotate", "api/token", kCanary], ["set", `x=${kCanary}`], ["set", "x", `--value=${kCanary}`]]) {
        const refused = await feed(file, "", "secret", ...words);
        assert.equal(refused.code, 2, words.join(" "));
        assert.match(refused.stderr, /never stands on the command line/);
        assert.doesNotMatch(refused.stdout + refused.stderr, /canary/);
      }
    });

    it("overwrites nothing by itself, and rotates with an overlap", async () => {
      const again = await feed(file, "other", "secret", "set", "api/token");
      assert.equal(again.code, 1);
      assert.match(again.stderr, /secret rotate/);
      const rotated = json(await feed(file, `${kCanary}-2`, "secret", "rotate", "api/token", "--json"));
      assert.equal(newest(rotated), 2);
      assert.ok(Date.parse(rotated.versions[1].ends) > Date.now());
      assert.equal((await feed(file, "x", "secret", "rotate", "none")).code, 1);
      assert.equal((await feed(file, "", "secret", "set", "empty")).code, 1);
    });

    it("imports a .env or JSON, shows first, and gives new values only where it is told to", async () => {
      const env = write(join(folder, "dot.env"), `# of the old setup\nexport ONE="canary one" # kept\nTWO='canary#two'\n`);
      const dry = await interlock(file, "secret", "import", env, "--prefix", "env/", "--dry-run");
      assert.match(dry.stdout, /set +env\/ONE\n +set +env\/TWO\n/);
      assert.equal((await interlock(file, "secret", "show-meta", "env/ONE")).code, 1, "a dry run changes nothing");
      const steps = async (...words) => json(await interlock(file, "secret", "import", ...words, "--json")).import.map((one) => one.step);
      assert.deepEqual(await steps(env, "--prefix", "env/"), ["set", "set"]);
      assert.deepEqual(await steps(env, "--prefix", "env/"), ["keep", "keep"]);
      assert.deepEqual(await steps(env, "--prefix", "env/", "--rotate"), ["rotate", "rotate"]);
      assert.equal(newest(json(await interlock(file, "secret", "show-meta", "env/TWO", "--json"))), 2);
      const tree = write(join(folder, "tree.json"), JSON.stringify({ db: { user: "u", password: "canary" } }));
      assert.deepEqual(await steps(tree), ["set", "set"]);
      const bad = await interlock(file, "secret", "import", write(join(folder, "bad.env"), "GOOD=1\ncanary without a name\n"));
      assert.equal(bad.code, 1);
      assert.match(bad.stderr, /line 2/);
      assert.doesNotMatch(bad.stdout + bad.stderr, /canary/);
    });

    it("forgets what is removed", async () => {
      assert.equal((await interlock(file, "secret", "rm", "db/user")).code, 0);
      assert.equal((await interlock(file, "secret", "rm", "db/user")).code, 1);
    });

    it("moves to another master key, keeps all, and leaves receipts of name and version alone", async () => {
      const before = readFileSync(join(folder, "state", "master.key"));
      const report = json(await interlock(file, "secret", "rekey", "--json"));
      assert.equal(report.finished, true);
      assert.ok(report.sealed_anew >= 8, JSON.stringify(report));
      assert.notDeepEqual(readFileSync(join(folder, "state", "master.key")), before);
      const given = write(join(folder, "next.key"), "0123456789abcdef".repeat(4));
      assert.equal((await interlock(file, "secret", "rekey", "--new-key-file", given)).code, 1, "others can read it");
      await new Promise((resolve) => execFile("chmod", ["600", given], resolve));
      json(await interlock(file, "secret", "rekey", "--new-key-file", given, "--json"));
      assert.equal(readFileSync(join(folder, "state", "master.key")).toString("hex"), "0123456789abcdef".repeat(4));
      assert.equal(json(await interlock(file, "secret", "list", "--json")).secrets.length, 5);

      const all = await receipts(file);
      const verdicts = new Set(all.map((one) => one.verdict));
      for (const verdict of ["set", "rotated", "imported", "removed", "rekeyed"]) assert.ok(verdicts.has(verdict), `${verdict}: ${[...verdicts]}`);
      assert.doesNotMatch(JSON.stringify(all), /canary/);
      assertNowhere(join(folder, "state"), "canary");
    });

    it("shows no value in what the gate says or in its process", { skip: !withGate }, () => {
      assert.doesNotMatch(gate.errors(), /canary/);
      for (const name of ["cmdline", "environ"]) {
        const path = `/proc/${gate.child.pid}/${name}`;
        if (existsSync(path)) assert.equal(readFileSync(path).includes("canary"), false, path);
      }
    });
  });
}

describe("secrets of gates that run", () => {
  it("are shared, and stay so while the folder moves to another master key", async () => {
    const one = await startGate({});
    const two = await startGate({ file: one.file, folder: one.folder });
    try {
      json(await feed(one.file, "first", "secret", "set", "shared", "--json"));
      for (let round = 0; round < 3; ++round) {
        json(await one.cli("secret", "rekey", "--json"));
        json(await feed(one.file, `value ${round}`, "secret", "rotate", "shared", "--json"));
      }
      // The gate that did not do it is asked once the other is gone.
      await one.stop();
      assert.equal(newest(json(await interlock(one.file, "secret", "show-meta", "shared", "--json"))), 4);
      json(await feed(one.file, "by the second", "secret", "rotate", "shared", "--json"));
    } finally {
      await one.stop();
      await two.stop();
    }
    assert.equal(newest(json(await interlock(one.file, "secret", "show-meta", "shared", "--json"))), 5);
  });

  it("raise an alarm once they are older than their rule allows", async () => {
    const { file, folder } = writeConfiguration({ extra: 'secrets: { rules: [ { match: "old/*", max_age: 1s } ] }' });
    const gate = await startGate({ file, folder });
    try {
      json(await feed(file, "x", "secret", "set", "old/one", "--json"));
      json(await feed(file, "x", "secret", "set", "other", "--json"));
      const overdue = await eventually("the receipt of an overdue rotation", async () => (await receipts(file)).find((one) => one.verdict === "overdue"), { within_ms: 15_000 });
      assert.match(JSON.stringify(overdue), /old\/one/);
      assert.match(gate.errors(), /old\/one/);
      assert.match((await gate.cli("status")).stdout, /ALARM.*old\/one/);
      json(await feed(file, "y", "secret", "rotate", "old/one", "--json"));
    } finally {
      await gate.stop();
    }
  });

  it("open nothing where the master key is another, and say what to do", async () => {
    const { file, folder } = writeConfiguration({});
    json(await feed(file, "x", "secret", "set", "a", "--json"));
    const key = join(folder, "state", "master.key");
    const right = readFileSync(key);
    write(key, Buffer.alloc(32, 7));
    const refused = await interlock(file, "secret", "list");
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /master key/);
    write(key, right);
    assert.equal(json(await interlock(file, "secret", "list", "--json")).secrets.length, 1);
  });

  it("open with a passphrase, whose salt stands beside them", async () => {
    const folder = scratch();
    const phrase = write(join(folder, "phrase"), "correct horse battery staple\n");
    await new Promise((resolve) => execFile("chmod", ["600", phrase], resolve));
    const { file } = writeConfiguration({ folder, extra: `secrets: { master_key: passphrase, master_key_file: ${JSON.stringify(phrase)} }` });
    json(await feed(file, "x", "secret", "set", "a", "--json"));
    assert.equal(existsSync(join(folder, "state", "master.key")), false);
    const next = write(join(folder, "next"), "another horse battery staple\n");
    await new Promise((resolve) => execFile("chmod", ["600", next], resolve));
    const report = json(await interlock(file, "secret", "rekey", "--new-key-file", next, "--json"));
    assert.equal(report.finished, false);
    assert.match(report.next, /passphrase/);
    assert.equal(json(await interlock(file, "secret", "list", "--json")).secrets.length, 1, "the old one opens until the new one is in its place");
    write(phrase, "another horse battery staple\n");
    assert.equal(json(await interlock(file, "secret", "list", "--json")).secrets.length, 1);
    write(phrase, "correct horse battery staple\n");
    assert.equal((await interlock(file, "secret", "list")).code, 1, "and no more after that");
  });
});

describe("interlock lease", () => {
  const servers = { fixture: { command: commands.legacy, credentials: [{ credential: "token", env: "FIXTURE_TOKEN", value: "{token}" }] } };
  const extra = "credentials: { token: { broker: static, secret: api/token } }";

  async function openWorld() {
    const world = writeConfiguration({ servers, extra });
    json(await feed(world.file, kCanary, "secret", "set", "api/token", "--json"));
    const gate = await startGate(world);
    const client = await connect("legacy", { url: gate.url("fixture") });
    assert.equal(textOf(await client.call("echo", { text: "x" })), "x");
    return { ...world, gate, client };
  }
  const open = async (file) => json(await interlock(file, "lease", "list", "--json")).leases;

  it("shows what is lent, and takes it back", async () => {
    const { file, folder, gate, client } = await openWorld();
    try {
      const [lease] = await open(file);
      assert.equal(lease.credential, "token");
      assert.equal(lease.state, "live");
      assert.match((await interlock(file, "lease", "list")).stdout, /token \(static\)/);
      const gone = json(await interlock(file, "lease", "revoke", lease.id, "--reason", "enough", "--json"));
      assert.equal(gone.state, "revoked");
      assert.match(gone.end_reason, /enough/);
      assert.equal((await open(file)).some((one) => one.id === lease.id), false);
      const ended = json(await interlock(file, "lease", "list", "--ended", "--json")).leases;
      assert.ok(ended.some((one) => one.id === lease.id));
      assert.equal((await interlock(file, "lease", "revoke", lease.id)).code, 1, "it is not lent any more");
      assert.equal((await interlock(file, "lease", "revoke", "../x")).code, 2);
      assertNowhere(join(folder, "state"), "canary");
    } finally {
      await client.close();
      await gate.stop();
    }
  });

  it("keeps what lives over a reload, and takes all back when the gate stops", async () => {
    const { file, gate, client } = await openWorld();
    try {
      const [lease] = await open(file);
      write(file, readFileSync(file, "utf8").replace("secret: api/token", "secret: api/token, field: token"));
      json(await gate.cli("reload", "--json"));
      assert.deepEqual((await open(file)).map((one) => one.id), [lease.id]);
      write(file, readFileSync(file, "utf8").replace("field: token", "fields: token"));
      const refused = await gate.cli("reload");
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /fields/);
      assert.deepEqual((await open(file)).map((one) => one.id), [lease.id]);
      write(file, readFileSync(file, "utf8").replace("fields: token", "field: token"));
    } finally {
      await client.close();
      await gate.stop();
    }
    assert.deepEqual(await open(file), []);
  });

  it("takes back what a killed gate has left, where no gate runs", async () => {
    const { file, gate, client } = await openWorld();
    await gate.stop("SIGKILL");
    await client.close().catch(() => {});
    const [lease] = await open(file);
    assert.equal(lease.state, "live");
    assert.equal(json(await interlock(file, "lease", "revoke", lease.id, "--json")).state, "revoked");
    assert.deepEqual(await open(file), []);
  });
});
