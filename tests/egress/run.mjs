// The egress suite: real HTTP clients through the real gate, and what hostile ones and hostile servers try. Usage: node run.mjs [PART OF A
// FILE'S NAME]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";

// One file at a time: memory and streams are measured.
runFolder(dirname(fileURLToPath(import.meta.url)), { wanted: process.argv[2], file_ms: 300_000, whole_ms: 1_200_000, concurrency: 1 });
