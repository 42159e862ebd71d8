// Attempts inside a run: other processes.
import { describe } from "node:test";
import { processes } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("other processes", () => runAttempts(processes));
