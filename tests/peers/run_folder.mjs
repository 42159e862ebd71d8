// Runs the *.test.mjs of a folder, each file in a process of its own, and says readably what failed. A case is one it(); a file that
// dies or hangs, and a file without cases, count as one failure. Ends the process; the last line is "N passed, N failed".
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { run } from "node:test";
import { gateBinary, gateExists } from "./parts.mjs";

// The error that a test threw, without the runner's own wrapping and stack frames.
function reasonOf({ details }) {
  const error = details?.error?.cause ?? details?.error;
  const text = String(error?.stack ?? error?.message ?? error ?? "no reason given");
  return text
    .split("\n")
    .filter((line) => !/^\s+at .*node:(internal|async_hooks)/.test(line))
    .slice(0, 40)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join("\n");
}

// Lines of a test that begin with "measured: " are shown. wanted: a part of the files' names. skip(name): whether a file is left out, of which the caller has told.
export function runFolder(folder, { wanted = "", skip = () => false, file_ms = 180_000, whole_ms = 300_000, concurrency = Math.min(2, availableParallelism()) } = {}) {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".test.mjs") && name.includes(wanted) && !skip(name))
    .sort()
    .map((name) => join(folder, name));
  const tally = new Map(files.map((file) => [file, { passed: 0, failed: 0 }]));
  const failures = [];

  function finish(note) {
    if (note) failures.push(note);
    for (const [file, { passed, failed }] of tally) {
      if (passed + failed === 0) failures.push(`${basename(file)}: no case ran`);
      const word = failed || passed === 0 ? "FAIL" : "ok  ";
      console.log(`${word} ${basename(file).padEnd(28)} ${String(passed).padStart(4)} passed ${String(failed).padStart(3)} failed`);
    }
    for (const text of failures) console.log(`\n${text}`);
    const passed = [...tally.values()].reduce((sum, one) => sum + one.passed, 0);
    console.log(`${passed} passed, ${failures.length} failed`);
    process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
  }

  if (!gateExists()) finish(`the gate is not built: ${gateBinary} is missing; run ./dev build`);
  if (files.length === 0) finish(`no test file's name holds '${wanted}'`);

  const titles = new Map(); // file -> the titles that lead to the running test
  const watchdog = setTimeout(() => finish(`the tests did not end within ${whole_ms / 1000} s`), whole_ms);
  const events = run({ files, concurrency, timeout: file_ms });

  events.on("test:start", ({ file, nesting, name }) => {
    const path = titles.get(file) ?? [];
    titles.set(file, [...path.slice(0, nesting), name]);
  });
  const isFile = ({ name, nesting }) => nesting === 0 && tally.has(name);
  events.on("test:pass", (event) => {
    if (event.details?.type === "suite" || isFile(event) || event.skip !== undefined || event.todo !== undefined) return;
    tally.get(event.file).passed++;
  });
  events.on("test:fail", (event) => {
    const kind = event.details?.error?.failureType;
    // A suite and a file fail with their cases, which are told of already, or by themselves: a hook, a crash, a hang.
    if ((event.details?.type === "suite" || isFile(event)) && kind === "subtestsFailed") return;
    const file = tally.has(event.file) ? event.file : event.name;
    if (isFile(event) && tally.get(file).failed > 0 && kind === "testCodeFailure") return;
    if (tally.has(file)) tally.get(file).failed++;
    const path = (titles.get(event.file) ?? []).slice(0, event.nesting);
    const why = isFile(event) ? `    the file died or hung (${event.details?.error?.message}); its stderr ends with:\n${said.get(file) ?? ""}` : reasonOf(event);
    failures.push(`${basename(file)}: ${isFile(event) ? "" : [...path, event.name].join(" > ")}\n${why}`);
  });
  events.on("test:stdout", ({ message }) => {
    for (const line of message.split("\n")) if (line.startsWith("measured: ")) console.log(line);
  });
  const said = new Map(); // file -> the end of its stderr
  events.on("test:stderr", ({ file, message }) => said.set(file, ((said.get(file) ?? "") + message).slice(-3000)));
  events.once("end", () => {
    clearTimeout(watchdog);
    finish();
  });
  events.resume();
}
