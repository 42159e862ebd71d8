// Attempts inside a run: what the kernel is asked for.
import { describe } from "node:test";
import { kernel } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("what the kernel is asked for", () => runAttempts(kernel));
