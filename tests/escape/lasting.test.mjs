// Attempts inside a run: what would outlast the run.
import { describe } from "node:test";
import { lasting } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("what would outlast the run", () => runAttempts(lasting));
