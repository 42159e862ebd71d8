// Attempts inside a run: other processes.
import { describe, it } from "node:test";
import { processes } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("other processes", () => {
  for (const [title, work] of casesOf(processes)) it(title, work);
});
