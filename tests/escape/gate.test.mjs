// Attempts inside a run: the gate itself.
import { describe } from "node:test";
import { gate } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("the gate itself", () => runAttempts(gate));
