// What the fixture server remembers while its process lives, and who wants to hear of changes. Both eras serve the same world,
// so a tool is written once. Nothing here touches the disk, except reading the description file that a test may name.
import { existsSync, readFileSync } from "node:fs";

const kDefaultPage = 100;

export function createWorld(environment = process.env) {
  const listeners = new Set();
  const world = {
    deleted: [],
    written: new Map(),
    cancelled: 0,
    calls: 0,
    promptsAdded: 0,
    dynamicTools: new Map(),
    watched: { version: 1 },
    descriptions: new Map(),
    pageSize: Number(environment.FIXTURE_PAGE ?? kDefaultPage),
    bulkTools: Number(environment.FIXTURE_BULK_TOOLS ?? 0),

    // A listener is called with "tools", "prompts", "resources" or {updated: uri}; the return value unsubscribes it.
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    announce(what) {
      for (const listener of [...listeners]) listener(what);
    },

    // A test changes what a tool says of itself with the tool `set_description`, or from outside with the file that
    // FIXTURE_DESCRIPTION_FILE names: its text is then the description of `changing_tool`.
    descriptionOf(name, given) {
      const file = environment.FIXTURE_DESCRIPTION_FILE;
      if (name === "changing_tool" && file && existsSync(file)) return readFileSync(file, "utf8").trim();
      return world.descriptions.get(name) ?? given;
    },
  };
  return world;
}

// One page of a list: the cursor is the index to begin at, as text.
export function page(items, cursor, size) {
  const begin = cursor === undefined ? 0 : Number.parseInt(cursor, 10);
  if (!Number.isInteger(begin) || begin < 0 || begin > items.length) throw new BadParameters(`unknown cursor ${JSON.stringify(cursor)}`);
  const end = begin + size;
  return { items: items.slice(begin, end), ...(end < items.length ? { nextCursor: String(end) } : {}) };
}

// Each era turns these into its SDK's own error.
export class BadParameters extends Error {}
export class UnknownResource extends Error {
  constructor(uri) {
    super(`Resource not found: ${uri}`);
    this.uri = uri;
  }
}
export class CustomError extends Error {
  constructor(code, message, data) {
    super(message);
    this.code = code;
    this.data = data;
  }
}
