// The HTTP side that both eras share: loopback only, port 0, refusal of foreign Host and Origin, and one JSON line when ready.
import { createServer } from "node:http";
import { localhostHostValidation, localhostOriginValidation } from "@modelcontextprotocol/node";

const kBodyMaximum_bytes = 128 * 1024 * 1024;

export function readJson(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    let size_bytes = 0;
    request.on("data", (part) => {
      size_bytes += part.length;
      if (size_bytes > kBodyMaximum_bytes) reject(new Error("body too large"));
      else parts.push(part);
    });
    request.on("error", reject);
    request.on("end", () => {
      try {
        resolve(parts.length === 0 ? undefined : JSON.parse(Buffer.concat(parts).toString("utf8")));
      } catch (error) {
        reject(error);
      }
    });
  });
}

export function answerError(response, status, code, message, id = null) {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } }));
}

// handle(request, response) serves /mcp. With --leash the process ends when its standard input does, so that a test that
// dies leaves nothing behind.
export function serveHttp(handle, { port = 0 } = {}) {
  const hostIsLocal = localhostHostValidation();
  const originIsLocal = localhostOriginValidation();
  const server = createServer(async (request, response) => {
    if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return;
    if (new URL(request.url, "http://localhost").pathname !== "/mcp") {
      response.writeHead(404).end();
      return;
    }
    try {
      await handle(request, response);
    } catch (error) {
      console.error(error);
      if (!response.headersSent) answerError(response, 500, -32603, String(error?.message ?? error));
      else response.end();
    }
  });
  server.requestTimeout = 0;
  server.listen(port, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
  if (process.argv.includes("--leash")) process.stdin.on("end", () => process.exit(0)).resume();
  return server;
}
