// Attempts inside a run: what the kernel is asked for.
import { describe, it } from "node:test";
import { kernel } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("what the kernel is asked for", () => {
  for (const [title, work] of casesOf(kernel)) it(title, work);
});
