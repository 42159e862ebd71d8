// Attempts inside a run: what would outlast the run.
import { describe, it } from "node:test";
import { lasting } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("what would outlast the run", () => {
  for (const [title, work] of casesOf(lasting)) it(title, work);
});
