// HTTP/1.1 by hand, byte for byte, so that a test can send what no library would. Never throws on what the other side does: the
// outcome says what came back.
import { connect } from "node:net";

const kWait_ms = 8_000;

// Parses the first response in the bytes. complete: the response has all its body (or the connection's end stood for it).
export function parseResponse(bytes, ended) {
  const text = bytes.toString("latin1");
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine, ...lines] = text.slice(0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1]);
  if (status === 100) return parseResponse(bytes.subarray(headEnd + 4), ended);
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  let rest = bytes.subarray(headEnd + 4);
  let body = rest;
  let used = bytes.length;
  let complete = ended;
  if (headers["content-length"] !== undefined) {
    const length = Number(headers["content-length"]);
    body = rest.subarray(0, length);
    complete = rest.length >= length;
    used = headEnd + 4 + length;
  } else if (headers["transfer-encoding"] === "chunked") {
    const parts = [];
    let at = 0;
    complete = false;
    for (;;) {
      const lineEnd = rest.indexOf("\r\n", at);
      if (lineEnd < 0) break;
      const size = Number.parseInt(rest.subarray(at, lineEnd).toString("latin1"), 16);
      if (size === 0) {
        complete = true;
        used = headEnd + 4 + lineEnd + 4;
        break;
      }
      parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
      at = lineEnd + 2 + size + 2;
      if (at > rest.length) break;
    }
    body = Buffer.concat(parts);
  } else if ([202, 204, 304].includes(status)) {
    body = Buffer.alloc(0);
    complete = true;
    used = headEnd + 4;
  }
  return { status, headers, body: body.toString("utf8"), complete, used };
}

// The JSON-RPC messages of a response, whether it is JSON or an event stream.
export function messagesOf(response) {
  if (!response?.body) return [];
  if ((response.headers["content-type"] ?? "").startsWith("text/event-stream")) {
    return response.body.split(/\r?\n/).filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).filter(Boolean).map((line) => JSON.parse(line));
  }
  try {
    return [JSON.parse(response.body)].flat();
  } catch {
    return [];
  }
}

// Sends parts (strings, buffers, or numbers: milliseconds to wait) and returns {response, responses, closed, bytes}. Ends at a
// complete response, or after `count` of them, or when the other side closes, or after wait_ms.
export function exchange(base, parts, { wait_ms = kWait_ms, count = 1, untilClosed = false } = {}) {
  const { hostname, port } = new URL(base);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let bytes = Buffer.alloc(0);
    let done = false;
    const parse = (ended) => {
      const responses = [];
      let rest = bytes;
      while (rest.length > 0) {
        const response = parseResponse(rest, ended);
        if (!response) break;
        responses.push(response);
        if (!response.complete) break;
        rest = rest.subarray(response.used);
      }
      return responses;
    };
    const finish = (closed) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.destroy();
      const responses = parse(closed);
      resolve({ response: responses[0], responses, closed, bytes });
    };
    const timer = setTimeout(() => finish(false), wait_ms);
    socket.on("error", () => finish(true));
    socket.on("close", () => finish(true));
    socket.on("data", (part) => {
      bytes = Buffer.concat([bytes, part]);
      if (untilClosed) return;
      const complete = parse(false).filter((response) => response.complete);
      if (complete.length >= count) finish(false);
    });
    socket.on("connect", async () => {
      for (const part of parts) {
        if (done) return;
        if (typeof part === "number") await new Promise((next) => setTimeout(next, part));
        else if (!socket.write(part)) await new Promise((next) => (socket.once("drain", next), socket.once("close", next)));
      }
    });
  });
}

// A POST with the given body; header values that are undefined are left out.
export function post(base, path, headers, body) {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(body);
  const all = {
    Host: new URL(base).host,
    "Content-Type": "application/json",
    Accept: "application/json, text/event-stream",
    "Content-Length": bytes.length,
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}`);
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`, "latin1"), bytes]);
}
