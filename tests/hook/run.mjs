// The hooks of agent hosts, a file a part. Usage: node run.mjs [PART OF A FILE'S NAME]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";

runFolder(dirname(fileURLToPath(import.meta.url)), { wanted: process.argv[2], file_ms: 240_000, whole_ms: 600_000 });
