// The part of the searching agent that takes the HTTP road: asks hosts through the gate's proxy, and gives every answer as its client sees
// it (status, headers, hints, body, trailers) and as the bytes that came on its socket.
import { readFileSync } from "node:fs";
import { request as requestPlain } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { Duplex } from "node:stream";
import { opened, toProxy } from "../egress/hostile_parts.mjs";

// A socket whose incoming bytes are kept in `bytes`.
function recorded(socket, bytes) {
  const out = new Duplex({
    read: () => socket.resume(),
    write: (part, encoding, done) => socket.write(part, done),
    final: (done) => socket.end(done),
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (part) => {
    bytes.push(part);
    if (!out.push(part)) socket.pause();
  });
  socket.on("end", () => out.push(null));
  socket.on("error", (error) => out.destroy(error));
  return out;
}

function overHttp1(socket, path, headers) {
  const seen = { hints: [] };
  return new Promise((resolve, reject) => {
    const asked = requestPlain({ createConnection: () => socket, path, headers });
    const note = (answer) => Object.assign(seen, { status: answer.statusCode, reason: answer.statusMessage, headers: answer.rawHeaders });
    asked.on("information", (hint) => seen.hints.push([hint.statusMessage, hint.rawHeaders]));
    asked.on("upgrade", (answer, upgraded, head) => {
      note(answer);
      upgraded.on("end", () => resolve({ seen, body: head }));
      upgraded.resume();
    });
    asked.on("response", (answer) => {
      note(answer);
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => resolve({ seen: { ...seen, trailers: answer.rawTrailers }, body: Buffer.concat(parts) }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

function overHttp2(socket, authority, path) {
  const session = connectHttp2(`https://${authority}`, { createConnection: () => socket });
  const seen = { hints: [] };
  return new Promise((resolve, reject) => {
    session.on("error", reject);
    const asked = session.request({ ":path": path });
    const parts = [];
    asked.on("headers", (headers) => seen.hints.push(headers));
    asked.on("response", (headers) => Object.assign(seen, { status: headers[":status"], headers }));
    asked.on("trailers", (headers) => Object.assign(seen, { trailers: headers }));
    asked.on("data", (part) => parts.push(part));
    asked.on("error", reject);
    asked.on("end", () => resolve({ seen, body: Buffer.concat(parts) }));
  }).finally(() => session.destroy());
}

const kWebSocket = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" };

// road: {proxy, caFile, secure, clear, paths}. note(where, texts): the texts of one answer.
export async function takeRoad({ proxy, caFile, secure, clear, paths }, note) {
  const ca = readFileSync(caFile, "utf8");
  const to = new URL(proxy);
  const roads = {
    "HTTP/1.1 in the clear": async (bytes, path, headers) => overHttp1(recorded(toProxy(to), bytes), `http://${clear}${path}`, { host: clear, ...headers }),
    "HTTP/1.1 in TLS": async (bytes, path, headers) => overHttp1(recorded(await opened(to, secure, { ca }), bytes), path, { host: secure, ...headers }),
    "HTTP/2": async (bytes, path) => overHttp2(recorded(await opened(to, secure, { ca, alpn: ["h2"] }), bytes), secure, path),
  };
  for (const [name, ask] of Object.entries(roads)) {
    const asks = paths.map((path) => [path, {}]);
    if (name !== "HTTP/2") asks.push(["/socket", kWebSocket]);
    for (const [path, headers] of asks) {
      const bytes = [];
      const { seen, body } = await ask(bytes, path, headers);
      note(`${name} ${path}`, [JSON.stringify(seen), body, Buffer.concat(bytes)]);
    }
  }
}
