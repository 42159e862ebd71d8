// Attempts inside a run: no way out by the network.
import { describe } from "node:test";
import { network } from "./attempts.mjs";
import { runAttempts } from "./escape.mjs";

describe("no way out by the network", () => runAttempts(network));
