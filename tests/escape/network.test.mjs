// Attempts inside a run: no way out by the network.
import { describe, it } from "node:test";
import { network } from "./attempts.mjs";
import { casesOf } from "./escape.mjs";

describe("no way out by the network", () => {
  for (const [title, work] of casesOf(network)) it(title, work);
});
