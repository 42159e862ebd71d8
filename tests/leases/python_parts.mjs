// What tests/leases/install brought from PyPI: where it is, or why it is not there.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../peers/parts.mjs";

const folder = join(root, "build", "peers", "leases");
export const python = join(folder, "venv", "bin", "python");
export const bao = join(folder, "bao");

export function whyNoPythonParts() {
  const reason = join(folder, "skipped");
  if (existsSync(reason)) return readFileSync(reason, "utf8").trim();
  return existsSync(python) && existsSync(bao) ? "" : "moto and OpenBao are not installed: tests/leases/install";
}

// A script of this folder, with `input` on its standard input. Returns what it printed.
export function runPython(script, args, input = "") {
  return new Promise((resolve, reject) => {
    const child = spawn(python, [join(root, "tests", "leases", script), ...args], { stdio: ["pipe", "pipe", "pipe"] });
    let said = "";
    let errors = "";
    child.stdout.on("data", (text) => (said += text));
    child.stderr.on("data", (text) => (errors += text));
    child.on("close", (code) => (code === 0 ? resolve(said) : reject(new Error(`${script}: ${code} ${errors}`))));
    child.stdin.end(input);
  });
}
