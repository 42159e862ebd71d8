// The protocol's SDK, as tests/acp/install brings it.
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../peers/parts.mjs";

const require = createRequire(join(root, "build", "peers", "acp", "package.json"));
export const acp = await import(pathToFileURL(require.resolve("@agentclientprotocol/sdk")).href);
