// The suite of leases at real systems. Usage: node run.mjs [--quick] [PART OF A FILE'S NAME]
// A file whose real part is missing fails as a whole; with --quick it is left out, and said so.
import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";
import { whyNoDriver } from "./driver_part.mjs";
import { whyNoPostgres } from "./postgres_part.mjs";
import { whyNoPythonParts } from "./python_parts.mjs";
import { whyNoSshd } from "./sshd_part.mjs";

const quick = process.argv.includes("--quick");
const wanted = process.argv.slice(2).find((word) => !word.startsWith("--")) ?? "";
const needs = [
  [/./, whyNoDriver()],
  [/^(postgres|openbao|orphans|gate)/, whyNoPostgres()],
  [/^(ssh|orphans|gate)/, whyNoSshd()],
  [/^(aws|openbao)/, whyNoPythonParts()],
];
const whyNot = (name) => needs.find(([files, why]) => files.test(name) && why)?.[1] ?? "";

const folder = dirname(fileURLToPath(import.meta.url));
const missing = readdirSync(folder).filter((name) => name.endsWith(".test.mjs") && name.includes(wanted) && whyNot(name));
for (const name of missing) console.log(`${quick ? "SKIPPED" : "MISSING"} leases: ${name}: ${whyNot(name)}`);
// Real systems have a core each to themselves: one file at a time.
runFolder(folder, { wanted, skip: (name) => quick && missing.includes(name), file_ms: 300_000, whole_ms: 1_200_000, concurrency: 1 });
