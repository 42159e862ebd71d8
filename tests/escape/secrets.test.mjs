// Attempts inside a run: the secrets of the human.
import { describe } from "node:test";
import { secrets } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("the secrets of the human", () => runAttempts(secrets));
