// Whatever a host sends that it should not: exit code 2 and a reason on standard error, or the host's own word for no; and the gate goes on.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { changed, kHosts } from "./hosts.mjs";
import { openWorld } from "./world.mjs";

let world;
before(async () => {
  world = await openWorld();
});
after(() => world.close());

async function refused(host, payload) {
  const { code, out, errors } = await world.hook(host, payload);
  const what = typeof payload === "string" ? payload.slice(0, 100) : JSON.stringify(payload).slice(0, 200);
  // A tool call that is understood so far is answered in the host's own words.
  const own = kHosts[host];
  if (own?.denial_json && code === 0) return assert.match(own.denial_json(out), /^interlock: .{10}/, what);
  if (own?.denial_out && out !== "") {
    assert.equal(code, 2, what);
    return assert.match(out, own.denial_out, what);
  }
  assert.equal(code, 2, `${what} gave ${code}, ${out}`);
  assert.match(errors, /^interlock: .{10}/, what);
  assert.equal(out, "", what);
}

for (const [name, host] of Object.entries(kHosts)) {
  describe(`bad input of ${name}`, () => {
    const good = () => host.shell("ls");
    it("texts that are no event", async () => {
      const nested = `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`;
      const text = JSON.stringify(good());
      for (const one of ["", " \n", "x", "[]", "7", '"a"', "null", text.slice(0, -1), `${text}x`, `${text}${text}`, nested, "[".repeat(10_000)]) await refused(name, one);
    });
    it("bytes that are no text", async () => {
      const text = JSON.stringify(good());
      for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0x00]]) await refused(name, Buffer.concat([Buffer.from(text.replace('ls"', "ls")), Buffer.from(bytes), Buffer.from(text.slice(text.indexOf('ls"') + 2))]));
      for (const bytes of [[0xff, 0xfe], [0x00, 0x00]]) await refused(name, Buffer.concat([Buffer.from(bytes), Buffer.from(text)]));
    });
    it("members that are missing, null or of another type, each in turn", async () => {
      for (const path of host.required) {
        await refused(name, changed(good(), path, undefined));
        for (const value of [null, 7, true, "", {}, "a\0b"]) {
          if (typeof value === "object" && value !== null && path.endsWith("Args") === false && good()[path] !== undefined && typeof good()[path] === "object") continue;
          if (path.endsWith("commands") && typeof value === "object" && value !== null) continue;
          await refused(name, changed(good(), path, value));
        }
      }
    });
    it("an event that nobody knows and that may be a tool's", async () => {
      const way = host.required.find((path) => /event_name|hookName|action_name|^hook$/.test(path));
      if (way === undefined) return assert.equal(name, "copilot");
      for (const event of ["PreToolUse2", "beforeShellCommand", "pre_file_write", "permission.ask"]) await refused(name, changed(good(), way, event));
    });
    it("a name of a megabyte, and an event of fifty", async () => {
      const tool = host.required.find((path) => /tool_name|toolName|^tool$|tool_call\/name|trajectory_id/.test(path));
      await refused(name, changed(good(), tool, "x".repeat(1 << 20)));
      await refused(name, host.shell("x".repeat(50 << 20)));
    });
    it("a line of a megabyte and one that nests ten thousand deep are denied or understood, never passed over", async () => {
      for (const line of [`echo ${"x".repeat(1 << 20)}; touch made`, `${"$(".repeat(10_000)}touch made${")".repeat(10_000)}`, `${"{ ".repeat(10_000)}touch made; ${"} ".repeat(10_000)}`]) {
        const { code, out, errors } = await world.hook(name, host.shell(line));
        if (host.denial_json && code === 0) assert.ok(host.denial_json(out), out.slice(0, 200));
        else assert.equal(code, 2, errors.slice(0, 200));
      }
    });
    it("the gate goes on", async () => {
      const { code, errors } = await world.hook(name, good());
      assert.equal(code, 0, errors);
    });
  });
}

describe("hooks of nobody", () => {
  it("no host, an unknown one, and two", async () => {
    for (const words of ["", "nobody", "claude\0", "../claude"]) {
      if (words.includes("\0")) continue;
      const { code, errors } = await world.hook(words, "{}");
      assert.equal(code, 2);
      assert.match(errors, /interlock: blocked/);
    }
  });
});
