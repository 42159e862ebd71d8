// The daemon as its operator sees it: probes, status, reload of good and bad files, signals, and what it refuses to start with.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, eventually, gateBinary, interlock, scratch, startFixture, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kDenied = -31001;
const kAll = 'permit (principal, action, resource);\n';
const kNoEcho = `${kAll}@id("no-echo") forbid (principal, action == Action::"fixture/echo", resource);\n`;

async function withGate(options, use) {
  const fixture = await startFixture("legacy");
  const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: kAll, ...options });
  try {
    await use(gate, fixture);
  } finally {
    await gate.stop();
    await fixture.stop();
  }
}
const policyFile = (gate) => join(gate.folder, "policies", "main.cedar");
const echoWorks = async (client) => {
  try {
    return textOf(await client.call("echo", { text: "x" })) === "x";
  } catch (error) {
    if (error.code !== kDenied) throw error;
    return false;
  }
};
const receipts = async (gate, ...query) => {
  const found = await gate.cli("log", "query", "--json", "--state", join(gate.folder, "state"), ...query);
  assert.equal(found.code, 0, found.stderr);
  return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
};

describe("a running gate", () => {
  it("answers probes, and nothing but MCP beside them", async () => {
    await withGate({}, async (gate) => {
      for (const path of ["/healthz", "/readyz"]) {
        const response = await fetch(gate.base + path);
        assert.equal(response.status, 200);
        assert.deepEqual(await response.json(), { status: "ok" });
        assert.equal((await fetch(gate.base + path, { method: "POST" })).status, 405);
      }
      for (const path of ["/", "/mcpx", "/v1/status", "/metrics"]) {
        const response = await fetch(gate.base + path);
        assert.equal(response.status, 404, path);
        assert.match((await response.json()).error.hint, /\/mcp/);
      }
    });
  });

  it("says what runs", async () => {
    await withGate({}, async (gate) => {
      const client = await connect("legacy", { url: gate.url("fixture") });
      await client.call("echo", { text: "x" });
      const { gates, errors } = (await gate.cli("status", "--json")).json();
      assert.deepEqual(errors, []);
      assert.equal(gates.length, 1);
      assert.equal(gates[0].pid, gate.child.pid);
      assert.equal(gates[0].listening, gate.base);
      assert.equal(gates[0].sessions, 1);
      assert.equal(gates[0].tasks, 1);
      assert.ok(gates[0].policies >= 1);
      assert.match((await gate.cli("status")).stdout, /listening +http:/);
      await client.close();
    });
  });

  it("keeps its state for its owner alone", async () => {
    await withGate({}, async (gate) => {
      const state = join(gate.folder, "state");
      for (const path of readdirSync(state, { recursive: true }).map((name) => join(state, name)).concat(state)) {
        assert.equal(statSync(path).mode & 0o077, 0, `${path} is open to others`);
      }
    });
  });

  it("leaves a start and each task in the ledger", async () => {
    await withGate({}, async (gate) => {
      const client = await connect("legacy", { url: gate.url("fixture") });
      await client.call("echo", { text: "x" });
      await client.raw.transport.terminateSession?.();
      await client.close();
      const [start] = await receipts(gate, "--kind", "start");
      assert.equal(start.verdict, "started");
      assert.match(start.detail.revision, /^[0-9a-f]{64}$/);
      assert.match(start.detail.config_sha256, /^[0-9a-f]{64}$/);
      const tasks = await eventually("the task has ended", async () => {
        const found = await receipts(gate, "--kind", "task");
        return found.length === 2 && found;
      });
      assert.deepEqual(tasks.map((one) => one.verdict).sort(), ["ended", "opened"]);
    });
  });
});

describe("changes of the files", () => {
  it("are followed, told to clients, and recorded", async () => {
    await withGate({}, async (gate) => {
      const client = await connect("legacy", { url: gate.url("fixture") });
      assert.ok((await client.toolNames()).includes("echo"));
      writeFileSync(policyFile(gate), kNoEcho);
      await eventually("echo is denied", async () => !(await echoWorks(client)));
      await eventually("the client is told", () => client.heard.some(({ method }) => method === "notifications/tools/list_changed"));
      assert.ok(!(await client.toolNames()).includes("echo"));
      // As editors save: another file is moved into its place.
      writeFileSync(join(gate.folder, "new"), kAll);
      renameSync(join(gate.folder, "new"), policyFile(gate));
      await eventually("echo works again", () => echoWorks(client));
      write(join(gate.folder, "policies", "more.cedar"), kNoEcho.slice(kAll.length));
      await eventually("a new file counts", async () => !(await echoWorks(client)));
      const changes = await receipts(gate, "--kind", "config");
      assert.deepEqual(changes.map((one) => one.verdict), ["applied", "applied", "applied"]);
      assert.equal(new Set(changes.map((one) => one.detail.revision)).size, 3);
      await client.close();
    });
  });

  const kBad = [
    ["a policy that does not parse", (gate) => write(policyFile(gate), `${kNoEcho}\nforbid (principal, action resource);\n`), /main\.cedar:\d+:\d+: /],
    ["a policy with an unknown annotation", (gate) => write(policyFile(gate), `@resaon("x")\n${kNoEcho}`), /main\.cedar:1:/],
    ["a configuration with an unknown key", (gate) => write(gate.file, `${readFileSync(gate.file, "utf8")}presett: none\n`), /interlock\.yaml:\d+:1: unknown key `presett` \(did you mean `preset`\?\)/],
    ["a configuration that is no YAML", (gate) => write(gate.file, "version: [1\n"), /interlock\.yaml:\d+:\d+: not YAML/],
  ];
  for (const [what, spoil, complaint] of kBad) {
    it(`that are bad are refused whole, and what was in force stays: ${what}`, async () => {
      await withGate({}, async (gate) => {
        const client = await connect("legacy", { url: gate.url("fixture") });
        const before = readFileSync(gate.file, "utf8");
        spoil(gate);
        const [refused] = await eventually("the refusal is recorded", async () => {
          const found = await receipts(gate, "--kind", "config");
          return found.length > 0 && found;
        });
        assert.equal(refused.verdict, "refused");
        assert.match(refused.detail.reason, complaint);
        assert.match(gate.errors().replaceAll(/ hint="([^"]*)"/g, " ($1)"), complaint);
        assert.ok(await echoWorks(client));
        const { gates } = (await gate.cli("status", "--json", "--state", join(gate.folder, "state"))).json();
        assert.match(gates[0].refused, complaint);
        const asked = await gate.cli("reload", "--state", join(gate.folder, "state"));
        assert.equal(asked.code, 1);
        assert.match(asked.stderr, /main\.cedar:|interlock\.yaml:/);

        write(gate.file, before);
        write(policyFile(gate), kNoEcho);
        await eventually("the mended files are in force", async () => !(await echoWorks(client)));
        assert.equal((await gate.cli("status", "--json")).json().gates[0].refused, undefined);
        await client.close();
      });
    });
  }

  it("take effect at once on SIGHUP and `interlock reload`, which names what needs a restart", async () => {
    await withGate({}, async (gate) => {
      const text = readFileSync(gate.file, "utf8");
      write(gate.file, `${text}limits: { depth: 32 }\n`);
      const answer = await gate.cli("reload");
      assert.equal(answer.code, 0, answer.stderr);
      assert.match(answer.stdout, /after a restart only: limits/);
      write(policyFile(gate), kNoEcho);
      gate.child.kill("SIGHUP");
      const client = await connect("legacy", { url: gate.url("fixture") });
      await eventually("SIGHUP is heard", async () => (await receipts(gate, "--kind", "config")).some((one) => one.detail.by === "SIGHUP"));
      assert.equal((await refusal(client.call("echo", { text: "x" }))).code, kDenied);
      await client.close();
    });
  });

  it("change who may ask: a token that is gone is refused", async () => {
    const sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"; // of "test"
    await withGate({ auth: { tokens: [{ token_sha256: sha, subject: "a" }] } }, async (gate) => {
      const ask = () => fetch(gate.url("fixture"), { method: "POST", body: "{}", headers: { Authorization: "Bearer test", "Content-Type": "application/json", Accept: "application/json, text/event-stream" } });
      assert.equal((await ask()).status, 400);
      write(gate.file, readFileSync(gate.file, "utf8").replace(sha, `0${sha.slice(1)}`));
      await eventually("the token is refused", async () => (await ask()).status === 401);
    });
  });
});

describe("the end of a gate", () => {
  it("waits for the call that runs, ends with 0, and leaves no process and no socket", async () => {
    const { file, folder } = writeConfiguration({ servers: { fixture: { command: commands.legacy } }, policies: kAll });
    const gate = await startGate({ file, folder });
    const client = await connect("legacy", { url: gate.url("fixture") });
    const call = client.call("slow", { steps: 6, delay_ms: 100 });
    call.catch(() => {});
    await eventually("the call runs", async () => (await receipts(gate, "--kind", "attempt")).length > 0);
    gate.child.kill("SIGTERM");
    assert.equal(textOf(await call), "finished 6 steps");
    await eventually("the gate has ended", () => gate.child.exitCode !== null);
    assert.equal(gate.child.exitCode, 0);
    assert.deepEqual(readdirSync(join(folder, "state", "run")), []);
    const verified = await interlock(file, "log", "verify", "--json");
    assert.equal(verified.code, 0);
    const [log] = verified.json().logs;
    assert.equal(log.records, log.signed, "the last checkpoint holds everything");
    const none = await interlock(file, "status");
    assert.equal(none.code, 1);
    assert.match(none.stdout, /No gate runs/);
    await client.close();
  });

  it("comes at once with a second signal", async () => {
    const { file, folder } = writeConfiguration({ servers: { fixture: { command: commands.legacy } }, policies: kAll });
    const gate = await startGate({ file, folder });
    const client = await connect("legacy", { url: gate.url("fixture") });
    client.call("slow", { steps: 2, delay_ms: 20_000 }).catch(() => {});
    await eventually("the call runs", async () => (await receipts(gate, "--kind", "attempt")).length > 0);
    gate.child.kill("SIGTERM");
    await eventually("it is stopping", () => /stopping/.test(gate.errors()));
    gate.child.kill("SIGTERM");
    await eventually("the gate has ended", () => gate.child.exitCode !== null || gate.child.signalCode !== null);
    assert.equal(gate.child.exitCode, 143);
    await client.close();
  });
});

describe("what a gate does not start with", () => {
  const start = (file) =>
    new Promise((resolve) => {
      const child = spawn(gateBinary, ["serve", "--config", file], { stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      child.stdout.on("data", (part) => (said += part));
      child.stderr.on("data", (part) => (said += part));
      child.on("close", (code) => resolve({ code, said }));
    });
  const kRefused = [
    ["an anonymous listener for the network", { extra: "" }, (text) => text.replace("127.0.0.1:0", "0.0.0.0:0"), /interlock\.yaml:\d+:\d+: `auth\.anonymous` is for loopback/],
    ["a policy that does not parse", { policies: "permit (principal);\n" }, (text) => text, /main\.cedar:1:\d+/],
    ["a folder of policies that is not there", {}, (text) => text.replace("policies", "polices"), /unknown key `polices`/],
    ["an unset variable", {}, (text) => text.replace("127.0.0.1:0", "${INTERLOCK_TEST_UNSET}"), /INTERLOCK_TEST_UNSET is not set/],
  ];
  for (const [what, options, spoil, complaint] of kRefused) {
    it(what, async () => {
      const { file, folder } = writeConfiguration(options);
      write(file, spoil(readFileSync(file, "utf8")));
      const { code, said } = await start(file);
      assert.equal(code, 1);
      assert.match(said, complaint);
      assert.ok(!existsSync(join(folder, "state")), "a state folder was made");
      const checked = await interlock(file, "check");
      assert.equal(checked.code, 1);
      assert.match(checked.stdout, complaint);
    });
  }

  it("an address that is taken", async () => {
    await withGate({}, async (gate) => {
      const { file } = writeConfiguration({});
      write(file, readFileSync(file, "utf8").replace("127.0.0.1:0", new URL(gate.base).host));
      const { code, said } = await start(file);
      assert.equal(code, 1);
      assert.match(said, /in use/);
    });
  });
});

describe("the command line", () => {
  const run = (args, options = {}) =>
    new Promise((resolve) => {
      const child = spawn(gateBinary, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
      let stdout = "";
      let stderr = "";
      child.stdout.on("data", (part) => (stdout += part));
      child.stderr.on("data", (part) => (stderr += part));
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });

  it("suggests what was meant, with exit code 2", async () => {
    const table = [
      [["serv"], /did you mean serve/],
      [["serve", "--lissten", "x"], /did you mean --listen/],
      [["mcp", "npx"], /stands after --/],
      [["mcp"], /which server/],
      [["mcp", "--name", "a__b", "--", "x"], /cannot be the name/],
      [["init", "--preset", "balancd"], /did you mean balanced/],
      [["log", "verfy"], /did you mean verify/],
      [["status", "extra"], /takes no extra/],
      [["--config"], /needs a value/],
      [[], /^$/],
    ];
    for (const [args, complaint] of table) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, complaint);
    }
  });

  it("has a short help for each verb", async () => {
    const { stdout } = await run(["--help"]);
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map((match) => match[1]);
    assert.ok(verbs.length >= 12, verbs.join(" "));
    for (const verb of verbs) {
      const { code, stdout: help } = await run([verb, "--help"]);
      assert.equal(code, 0, verb);
      assert.match(help, verb === "version" ? /interlock/ : /usage/, verb);
    }
  });

  it("init writes what check and serve take, and never over what is there", async () => {
    const folder = scratch();
    const home = scratch();
    const options = { cwd: folder, env: { ...process.env, HOME: home, XDG_STATE_HOME: join(home, "state"), XDG_CONFIG_HOME: join(home, "config") } };
    const [command, ...args] = commands.legacy;
    write(join(folder, ".mcp.json"), JSON.stringify({ mcpServers: { fixture: { command, args, env: { KEY: "secret-value" } } } }));
    const first = await run(["init", "--json"], options);
    assert.equal(first.code, 0, first.stderr);
    const { token, servers } = JSON.parse(first.stdout);
    assert.deepEqual(servers, ["fixture"]);
    const file = join(folder, "interlock.yaml");
    const text = readFileSync(file, "utf8");
    assert.ok(!text.includes(token) && !text.includes("secret-value"));
    assert.equal((await run(["check"], options)).code, 0);

    write(file, text.replace("127.0.0.1:7410", "127.0.0.1:0"));
    const gate = await startGate({ file, folder, env: options.env });
    try {
      const url = gate.url("fixture");
      await assert.rejects(connect("legacy", { url }), /identity/);
      const client = await connect("legacy", { url, headers: { Authorization: `Bearer ${token}` } });
      assert.ok((await client.toolNames()).length > 0);
      await client.close();
    } finally {
      await gate.stop();
    }

    const again = await run(["init"], options);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /is there already/);
    assert.equal(readFileSync(file, "utf8"), text.replace("127.0.0.1:7410", "127.0.0.1:0"));
    write(join(folder, "policies", "own.cedar"), "// mine\n");
    assert.equal((await run(["init", "--force", "--preset", "strict"], options)).code, 0);
    assert.match(readFileSync(file, "utf8"), /^preset: strict$/m);
    assert.equal(readFileSync(join(folder, "policies", "own.cedar"), "utf8"), "// mine\n");
  });
});
