// Attempts inside a run: the gate itself.
import { describe, it } from "node:test";
import { gate } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("the gate itself", () => {
  for (const [title, work] of casesOf(gate)) it(title, work);
});
