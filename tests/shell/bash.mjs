// Generated lines against bash itself. Usage: node bash.mjs COUNT [SEED]. Each program that bash runs is one that we have said, with the same
// arguments where we claim to know them; where we say that something cannot be known, that has to be what differs. Last line: N passed, N failed
import { execFileSync, spawn } from "node:child_process";
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readByUs, root } from "./driver.mjs";
import { lines as generated } from "./generate.mjs";

const count = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? 20261125);
const kWorkers = 2;
const folder = mkdtempSync(join(tmpdir(), "interlock-shell-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const stub = join(folder, "bin", "p1");
mkdirSync(join(folder, "bin"));
execFileSync("gcc", ["-O1", "-o", stub, join(root, "tests", "shell", "stub.c")]);
for (const name of ["p2", "p3", "p4", "f1", "f2"]) linkSync(stub, join(folder, "bin", name));

const all = [...generated(seed, count)];

// Runs a share of the lines, each in a bash of its own, with nothing but the stubs to run and no network.
function runShare(share) {
  const place = join(folder, `work-${share}`);
  mkdirSync(place);
  writeFileSync(join(place, "lines"), all.filter((_, i) => i % kWorkers === share).map((line) => `${line}\0`).join(""));
  writeFileSync(join(place, "log"), "");
  const script = `mkdir box; cd box; i=0
while IFS= read -r -d '' line <&9; do
  rm -rf ./* ; : > in
  LINE=$i LOG=../log PATH=${join(folder, "bin")} HOME=/home/dev /usr/bin/timeout 5 ${process.env.BASH_UNDER_TEST ?? "/bin/bash"} --norc --noprofile -c "$line" >/dev/null 2>&1 </dev/null 9<&-
  i=$((i + 1))
done 9<../lines`;
  return new Promise((resolve, reject) => {
    const child = spawn("unshare", ["-rn", "/bin/bash", "-c", script], { cwd: place, env: { PATH: "/usr/bin:/bin" }, stdio: "ignore" });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve(parseLog(readFileSync(join(place, "log"), "utf8"), share)) : reject(new Error(`bash's harness ended with ${code}`))));
  });
}

function parseLog(text, share) {
  const ran = new Map();
  const parts = text.split("\0");
  for (let at = 0; at + 2 < parts.length; ) {
    const line = Number(parts[at]) * kWorkers + share;
    const words = Number(parts[at + 1]);
    if (!ran.has(line)) ran.set(line, []);
    ran.get(line).push(parts.slice(at + 2, at + 2 + words));
    at += 2 + words;
  }
  return ran;
}

// Whether one of our commands is, or may be, this one.
function isSaid(argv, ours) {
  return ours.commands.some(({ argv: said, unknowable }) => {
    if (unknowable.length) return true;
    const splits = said.includes(null);
    if (!splits) return said.length === argv.length && said.every((word, i) => word === argv[i]);
    // A word that is not known may be none or several: what is known before the first and behind the last such word has to be there.
    const first = said.indexOf(null);
    const last = said.length - 1 - said.lastIndexOf(null);
    return argv.length >= first + last && said.slice(0, first).every((word, i) => word === argv[i]) && said.slice(said.length - last).every((word, i) => word === argv[argv.length - last + i]);
  });
}

const ran = new Map((await Promise.all(Array.from({ length: kWorkers }, (_, share) => runShare(share)))).flatMap((map) => [...map]));
const ours = readByUs(all);
let passed = 0;
let failed = 0;
let commands = 0;
let exact = 0;
let unread = 0;
all.forEach((line, i) => {
  const mine = ours[i];
  const theirs = ran.get(i) ?? [];
  commands += theirs.length;
  if (mine.error) {
    // What we cannot read is refused as a whole; bash must not have run it.
    unread++;
    if (theirs.length === 0) return void passed++;
  } else {
    const missing = theirs.filter((argv) => !(mine.unknowable.length || isSaid(argv, mine)));
    exact += theirs.filter((argv) => mine.commands.some(({ argv: said }) => said.length === argv.length && said.every((word, k) => word === argv[k]))).length;
    if (missing.length === 0) return void passed++;
    if (failed < 15) console.log(`FAIL ${JSON.stringify(line)}\n  bash ran ${missing.map((argv) => JSON.stringify(argv)).join(" ")}\n  we say ${JSON.stringify(mine.commands.map(({ argv }) => argv))}`);
    return void failed++;
  }
  if (failed < 15) console.log(`FAIL ${JSON.stringify(line)}\n  we cannot read it: ${mine.error}\n  bash ran ${theirs.map((argv) => JSON.stringify(argv)).join(" ")}`);
  failed++;
});
console.log(`bash ran ${commands} programs in ${all.length} lines (seed ${seed}); ${exact} were said word for word; ${unread} lines are unreadable to both`);
if (commands < all.length / 2) console.log("FAIL bash has run next to nothing: the harness does not work here");
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed || commands < all.length / 2 ? 1 : 0);
