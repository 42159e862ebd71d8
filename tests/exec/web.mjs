// Two sites of the lab, one that an agent may read and one that it may not, over HTTP and HTTPS, each with its page. Who came is counted.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { join } from "node:path";

export const lab = process.env.LAB;
export const labAuthority = join(lab ?? "", "ca.pem");
export const labBundle = join(lab ?? "", "bundle.pem");
const tls = () => ({ key: readFileSync(join(lab, "key.pem")), cert: readFileSync(join(lab, "cert.pem")) });

export function listen(server, port, address) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}
export const tlsServer = (handler) => createTlsServer(tls(), handler);

// place: a number that this world has for itself.
export async function startSites(place) {
  const hits = [];
  const servers = [];
  const page = (name) => (request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      hits.push({ site: name, method: request.method, path: request.url, body, headers: request.headers });
      response.setHeader("content-type", "text/html");
      response.end(`<html><head><title>${name}</title></head><body><p>The page of ${name}: ${pageMark(name, place)}</p></body></html>\n`);
    });
  };
  for (const [name, net] of [["docs", 217], ["evil", 218]]) {
    servers.push(await listen(createServer(page(name)), 80, `93.184.${net}.${place}`), await listen(tlsServer(page(name)), 443, `93.184.${net}.${place}`));
  }
  return {
    hits,
    host: (name) => `${name}-${place}.lab.test`,
    cameTo: (name, path) => hits.some((hit) => hit.site === name && hit.path.startsWith(path)),
    async stop() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
}
export const pageMark = (name, place) => `mark-of-${name}-${place}-page`;
