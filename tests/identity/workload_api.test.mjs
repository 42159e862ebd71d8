// The Workload API that the gate itself serves, for those who have no SPIRE: go-spiffe, and a bare HTTP/2 client, are its judges.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { connect as http2Connect } from "node:http2";
import { connect as netConnect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, textOf } from "../peers/clients.mjs";
import { connectWithBearer, tlsFetch } from "../peers/oauth_client.mjs";
import { scratch, startGate } from "../peers/parts.mjs";
import { knock, lastAttempt, openGate } from "./gates.mjs";
import { spireParts } from "./spire.mjs";
import { startProxy, stranger, watchWorkload, workload } from "./workload.mjs";

const kTrustDomain = "gate.test";
const kShopper = `spiffe://${kTrustDomain}/agent/shopper`;
const kPorter = `spiffe://${kTrustDomain}/agent/porter`;
const kRenewed_ms = 60_000;

// One call of the Workload API without any gRPC library: {status, message}.
function bareCall(socket, method, headers) {
  return new Promise((resolve, reject) => {
    const session = http2Connect("http://localhost", { createConnection: () => netConnect(socket) });
    session.once("error", reject);
    const call = session.request({ ":method": "POST", ":path": `/SpiffeWorkloadAPI/${method}`, "content-type": "application/grpc", te: "trailers", ...headers });
    const seen = {};
    call.on("response", (fields) => Object.assign(seen, fields));
    call.on("trailers", (fields) => Object.assign(seen, fields));
    call.on("data", () => {});
    call.once("error", reject);
    call.once("close", () => {
      session.close();
      resolve({ status: seen["grpc-status"], message: decodeURIComponent(seen["grpc-message"] ?? "") });
    });
    call.end(Buffer.alloc(5)); // one empty message
  });
}

describe("the gate's own Workload API", () => {
  const folder = scratch();
  const socketFile = join(folder, "workload.sock");
  const socket = `unix://${socketFile}`;
  const porter = stranger(scratch());
  let gate, ca;
  const sha256 = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");
  before(async () => {
    gate = await openGate({
      tls: { spiffe: true },
      identity: {
        spiffe: {
          trust_domain: kTrustDomain,
          accept_bearer: true,
          authority: {
            socket: socketFile,
            svid_lifetime: "1m",
            workloads: [
              { id: kShopper, executable: spireParts.workload },
              { id: kPorter, executable: porter, sha256: sha256(porter) },
            ],
          },
        },
      },
    });
    await workload("once", { socket, write: folder });
    ca = readFileSync(join(folder, "bundle.pem"), "utf8");
  });
  after(async () => {
    await gate?.close();
  });

  it("go-spiffe is given the SVID that the configuration names for its executable, and the bundle", async () => {
    const { event } = await workload("once", { socket });
    const [svid, ...more] = event("x509").svids;
    assert.equal(svid.id, kShopper);
    assert.deepEqual(more, []);
    assert.deepEqual(event("x509").bundles, { [kTrustDomain]: 1 });
    const left_ms = svid.not_after - Date.now();
    assert.ok(left_ms > 0 && left_ms <= 60_000, `${left_ms} ms left`);
  });

  it("another executable is another workload", async () => {
    assert.equal((await workload("once", { socket }, porter)).event("x509").svids[0].id, kPorter);
  });

  it("a process that is not known is given nothing, whatever it asks", async () => {
    const unknown = stranger(scratch());
    // The bytes are those of a workload, and the path is not.
    for (const what of ["once", "jwt"]) {
      const { code, event } = await workload(what, { socket, audience: "x" }, unknown);
      assert.equal(code, 1);
      assert.equal(event("error").code, "PermissionDenied", JSON.stringify(event("error")));
    }
    const { status } = await bareCall(socketFile, "FetchX509SVID", { "workload.spiffe.io": "true" });
    assert.equal(status, "7");
  });

  it("a call without the header that no browser can send is refused", async () => {
    const { status, message } = await bareCall(socketFile, "FetchX509SVID", {});
    assert.equal(status, "3");
    assert.match(message, /workload\.spiffe\.io/);
  });

  it("a method that there is not is answered UNIMPLEMENTED", async () => {
    assert.equal((await bareCall(socketFile, "FetchEverything", { "workload.spiffe.io": "true" })).status, "12");
  });

  it("the socket is one that every local user may ask", () => {
    assert.equal(statSync(socketFile).mode & 0o777, 0o666);
  });

  it("a JWT-SVID is given, validated by the Workload API and by go-spiffe, and refused for another audience", async () => {
    const { code, event, events } = await workload("jwt", { socket, audience: "https://shop.example" });
    assert.equal(code, 0, JSON.stringify(events));
    assert.equal(event("jwt").id, kShopper);
    const wrong = await workload("validate", { socket, audience: "https://elsewhere.example", token: event("jwt").token });
    assert.equal(wrong.event("error").code, "InvalidArgument");
    const [head, body, signature] = event("jwt").token.split(".");
    const forged = await workload("validate", { socket, audience: "https://shop.example", token: [head, body, `${signature.slice(0, -2)}AA`].join(".") });
    assert.equal(forged.event("error").code, "InvalidArgument");
  });

  for (const era of ["legacy", "modern"]) {
    it(`its SVID is a subject of the gate over mTLS, ${era} client`, async () => {
      const proxy = await startProxy({ socket, to: gate.base, ca: join(folder, "bundle.pem") });
      try {
        const client = await connect(era, { url: `${proxy.url}/mcp/fixture` });
        assert.equal(textOf(await client.call("echo", { text: "hello" })), "hello");
        await client.close();
      } finally {
        await proxy.stop();
      }
      const receipt = await lastAttempt(gate, kShopper);
      assert.equal(receipt.detail.assurance, "mtls");
      assert.equal(receipt.detail.credential, "x509-svid");
    });
  }

  it("its JWT-SVID is a subject of the gate", async () => {
    const { event } = await workload("jwt", { socket, audience: gate.resource }, porter);
    const client = await connectWithBearer(event("jwt").token, { url: gate.resource, fetch: tlsFetch({ ca }) });
    assert.equal(textOf(await client.call("echo", { text: "hello" })), "hello");
    await client.close();
    assert.equal((await lastAttempt(gate, kPorter)).detail.credential, "jwt-svid");
  });

  it("go-spiffe sees its SVID renewed before it runs out, on the stream that it has", async () => {
    const watch = await watchWorkload(socket);
    try {
      const first = watch.latest("x509")?.svids[0] ?? (await watch.until("an SVID", () => watch.latest("x509"))).svids[0];
      const renewed = () => watch.latest("x509").svids[0];
      await watch.until("the SVID is renewed", () => renewed().serial !== first.serial, { within_ms: kRenewed_ms });
      assert.equal(renewed().id, first.id);
      assert.ok(Date.now() < first.not_after, "it came too late");
      assert.ok(renewed().not_after > first.not_after);
      assert.equal(watch.latest("error"), undefined, JSON.stringify(watch.latest("error")));
    } finally {
      await watch.stop();
    }
  });

  it("after a restart the authority is the same, watchers come back, and what it gave out is still believed", async () => {
    const watch = await watchWorkload(socket);
    await workload("once", { socket, write: folder });
    const certificate = { cert: readFileSync(join(folder, "svid.pem"), "utf8"), key: readFileSync(join(folder, "key.pem"), "utf8") };
    await gate.stop();
    const again = await startGate({ file: gate.file, folder: gate.folder });
    try {
      const seen = watch.events.filter(({ event }) => event === "x509").length;
      await watch.until("the watcher is told again", (events) => events.filter(({ event }) => event === "x509").length > seen, { within_ms: kRenewed_ms });
      assert.deepEqual(watch.latest("x509").bundles, { [kTrustDomain]: 1 });
      const client = await connect("modern", { url: again.url("fixture"), fetch: tlsFetch({ ca, certificate }) });
      assert.equal(textOf(await client.call("echo", { text: "still" })), "still");
      await client.close();
      assert.equal((await knock(again.url("fixture"), { fetch: tlsFetch({ ca }) })).status, 401);
    } finally {
      await watch.stop();
      await again.stop();
    }
  });
});
