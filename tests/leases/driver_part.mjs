// lease_driver as a test sees it: orders in, answers out, and its death.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root, write } from "../peers/parts.mjs";

export const driverBinary = process.env.LEASE_DRIVER ?? join(root, "build/release/tests/leases/lease_driver");
export const whyNoDriver = () => (existsSync(driverBinary) ? "" : `${driverBinary} is not built: ./dev check leases builds it`);
const kAnswer_ms = 30_000;

// configuration: as driver.cpp says. killAt: at which step it kills itself; 0: it does not.
export function startDriver(folder, configuration, killAt = 0) {
  const file = write(join(folder, "driver.json"), JSON.stringify(configuration));
  const child = spawn(driverBinary, [folder, file, String(killAt)], { stdio: ["pipe", "pipe", "pipe"] });
  const waiting = new Map();
  let count = 0;
  let errors = "";
  child.stderr.on("data", (text) => (errors += text));
  child.stdin.on("error", () => {}); // it died: `ended` tells
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const answer = JSON.parse(line);
    waiting.get(answer.id)?.resolve(answer);
    waiting.delete(answer.id);
  });
  const ended = new Promise((resolve) =>
    child.on("close", (code, signal) => {
      for (const one of waiting.values()) one.reject(new Error(`the driver ended: ${code ?? signal} ${errors}`));
      waiting.clear();
      resolve({ code, signal, errors });
    }),
  );
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  ended.then(() => process.removeListener("exit", kill));
  return {
    child,
    ended,
    kill,
    // Rejects where the driver dies before it answers.
    ask(op, words = {}) {
      const id = ++count;
      const answer = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`${op}: no answer within ${kAnswer_ms} ms ${errors}`)), kAnswer_ms);
        waiting.set(id, {
          resolve: (value) => (clearTimeout(timer), resolve(value)),
          reject: (why) => (clearTimeout(timer), reject(why)),
        });
      });
      answer.catch(() => {}); // whoever asked hears of it
      child.stdin.write(`${JSON.stringify({ op, id, ...words })}\n`);
      return answer;
    },
    async acquire(credential, { task = "task-1", band = 2, effects = ["read"], resource, containers } = {}) {
      const answer = await this.ask("acquire", { credential, task, band, effects, ...(resource ? { resource } : {}), ...(containers ? { containers } : {}) });
      if (answer.error) throw new Error(answer.error);
      return answer;
    },
    async close() {
      const answer = await this.ask("close");
      await ended;
      return answer;
    },
  };
}
