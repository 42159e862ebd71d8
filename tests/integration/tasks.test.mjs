// Tasks, the kill switch and the registry as their owner and their agent see them: verbs, the API beside /mcp, two gates on one state
// folder, and no gate at all.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, eventually, gateBinary, interlock, scratch, startFixture, startGate, write, writeConfiguration } from "../peers/parts.mjs";

const kDenied = -31001;
const kTokens = { ci: "token-of-the-builder", other: "token-of-the-other" };
const kAuth = { tokens: Object.entries(kTokens).map(([subject, token]) => ({ subject, token_sha256: createHash("sha256").update(token).digest("hex") })) };
const kAsk = `
permit (principal, action, resource);
@id("more-needs-a-human")
@reason("A human decides on more.")
forbid (principal, action == Action::"interlock/widen_task", resource) unless { context.approved };
`;

const bearer = (agent) => ({ Authorization: `Bearer ${kTokens[agent]}` });
const echo = (client) => client.call("echo", { text: "x" }).then(textOf);
const json = (answer) => (assert.equal(answer.code, 0, answer.stdout + answer.stderr), answer.json());

async function openWorld(options = {}) {
  const fixture = await startFixture("legacy");
  const gate = await startGate({ servers: { fixture: { url: fixture.url } }, policies: kAsk, auth: kAuth, ...options });
  return {
    gate,
    fixture,
    agent: (name, headers = {}) => connect("legacy", { url: gate.url("fixture"), headers: { ...bearer(name), ...headers } }),
    start: async (...words) => json(await gate.cli("task", "start", "--agent", "ci", "--purpose", "test", ...words, "--json")),
    // The agents' API.
    ask: async (name, method, path, body, headers = {}) => {
      const response = await fetch(gate.base + path, {
        method,
        headers: { ...(name ? bearer(name) : {}), ...(body ? { "Content-Type": "application/json" } : {}), ...headers },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    receipts: async (...query) => {
      const found = await gate.cli("log", "query", "--json", ...query);
      assert.equal(found.code, 0, found.stderr);
      return found.stdout.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).receipt);
    },
    async close() {
      await gate.stop();
      await fixture.stop();
    },
  };
}

describe("interlock task", () => {
  let world;
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.close());

  it("shows what a scope means in Cedar, and starts nothing on a dry run", async () => {
    const shown = await world.gate.cli("task", "start", "--agent", "ci", "--purpose", "p", "--effects", "read", "--dry-run");
    assert.equal(shown.code, 0, shown.stderr);
    assert.match(shown.stdout, /permit \(principal, action, resource\)\n.*when \{/s);
    assert.deepEqual(json(await world.gate.cli("task", "list", "--json")).tasks, []);
  });

  it("bounds the agent that it is started for, and nobody else", async () => {
    const task = await world.start("--tools", "fixture/echo", "--calls", "2");
    const [ci, other] = [await world.agent("ci"), await world.agent("other")];
    assert.equal(await echo(ci), "x");
    const denied = await refusal(ci.call("list_deleted"));
    assert.equal(denied.code, kDenied);
    assert.match(denied.message, new RegExp(task.id));
    await other.call("list_deleted");
    const spent = await refusal(ci.call("echo", { text: "x" }));
    assert.equal(spent.code, kDenied);
    const shown = json(await world.gate.cli("task", "show", task.id, "--json"));
    assert.equal(shown.calls, 2);
    assert.equal(shown.owner, (await world.gate.cli("status", "--json")).code === 0 ? shown.by : "");
    json(await world.gate.cli("task", "extend", task.id, "--calls", "5", "--json"));
    assert.equal(await echo(ci), "x");
    assert.match((await world.gate.cli("task", "list")).stdout, /calls +3 of 7/);
    const ended = await world.gate.cli("task", "end", task.id, "--reason", "enough");
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal((await refusal(echo(ci))).code, kDenied);
    assert.match((await world.gate.cli("task", "list", "--ended")).stdout, /enough/);
    const receipts = (await world.receipts("--kind", "task")).filter((one) => one.task === task.id);
    assert.deepEqual(receipts.map((one) => one.verdict), ["opened", "extended", "ended"]);
    await ci.close();
    await other.close();
  });

  it("takes a scope from a file, YAML or Cedar", async () => {
    const folder = scratch();
    const yaml = write(join(folder, "scope.yaml"), "effects: [ read ]\ncalls: 3\n");
    const cedar = write(join(folder, "scope.cedar"), 'permit (principal, action == Action::"fixture/echo", resource);\n');
    const one = await world.start("--scope", yaml);
    assert.equal(one.calls_budget, 3);
    const two = await world.start("--scope", cedar);
    assert.match(two.scope[0], /fixture\/echo/);
    for (const { id } of [one, two]) json(await world.gate.cli("task", "end", id, "--json"));
  });

  it("says what is wrong, with an exit code to match", async () => {
    const file = write(join(scratch(), "bad.cedar"), "permit (principal, action, resource) when { nonsense };\n");
    for (const [words, code, text] of [
      [["task"], 2, /usage: interlock task start/],
      [["task", "begin"], 2, /unknown command begin/],
      [["task", "show"], 2, /which task/],
      [["task", "show", "../kills"], 2, /which task/],
      [["task", "show", "task_01"], 1, /task_01/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--effects", "reed"], 1, /reed/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--for", "soon"], 1, /lifetime|soon|duration/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--for", "400d"], 1, /at most/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--band", "9"], 1, /band/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--scope", file], 1, /nonsense/],
      [["task", "start", "--agent", "ci", "--purpose", "p", "--scope", "/no/such/file"], 1, /no file/],
      [["task", "start", "--agnt", "ci"], 2, /did you mean --agent/],
      [["kill"], 2, /name one agent/],
      [["kill", "a", "b"], 2, /name one agent/],
      [["kill", "task_01"], 1, /task_01/],
      [["unkill", "nobody"], 1, /nobody is not under kill/],
      [["agent"], 2, /say what to look at/],
      [["agent", "show", "nobody"], 1, /no agent has the id/],
      [["server", "list", "x"], 2, /usage/],
    ]) {
      const answer = await world.gate.cli(...words);
      assert.equal(answer.code, code, `${words.join(" ")}: ${answer.stdout}${answer.stderr}`);
      assert.match(answer.stderr, text, words.join(" "));
    }
    const asJson = await world.gate.cli("task", "show", "task_01", "--json");
    assert.equal(asJson.code, 1);
    assert.equal(asJson.json().error.code, "not_found");
    for (const verb of ["task", "kill", "unkill", "agent", "server"]) assert.match((await world.gate.cli(verb, "--help")).stdout, /^usage: interlock /);
  });
});

describe("tasks of agents beside /mcp", () => {
  let world;
  before(async () => {
    world = await openWorld();
  });
  after(() => world?.close());

  it("are seen, kept alive and ended by their agent alone", async () => {
    const made = await world.ask("ci", "POST", "/v1/tasks", { purpose: "own", scope: { tools: ["fixture/echo"] }, lifetime: "1h", heartbeat: "30s" });
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const { id } = made.body;
    assert.equal((await world.ask("ci", "GET", `/v1/tasks/${id}`)).body.purpose, "own");
    assert.deepEqual((await world.ask("ci", "GET", "/v1/tasks")).body.tasks.map((one) => one.id), [id]);
    assert.deepEqual((await world.ask("other", "GET", "/v1/tasks")).body.tasks, []);
    assert.equal((await world.ask("ci", "POST", `/v1/tasks/${id}/heartbeat`)).status, 200);
    for (const [method, path, body] of [["GET", `/v1/tasks/${id}`], ["POST", `/v1/tasks/${id}/heartbeat`], ["POST", `/v1/tasks/${id}/end`, {}]]) {
      const answer = await world.ask("other", method, path, body);
      assert.ok([403, 404].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
    const client = await world.agent("ci", { "Interlock-Task": id });
    assert.equal(await echo(client), "x");
    assert.equal((await refusal(client.call("list_deleted"))).code, kDenied);
    assert.equal((await world.ask("ci", "POST", `/v1/tasks/${id}/end`, { reason: "done" })).status, 200);
    assert.equal((await refusal(echo(client))).code, kDenied);
    await client.close();
  });

  it("cannot be another agent's, nor wider than the task that they are below", async () => {
    const parent = await world.start("--tools", "fixture/echo", "--for", "10m");
    const below = { "Interlock-Task": parent.id };
    const wide = await world.ask("ci", "POST", "/v1/tasks", { purpose: "wide", lifetime: "10h" }, below);
    assert.equal(wide.status, 403, JSON.stringify(wide.body));
    const child = await world.ask("ci", "POST", "/v1/tasks", { purpose: "narrow", lifetime: "5m" }, below);
    assert.equal(child.status, 200, JSON.stringify(child.body));
    assert.equal(child.body.parent, parent.id);
    const client = await world.agent("ci", { "Interlock-Task": child.body.id });
    assert.equal((await refusal(client.call("list_deleted"))).code, kDenied, "the parent's scope holds for the child");
    const stranger = await world.agent("other", { "Interlock-Task": parent.id });
    assert.equal((await refusal(echo(stranger))).code, kDenied);
    json(await world.gate.cli("task", "end", parent.id, "--json"));
    assert.equal((await refusal(echo(client))).code, kDenied, "children end with their parent");
    await client.close();
    await stranger.close();
  });

  it("ask for more, and a human answers", async () => {
    const task = await world.start("--tools", "fixture/echo");
    const asked = await world.ask("ci", "POST", `/v1/tasks/${task.id}/requests`, { scope: { tools: ["fixture/list_deleted"] } });
    assert.equal(asked.status, 202, JSON.stringify(asked.body));
    assert.match(asked.body.reason, /A human decides on more/);
    const shown = await world.gate.cli("approvals");
    assert.match(shown.stdout, /interlock\/widen_task/);
    assert.match(shown.stdout, new RegExp(task.id));
    const full = await world.gate.cli("approvals", asked.body.approval);
    assert.match(full.stdout, /fixture\/list_deleted/, "what is asked for is shown before a yes");
    const approved = await world.gate.cli("approve", asked.body.approval, "--yes");
    assert.equal(approved.code, 0, approved.stderr);
    const client = await world.agent("ci");
    await client.call("list_deleted");
    assert.equal((await world.ask("ci", "POST", `/v1/tasks/${task.id}/requests`, {})).status, 400);
    const denied = await world.ask("ci", "POST", `/v1/tasks/${task.id}/requests`, { calls: 5 });
    assert.equal(denied.status, 202);
    assert.equal((await world.gate.cli("deny", denied.body.approval)).code, 0);
    json(await world.gate.cli("task", "end", task.id, "--json"));
    await client.close();
  });

  it("let in nobody unknown, no web page, and no other host", async () => {
    const unknown = await world.ask(null, "GET", "/v1/tasks");
    assert.equal(unknown.status, 401);
    assert.match(unknown.headers.get("www-authenticate"), /^Bearer/);
    assert.equal((await world.ask("ci", "GET", "/v1/tasks", undefined, { Origin: "https://evil.example" })).status, 403);
    assert.equal((await world.ask("ci", "POST", "/v1/tasks", { purpos: "x" })).status, 400);
    assert.equal((await world.ask("ci", "DELETE", "/v1/tasks")).status, 405);
    assert.equal((await world.ask("ci", "GET", "/v1/tasksx")).status, 404);
    assert.equal((await world.ask("ci", "GET", "/v1/kills")).status, 404, "the kill switch is not within reach of agents");
  });
});

describe("the kill switch", () => {
  it("stops an agent on every gate of the state folder, and across restarts, until it is lifted", async () => {
    const world = await openWorld();
    const second = await startGate({ file: world.gate.file, folder: world.gate.folder });
    try {
      const clients = [await world.agent("ci"), await connect("legacy", { url: second.url("fixture"), headers: bearer("ci") })];
      const other = await world.agent("other");
      for (const client of clients) assert.equal(await echo(client), "x");
      const killed = json(await world.gate.cli("kill", "ci", "--reason", "it misbehaves", "--json"));
      assert.equal(killed.gates, 2);
      for (const client of clients) {
        const stopped = await refusal(echo(client));
        assert.equal(stopped.code, kDenied);
        assert.match(stopped.message, /it misbehaves/);
      }
      assert.equal((await world.ask("ci", "GET", "/v1/tasks")).status, 403);
      assert.equal(await echo(other), "x");
      assert.match((await world.gate.cli("kill", "--list")).stdout, /^ci +by .*it misbehaves/);
      await second.stop();
      const again = await startGate({ file: world.gate.file, folder: world.gate.folder });
      try {
        const client = await connect("legacy", { url: again.url("fixture"), headers: bearer("ci") });
        assert.equal((await refusal(echo(client))).code, kDenied);
        json(await world.gate.cli("unkill", "ci", "--json"));
        const fresh = await connect("legacy", { url: again.url("fixture"), headers: bearer("ci") });
        await eventually("it may act again", async () => (await echo(fresh).catch((error) => console.error(error.message))) === "x");
        await client.close();
        await fresh.close();
      } finally {
        await again.stop();
      }
      for (const client of [...clients, other]) await client.close();
    } finally {
      await second.stop();
      await world.close();
    }
  });

  it("cuts a running call, and stops everybody", async () => {
    const world = await openWorld();
    try {
      const client = await world.agent("ci");
      const running = refusal(client.call("slow", { steps: 200, delay_ms: 100 }));
      await eventually("the call runs", async () => (await world.receipts("--kind", "attempt")).some((one) => one.action === "fixture/slow"));
      const began = Date.now();
      assert.equal((await world.gate.cli("kill", "--all")).code, 0);
      assert.equal((await running).code, kDenied);
      assert.ok(Date.now() - began < 10_000, "the call was cut, not waited for");
      assert.equal((await refusal(echo(client))).code, kDenied);
      assert.equal((await world.gate.cli("unkill", "--all")).code, 0);
      await client.close();
    } finally {
      await world.close();
    }
  });

  it("works where no gate runs, with a configuration that cannot be read, and holds in the next gate", async () => {
    const world = await openWorld();
    await world.gate.stop();
    const state = join(world.gate.folder, "state");
    try {
      write(join(world.gate.folder, "broken.yaml"), `version: 1\nstate_dir: ${JSON.stringify(state)}\nnonsense: 1\n`);
      const killed = await interlock(join(world.gate.folder, "broken.yaml"), "kill", "ci", "--json");
      assert.equal(killed.code, 0, killed.stdout + killed.stderr);
      const task = json(await interlock(world.gate.file, "task", "start", "--agent", "other", "--purpose", "p", "--tools", "fixture/echo", "--json"));
      const gate = await startGate({ file: world.gate.file, folder: world.gate.folder });
      try {
        const ci = await connect("legacy", { url: gate.url("fixture"), headers: bearer("ci") });
        assert.equal((await refusal(echo(ci))).code, kDenied);
        const other = await connect("legacy", { url: gate.url("fixture"), headers: bearer("other") });
        assert.equal(await echo(other), "x");
        assert.match((await refusal(other.call("list_deleted"))).message, new RegExp(task.id));
        await ci.close();
        await other.close();
      } finally {
        await gate.stop();
      }
      const kinds = (await world.receipts("--kind", "kill")).map((one) => one.verdict);
      assert.deepEqual(kinds, ["killed"]);
    } finally {
      await world.fixture.stop();
    }
  });
});

describe("interlock mcp", () => {
  it("puts all calls into the task that --task or INTERLOCK_TASK names", async () => {
    const { folder, file } = writeConfiguration({ policies: kAsk, extra: "agents: [ { id: builder, owner: team } ]" });
    const agents = json(await interlock(file, "agent", "list", "--json")).agents;
    assert.deepEqual(agents.map((one) => one.id), ["builder"]);
    const command = [gateBinary, "mcp", "--config", file, "--name", "fixture"];
    const first = await connect("legacy", { command: [...command, "--", ...commands.legacy], cwd: folder });
    assert.equal(await echo(first), "x");
    await first.close();
    const seen = json(await interlock(file, "agent", "list", "--json")).agents.find((one) => one.id !== "builder");
    assert.match(seen.id, /^local\//);
    assert.equal(seen.registered, false);
    const task = json(await interlock(file, "task", "start", "--agent", seen.id, "--purpose", "p", "--tools", "fixture/echo", "--json"));
    json(await interlock(file, "task", "start", "--agent", seen.id, "--purpose", "another", "--tools", "fixture/list_deleted", "--json"));
    for (const target of [{ command: [...command, "--task", task.id, "--", ...commands.legacy] }, { command: [...command, "--", ...commands.legacy], env: { INTERLOCK_TASK: task.id } }]) {
      const client = await connect("legacy", { ...target, cwd: folder });
      assert.equal(await echo(client), "x");
      assert.equal((await refusal(client.call("list_deleted"))).code, kDenied);
      await client.close();
    }
    const findings = await interlock(file, "agent", "findings", "--json");
    assert.equal(findings.code, 1);
    assert.ok(findings.json().findings.some((one) => one.kind === "unregistered" && one.agent === seen.id), findings.stdout);
  });
});
