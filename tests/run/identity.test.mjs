// Who a run is: an SVID of its own from the gate's Workload API, inside alone.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { write } from "../peers/parts.mjs";
import { openWorld, people } from "./world.mjs";

// One FetchX509SVID without any gRPC library: prints {status, ids}.
const kAsk = `
const { connect } = require("node:http2");
const { connect: open } = require("node:net");
const socket = (process.argv[2] || process.env.SPIFFE_ENDPOINT_SOCKET || "").replace("unix://", "");
const done = (said) => { console.log(JSON.stringify(said)); process.exit(0); };
const session = connect("http://localhost", { createConnection: () => open(socket) });
session.once("error", (error) => done({ error: error.message }));
const call = session.request({ ":method": "POST", ":path": "/SpiffeWorkloadAPI/FetchX509SVID", "content-type": "application/grpc", te: "trailers", "workload.spiffe.io": "true" });
let bytes = "";
let status;
call.on("response", (fields) => (status = fields["grpc-status"] ?? status));
call.on("trailers", (fields) => (status = fields["grpc-status"] ?? status));
call.on("data", (data) => {
  bytes += data.toString("latin1");
  const ids = [...new Set(bytes.match(/spiffe:\\/\\/[A-Za-z0-9_.\\/-]+/g) ?? [])];
  if (ids.length > 0) done({ status: "0", ids });
});
call.once("error", (error) => done({ error: error.message }));
call.once("close", () => done({ status, ids: [] }));
call.end(Buffer.alloc(5));
`;

for (const person of people) {
  describe(`the identity of a run of ${person.name}`, () => {
    let world;
    before(async () => {
      world = await openWorld(person, {
        extra: `identity: { spiffe: { trust_domain: gate.test, authority: { workloads: [] } } }\nrun: { read: [${dirname(process.execPath)}] }\n`,
      });
      write(join(world.project, "ask.cjs"), kAsk);
    });
    after(() => world.close());

    it("is an SVID with its own name, the name that its acts have", async () => {
      const { out, errors } = await world.run([process.execPath, "ask.cjs"]);
      const { ids } = JSON.parse(out);
      const [own] = ids; // the message begins with it
      assert.match(own ?? "", /^spiffe:\/\/gate\.test\/run\/[^/]+\/node$/, out + errors);
      const acts = (await world.receipts()).filter((one) => one.surface === "exec" && one.task);
      assert.ok(acts.length > 0 && acts.every((one) => one.subject === own), `${own}: ${JSON.stringify(acts.at(0))}`);
    });
    it("is not had outside: who asks there is somebody else, or nobody", async () => {
      const outside = await new Promise((resolve) =>
        execFile(process.execPath, [join(world.project, "ask.cjs"), join(world.folder, "state/workload.sock")], (error, out) => resolve(out)),
      );
      const said = JSON.parse(outside);
      assert.ok(said.ids !== undefined && said.ids.every((id) => !id.includes("/run/")), outside);
    });
  });
}
