// What hostile clients, servers and name servers try on the way out: each is refused, the ledger has it, and the gate goes on serving.
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { gzipSync, deflateSync } from "node:zlib";
import { after, before, describe, it } from "node:test";
import { eventually } from "../peers/parts.mjs";
import { makeAuthority } from "../identity/certificates.mjs";
import { execute, kSecret, openEgress, startServer, watchMemory } from "./world.mjs";
import { certificateFor, converse, expiredCertificate, field, frame, goAway, kinds, kPreface, opened, request, selfSigned, settings, toProxy, tunnel } from "./hostile_parts.mjs";

const kHelp_kib = 64 * 1024;
const kEnhanceYourCalm = 11;

// [what, the request's lines after its target and before its body, the body]. HOST stands for the server's authority.
const kSmuggled = [
  ["content-length and transfer-encoding", "POST", "Host: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"],
  ["transfer-encoding and content-length", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"],
  ["two lengths that differ", "POST", "Host: HOST\r\nContent-Length: 3\r\nContent-Length: 5\r\n", "abcde"],
  ["two lengths in one field", "POST", "Host: HOST\r\nContent-Length: 3, 5\r\n", "abcde"],
  ["the same length twice in one field", "POST", "Host: HOST\r\nContent-Length: 3, 3\r\n", "abc"],
  ["a signed length", "POST", "Host: HOST\r\nContent-Length: +3\r\n", "abc"],
  ["a negative length", "POST", "Host: HOST\r\nContent-Length: -3\r\n", "abc"],
  ["a hexadecimal length", "POST", "Host: HOST\r\nContent-Length: 0x3\r\n", "abc"],
  ["a length with a blank inside", "POST", "Host: HOST\r\nContent-Length: 1 1\r\n", "abc"],
  ["a length that overflows", "POST", "Host: HOST\r\nContent-Length: 18446744073709551617\r\n", "a"],
  ["an empty length", "POST", "Host: HOST\r\nContent-Length:\r\n", "abc"],
  ["a blank before the colon", "POST", "Host: HOST\r\nContent-Length : 3\r\n", "abc"],
  ["a tab before the colon", "POST", "Host: HOST\r\nTransfer-Encoding\t: chunked\r\n", "0\r\n\r\n"],
  ["an unknown coding", "POST", "Host: HOST\r\nTransfer-Encoding: xchunked\r\n", "0\r\n\r\n"],
  ["chunked that is not last", "POST", "Host: HOST\r\nTransfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"],
  ["chunked twice", "POST", "Host: HOST\r\nTransfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"],
  ["chunked in two fields", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"],
  ["chunked with a parameter", "POST", "Host: HOST\r\nTransfer-Encoding: chunked;q=1\r\n", "0\r\n\r\n"],
  ["chunked with a control character", "POST", "Host: HOST\r\nTransfer-Encoding: \x0bchunked\r\n", "0\r\n\r\n"],
  ["chunked of HTTP/1.0", "POST10", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"],
  ["a folded field", "POST", "Host: HOST\r\nX-A: b\r\n c\r\nContent-Length: 3\r\n", "abc"],
  ["a folded coding", "POST", "Host: HOST\r\nTransfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"],
  ["a bare line feed", "POST", "Host: HOST\nContent-Length: 3\r\n", "abc"],
  ["a bare carriage return", "POST", "Host: HOST\r\nX-A: b\rContent-Length: 3\r\n", "abc"],
  ["a NUL in a value", "GET", "Host: HOST\r\nX-A: b\0c\r\n", ""],
  ["a control character in a name", "GET", "Host: HOST\r\nX\x01A: b\r\n", ""],
  ["a field without a colon", "GET", "Host: HOST\r\nX-A\r\n", ""],
  ["a field without a name", "GET", "Host: HOST\r\n: b\r\n", ""],
  ["a field that begins with a blank", "GET", " X-A: b\r\nHost: HOST\r\n", ""],
  ["two hosts", "GET", "Host: HOST\r\nHost: evil.example\r\n", ""],
  ["a host that is not the target's", "GET", "Host: evil.example\r\n", ""],
  ["a host with a user", "GET", "Host: user@HOST\r\n", ""],
  ["a host with a path", "GET", "Host: HOST/x\r\n", ""],
  ["a chunk size with a sign", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "+3\r\nabc\r\n0\r\n\r\n"],
  ["a chunk size in 0x", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "0x3\r\nabc\r\n0\r\n\r\n"],
  ["a chunk size that overflows", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n"],
  ["a chunk that ends with a line feed", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\n0\r\n\r\n"],
  ["a chunk size that ends with a line feed", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "3\nabc\r\n0\r\n\r\n"],
  ["a chunk longer than its size", "POST", "Host: HOST\r\nTransfer-Encoding: chunked\r\n", "3\r\nabcd\r\n0\r\n\r\n"],
  ["no version", "GET09", "Host: HOST\r\n", ""],
  ["HTTP/2.0 in the line", "GET20", "Host: HOST\r\n", ""],
  ["two blanks in the line", "GET  ", "Host: HOST\r\n", ""],
  ["a tab in the line", "GET\t", "Host: HOST\r\n", ""],
  ["a method that is none", "G{T", "Host: HOST\r\n", ""],
];

function smuggling([, method, head, body], target, host) {
  const versions = { POST10: "HTTP/1.0", GET09: "", GET20: "HTTP/2.0" };
  const version = versions[method] ?? "HTTP/1.1";
  const word = method.replace(/10$|09$|20$/, "");
  const line = method === "GET  " ? `GET  ${target} HTTP/1.1` : method === "GET\t" ? `GET\t${target}\tHTTP/1.1` : `${word} ${target}${version ? ` ${version}` : ""}`;
  return Buffer.from(`${line}\r\n${head.replaceAll("HOST", host)}\r\n${body}GET /smuggled HTTP/1.1\r\nHost: ${host}\r\n\r\n`, "latin1");
}
const statusesOf = (text) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => Number(found[1]));

describe("hostile clients", () => {
  const authority = makeAuthority();
  let gate;
  let secure;
  let plain;
  const hello = (_, response) => response.end("hello");
  before(async () => {
    secure = await startServer(hello, { tls: authority.server() });
    plain = await startServer(hello);
    gate = await openEgress({ authority });
  });
  after(async () => {
    await gate?.close();
    await secure?.close();
    await plain?.close();
  });

  async function assertServing() {
    const got = await execute("curl", ["-sS", "--max-time", "20", `${secure.url}/serving`], { env: gate.agent });
    assert.equal(got.stdout, "hello", got.stderr);
  }

  for (const one of kSmuggled) {
    it(`smuggling: ${one[0]}`, async () => {
      // In a tunnel a Host of another name ends nothing: what follows it is a request of its own, and no smuggled one.
      for (const inside of one[0] === "a host that is not the target's" ? [false] : [false, true]) {
        const server = inside ? secure : plain;
        const host = `localhost:${server.port}`;
        const before = server.seen.length;
        const socket = inside ? await opened(gate.proxy, host, { ca: gate.caBundle }) : toProxy(gate.proxy);
        const { text } = await converse(socket, smuggling(one, inside ? "/first" : `http://${host}/first`, host), { enough: (got) => statusesOf(got.toString("latin1")).length > 1, wait_ms: 3_000 });
        const statuses = statusesOf(text);
        assert.ok(statuses.length <= 1 && statuses.every((status) => status >= 400), `${inside ? "in TLS" : "plain"}: answered with ${statuses}: ${text.slice(0, 300)}`);
        const arrived = server.seen.slice(before);
        assert.ok(arrived.every((request) => request.url !== "/smuggled"), "the hidden request arrived");
        // A body's fault shows when its head has gone on already; the head's, before anything does.
        if (!/chunk (size|that|longer)|^a chunk/.test(one[0])) assert.deepEqual(arrived.map((request) => request.url), []);
      }
    });
  }
  it("after all that the gate serves, and the refused messages are on record", async () => {
    await assertServing();
    const refused = (await gate.receipts("--limit", "10000")).filter((receipt) => receipt.surface === "http" && receipt.verdict !== "allow" && /length|transfer|header|field|host|line|request|message|HTTP/i.test(JSON.stringify(receipt)));
    assert.ok(refused.length >= 10, `the ledger has ${refused.length} refusals`);
  });

  it("HTTP/2: rapid reset ends with ENHANCE_YOUR_CALM, and few of the requests arrive", async () => {
    const host = `localhost:${secure.port}`;
    const before = secure.seen.length;
    const socket = await opened(gate.proxy, host, { ca: gate.caBundle, alpn: ["h2"] });
    assert.equal(socket.alpnProtocol, "h2");
    const frames = [kPreface, settings()];
    for (let i = 0; i < 20_000; ++i) frames.push(frame(1, 5, 2 * i + 1, request(host, `/reset/${i}`)), frame(3, 0, 2 * i + 1, Buffer.from([0, 0, 0, 8])));
    const { bytes, ended } = await converse(socket, Buffer.concat(frames), { enough: (got) => goAway(got) !== undefined });
    assert.ok(goAway(bytes) === kEnhanceYourCalm || ended, `GOAWAY ${goAway(bytes)}`);
    await assertServing();
    assert.ok(secure.seen.length - before < 2_000, `${secure.seen.length - before} of 20000 arrived`);
  });
  it("HTTP/2: a flood of CONTINUATION is cut", async () => {
    const host = `localhost:${secure.port}`;
    const { result, grown_kib } = await watchMemory(gate, async () => {
      const socket = await opened(gate.proxy, host, { ca: gate.caBundle, alpn: ["h2"] });
      const frames = [kPreface, settings(), frame(1, 1, 1, request(host))];
      for (let i = 0; i < 4_000; ++i) frames.push(frame(9, 0, 1, Buffer.concat(Array.from({ length: 60 }, (_, n) => field(`x-${i}-${n}`, "y".repeat(100))))));
      return converse(socket, Buffer.concat(frames), { enough: (got) => goAway(got) !== undefined });
    });
    assert.ok(goAway(result.bytes) !== undefined || result.ended);
    assert.ok(grown_kib < kHelp_kib, `the gate grew by ${grown_kib} KiB`);
    await assertServing();
  });
  for (const [what, one] of [
    ["PING", frame(6, 0, 0, Buffer.alloc(8))],
    ["SETTINGS", settings()],
    ["empty DATA", frame(0, 0, 1)],
  ]) {
    it(`HTTP/2: a flood of ${what} is cut or held within bounds`, async () => {
      const host = `localhost:${secure.port}`;
      const { result, grown_kib } = await watchMemory(gate, async () => {
        const socket = await opened(gate.proxy, host, { ca: gate.caBundle, alpn: ["h2"] });
        const first = Buffer.concat([field(":method", "POST"), field(":scheme", "https"), field(":authority", host), field(":path", "/flood")]);
        return converse(socket, Buffer.concat([kPreface, settings(), frame(1, 4, 1, first), ...Array(100_000).fill(one)]), { enough: (got) => goAway(got) !== undefined });
      });
      assert.ok(goAway(result.bytes) !== undefined || result.ended, "the connection still stands");
      assert.ok(grown_kib < kHelp_kib, `the gate grew by ${grown_kib} KiB`);
      await assertServing();
    });
  }

  // What HTTP/2 could carry and HTTP/1.1 would take for its own syntax (RFC 9113 §8.2.1, §8.2.2, §8.3).
  const kGet = [[":method", "GET"], [":scheme", "https"], [":authority", "HOST"], [":path", "/injected"]];
  it("HTTP/2: a plain one by hand arrives, so that those below could", async () => {
    const host = `localhost:${secure.port}`;
    const socket = await opened(gate.proxy, host, { ca: gate.caBundle, alpn: ["h2"] });
    const block = Buffer.concat(kGet.map(([name, value]) => field(name, value.replace("HOST", host))));
    await converse(socket, Buffer.concat([kPreface, settings(), frame(1, 5, 1, block)]), { enough: (got) => kinds(got).some(({ type }) => type === 0) });
    assert.equal(secure.seen.at(-1).url, "/injected");
  });
  for (const [what, fields] of [
    ["a line end in a value", [...kGet, ["x-a", "b\r\nx-injected: yes"]]],
    ["a line feed in a value", [...kGet, ["x-a", "b\nx-injected: yes"]]],
    ["a NUL in a value", [...kGet, ["x-a", "b\0c"]]],
    ["a line end in a name", [...kGet, ["x-a: b\r\nx-injected", "yes"]]],
    ["a colon in a name", [...kGet, ["x-a:b", "c"]]],
    ["a name in capitals", [...kGet, ["X-A", "b"]]],
    ["chunks", [...kGet, ["transfer-encoding", "chunked"]]],
    ["a connection field", [...kGet, ["connection", "x-a"]]],
    ["an upgrade", [...kGet, ["upgrade", "websocket"]]],
    ["a request in its path", [...kGet.slice(0, 3), [":path", "/injected HTTP/1.1\r\nHost: x\r\n\r\nGET /smuggled"]]],
    ["a path of dots", [...kGet.slice(0, 3), [":path", "/a/%2e%2e/injected"]]],
    ["no path", kGet.slice(0, 3)],
    ["two paths", [...kGet, [":path", "/second"]]],
    ["a method of two words", [[":method", "GET /smuggled HTTP/1.1\r\n"], ...kGet.slice(1)]],
    ["another authority in Host", [...kGet, ["host", "evil.example"]]],
    ["the authority of another host", [...kGet.slice(0, 2), [":authority", "evil.example"], kGet[3]]],
    ["a late pseudo-header", [["x-a", "b"], ...kGet]],
    ["a body shorter than its length", [...kGet, ["content-length", "5"]]],
  ]) {
    it(`HTTP/2 injects nothing: ${what}`, async () => {
      const host = `localhost:${secure.port}`;
      const before = secure.seen.length;
      const socket = await opened(gate.proxy, host, { ca: gate.caBundle, alpn: ["h2"] });
      const block = Buffer.concat(fields.map(([name, value]) => field(name, value.replace("HOST", host))));
      const answered = (got) => kinds(got).some(({ type, stream }) => type === 7 || (stream === 1 && (type === 1 || type === 3)));
      const { bytes, ended } = await converse(socket, Buffer.concat([kPreface, settings(), frame(1, 5, 1, block)]), { enough: answered });
      assert.ok(answered(bytes) || ended, "there is an answer");
      const arrived = secure.seen.slice(before).map((request) => `${request.method} ${request.url} ${JSON.stringify(request.headers)}`);
      assert.deepEqual(arrived, []);
      await assertServing();
    });
  }

  it("a name in SNI that is not the tunnel's is refused", async () => {
    const host = `localhost:${secure.port}`;
    const before = secure.seen.length;
    let status;
    try {
      const socket = await opened(gate.proxy, host, { ca: gate.caBundle, servername: "evil.example" });
      const { text } = await converse(socket, Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`), { enough: (got) => got.includes("\r\n\r\n") });
      [status] = statusesOf(text);
    } catch {
      status = "no handshake";
    }
    assert.ok(status === "no handshake" || status === 421 || status === 403, `answered ${status}`);
    assert.equal(secure.seen.length, before);
  });
  it("a Host that is not the tunnel's is refused", async () => {
    const host = `localhost:${secure.port}`;
    const before = secure.seen.length;
    for (const other of ["evil.example", "localhost", `localhost:${plain.port}`]) {
      const socket = await opened(gate.proxy, host, { ca: gate.caBundle });
      const { text } = await converse(socket, Buffer.from(`GET / HTTP/1.1\r\nHost: ${other}\r\n\r\n`), { enough: (got) => got.includes("\r\n\r\n") });
      assert.ok([400, 403, 421].includes(statusesOf(text)[0]), `${other}: ${text.slice(0, 200)}`);
    }
    assert.equal(secure.seen.length, before);
  });
  it("loops are found: the proxy's own address, the gate's, and a Via of its own", async () => {
    const own = await execute("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", `http://localhost:${gate.proxy.port}/`], { env: gate.agent });
    assert.ok(["403", "508", "502"].includes(own.stdout), `own address: ${own.stdout}`);
    const base = new URL(gate.base);
    const data = await execute("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", `http://localhost:${base.port}/healthz`], { env: gate.agent });
    assert.ok(["403", "508"].includes(data.stdout), `the gate's address: ${data.stdout}`);
    await execute("curl", ["-sS", `${plain.url}/via`], { env: gate.agent });
    const via = plain.seen.at(-1).headers.via;
    const again = await execute("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", `Via: ${via}`, `${plain.url}/again`], { env: gate.agent });
    assert.equal(again.stdout, "508");
    await assertServing();
  });

  // Names and addresses that lead to this machine, its link or its networks, in forms that readers take differently.
  const kPrivate = ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "169.254.169.254", "[fd00:ec2::254]", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "ip6-localhost", hostname()];
  for (const name of kPrivate) {
    it(`a private address is not reached: ${name}`, async () => {
      const before = plain.seen.length;
      const { text } = await converse(toProxy(gate.proxy), Buffer.from(`GET http://${name}:${plain.port}/private HTTP/1.1\r\nHost: ${name}:${plain.port}\r\n\r\n`), { enough: (got) => got.includes("\r\n\r\n") });
      assert.ok([400, 403, 502].includes(statusesOf(text)[0]), text.slice(0, 300));
      assert.ok(statusesOf(text)[0] !== 502 || /resolve/i.test(text), text.slice(0, 300));
      await assert.rejects(opened(gate.proxy, `${name}:${secure.port}`, { ca: gate.caBundle, servername: "localhost" }).then((socket) => {
        socket.destroy();
      }));
      assert.equal(plain.seen.length, before);
    });
  }
});

describe("hostile servers", () => {
  const authority = makeAuthority();
  let gate;
  before(async () => {
    gate = await openEgress({ authority });
  });
  after(() => gate?.close());

  async function against(handler, tls, work) {
    const server = await startServer(handler, { tls });
    try {
      return await work(server);
    } finally {
      await server.close();
    }
  }
  const hello = (_, response) => response.end("hello");
  async function assertServing() {
    await against(hello, authority.server("fine"), async (server) => {
      const got = await execute("curl", ["-sS", "--max-time", "20", `${server.url}/`], { env: gate.agent });
      assert.equal(got.stdout, "hello", got.stderr);
    });
  }

  for (const [what, certificate, why] of [
    ["expired", () => expiredCertificate(authority), /expired/],
    ["of another name", () => certificateFor(authority, "DNS:elsewhere.example"), /name|host/i],
    ["of its own", () => selfSigned(), /self|authority|issuer|trust/i],
  ]) {
    it(`an upstream certificate that is ${what}`, async () => {
      await against(hello, certificate(), async (server) => {
        const got = await execute("curl", ["-sS", "-i", "--max-time", "20", `${server.url}/`], { env: gate.agent });
        assert.match(got.stdout, /HTTP\/(1\.1|2) 502/, got.stdout + got.stderr);
        assert.match(got.stdout, why);
        assert.equal(server.seen.length, 0);
        const failed = (await gate.receipts("--kind", "result", "--limit", "10000")).filter((receipt) => receipt.verdict === "failed");
        assert.ok(failed.length > 0 && why.test(JSON.stringify(failed)), "the ledger says why");
      });
      await assertServing();
    });
  }

  for (const [what, coding, pack] of [["gzip", "gzip", gzipSync], ["deflate", "deflate", deflateSync]]) {
    it(`a decompression bomb in ${what} is cut, and takes no memory`, async () => {
      const bomb = pack(Buffer.alloc(512 << 20));
      await against(
        (_, response) => response.writeHead(200, { "Content-Type": "text/plain", "Content-Encoding": coding }).end(bomb),
        authority.server(`bomb${what}`),
        async (server) => {
          const { result, grown_kib } = await watchMemory(gate, () => execute("sh", ["-c", `curl -sS --max-time 60 ${server.url}/bomb | wc -c; exit \${PIPESTATUS[0]:-0}`], { env: gate.agent }));
          assert.ok(Number(result.stdout) < 200 << 20, `${result.stdout} bytes came out`);
          assert.ok(grown_kib < kHelp_kib, `the gate grew by ${grown_kib} KiB`);
        },
      );
      await assertServing();
    });
  }

  it("a redirect to a private address is not followed into it", async () => {
    for (const to of ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "http://[::1]:1/"]) {
      await against((_, response) => response.writeHead(302, { Location: to }).end(), undefined, async (server) => {
        const got = await execute("curl", ["-sS", "-L", "-o", "/dev/null", "-w", "%{http_code} %{num_redirects}", `${server.url}/`], { env: gate.agent });
        assert.match(got.stdout, /^40[03] 1$/, got.stderr); // 400: curl writes the Host of an IPv6 address without brackets
      });
    }
  });

  it("an answer that echoes the lease in its head, its body, across pieces and in base64 comes out without it", async () => {
    const half = Math.floor(kSecret.length / 2);
    await against(
      (request, response) => {
        response.setHeader("X-Seen", request.headers.authorization);
        response.setHeader("Set-Cookie", `auth=${kSecret}`);
        response.write(`body ${kSecret} and ${encodeURIComponent(kSecret)} and ${Buffer.from(kSecret).toString("base64")} `);
        response.write(kSecret.slice(0, half));
        setTimeout(() => response.end(`${kSecret.slice(half)} end`), 100);
      },
      authority.server("echo"),
      async (server) => {
        for (const version of ["--http1.1", "--http2"]) {
          const got = await execute("curl", ["-sS", "-i", version, `${server.url}/`], { env: gate.agent });
          assert.match(got.stdout, / end$/, got.stderr);
          assert.ok(!got.stdout.includes(kSecret), got.stdout);
          assert.ok(!got.stdout.includes(Buffer.from(kSecret).toString("base64").slice(0, 24)), got.stdout);
        }
      },
    );
  });

  for (const [what, bytes] of [
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"],
    ["a length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
    ["a folded field", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 3\r\n\r\nabc"],
    ["bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"],
    ["a NUL in a value", "HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 3\r\n\r\nabc"],
    ["no end of its head", `HTTP/1.1 200 OK\r\n${"X-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n".repeat(10_000)}`],
    ["bytes that are no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ["an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"],
  ]) {
    it(`an answer with ${what} is refused`, async () => {
      const { createServer } = await import("node:net");
      const raw = createServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => socket.end(Buffer.from(bytes, "latin1")));
      });
      await new Promise((resolve) => raw.listen(0, "127.0.0.1", resolve));
      const got = await execute("curl", ["-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}", `http://localhost:${raw.address().port}/`], { env: gate.agent });
      raw.close();
      assert.equal(got.stdout, "502", got.stderr);
      await assertServing();
    });
  }
});

// A name that led to a public address when the agent first asked, and leads here now: the gate's own view of names, in a mount namespace.
describe("DNS rebinding", () => {
  it("a name is judged by what it resolves to, each time", async (context) => {
    const can = await execute("unshare", ["--mount", "true"]);
    if (can.code !== 0) return context.skip(`no mount namespace here: ${can.stderr}`);
    const { openRebound } = await import("./rebinding.mjs");
    const world = await openRebound();
    try {
      world.pointTo("203.0.113.7"); // reserved for documentation: refused as well, and for another reason
      const first = await world.ask();
      assert.equal(first.status, 403, first.body);
      assert.match(first.body, /reserved/);
      world.pointTo("127.0.0.1");
      await eventually("the gate sees the new address", async () => /loopback/.test((await world.ask()).body), { within_ms: 20_000, every_ms: 500 });
      assert.equal(world.server.seen.length, 0);
    } finally {
      await world.close();
    }
  });
});
