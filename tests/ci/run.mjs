// The pipeline suite: a job's script behind the gate, with a runner's identity. Usage: node run.mjs [PART OF A FILE'S NAME]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";

runFolder(dirname(fileURLToPath(import.meta.url)), { wanted: process.argv[2] });
