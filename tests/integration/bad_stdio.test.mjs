// Bad input on the standard input of the wrapper: each line gets a clear error, and the wrapper serves on.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { commands, eventually, gateBinary, writeConfiguration } from "../peers/parts.mjs";

const kMebi = 1024 * 1024;
const nested = (depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

function wrapper(server, extra) {
  const { file } = writeConfiguration({ extra });
  const child = spawn(gateBinary, ["mcp", "--config", file, "--name", "fixture", "--", ...server], { stdio: ["pipe", "pipe", "pipe"] });
  const lines = [];
  child.stdin.on("error", () => {});
  child.stderr.resume();
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(JSON.parse(line)));
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
  return {
    lines,
    child,
    ended,
    send: (line) => child.stdin.write(Buffer.concat([Buffer.from(line), Buffer.from("\n")])),
    async answer(id) {
      return eventually(`an answer to ${id}`, () => lines.find((line) => line.id === id && line.method === undefined));
    },
    async initialize() {
      this.send('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}');
      const { result } = await this.answer("init");
      this.send('{"jsonrpc":"2.0","method":"notifications/initialized"}');
      return result;
    },
    async stop() {
      child.stdin.end();
      const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(hard);
    },
  };
}
const echo = (id, text) => JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "echo", arguments: { text } } });

describe("bad input on standard input", () => {
  const table = [
    ["malformed JSON", "{nonsense"],
    ["truncated JSON", '{"jsonrpc":"2.0","id":1,"method":"pi'],
    ["a depth of 10,000", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"a":${nested(10_000)}}}`],
    ["a duplicate key", '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'],
    ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
    ["a number", "42"],
    ["an empty batch", "[]"],
    ["a batch", `[${echo(1, "a")},${echo(2, "b")}]`],
    ["an id of null", '{"jsonrpc":"2.0","id":null,"method":"ping"}'],
    ["an id that is an object", '{"jsonrpc":"2.0","id":{},"method":"ping"}'],
    ["bytes that are no text", Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 7) % 256).filter((byte) => byte !== 10))],
    ["a message above the bound", `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${"x".repeat(2 * kMebi)}"}}`],
  ];
  for (const [what, line] of table) {
    it(`${what}: a clear error, and the wrapper serves on`, { timeout: 20_000 }, async () => {
      const run = wrapper(commands.legacy, `limits: { message_bytes: ${kMebi} }`);
      try {
        await run.initialize();
        const before = run.lines.length;
        run.send(line);
        const error = await eventually("an error", () => run.lines.slice(before).find((message) => message.error));
        assert.ok([-32700, -32600].includes(error.error.code), JSON.stringify(error));
        assert.ok(error.error.message.length > 5);
        run.send(echo("after", "still here"));
        assert.equal((await run.answer("after")).result.content[0].text, "still here");
      } finally {
        await run.stop();
      }
    });
  }

  it("an unknown method is -32601, and empty lines are nothing", async () => {
    const run = wrapper(commands.legacy);
    try {
      await run.initialize();
      run.send("");
      run.send("   ");
      run.send('{"jsonrpc":"2.0","id":"u","method":"no/such"}');
      assert.equal((await run.answer("u")).error.code, -32601);
    } finally {
      await run.stop();
    }
  });

  it("ends when its input ends, and so does its server", { timeout: 20_000 }, async () => {
    const run = wrapper(commands.legacy);
    await run.initialize();
    run.child.stdin.end();
    assert.equal((await run.ended).code, 0);
  });

  it("says so when its server cannot be started", { timeout: 20_000 }, async () => {
    const run = wrapper(["/no/such/program"]);
    run.send('{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}');
    const outcome = await Promise.race([run.ended, eventually("an error", () => run.lines.find(({ error }) => error))]);
    assert.ok(outcome.error ? outcome.error.message.length > 10 : outcome.code !== 0, JSON.stringify(outcome));
    await run.stop();
  });
});
