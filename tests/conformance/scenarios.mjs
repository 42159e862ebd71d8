// Which scenarios the conformance suite requires of a server, and which of them cannot be said across the eras, with the reason.
import { readFileSync } from "node:fs";
import { modulePath } from "../peers/parts.mjs";

export const kRevisions = { legacy: "2025-11-25", modern: "2026-07-28" };

// The `server:` list of the suite's own requirements file: names alone, one a line.
export function requiredScenarios(revision) {
  const text = readFileSync(modulePath("@modelcontextprotocol", "conformance", "requirements", `${revision}.yaml`), "utf8");
  const names = [];
  let inside = false;
  for (const line of text.split("\n")) {
    if (/^\S/.test(line) && !line.startsWith("#")) inside = line.trim() === "server:";
    const item = /^\s+-\s+(\S+)\s*$/.exec(line);
    if (inside && item) names.push(item[1]);
  }
  if (names.length === 0) throw new Error(`no server scenario in the requirements of ${revision}`);
  return names;
}

const kNoKey =
  "the suite looks for the key `user_name` in inputRequests; a question of the old era (elicitation/create) has no key that the server could choose";

// client era → scenario → why a server of the other era cannot be asked this.
export const kInexpressible = {
  modern: {
    "input-required-result-basic-elicitation": kNoKey,
    "input-required-result-ignore-extra-params": `answers come with the first request, before any question was put: ${kNoKey}`,
  },
  legacy: {},
};
