// Servers that break the rules and clients that vanish: each gets a clear error or is borne, and the gate serves on.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { connect, refusal, textOf } from "../peers/clients.mjs";
import { commands, eventually, startFixture, startGate } from "../peers/parts.mjs";

const kTimeout_ms = 1500;

// What a misdeed must end in: a right answer, or an error of the gate's own with a sentence for people.
const kMisdeeds = [
  ["answer_twice", { text: "first" }],
  ["stranger_id", { text: "mine" }],
  ["null_id", { text: "mine" }],
  ["text_id", { text: "mine" }],
  ["garbage", { text: "after garbage", orError: true }],
  ["bad_utf8", { text: "after bad bytes", orError: true }],
  ["flood_then_answer", { text: "after the flood", args: { count: 20_000 } }],
  ["ask_nonsense", { text: "asked" }],
  ["result_and_error", { orError: true }],
  ["wrong_shape", { orError: true }],
  ["late", { text: "late", args: { delay_ms: 300 } }],
  ["hang", { orError: true, timeout: true }],
  ["flood", { orError: true, timeout: true }],
  ["huge", { orError: true, args: { size_bytes: 40_000_000 } }],
  ["die_half", { orError: true, deadly: true }],
  ["die", { orError: true, deadly: true }],
];

for (const wire of ["stdio", "http"]) {
  for (const era of ["legacy", "modern"]) {
    describe(`a misbehaving server over ${wire}, ${era} client`, () => {
      let part, gate, client;
      before(async () => {
        part = wire === "http" ? await startFixture("misbehave") : undefined;
        gate = await startGate({
          servers: { bad: part ? { url: part.url } : { command: commands.misbehave } },
          extra: `limits: { call_timeout: ${kTimeout_ms}ms }`,
        });
        client = await connect(era, { url: gate.url("bad") });
      });
      after(async () => {
        await client?.close();
        await gate?.stop();
        await part?.stop();
      });

      for (const [tool, wanted] of kMisdeeds) {
        if (wanted.deadly && wire === "http") continue; // one process stands for all its clients: see below
        it(`${tool}: ends in ${wanted.text ? `'${wanted.text}'` : "a clear error"}, and the next call works`, { timeout: 20_000 }, async () => {
          let outcome;
          try {
            outcome = { text: textOf(await client.call(tool, wanted.args ?? {}, { timeout: 15_000 })) };
          } catch (error) {
            outcome = { error };
          }
          if (outcome.error) {
            assert.ok(wanted.orError, `wanted an answer, got ${outcome.error.message}`);
            assert.equal(typeof outcome.error.code, "number", `the gate answers itself, rather than the client's own timeout: ${outcome.error.message}`);
            assert.ok(outcome.error.message.length > 15, outcome.error.message);
            if (wanted.timeout) assert.match(outcome.error.message, /time|within|answer/i);
          } else if (wanted.text) {
            assert.equal(outcome.text, wanted.text);
          } else {
            assert.fail(`wanted an error, got ${JSON.stringify(outcome.text).slice(0, 100)}`);
          }
          await eventually("the next call works", async () => {
            try {
              return textOf(await client.call("ok")) === "ok";
            } catch {
              return false;
            }
          });
        });
      }

      it("leaves a record of each call, lost ones too, and the record verifies", async () => {
        const verified = await gate.cli("log", "verify");
        assert.equal(verified.code, 0, verified.stderr);
        const tail = await gate.cli("log", "query", "--limit", "1000", "--json");
        assert.equal(tail.code, 0, tail.stderr);
        assert.match(tail.stdout, /bad\/hang/);
      });
    });
  }
}

describe("a server that dies behind HTTP", () => {
  it("is a clear error for the call, and for the next", async () => {
    const part = await startFixture("misbehave");
    const gate = await startGate({ servers: { bad: { url: part.url } } });
    const client = await connect("legacy", { url: gate.url("bad") });
    try {
      assert.equal(textOf(await client.call("ok")), "ok");
      for (const tool of ["die", "ok"]) {
        const error = await refusal(client.call(tool));
        assert.equal(typeof error.code, "number");
        assert.ok(error.message.length > 15, error.message);
      }
    } finally {
      await client.close();
      await gate.stop();
      await part.stop();
    }
  });
});

describe("a server that does not come up", () => {
  for (const mode of ["die-at-initialize", "hang-at-initialize"]) {
    it(`${mode}: the client is told, and other servers work`, { timeout: 30_000 }, async () => {
      const gate = await startGate({
        servers: { bad: { command: commands.misbehave, env: { MISBEHAVE: mode } }, good: { command: commands.legacy } },
        extra: "limits: { server_start_timeout: 1500ms }",
      });
      try {
        const broken = connect("legacy", { url: gate.url("bad") }).then(async (client) => {
          try {
            return await refusal(client.call("ok"));
          } finally {
            await client.close();
          }
        }, (error) => error);
        assert.ok(String((await broken).message).length > 10);
        const client = await connect("legacy", { url: gate.url("good") });
        assert.equal(textOf(await client.call("echo", { text: "fine" })), "fine");
        await client.close();
      } finally {
        await gate.stop();
      }
    });
  }
});

describe("clients that vanish", () => {
  for (const era of ["legacy", "modern"]) {
    it(`in mid-stream: the server is told, and nothing is left running, ${era} client`, async () => {
      const fixture = await startFixture(era);
      const gate = await startGate({ servers: { fixture: { url: fixture.url } } });
      const direct = await connect(era, { url: fixture.url });
      try {
        const leaver = await connect(era, { url: gate.url("fixture") });
        let started;
        const underWay = new Promise((resolve) => (started = resolve));
        const call = leaver.call("slow", { steps: 5000, delay_ms: 10 }, { onprogress: started });
        call.catch(() => {});
        await underWay;
        if (era === "legacy") await leaver.transport.terminateSession();
        await leaver.close();
        await eventually("the server sees the cancellation", async () => Number(textOf(await direct.call("count_cancelled"))) >= 1);
        const again = await connect(era, { url: gate.url("fixture") });
        assert.equal(textOf(await again.call("echo", { text: "still here" })), "still here");
        await again.close();
      } finally {
        await direct.close();
        await gate.stop();
        await fixture.stop();
      }
    });
  }
});

describe("stopping", () => {
  it("ends a server that ignores the end of its input", { timeout: 30_000 }, async () => {
    const gate = await startGate({ servers: { bad: { command: commands.misbehave, env: { MISBEHAVE: "ignore-stdin-end" } } } });
    const client = await connect("legacy", { url: gate.url("bad") });
    assert.equal(textOf(await client.call("ok")), "ok");
    await client.close();
    await gate.stop();
    assert.ok(gate.child.exitCode === 0 || gate.child.signalCode === "SIGTERM", `exit ${gate.child.exitCode} ${gate.child.signalCode}`);
  });
});
