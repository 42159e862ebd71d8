// Attempts inside a run: the secrets of the human.
import { describe, it } from "node:test";
import { secrets } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("the secrets of the human", () => {
  for (const [title, work] of casesOf(secrets)) it(title, work);
});
