// Attempts inside a run to have a program started that policy forbids, and unknown ones with it.
import { describe, it } from "node:test";
import { execs, kForbiddenOutput } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

// factor(1) is forbidden by its name; what nobody knows, or could have been put there by the agent, may not start either. The attack program
// and the shells are known to this test, so that the attempts themselves are made.
const policies = `@id("inside") permit (principal, action, resource) when { context.sandboxed };
@id("no-factor") forbid (principal, action == Action::"factor", resource);
@id("nothing-unknown") forbid (principal, action == Action::"exec/unknown", resource)
unless { context.args has program && ["attack", "sh", "bash", "python3", "perl", "node", "awk", "git", "make", "gcc", "cc1", "as", "ld", "collect2"].contains(context.args.program) };
`;

describe("execs that policy forbids", () => {
  for (const [title, work] of casesOf(execs, { policies, output: kForbiddenOutput })) it(title, work);
});
