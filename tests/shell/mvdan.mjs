// The structure of generated lines against mvdan-sh. Usage: node mvdan.mjs COUNT [SEED]. Compared: the commands in their order with their kinds,
// how many words, assignments and redirections each has. A line that mvdan-sh does not take (`a | ! b`, `(((x = 1)); b)`, `[[ -f == b ]]`) is
// held against bash -n alone: what bash takes we take. Last line: N passed, N failed
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { readByUs, root } from "./driver.mjs";
import { lines as generated } from "./generate.mjs";

const place = join(root, "build", "peers", "shell");
if (!existsSync(join(place, "node_modules", "mvdan-sh"))) {
  console.log("SKIPPED shell structure: mvdan-sh is not installed (tests/shell/install)");
  console.log("0 passed, 0 failed");
  process.exit(0);
}
const { syntax } = createRequire(join(place, "package.json"))("mvdan-sh");

// [kind, words, assignments, redirections] of each statement, outer ones first; what stands in substitutions is left out on both sides.
function theirs(text) {
  const out = [];
  const statement = (stmt) => {
    const redirections = stmt.Redirs.length;
    const command = stmt.Cmd;
    const lists = (...all) => all.forEach((list) => list?.forEach?.(statement));
    if (!command) return void out.push(["simple", 0, 0, redirections]);
    const type = syntax.NodeType(command);
    switch (type) {
      case "CallExpr": return void out.push(["simple", command.Args.length, command.Assigns.length, redirections]);
      case "DeclClause": return void out.push(["simple", 1 + command.Args.length, 0, redirections]);
      case "BinaryCmd":
        statement(command.X);
        return statement(command.Y);
      case "Subshell": out.push(["subshell", redirections]); return lists(command.Stmts);
      case "Block": out.push(["group", redirections]); return lists(command.Stmts);
      case "IfClause": {
        out.push(["if", redirections]);
        for (let part = command; part; part = part.Else) {
          lists(part.Cond);
          lists(part.Then);
        }
        return;
      }
      case "WhileClause": out.push(["while", redirections]); return lists(command.Cond, command.Do);
      case "ForClause": out.push(["for", redirections]); return lists(command.Do);
      case "CaseClause":
        out.push(["case", redirections]);
        return command.Items.forEach((item) => lists(item.Stmts));
      case "FuncDecl": out.push(["function", redirections]); return statement(command.Body);
      case "ArithmCmd": return void out.push(["arithmetic", redirections]);
      case "TestClause": return void out.push(["test", redirections]);
      case "TimeClause": return command.Stmt ? statement(command.Stmt) : undefined;
      default: out.push([type, redirections]);
    }
  };
  syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(text, "").Stmts.forEach(statement);
  return out;
}

function ours(tree) {
  const out = [];
  const command = (one) => {
    if (one.kind === "simple") return void out.push(["simple", one.words, one.assignments, one.redirections]);
    out.push([one.kind, one.redirections]);
    (one.lists ?? []).forEach(list);
  };
  const list = (items) => items.forEach(({ pipeline }) => pipeline.forEach(command));
  list(tree);
  return out;
}

const all = [...generated(Number(process.argv[3] ?? 20261125), Number(process.argv[2] ?? 2000))];
const read = readByUs(all);
const bashTakes = (line) => spawnSync("/bin/bash", ["-n", "-c", line], { stdio: "ignore" }).status === 0;
let passed = 0;
let failed = 0;
let byBash = 0;
all.forEach((line, i) => {
  let expected;
  try {
    expected = JSON.stringify(theirs(line));
  } catch (error) {
    expected = `an error: ${error.message ?? error.Error?.() ?? error}`;
  }
  const got = read[i].error ? `an error: ${read[i].error}` : JSON.stringify(ours(read[i].tree));
  if (expected.startsWith("an error")) {
    byBash++;
    if (!got.startsWith("an error") || !bashTakes(line)) return void passed++;
  }
  if (got === expected || (got.startsWith("an error") && expected.startsWith("an error"))) return void passed++;
  if (failed++ < 15) console.log(`FAIL ${JSON.stringify(line)}\n  mvdan-sh ${expected}\n  ours     ${got}`);
});
console.log(`${byBash} of ${all.length} lines are not mvdan-sh's, and were held against bash -n`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
