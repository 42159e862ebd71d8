// What our grammar makes of lines: one answer each, in their order.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(fileURLToPath(new URL(".", import.meta.url)), "..", "..");
const driver = join(process.env.INTERLOCK_BUILD ?? join(root, "build", "release"), "tests", "shell", "shell_driver");

export function readByUs(lines) {
  const done = spawnSync(driver, ["--tree"], { input: lines.map((line) => `${line}\0`).join(""), encoding: "utf8", maxBuffer: 1 << 30 });
  if (done.status !== 0) throw new Error(`${driver}: ${done.stderr || done.error}`);
  return done.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
}
