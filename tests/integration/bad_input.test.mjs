// Bad input over raw sockets: each gets a clear error, and the gate serves on. The table is the contract; after every row a
// well-formed call on a new connection must work.
import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { after, before, describe, it } from "node:test";
import { eventually, startFixture, startGate } from "../peers/parts.mjs";
import { exchange, messagesOf, post } from "./raw_http.mjs";

const kModern = "2026-07-28";
const kMebi = 1024 * 1024;
const kMessageLimit_bytes = 4 * kMebi;
const kHeaderTimeout_ms = 1000;
const kExtra = `limits: { message_bytes: ${kMessageLimit_bytes}, header_timeout: ${kHeaderTimeout_ms}ms }`;

const meta = (more = {}) => ({
  "io.modelcontextprotocol/protocolVersion": kModern,
  "io.modelcontextprotocol/clientInfo": { name: "raw", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
  ...more,
});

const request = (id, method, params) => JSON.stringify({ jsonrpc: "2.0", id, method, params });
const nested = (depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

// One era's way to say a request, with room to say it wrongly.
const kEras = {
  legacy: {
    async open(base) {
      const body = request(0, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "raw", version: "1" } });
      const { response } = await exchange(base, [post(base, "/mcp/fixture", {}, body)]);
      const headers = { "Mcp-Session-Id": response.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25" };
      await exchange(base, [post(base, "/mcp/fixture", headers, JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" }))]);
      return headers;
    },
    headersFor: (headers) => headers,
    params: (params = {}) => params,
  },
  modern: {
    open: async () => ({ "MCP-Protocol-Version": kModern }),
    headersFor: (headers, method, name) => ({ ...headers, "Mcp-Method": method, ...(name ? { "Mcp-Name": name } : {}) }),
    params: (params = {}) => ({ ...params, _meta: meta() }),
  },
};

for (const [era, wire] of Object.entries(kEras)) {
  describe(`bad input over HTTP, ${era} client`, () => {
    let fixture, gate, base, headers;
    before(async () => {
      fixture = await startFixture(era);
      gate = await startGate({ servers: { fixture: { url: fixture.url } }, extra: kExtra });
      base = gate.base;
      headers = await wire.open(base);
    });
    after(async () => {
      await gate?.stop();
      await fixture?.stop();
    });

    const send = (body, more = {}, options = {}) => exchange(base, [post(base, "/mcp/fixture", { ...wire.headersFor(headers, "tools/call", "echo"), ...more }, body)], options);
    const echo = (id = 1, text = "hello") => request(id, "tools/call", wire.params({ name: "echo", arguments: { text } }));

    async function stillServes() {
      const { response } = await send(echo(99, "still here"));
      assert.equal(response?.status, 200);
      assert.equal(messagesOf(response).at(-1).result.content[0].text, "still here");
    }

    // Each row: [what, body, {code?: one of, status?: one of, more?: headers}]. The error must be readable JSON-RPC.
    const echoParams = JSON.stringify(wire.params({ name: "echo", arguments: { text: "x" } }));
    const kParse = { code: [-32700, -32600], status: [400] };
    const kInvalid = { code: [-32600, -32700], status: [400] };
    const table = [
      ["nothing at all", "", kParse],
      ["malformed JSON", '{"jsonrpc": "2.0", "id": 1, method: "ping"}', kParse],
      ["truncated JSON", echo().slice(0, -7), kParse],
      ["text behind the JSON", `${echo()} and more`, kParse],
      ["two messages in one body", `${echo(1)}\n${echo(2)}`, kParse],
      ["a depth of 10,000", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":${nested(10_000)}}}}`, kParse],
      ["a depth of a million", nested(1_000_000), kParse],
      ["a duplicate key at the top", `{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":${echoParams}}`, kParse],
      ["a duplicate key in the arguments", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"a","text":"b"}}}`, kParse],
      ["invalid UTF-8", Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]), kParse],
      ["UTF-8 that encodes a surrogate", Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]), kParse],
      ["overlong UTF-8", Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]), kParse],
      ["a control character in a text", '{"jsonrpc":"2.0","id":1,"method":"a\u0001b"}', kParse],
      ["an integer beyond 64 bits", '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"n":123456789012345678901234567890}}', kParse],
      ["NaN", '{"jsonrpc":"2.0","id":NaN,"method":"ping"}', kParse],
      ["a number for a message", "42", kInvalid],
      ["a text for a message", '"hello"', kInvalid],
      ["null for a message", "null", kInvalid],
      ["an empty object", "{}", kInvalid],
      ["no jsonrpc", `{"id":1,"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["another jsonrpc", `{"jsonrpc":"1.0","id":1,"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["a method that is no text", '{"jsonrpc":"2.0","id":1,"method":7}', kInvalid],
      ["an id of null", `{"jsonrpc":"2.0","id":null,"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["an id of true", `{"jsonrpc":"2.0","id":true,"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["an id that is a list", `{"jsonrpc":"2.0","id":[1],"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["an id that is an object", `{"jsonrpc":"2.0","id":{"a":1},"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["an id with a fraction", `{"jsonrpc":"2.0","id":1.5,"method":"tools/call","params":${echoParams}}`, kInvalid],
      ["an empty batch", "[]", kInvalid],
      ["a batch", `[${echo(1)},${echo(2)}]`, kInvalid],
      ["a batch of nonsense", "[1,2,3]", kInvalid],
      ["an unknown method", request(1, "no/such/method", wire.params()), { code: [-32601], status: era === "modern" ? [404] : [200], more: wire.headersFor({}, "no/such/method") , name: null }],
      ["params that are a list", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["echo"]}', { code: [-32600, -32602], status: [200, 400] }],
      ["a tool's name that is a number", request(1, "tools/call", wire.params({ name: 5 })), { code: [-32600, -32602, -32020], status: [200, 400] }],
      ["a tool call without a name", request(1, "tools/call", wire.params({})), { code: [-32600, -32602, -32020], status: [200, 400] }],
      ["arguments that are a list", request(1, "tools/call", wire.params({ name: "echo", arguments: ["x"] })), { code: [-32600, -32602], status: [200, 400] }],
      ["a cursor that is an object", request(1, "tools/list", wire.params({ cursor: {} })), { code: [-32600, -32602], status: [200, 400], more: wire.headersFor({}, "tools/list"), name: null }],
      ["a message above the bound", echo(1, "x".repeat(kMessageLimit_bytes)), { status: [413] }],
    ];
    for (const [what, body, wanted] of table) {
      it(`${what}: a clear error, and the gate serves on`, async () => {
        const more = { ...wanted.more, ...(wanted.name === null ? { "Mcp-Name": undefined } : {}) };
        const { response, closed } = await send(body, more);
        assert.ok(response, `no answer${closed ? ": the connection was closed" : ""}`);
        assert.ok(wanted.status.includes(response.status), `status ${response.status}: ${response.body.slice(0, 200)}`);
        if (wanted.code) {
          const [message] = messagesOf(response);
          assert.ok(wanted.code.includes(message?.error?.code), `code ${message?.error?.code}: ${response.body.slice(0, 200)}`);
          assert.ok(message.error.message.length > 5, message.error.message);
          assert.equal(message.jsonrpc, "2.0");
        }
        await stillServes();
      });
    }

    it("ids of text, zero, negative and 2^53+1 come back exactly", async () => {
      for (const id of ['"text"', '"1"', '""', '"ä\\u0000\\"x"', "0", "-7", "9007199254740993", "-9223372036854775808"]) {
        const { response } = await send(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${echoParams}}`);
        assert.equal(response.status, 200, id);
        const text = response.headers["content-type"].startsWith("text/event-stream") ? response.body.split("\n").findLast((line) => line.startsWith("data:")) : response.body;
        const back = /"id":\s*("(?:[^"\\]|\\.)*"|-?\d+)/.exec(text)[1];
        if (id.startsWith('"')) assert.equal(JSON.parse(back), JSON.parse(id));
        else assert.equal(back, id);
      }
    });

    it("a hundred megabytes are refused as soon as they are announced", async () => {
      const head = post(base, "/mcp/fixture", { ...wire.headersFor(headers, "tools/call", "echo"), "Content-Length": 100 * kMebi }, "{");
      const began = Date.now();
      const { response } = await exchange(base, [head]);
      assert.equal(response?.status, 413);
      assert.ok(Date.now() - began < 3000);
      await stillServes();
    });

    it("a hundred megabytes in chunks are refused at the bound", async () => {
      const head = post(base, "/mcp/fixture", { ...wire.headersFor(headers, "tools/call", "echo"), "Content-Length": undefined, "Transfer-Encoding": "chunked" }, "");
      const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(kMebi, 0x20), Buffer.from("\r\n")]);
      const { response } = await exchange(base, [head, ...Array(100).fill(chunk)], { wait_ms: 15_000 });
      assert.equal(response?.status, 413);
      await stillServes();
    });

    it("a client that goes away in the middle of its body leaves nothing behind", async () => {
      const whole = post(base, "/mcp/fixture", wire.headersFor(headers, "tools/call", "echo"), echo());
      for (let i = 0; i < 20; i++) await exchange(base, [whole.subarray(0, whole.length - 10)], { wait_ms: 20 });
      await stillServes();
    });

    it("a client that goes away in mid-stream is noticed", async () => {
      const body = request(5, "tools/call", wire.params({ name: "slow", arguments: { steps: 2000, delay_ms: 5 } }));
      const withToken = JSON.parse(body);
      withToken.params._meta = { ...withToken.params._meta, progressToken: "p" };
      for (let i = 0; i < 5; i++) {
        await exchange(base, [post(base, "/mcp/fixture", wire.headersFor(headers, "tools/call", "slow"), JSON.stringify({ ...withToken, id: 500 + i }))], { wait_ms: 150 });
      }
      await stillServes();
    });

    // [what, bytes of a whole request, status one of; undefined: the connection may also just be closed]
    const valid = () => post(base, "/mcp/fixture", wire.headersFor(headers, "tools/call", "echo"), echo()).toString("latin1");
    const framing = [
      ["both Content-Length and Transfer-Encoding", () => valid().replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n"), [400]],
      ["two Content-Lengths that differ", () => valid().replace("\r\n\r\n", "\r\nContent-Length: 3\r\n\r\n"), [400]],
      ["a negative Content-Length", () => valid().replace(/Content-Length: \d+/, "Content-Length: -5"), [400]],
      ["a Content-Length that is no number", () => valid().replace(/Content-Length: \d+/, "Content-Length: 5a"), [400]],
      ["a Content-Length beyond 64 bits", () => valid().replace(/Content-Length: \d+/, "Content-Length: 99999999999999999999999"), [400, 413]],
      ["a chunk size that is no number", () => `${valid().replace(/Content-Length: \d+/, "Transfer-Encoding: chunked").split("\r\n\r\n")[0]}\r\n\r\nzz\r\nhello\r\n0\r\n\r\n`, [400]],
      ["an unknown transfer coding", () => valid().replace(/Content-Length: \d+/, "Transfer-Encoding: gzip"), [400, 501]],
      ["a compressed body", () => valid().replace("\r\n\r\n", "\r\nContent-Encoding: gzip\r\n\r\n"), [400, 415]],
      ["a space before the colon", () => valid().replace("Content-Type:", "Content-Type :"), [400]],
      ["a header without a colon", () => valid().replace("\r\n\r\n", "\r\nnonsense\r\n\r\n"), [400]],
      ["a folded header", () => valid().replace("\r\n\r\n", "\r\nX-Long: a\r\n b\r\n\r\n"), [400]],
      ["a NUL in a header", () => valid().replace("\r\n\r\n", "\r\nX-Nul: a\0b\r\n\r\n"), [400]],
      ["a header of 200 KB", () => valid().replace("\r\n\r\n", `\r\nX-Big: ${"a".repeat(200_000)}\r\n\r\n`), [400, 431]],
      ["ten thousand headers", () => valid().replace("\r\n\r\n", `\r\n${Array.from({ length: 10_000 }, (_, i) => `X-${i}: 1`).join("\r\n")}\r\n\r\n`), [400, 431]],
      ["a request target of 100 KB", () => valid().replace("/mcp/fixture", `/mcp/${"a".repeat(100_000)}`), [400, 404, 414, 431]],
      ["no Host", () => valid().replace(/Host: [^\r]+\r\n/, ""), [400, 403, 421]],
      ["two Hosts", () => valid().replace("\r\n\r\n", "\r\nHost: evil.example\r\n\r\n"), [400, 403, 421]],
      ["a foreign Host", () => valid().replace(/Host: [^\r]+/, "Host: evil.example"), [403, 421]],
      ["a foreign Host with the right port", () => valid().replace(/Host: [^:\r]+/, "Host: evil.example"), [403, 421]],
      ["a foreign Origin", () => valid().replace("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"), [403]],
      ["a null Origin", () => valid().replace("\r\n\r\n", "\r\nOrigin: null\r\n\r\n"), [403]],
      ["an Origin that only looks local", () => valid().replace("\r\n\r\n", "\r\nOrigin: http://127.0.0.1.evil.example\r\n\r\n"), [403]],
      ["an unknown HTTP version", () => valid().replace("HTTP/1.1", "HTTP/7.3"), [400, 505]],
      ["no HTTP at all", () => "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", [400]],
      ["another content type", () => valid().replace("application/json\r\n", "text/plain\r\n"), [415]],
      ["a method that is not served", () => valid().replace("POST", "PUT"), [405]],
      ["a path that is not there", () => valid().replace("/mcp/fixture", "/mcp/nobody"), [404]],
      ["a path outside", () => valid().replace("/mcp/fixture", "/mcp/../etc/passwd"), [400, 404]],
      ["the admin's path", () => valid().replace("/mcp/fixture", "/v1/approvals"), [404]],
    ];
    for (const [what, bytes, status] of framing) {
      it(`${what}: refused, and the gate serves on`, async () => {
        const { response, closed } = await exchange(base, [Buffer.from(bytes(), "latin1")]);
        assert.ok(response, `no answer${closed ? ": the connection was closed" : ""}`);
        assert.ok(status.includes(response.status), `status ${response.status}: ${response.body.slice(0, 200)}`);
        await stillServes();
      });
    }

    it("requests sent at once on one connection are answered in order", async () => {
      const bytes = Buffer.concat([1, 2, 3].map((id) => post(base, "/mcp/fixture", wire.headersFor(headers, "tools/call", "echo"), echo(id, `n${id}`))));
      const { responses } = await exchange(base, [bytes], { count: 3 });
      assert.deepEqual(responses.map((response) => messagesOf(response).at(-1).id), [1, 2, 3]);
    });

    it("a request that comes a byte at a time is served", async () => {
      const bytes = post(base, "/mcp/fixture", wire.headersFor(headers, "tools/call", "echo"), echo(1, "slowly"));
      const { response } = await exchange(base, [...bytes].map((byte) => Buffer.from([byte])));
      assert.equal(messagesOf(response).at(-1).result.content[0].text, "slowly");
    });

    it("slow-loris connections are cut off, and others are served meanwhile", { timeout: 30_000 }, async () => {
      const { hostname, port } = new URL(base);
      const sockets = Array.from({ length: 100 }, () => connectSocket(Number(port), hostname));
      let closed = 0;
      for (const socket of sockets) {
        socket.on("error", () => {});
        socket.on("close", () => closed++);
        socket.resume();
        socket.write("POST /mcp/fixture HTTP/1.1\r\nHost: localhost\r\n");
      }
      const drip = setInterval(() => {
        for (const socket of sockets) if (!socket.destroyed) socket.write("X-A: b\r\n");
      }, 200);
      try {
        await stillServes();
        await eventually("all of them are cut off", () => closed === sockets.length, { within_ms: 10_000 });
      } finally {
        clearInterval(drip);
        for (const socket of sockets) socket.destroy();
      }
      await stillServes();
    });

    it("a thousand idle connections do no harm", { timeout: 30_000 }, async () => {
      const { hostname, port } = new URL(base);
      const sockets = Array.from({ length: 1000 }, () => connectSocket(Number(port), hostname));
      for (const socket of sockets) socket.on("error", () => {});
      await Promise.all(sockets.map((socket) => new Promise((resolve) => (socket.once("connect", resolve), socket.once("close", resolve)))));
      await stillServes();
      for (const socket of sockets) socket.destroy();
      await stillServes();
    });

    if (era === "legacy") {
      it("an unknown session is 404, no session 400, and an ended one 404", async () => {
        const unknown = await send(echo(), { "Mcp-Session-Id": "not-a-session" });
        assert.equal(unknown.response.status, 404);
        const none = await send(echo(), { "Mcp-Session-Id": undefined });
        assert.equal(none.response.status, 400);
        const own = await wire.open(base);
        const end = `DELETE /mcp/fixture HTTP/1.1\r\nHost: ${new URL(base).host}\r\nMcp-Session-Id: ${own["Mcp-Session-Id"]}\r\n\r\n`;
        assert.ok([200, 202, 204].includes((await exchange(base, [end])).response.status));
        assert.equal((await send(echo(), own)).response.status, 404);
      });

      it("an unknown protocol version in the header is refused", async () => {
        assert.equal((await send(echo(), { "MCP-Protocol-Version": "1999-01-01" })).response.status, 400);
      });

      it("answers and notices to nobody are taken and dropped", async () => {
        for (const body of ['{"jsonrpc":"2.0","id":4711,"result":{}}', '{"jsonrpc":"2.0","method":"notifications/no-such"}', '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"never"}}']) {
          assert.equal((await send(body)).response.status, 202, body);
        }
        await stillServes();
      });

      it("a client of 2025-03-26 may send a batch", async () => {
        const initialize = request(0, "initialize", { protocolVersion: "2025-03-26", capabilities: {}, clientInfo: { name: "raw", version: "1" } });
        const opened = await exchange(base, [post(base, "/mcp/fixture", {}, initialize)]);
        assert.equal(messagesOf(opened.response).at(-1).result.protocolVersion, "2025-03-26");
        const session = { "Mcp-Session-Id": opened.response.headers["mcp-session-id"], "MCP-Protocol-Version": undefined };
        const { response } = await send(`[${echo(1, "one")},${echo(2, "two")},{"jsonrpc":"2.0","method":"notifications/initialized"}]`, session);
        assert.equal(response.status, 200);
        assert.deepEqual(messagesOf(response).map(({ id }) => id).sort(), [1, 2]);
      });

      it("each older revision gets its own answer to initialize", async () => {
        for (const protocolVersion of ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]) {
          const body = request(0, "initialize", { protocolVersion, capabilities: {}, clientInfo: { name: "raw", version: "1" } });
          const { response } = await exchange(base, [post(base, "/mcp/fixture", {}, body)]);
          assert.equal(messagesOf(response).at(-1).result.protocolVersion, protocolVersion);
        }
        const { response } = await exchange(base, [post(base, "/mcp/fixture", {}, request(0, "initialize", { protocolVersion: "1999-01-01", capabilities: {}, clientInfo: { name: "raw", version: "1" } }))]);
        assert.equal(messagesOf(response).at(-1).result.protocolVersion, "2025-11-25");
      });
    } else {
      const mismatches = [
        ["Mcp-Method says another method", { "Mcp-Method": "tools/list" }],
        ["Mcp-Name says another tool", { "Mcp-Name": "delete_thing" }],
        ["Mcp-Method is missing", { "Mcp-Method": undefined }],
        ["Mcp-Name is missing", { "Mcp-Name": undefined }],
        ["Mcp-Name differs in case", { "Mcp-Name": "ECHO" }],
        ["MCP-Protocol-Version says another version", { "MCP-Protocol-Version": "2025-11-25" }],
      ];
      for (const [what, more] of mismatches) {
        it(`HeaderMismatch when ${what}`, async () => {
          const { response } = await send(echo(), more);
          assert.equal(response.status, 400);
          assert.equal(messagesOf(response)[0]?.error?.code, -32020, response.body);
          await stillServes();
        });
      }

      it("an unknown protocol version is refused with the ones that are served", async () => {
        const body = request(1, "tools/call", { name: "echo", arguments: { text: "x" }, _meta: meta({ "io.modelcontextprotocol/protocolVersion": "2099-01-01" }) });
        const { response } = await send(body, { "MCP-Protocol-Version": "2099-01-01" });
        assert.equal(response.status, 400);
        const { error } = messagesOf(response)[0];
        assert.equal(error.code, -32022);
        assert.ok(error.data.supported.includes(kModern));
      });

      it("a requestState that the gate has not made is refused", async () => {
        for (const requestState of ["", "x", "AAAA", `${"a".repeat(100_000)}`]) {
          const body = request(1, "tools/call", wire.params({ name: "test_elicitation", arguments: { message: "m" }, requestState, inputResponses: {} }));
          const { response } = await send(body, { "Mcp-Name": "test_elicitation" });
          assert.equal(messagesOf(response)[0]?.error?.code, -32602, response.body);
        }
        await stillServes();
      });
    }
  });
}
