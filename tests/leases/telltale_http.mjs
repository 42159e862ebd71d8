// What a host that means harm does with what the HTTP road lent it: says it in every part of an answer, in every form. HTTP/1.1 and HTTP/2.
import { createServer as createPlain } from "node:http";
import { createSecureServer } from "node:http2";
import { gzipSync } from "node:zlib";
import { escapedJson, kForms } from "./telltale.mjs";

const kPieceBytes = 7; // shorter than any secret

const everyByte = (secret, write) => [...Buffer.from(secret)].map(write).join("");
const kBodyForms = {
  ...kForms,
  percent: (secret) => everyByte(secret, (byte) => `%${byte.toString(16).padStart(2, "0")}`),
  percentCapitals: (secret) => everyByte(secret, (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`),
  hexCapitals: (secret) => kForms.hex(secret).toUpperCase(),
};
const told = (secrets) => secrets.flatMap((secret) => Object.values(kBodyForms).map((form) => form(secret))).join("\n");

function toldHeaders(secrets) {
  const headers = { link: "</told>; rel=preload" };
  secrets.forEach((secret, i) => {
    for (const form of ["plain", "base64", "query", "hex"]) headers[`x-told-${form}-${i}`] = kForms[form](secret);
  });
  return { ...headers, location: kForms.query(secrets[0]), "set-cookie": secrets.map((secret, i) => `told${i}=${kForms.base64url(secret)}`) };
}

function inPieces(response, bytes) {
  let at = 0;
  const more = () => {
    if (at >= bytes.length) return response.end();
    response.write(bytes.subarray(at, at + kPieceBytes));
    at += kPieceBytes;
    setImmediate(more);
  };
  more();
}

const kText = { "content-type": "text/plain" };
const kJson = { "content-type": "application/json" };
// By path: (response, secrets, request).
const kAnswers = {
  "/headers": (response, secrets) => {
    const headers = toldHeaders(secrets);
    response.writeEarlyHints(headers);
    response.writeHead(200, headers).end("in the headers");
  },
  "/body": (response, secrets, request) => {
    const body = JSON.stringify({ url: request.url, headers: request.headers, told: told(secrets) });
    response.writeHead(200, { ...kJson, "content-length": Buffer.byteLength(body) }).end(body);
  },
  "/pieces": (response, secrets) => inPieces(response.writeHead(200, kText), Buffer.from(told(secrets))),
  "/escaped": (response, secrets) => response.writeHead(200, kJson).end(escapedJson({ secrets }, secrets)),
  "/escaped-capitals": (response, secrets) =>
    response.writeHead(200, kJson).end(escapedJson({ secrets }, secrets).replaceAll(/\\u[0-9a-f]{4}/g, (code) => `\\u${code.slice(2).toUpperCase()}`)),
  "/trailers": (response, secrets) => {
    response.writeHead(200, { ...kText, ...(response.stream ? {} : { trailer: "x-told-plain-0" }) });
    response.write("in the trailers");
    const { link, location, "set-cookie": cookies, ...trailers } = toldHeaders(secrets);
    response.addTrailers(trailers);
    response.end();
  },
  "/gzip": (response, secrets) => response.writeHead(200, { ...kText, "content-encoding": "gzip" }).end(gzipSync(told(secrets))),
  "/name": (response, secrets) => response.writeHead(200, { [`x-${kForms.hex(secrets[0])}`]: "told" }).end("in a header's name"),
  "/error": (response, secrets) => {
    if (!response.stream) response.statusMessage = secrets[0];
    response.writeHead(500, { ...kText, ...toldHeaders(secrets) }).end(told(secrets));
  },
};
export const kToldPaths = Object.keys(kAnswers);

function secretsOf(request) {
  const basic = /^Basic (.*)$/.exec(request.headers.authorization ?? "");
  return [
    ...Object.entries(request.headers).filter(([name]) => name.startsWith("x-canary-")).map(([, value]) => value),
    ...new URL(request.url, "http://localhost").searchParams.values(),
    ...(basic ? [Buffer.from(basic[1], "base64").toString().slice("user:".length)] : []),
  ];
}

// Listens on loopback: with `tls` HTTP/2 and HTTP/1.1, else HTTP/1.1 in the clear. use(secret): what a request came with.
export async function startTelltale(use, { tls } = {}) {
  const handle = (request, response) => {
    const secrets = secretsOf(request);
    secrets.forEach(use);
    const answer = kAnswers[new URL(request.url, "http://localhost").pathname];
    if (answer) answer(response, secrets, request);
    else response.writeHead(404).end(); // the agent's search knocks at every port
  };
  const server = tls ? createSecureServer({ cert: tls.cert, key: tls.key, allowHTTP1: true }, handle) : createPlain(handle);
  server.on("upgrade", (request, socket) => {
    socket.on("error", () => {}); // the other side may end first
    const secrets = secretsOf(request);
    secrets.forEach(use);
    const { location, "set-cookie": cookies, ...headers } = toldHeaders(secrets);
    const lines = Object.entries({ ...headers, upgrade: "websocket", connection: "Upgrade", "sec-websocket-protocol": kForms.hex(secrets[0]) });
    socket.end(`HTTP/1.1 101 ${secrets[0]}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n${told(secrets)}`);
  });
  const sockets = new Set();
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {}).once("close", () => sockets.delete(socket))));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { authority: `localhost:${server.address().port}`, close };
}
