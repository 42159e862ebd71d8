// What hostile clients and servers are made of: bytes by hand through the proxy, raw HTTP/2 frames, certificates that are wrong.
import { execFileSync } from "node:child_process";
import { connect as connectPlain } from "node:net";
import { connect as connectTls } from "node:tls";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { scratch, write } from "../peers/parts.mjs";

const kWait_ms = 8_000;

// Sends bytes and collects what comes until the other side ends, `enough` says so, or time is over: {text, ended}.
export function converse(socket, bytes, { enough = () => false, wait_ms = kWait_ms } = {}) {
  return new Promise((resolve) => {
    let got = Buffer.alloc(0);
    let timer;
    const finish = (ended) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ bytes: got, text: got.toString("latin1"), ended });
    };
    timer = setTimeout(() => finish(false), wait_ms);
    socket.on("data", (part) => {
      got = Buffer.concat([got, part]);
      if (enough(got)) finish(false);
    });
    socket.on("end", () => finish(true));
    socket.on("close", () => finish(true));
    socket.on("error", () => finish(true));
    if (bytes.length > 0) socket.write(bytes);
  });
}

export const toProxy = (proxy) => connectPlain(Number(proxy.port), proxy.hostname);

// CONNECT, by hand: the socket, or an Error whose status is what the proxy answered.
export function tunnel(proxy, authority, headers = "") {
  return new Promise((resolve, reject) => {
    const socket = toProxy(proxy);
    let head = "";
    const onData = (part) => {
      head += part.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", onData);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
      if (status === 200) return resolve(socket);
      socket.destroy();
      reject(Object.assign(new Error(head), { status }));
    };
    socket.on("data", onData);
    socket.once("error", reject);
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${headers}\r\n`);
  });
}

// TLS inside a tunnel. Rejects with the handshake's error.
export async function opened(proxy, authority, { ca, servername = authority.split(":")[0], alpn = ["http/1.1"] }) {
  const raw = await tunnel(proxy, authority);
  return new Promise((resolve, reject) => {
    const socket = connectTls({ socket: raw, ca, servername, ALPNProtocols: alpn }, () => resolve(socket));
    socket.once("error", reject);
    raw.once("close", () => reject(new Error("the tunnel ended in the handshake")));
  });
}

// ---- HTTP/2 by hand (RFC 9113 §4.1) ------------------------------------------------------------------------------------------
export const kPreface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
export const settings = () => frame(4, 0, 0);
// A literal field without indexing, of new name (RFC 7541 §6.2.2), both shorter than 127 bytes.
export const field = (name, value) => Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);
export const request = (authority, path = "/") => Buffer.concat([field(":method", "GET"), field(":scheme", "https"), field(":authority", authority), field(":path", path)]);
// The frames among the bytes: {type, stream, payload} each.
export function kinds(bytes) {
  const out = [];
  for (let at = 0; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3))
    out.push({ type: bytes[at + 3], stream: bytes.readUInt32BE(at + 5), payload: bytes.subarray(at + 9, at + 9 + bytes.readUIntBE(at, 3)) });
  return out;
}
// The error code of the GOAWAY among the bytes; undefined: there is none.
export function goAway(bytes) {
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    if (bytes[at + 3] === 7 && at + 9 + 8 <= bytes.length) return bytes.readUInt32BE(at + 9 + 4);
    at += 9 + length;
  }
  return undefined;
}

// ---- certificates that are wrong ---------------------------------------------------------------------------------------------
const openssl = (...args) => execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] });
const pair = (folder, name) => ({ cert: readFileSync(join(folder, `${name}.pem`), "utf8"), key: readFileSync(join(folder, `${name}.key`), "utf8") });

// Signed by the authority of makeAuthority(), and over since 2021.
export function expiredCertificate(authority) {
  const folder = scratch("interlock-expired");
  const at = (name) => join(folder, name);
  write(at("index.txt"), "");
  write(at("serial"), "01\n");
  write(
    at("ca.cnf"),
    `[ca]\ndefault_ca=it\n[it]\ndatabase=${at("index.txt")}\nserial=${at("serial")}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=any\nx509_extensions=ext\n` +
      "[any]\ncommonName=supplied\n[ext]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n",
  );
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("old.key"), "-out", at("old.csr"), "-subj", "/CN=old");
  openssl("ca", "-batch", "-notext", "-config", at("ca.cnf"), "-cert", authority.caFile, "-keyfile", authority.caFile.replace(/\.pem$/, ".key"), "-startdate", "20200101000000Z", "-enddate", "20210101000000Z", "-in", at("old.csr"), "-out", at("old.pem"));
  return pair(folder, "old");
}
// By itself, for localhost.
export function selfSigned(names = "DNS:localhost") {
  const folder = scratch("interlock-self");
  const at = (name) => join(folder, name);
  openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("self.key"), "-out", at("self.pem"), "-days", "2", "-subj", "/CN=self", "-addext", `subjectAltName=${names}`);
  return pair(folder, "self");
}
// By the authority, for another name.
export function certificateFor(authority, names) {
  const folder = scratch("interlock-named");
  const at = (name) => join(folder, name);
  openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("named.key"), "-out", at("named.csr"), "-subj", "/CN=named");
  write(at("ext"), `subjectAltName=${names}\nextendedKeyUsage=serverAuth\n`);
  openssl("x509", "-req", "-in", at("named.csr"), "-CA", authority.caFile, "-CAkey", authority.caFile.replace(/\.pem$/, ".key"), "-CAcreateserial", "-days", "2", "-extfile", at("ext"), "-out", at("named.pem"));
  return pair(folder, "named");
}
