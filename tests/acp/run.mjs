// The suite of the Agent Client Protocol. Usage: node run.mjs [PART OF A FILE'S NAME]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";

runFolder(dirname(fileURLToPath(import.meta.url)), { wanted: process.argv[2], whole_ms: 300_000 });
