// The agents' suite. Usage: node run.mjs [--quick] [--only PART OF A FILE'S NAME]
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runFolder } from "../peers/run_folder.mjs";

// Of the whole, what `./dev test` has the time for.
const kQuick = ["day_both.test.mjs", "gate_gone.test.mjs"];

const words = process.argv.slice(2);
const quick = words.includes("--quick");
if (quick) process.env.LAB_QUICK = "1";
const wanted = words.includes("--only") ? words[words.indexOf("--only") + 1] : "";
runFolder(dirname(fileURLToPath(import.meta.url)), { wanted, skip: (name) => quick && !kQuick.includes(name), file_ms: 600_000, whole_ms: 1_500_000 });
