// The identity suite: real SPIRE, go-spiffe, an OpenID provider. Usage: node run.mjs [PART OF A FILE'S NAME]
// Without the Go parts, what needs them is left out, and said so.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";
import { whyNoGoParts } from "./spire.mjs";

const kNeedsGo = /^(spire|workload_api)/;

const missing = whyNoGoParts();
if (missing) console.log(`SKIPPED identity: SPIRE and go-spiffe: ${missing}`);
// SPIRE is waited for where SVIDs rotate; one file at a time, so that two do not share two cores.
runFolder(dirname(fileURLToPath(import.meta.url)), {
  wanted: process.argv[2],
  skip: (name) => missing !== "" && kNeedsGo.test(name),
  file_ms: 300_000,
  whole_ms: 900_000,
  concurrency: 1,
});
