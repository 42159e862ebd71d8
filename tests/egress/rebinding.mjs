// A gate whose /etc/hosts is ours, in a mount namespace of its own: a name whose address a test moves.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gateBinary, startReady, interlock, scratch, write, writeConfiguration } from "../peers/parts.mjs";
import { converse, toProxy } from "./hostile_parts.mjs";
import { startServer } from "./world.mjs";

const kName = "rebind.test";

export async function openRebound() {
  const server = await startServer((_, response) => response.end("reached"));
  const hosts = write(join(scratch("interlock-hosts"), "hosts"), "127.0.0.1 localhost\n");
  const { folder, file } = writeConfiguration({ extra: `egress: ${JSON.stringify({ listen: "127.0.0.1:0" })}` });
  // The child of unshare mounts the file over /etc/hosts for itself, and becomes the gate.
  const gate = await startReady("unshare", ["--mount", "sh", "-c", 'mount --bind "$1" /etc/hosts && shift && exec "$@"', "sh", hosts, gateBinary, "serve", "--config", file]);
  const told = await interlock(file, "egress", "env", "--json");
  const proxy = new URL(told.json().HTTPS_PROXY);
  return {
    server,
    folder,
    pointTo: (address) => writeFileSync(hosts, `127.0.0.1 localhost\n${address} ${kName}\n`), // in place: the mount is of the file
    async ask() {
      const host = `${kName}:${server.port}`;
      const { text } = await converse(toProxy(proxy), Buffer.from(`GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`));
      return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]), body: text };
    },
    async close() {
      await gate.stop();
      await server.close();
    },
  };
}
